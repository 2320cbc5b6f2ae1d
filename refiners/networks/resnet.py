"""The ResNet generator of Johnson et al. (ECCV 2016) as CycleGAN uses it (Zhu et al., ICCV 2017).

    (B, 3, H, W) in [−1, 1]
      → conv7×7-w → 2 × conv3×3 /2 (2w, 4w) → n × [conv3×3-4w, conv3×3-4w, + input]
      → 2 × transposed conv3×3 ×2 (2w, w) → conv7×7-3 → tanh → (B, 3, H, W)

Instance norm without affine and ReLU follow every convolution but the last; the second of a block has no ReLU. All
but the strided convolutions pad by reflection. ``antialias`` is CUT's form: convolutions of stride 1, before a
[1, 2, 1] blur that halves, or behind bilinear upsampling that doubles. H and W need not be multiples of 4: images are
extended by reflection at the right and at the bottom, and cut back. At w = 64 and n = 9: 11,378,179 parameters.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from refiners.networks.normalisation import instance_norm

STRIDE = 4
"""Of the whole encoder."""


class ResNetGenerator(nn.Module):
    """Image to image. ``width``: channels of the first convolution; ``n_blocks``: 9 at 256 pixels, 6 at 128."""

    def __init__(self, width: int = 64, n_blocks: int = 9, *, antialias: bool = False) -> None:
        super().__init__()
        self.antialias = antialias
        stride = 1 if antialias else 2
        self.stem = nn.Conv2d(3, width, 7, padding=3, padding_mode="reflect")
        self.down = nn.ModuleList([nn.Conv2d(n, 2 * n, 3, stride, padding=1) for n in (width, 2 * width)])
        self.blocks = nn.ModuleList([ResidualBlock(4 * width) for _ in range(n_blocks)])
        self.up = nn.ModuleList([_doubling(2 * n, n, antialias) for n in (2 * width, width)])
        self.head = nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect")

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        hidden = self._downsampled(extend(images))[-1]
        for block in self.blocks:
            hidden = block(hidden)
        for layer in self.up:
            hidden = _norm_relu(layer(hidden))
        return self.head(hidden).tanh()[..., :height, :width]

    def features(self, images: Tensor) -> list[Tensor]:
        """What CUT compares: the image, both halving convolutions' outputs, the first and the middle block's.

        ``(B, C, h, w)`` each; in the order of the network's layers 0, 4, 8, 12 and 16 for 9 blocks.
        """
        images = extend(images)
        first, second, hidden = self._downsampled(images)
        middle = (len(self.blocks) - 1) // 2
        after = []
        for block in self.blocks[: middle + 1]:
            hidden = block(hidden)
            after.append(hidden)
        return [images, first, second, after[0], after[-1]]

    def _downsampled(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs of the two halving convolutions, before their norm, and the input of the first block."""
        convolved = []
        hidden = _norm_relu(self.stem(images))
        for layer in self.down:
            convolved.append(layer(hidden))
            hidden = _norm_relu(convolved[-1])
            if self.antialias:
                hidden = blur_halve(hidden)
        return convolved[0], convolved[1], hidden


class ResidualBlock(nn.Module):
    """x + IN(conv3×3(ReLU(IN(conv3×3(x))))), padded by reflection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + instance_norm(self.second(_norm_relu(self.first(hidden))))


def extend(images: Tensor) -> Tensor:
    """Images whose sides are multiples of the encoder's stride, by reflection at the right and the bottom."""
    bottom, right = (-side % STRIDE for side in images.shape[2:])
    return functional.pad(images, (0, right, 0, bottom), mode="reflect") if bottom or right else images


def blur_halve(hidden: Tensor) -> Tensor:
    """Every second pixel after a [1, 2, 1]/4 blur along both axes: a mean of two after a mean of two."""
    return functional.avg_pool2d(functional.avg_pool2d(functional.pad(hidden, (1, 0, 1, 0), "reflect"), 2, 1), 2)


def _doubling(n_in: int, n_out: int, antialias: bool) -> nn.Module:
    if antialias:
        return nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(n_in, n_out, 3, padding=1))
    return nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1)


def _norm_relu(hidden: Tensor) -> Tensor:
    return instance_norm(hidden).relu_()
