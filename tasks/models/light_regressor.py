"""Networks that see an image and tell the free distance in each of its column bins: task ``avoidance``.

    {'image': (B, 3, H, W) in [0, 1]} → body → r (B, C) → ln d̂ = ½ ln(near·far) + ½ ln(far/near) · r

so that r in −1..1 spans the pair's depth range (near, far) and an untrained network says its geometric middle. The body
is :class:`LightRegressor`, or any timm encoder under a linear layer.

LightRegressor, sized for one CPU core, keeps columns apart and rows in order, because a bin's distance lies where the
floor ends in it:

    2·image − 1 → conv5×5-16 /2 → conv3×3-32 /2 → conv3×3-64 /2 → conv3×3-64 /2
                → mean over 4 × C cells → C columns of 256 → conv3-64 along columns → conv1-1 → (B, C)

Convolutions keep the size (zero padding), have no bias but the last, and are followed by batch norm and ReLU; /2 is a
stride of 2. H, W ≥ 16. 110,801 parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn

N_ROWS = 4


class LogDistances(nn.Module):
    """``(B, C) float32`` ln d̂, d̂ in metres; ``body`` maps the inputs to ``(B, C)`` numbers about −1..1."""

    def __init__(self, body: nn.Module, depth_range_m: tuple[float, float]) -> None:
        super().__init__()
        self.body = body
        near, far = map(math.log, depth_range_m)
        self.middle, self.radius = (near + far) / 2, (far - near) / 2

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.middle + self.radius * self.body(inputs).float()


class LightRegressor(nn.Module):
    """One number for each of ``n_bins`` column bins, ``(B, n_bins)``."""

    def __init__(self, n_bins: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _block(3, 16, kernel_size=5),
            _block(16, 32),
            _block(32, 64),
            _block(64, 64),
            nn.AdaptiveAvgPool2d((N_ROWS, n_bins)),
            nn.Flatten(1, 2),
        )
        self.columns = nn.Sequential(
            nn.Conv1d(64 * N_ROWS, 64, 3, padding=1, bias=False),
            nn.BatchNorm1d(64),
            nn.ReLU(inplace=True),
            nn.Conv1d(64, 1, 1),
            nn.Flatten(),
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.columns(self.features(2 * inputs["image"] - 1))


def _block(n_in: int, n_out: int, kernel_size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel_size, stride=2, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )
