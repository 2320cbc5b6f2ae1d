"""PixelDA's task tower ``pose_mini`` (Bousmalis et al., CVPR 2017, arXiv 1612.05424; official code).

    (B, 3 or 4, H, W) in [−1, 1] → conv5×5-32, maxpool2 | conv5×5-64, maxpool2, FC128, dropout 0.5 → (B, 128)
                                   private              | shared

Its class and quaternion heads are those of :class:`tasks.models.pose_estimator.PoseEstimator`, tanh included; the
fourth channel is depth. Convolutions keep the size (zero padding of 2); ReLU follows every layer; no batch norm. The
paper's code gives raw and refined images private first layers and shares the rest: hence the two parts. We start from
PyTorch's default initialisation. With heads 2,152,911 parameters for 64×64 colour images and 11 classes, 800 more with
depth.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from tasks.models.pose_estimator import input_channels


class PoseTower(nn.Module):
    """Features ``(B, 128)`` of a batch of inputs of ``width``×``height`` pixels, 4×4 or larger."""

    n_features = 128

    def __init__(self, width: int, height: int, *, with_depth: bool = False) -> None:
        super().__init__()
        self.with_depth = with_depth
        self.private = nn.Sequential(
            nn.Conv2d(4 if with_depth else 3, 32, kernel_size=5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        )
        self.shared = nn.Sequential(
            nn.Conv2d(32, 64, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * (height // 4) * (width // 4), self.n_features),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.shared(self.private(input_channels(inputs, with_depth=self.with_depth)))
