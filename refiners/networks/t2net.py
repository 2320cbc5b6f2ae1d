"""T2Net's translator and discriminators (Zheng, Cham & Cai, ECCV 2018, arXiv 1808.01454; layers of the official code).

    translator   (B, 3, H, W) in [−1, 1]; [·] are channels, ↓ a mean over 2×2 cells, ↑ a transposed 3×3 of stride 2
        1/1 → 1/2   conv7 [n], conv3 [2n], conv3 [2n] ↓          1/4 → 1/2   conv3 [2n] ↑ [2n]
        1/2 → 1/4   conv3 [2n], conv3 [2n] ↓                     1/2 → 1/1   conv3 [2n] ↑ [n]
        1/4         7 × (conv3 [2n], conv3 [2n], + input)        1/1         conv7 [3], tanh
    image critic     conv4 [n] /2, conv4 [2n] /2, conv4 [4n] /2, conv4 [8n], conv4 [1]: a score a patch (B, 1, h, w)
    feature critic   φ (B, C, h, w) → FC 512 → FC 512 → FC 1: a score an image (B, 1)

Batch norm follows each convolution of the translator but the last, and those of the image critic but the first and the
last. Each network has one PReLU, whose single slope all its activations share. The encoder's 3×3 and the critics see
zeros beyond the image, other convolutions its mirror. The paper's n is 64. What no residual connection carries, the
translator must learn to pass on: its task on real images is to leave them alone. Scores are raw: least squares compare
them with 1 and 0. H and W need not be multiples of 4: images are extended by their mirror and cut back.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from refiners.networks.resnet import extend


class Translator(nn.Module):
    """Image to image. ``width``: n; ``n_blocks``: residual blocks."""

    def __init__(self, width: int = 64, n_blocks: int = 7) -> None:
        super().__init__()
        n, inner = width, 2 * width
        self.stem = _mirrored(3, n, 7)
        self.down = nn.ModuleList([_Pair(_padded(n_in, inner), _padded(inner, inner)) for n_in in (width, inner)])
        self.blocks = nn.ModuleList(
            [_Pair(_mirrored(inner, inner, 3), _mirrored(inner, inner, 3)) for _ in range(n_blocks)]
        )
        self.up = nn.ModuleList([_Pair(_mirrored(inner, inner, 3), _doubling(inner, n_out)) for n_out in (inner, n)])
        self.head = nn.Conv2d(n, 3, 7, padding=3, padding_mode="reflect")
        self.activation = nn.PReLU()

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        hidden = self.activation(self.stem(extend(images)))
        for pair in self.down:
            hidden = functional.avg_pool2d(self.activation(pair(hidden, self.activation)), 2)
        for pair in self.blocks:
            hidden = self.activation(hidden + pair(hidden, self.activation))
        for pair in self.up:
            hidden = self.activation(pair(hidden, self.activation))
        return self.head(hidden).tanh()[..., :height, :width]


class ImageCritic(nn.Module):
    """Scores of patches. ``width``: n; ``n_layers``: halving convolutions, fewer for small images."""

    def __init__(self, width: int = 64, n_layers: int = 3) -> None:
        super().__init__()
        widths = [width * 2**layer for layer in range(n_layers + 1)]
        self.first = nn.Conv2d(3, width, 4, stride=2, padding=1)
        self.middle = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(n_in, n_out, 4, stride=2 if layer < n_layers else 1, padding=1, bias=False),
                nn.BatchNorm2d(n_out),
            )
            for layer, (n_in, n_out) in enumerate(pairwise(widths), start=1)
        )
        self.last = nn.Conv2d(widths[-1], 1, 4, padding=1)
        self.activation = nn.PReLU()

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.activation(self.first(images))
        for layer in self.middle:
            hidden = self.activation(layer(hidden))
        return self.last(hidden)


class FeatureCritic(nn.Module):
    """Scores of features. ``n_features``: C·h·w of an image's, fixed from then on; ``width``: of both layers."""

    def __init__(self, n_features: int, width: int = 512) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(n_features, width), nn.Linear(width, width)
        self.last = nn.Linear(width, 1)
        self.activation = nn.PReLU()

    def forward(self, features: Tensor) -> Tensor:
        hidden = self.activation(self.first(features.flatten(1)))
        return self.last(self.activation(self.second(hidden)))


class _Pair(nn.Module):
    """Two layers with an activation, which is the network's, between them."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, hidden: Tensor, activation: nn.Module) -> Tensor:
        return self.second(activation(self.first(hidden)))


def _mirrored(n_in: int, n_out: int, kernel_size: int) -> nn.Sequential:
    convolution = nn.Conv2d(n_in, n_out, kernel_size, padding=kernel_size // 2, padding_mode="reflect", bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out))


def _padded(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out))


def _doubling(n_in: int, n_out: int) -> nn.Sequential:
    convolution = nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out))
