"""A small CNN sized for one CPU core: the default of ``classification``.

    (B, 3, H, W) → conv5×5-16 /2 → conv3×3-32 /2 → conv3×3-64 /2 → conv3×3-64 → mean over 2×2 cells → FC n_classes

Every convolution is padded to keep the size, has no bias, and is followed by batch norm and ReLU; /2 is a stride of 2.
H, W ≥ 16. At 32×32 the convolutions take 0.31, 0.29, 0.29 and 0.59 million multiplications an image. With 3×3 in the
first, some seeds stay on a plateau for most of a light budget under recipe ``strong`` (seen on the pair ``digits``).
"""

from __future__ import annotations

from torch import Tensor, nn


class LightCNN(nn.Module):
    """Logits ``(B, n_classes)`` of images ``(B, 3, H, W)``, about zero mean and unit range."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _block(3, 16, stride=2, kernel_size=5),
            _block(16, 32, stride=2),
            _block(32, 64, stride=2),
            _block(64, 64, stride=1),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(64 * 2 * 2, n_classes)

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.features(image))


def _block(n_in: int, n_out: int, stride: int, kernel_size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel_size, stride=stride, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )
