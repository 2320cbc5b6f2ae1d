"""T2Net's depth network (Zheng, Cham & Cai, ECCV 2018, arXiv 1808.01454; the official code's task network).

    image (B, 3, H, W) in [−1, 1]; n = width; [·] are channels, ↓ a mean over 2×2 cells, ↑ a transposed 3×3 of stride 2
    1/1 → 1/2    conv7 [n] ↓                                                                          skip s1
    1/2 → 1/4    conv3, conv3 [2n] ↓                                                                  skip s2
    1/4 → 1/8    conv3, conv3 [4n] ↓                                                                  skip s3
    1/8 → 1/16   conv3, conv3 [8n] ↓                                                                  bottleneck φ
    1/16 → 1/8   3 × (conv3 of dilation 1 ‖ 3 ‖ 5 [24n], conv3 [8n], + input), conv3 [8n] ↑ [4n]      u3
    1/8          c3 = (u3, 0.1·s3) [8n]                  → conv3 [1] → out 1/8      c3 → conv3 [8n] ↑ [2n] = u2
    1/4          c2 = (u2, 0.05·s2, out 1/8) [4n + 1]    → conv3 [1] → out 1/4      c2 → conv3 [4n] ↑ [n] = u1
    1/2          c1 = (u1, 0.01·s1, out 1/4) [2n + 1]    → conv3 [1] → out 1/2      c1 → conv3 [2n] ↑ [n/2] = u0
    1/1          (u0, out 1/2) [n/2 + 1]                 → conv7 [1] → out 1/1

Batch norm and one PReLU, whose single slope the whole network shares, follow each convolution that is no output;
outputs end in tanh. Skips are scaled down so that what tells domains apart stays out of them. Outputs are enlarged by
nearest neighbour. Weights are Kaiming-normal, biases 0 (only the transposed convolutions have one). Padding mirrors,
but for the encoder's 3×3, which see zeros.

The paper's width is 64: 54,564,676 parameters. Deviation: batch norm starts at scale 1; theirs, by swapped arguments,
is drawn from 0.02..1. Light budgets leave out the full resolution, which costs most of the time at small widths: the
first convolution gets a stride of 2 instead of ↓, and 1/2 is the finest output.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.models.depth_network import DepthBody

DILATIONS = (1, 3, 5)
N_CENTRE = 3
SKIP_WEIGHTS = (0.01, 0.05, 0.1)
"""Of s1, s2, s3."""


class T2NetDepth(DepthBody):
    """Maps ``(B, h, w)`` in [−1, 1], of 1/8, 1/4, 1/2 and, with ``full_resolution``, 1/1 of the image's size.

    ``bottleneck`` sees φ ``(B, 8·width, H/16, W/16)``.
    """

    multiple = 16
    least = 16 * (max(DILATIONS) + 1)  # mirroring five pixels needs six, at 1/16

    def __init__(self, width: int = 64, *, full_resolution: bool = True) -> None:
        super().__init__()
        n, activation = width, nn.PReLU()
        first = [*_mirrored(3, n, 7, stride=1 if full_resolution else 2), nn.BatchNorm2d(n), activation]
        if full_resolution:
            first.append(nn.AvgPool2d(2))
        self.encoder = nn.ModuleList(
            [
                nn.Sequential(*first),
                _down(n, 2 * n, activation),
                _down(2 * n, 4 * n, activation),
                _down(4 * n, 8 * n, activation),
            ]
        )
        self.bottleneck = nn.Identity()
        self.centre = nn.Sequential(
            *(_DilatedBlock(8 * n, activation) for _ in range(N_CENTRE)), _up(8 * n, 8 * n, 4 * n, activation)
        )
        ups = [_up(8 * n, 8 * n, 2 * n, activation), _up(4 * n + 1, 4 * n, n, activation)]
        outputs = [_output(8 * n, 3), _output(4 * n + 1, 3), _output(2 * n + 1, 3)]
        if full_resolution:
            ups.append(_up(2 * n + 1, 2 * n, n // 2, activation))
            outputs.append(_output(n // 2 + 1, 7))
        self.ups, self.outputs = nn.ModuleList(ups), nn.ModuleList(outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        skips = []
        features = image
        for stage in self.encoder:
            features = stage(features)
            skips.append(features)
        features = self.centre(self.bottleneck(skips.pop()))
        scaled = [weight * skip for weight, skip in zip(SKIP_WEIGHTS, skips, strict=True)]
        context = torch.cat([features, scaled.pop()], dim=1)
        maps = [self.outputs[0](context)]
        for up, output in zip(self.ups, self.outputs[1:], strict=True):
            coarser = functional.interpolate(maps[-1], scale_factor=2.0)
            skip = [scaled.pop()] if scaled else []
            context = torch.cat([up(context), *skip, coarser], dim=1)
            maps.append(output(context))
        return tuple(depth[:, 0] for depth in maps)


class _DilatedBlock(nn.Module):
    """A residual block: three dilated 3×3 convolutions side by side, one 3×3 over all of them."""

    def __init__(self, n_channels: int, activation: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*_mirrored(n_channels, n_channels, 3, dilation=dilation)) for dilation in DILATIONS
        )
        wide = n_channels * len(DILATIONS)
        self.join = nn.Sequential(
            nn.BatchNorm2d(wide), activation, *_mirrored(wide, n_channels, 3), nn.BatchNorm2d(n_channels)
        )
        self.activation = activation

    def forward(self, features: Tensor) -> Tensor:
        joined = self.join(torch.cat([branch(features) for branch in self.branches], dim=1))
        return self.activation(features + joined)


def _mirrored(
    n_in: int, n_out: int, kernel_size: int, stride: int = 1, dilation: int = 1
) -> tuple[nn.Module, nn.Module]:
    return (
        nn.ReflectionPad2d(dilation * (kernel_size // 2)),
        nn.Conv2d(n_in, n_out, kernel_size, stride=stride, dilation=dilation, bias=False),
    )


def _down(n_in: int, n_out: int, activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        activation,
        nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        activation,
        nn.AvgPool2d(2),
    )


def _up(n_in: int, n_middle: int, n_out: int, activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        *_mirrored(n_in, n_middle, 3),
        nn.BatchNorm2d(n_middle),
        activation,
        nn.ConvTranspose2d(n_middle, n_out, 3, stride=2, padding=1, output_padding=1),
        nn.BatchNorm2d(n_out),
        activation,
    )


def _output(n_in: int, kernel_size: int) -> nn.Sequential:
    return nn.Sequential(*_mirrored(n_in, 1, kernel_size), nn.Tanh())
