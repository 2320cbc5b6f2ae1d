"""The refiner and the local discriminator of SimGAN (Shrivastava et al., CVPR 2017, arXiv 1612.07828).

    refiner         (B, 3, H, W) → conv3×3-w → n × [conv3×3-w ReLU conv3×3-w, + input, ReLU] → conv1×1-3 → tanh
    discriminator   (B, 3, H, W) → conv3×3-96 /2 → conv3×3-64 /2 → maxpool3×3 → conv3×3-32 → conv1×1-32 → conv1×1-2

The refiner has stride 1 throughout and no normalisation, so it takes any size; the paper's is w = 64, n = 4 for eyes.
The discriminator gives two logits (refined, real) for every patch of ⌈H/4⌉ × ⌈W/4⌉; ReLU follows all its convolutions
but the last, padding is zero; ``width`` 96 scales its layers in proportion. Where the paper does not say which
activation follows the first convolution or a residual sum, it is ReLU.
"""

from __future__ import annotations

from torch import Tensor, nn


class SimGANRefiner(nn.Module):
    """Image to image at full resolution: ``width`` channels, ``n_blocks`` residual blocks."""

    def __init__(self, width: int = 64, n_blocks: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(width, width, 3, padding=1)
            )
            for _ in range(n_blocks)
        )
        self.head = nn.Conv2d(width, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.stem(images).relu_()
        for block in self.blocks:
            hidden = (hidden + block(hidden)).relu_()
        return self.head(hidden).tanh()


class LocalDiscriminator(nn.Sequential):
    """Logits ``(B, 2, h, w)``: channel 0 refined, channel 1 real."""

    def __init__(self, width: int = 96) -> None:
        two_thirds, third = width * 2 // 3, width // 3
        super().__init__(
            nn.Conv2d(3, width, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, two_thirds, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=1, padding=1),
            nn.Conv2d(two_thirds, third, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(third, third, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(third, 2, 1),
        )
