"""The PatchGAN discriminator (Isola et al., CVPR 2017) as CycleGAN uses it.

    (B, 3, H, W) → conv4×4-w /2 → conv4×4-2w /2 → conv4×4-4w /2 → conv4×4-8w → conv4×4-1 → (B, 1, h, w) scores

Leaky ReLU (0.2) follows every convolution but the last, instance norm without affine all but the first and the last;
zero padding of 1. ``n_layers`` counts the halving convolutions: with 1, 2, 3 of them a score sees 16, 34, 70 pixels.
At w = 64 and 3 layers: 2,764,737 parameters. Scores are raw: least squares compare them with 1 and 0.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from refiners.networks.normalisation import instance_norm


class PatchGAN(nn.Module):
    """A score for each patch. ``width``: channels of the first convolution, doubled up to eightfold."""

    def __init__(self, width: int = 64, n_layers: int = 3) -> None:
        super().__init__()
        widths = [width * 2 ** min(layer, 3) for layer in range(n_layers + 1)]
        self.first = nn.Conv2d(3, width, 4, stride=2, padding=1)
        self.middle = nn.ModuleList(
            nn.Conv2d(n_in, n_out, 4, stride=2 if layer < n_layers else 1, padding=1)
            for layer, (n_in, n_out) in enumerate(pairwise(widths), start=1)
        )
        self.last = nn.Conv2d(widths[-1], 1, 4, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        hidden = functional.leaky_relu(self.first(images), 0.2)
        for layer in self.middle:
            hidden = functional.leaky_relu(instance_norm(layer(hidden)), 0.2)
        return self.last(hidden)


def layers_for(height: int, width: int) -> int:
    """Halving layers for images of this size: 3 from 64 pixels on, 2 from 32, 1 below, so that patches stay patches."""
    return min(3, max(1, int(math.log2(min(height, width))) - 3))
