"""A small CNN sized for one CPU core: the default of ``pose``.

    (B, 3 or 4, H, W) in [−1, 1] → conv7×7-32 /4 → conv3×3-64 /2 → conv3×3-128 /2 → FC256 → (B, 256)

Every convolution is padded, has no bias, and is followed by batch norm and ReLU, FC256 by ReLU; /4 and /2 are strides.
The map of 4×4 cells is kept, not averaged: a rotation shows in where things are. At 64×64 each convolution takes 1.2
million multiplications an image. On photographs of LineMod (5 objects, 16,000 training images, one seed) it came to
44°; four convolutions 16-32-64-64 at strides of 2, which take the same time, to 49°; half the channels before FC256
to 59°.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from tasks.models.pose_estimator import input_channels


class PoseLight(nn.Module):
    """Features ``(B, 256)`` of a batch of inputs of ``width``×``height`` pixels; the fourth channel is depth."""

    n_features = 256

    def __init__(self, width: int, height: int, *, with_depth: bool = False) -> None:
        super().__init__()
        self.with_depth = with_depth
        # Padded strides round up: 4·2·2 pixels, begun or full, to a cell.
        n_cells = -(-width // 16) * -(-height // 16)
        self.layers = nn.Sequential(
            _block(4 if with_depth else 3, 32, kernel_size=7, stride=4),
            _block(32, 64, kernel_size=3, stride=2),
            _block(64, 128, kernel_size=3, stride=2),
            nn.Flatten(),
            nn.Linear(128 * n_cells, self.n_features),
            nn.ReLU(inplace=True),
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.layers(input_channels(inputs, with_depth=self.with_depth))


def _block(n_in: int, n_out: int, kernel_size: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel_size, stride=stride, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )
