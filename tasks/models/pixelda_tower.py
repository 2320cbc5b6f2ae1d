"""PixelDA's task tower ``mnist`` (Bousmalis et al., CVPR 2017, arXiv 1612.05424; official code, tower ``mnist``).

    (B, 3, H, W) in [−1, 1] → conv5×5-32, maxpool2 | conv5×5-48, maxpool2, FC100, FC100, FC n_classes
                              private              | shared

Convolutions keep the size (zero padding of 2); ReLU follows every layer but the last; no batch norm. The paper's code
gives raw and refined images private first layers and shares the rest: hence the two parts. We start from PyTorch's
default initialisation. 359,290 parameters for 32×32 images and 10 classes.
"""

from __future__ import annotations

from torch import Tensor, nn


class PixelDATower(nn.Module):
    """Logits ``(B, n_classes)`` of images ``(B, 3, height, width)``, 4×4 or larger."""

    def __init__(self, n_classes: int, width: int, height: int) -> None:
        super().__init__()
        self.private = nn.Sequential(nn.Conv2d(3, 32, kernel_size=5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.shared = nn.Sequential(
            nn.Conv2d(32, 48, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(48 * (height // 4) * (width // 4), 100),
            nn.ReLU(inplace=True),
            nn.Linear(100, 100),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Linear(100, n_classes)

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.shared(self.private(image)))
