"""PixelDA's generator and discriminator (Bousmalis et al., CVPR 2017, arXiv 1612.05424; the code's ``resnet``).

    generator       z (B, 10) → FC H·W, batch norm, ReLU → (B, 1, H, W), a fourth channel of the image (B, 3, H, W)
                    → conv3×3-w, ReLU → n × [conv3×3-w, BN, ReLU, conv3×3-w, BN, + input] → conv1×1-3 → tanh
    discriminator   (B, 3, H, W) → conv3×3-w → conv3×3-2w /2, BN → conv3×3-4w /2, BN … to 4×4 or less → FC 1 logit (B,)

Both have stride 1 where none is given and zero padding; leaky ReLU (0.2), dropout (0.1) and Gaussian noise (σ 0.2)
follow each convolution of the discriminator, the latter two in training alone. It sees the whole image, so that what
is judged is no patch's texture; the generator has one size of images. Batch norm: decay 0.9, ε 1e-3; convolutions in
front of it have no bias. The paper's are w = 64 for both and n = 6.

Deviation: channels double up to 16-fold, the 1,024 that 64×64 images end with, and stay there for larger images.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.training.adversarial.noise import Disturbance

NOISE_DIMS = 10
SMALLEST = 4
"""Side at which the discriminator's convolutions end."""
WIDEST = 16


class PixelDAGenerator(nn.Module):
    """Images of ``width`` × ``height`` pixels and noise to images; ``n_channels`` in the residual blocks."""

    def __init__(self, width: int, height: int, n_channels: int = 64, n_blocks: int = 6) -> None:
        super().__init__()
        self.noise = nn.Linear(NOISE_DIMS, height * width, bias=False)
        self.noise_norm = nn.BatchNorm1d(height * width, eps=1e-3)
        self.stem = nn.Conv2d(4, n_channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(n_channels, n_channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(n_channels, eps=1e-3),
                nn.ReLU(inplace=True),
                nn.Conv2d(n_channels, n_channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(n_channels, eps=1e-3),
            )
            for _ in range(n_blocks)
        )
        self.head = nn.Conv2d(n_channels, 3, 1)

    def forward(self, images: Tensor, noise: Tensor) -> Tensor:
        """``(B, 3, H, W)`` in [−1, 1] and ``(B, 10)`` in [−1, 1] → ``(B, 3, H, W)`` in [−1, 1]."""
        channel = self.noise_norm(self.noise(noise)).relu().view(-1, 1, *images.shape[2:])
        hidden = self.stem(torch.cat([images, channel], dim=1)).relu()
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return self.head(hidden).tanh()


class ImageDiscriminator(nn.Module):
    """One logit per image, positive for real.

    Parameters
    ----------
    n_channels: of the first convolution.
    seed: of the pool that noise and dropout are read from.
    """

    def __init__(self, width: int, height: int, n_channels: int = 64, *, seed: int = 0) -> None:
        super().__init__()
        disturbed = [nn.LeakyReLU(0.2, inplace=True), Disturbance(dropout=0.1, sigma=0.2, seed=seed)]
        layers: list[nn.Module] = [nn.Conv2d(3, n_channels, 3, padding=1), *disturbed]
        n = n_channels
        while max(width, height) > SMALLEST:
            n_in, n = n, min(2 * n, WIDEST * n_channels)
            layers += [nn.Conv2d(n_in, n, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(n, eps=1e-3)]
            layers += disturbed
            width, height = -(-width // 2), -(-height // 2)
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(n * width * height, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).flatten(1))[:, 0]
