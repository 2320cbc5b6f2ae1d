"""The frame around every network of task ``depth``: images and metres outside, −1..1 inside.

    {'image': (B, 3, H, W) in [0, 1]} → 2·image − 1 → body → maps (B, h, w) in [−1, 1], coarse to fine
    y = 2 (d − near)/(far − near) − 1                d = near + (y + 1)/2 · (far − near)

(near, far) is the pair's depth range; depths beyond it are taken for its ends. T2Net's code has near = 0 and quantises
to 8 bits, 0.31 m at 80 m; ours does not. Maps cover the whole image, whatever its size: where a body can't take it, it
is resized first (bilinearly), to the next larger sides that the body takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional


class DepthBody(nn.Module):
    """What the frame asks of a network: images ``(B, 3, H, W)`` in [−1, 1] → a tuple of maps, the finest last.

    Attributes
    ----------
    multiple, least: the sides of its images are multiples of the one and at least the other, in pixels.
    bottleneck: a module that the coarsest features pass unchanged: a forward hook on it sees those of any call.
    """

    multiple: ClassVar[int]
    least: ClassVar[int]
    bottleneck: nn.Module


class DepthNetwork(nn.Module):
    """``body`` with the depth range of its pair, near and far in metres; returns the maps of the body."""

    def __init__(self, body: DepthBody, depth_range_m: tuple[float, float]) -> None:
        super().__init__()
        self.body: DepthBody = body
        self.depth_range_m = depth_range_m

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        image = 2 * inputs["image"] - 1
        size = tuple(self._allowed(side) for side in image.shape[2:])
        if size != image.shape[2:]:
            image = functional.interpolate(image, size=size, mode="bilinear", align_corners=False)
        return self.body(image)

    def scaled(self, depth_m: Tensor) -> Tensor:
        """Metres → [−1, 1]."""
        near, far = self.depth_range_m
        return 2 * (depth_m.clamp(near, far) - near) / (far - near) - 1

    def metres(self, scaled: Tensor) -> Tensor:
        """[−1, 1] → metres."""
        near, far = self.depth_range_m
        return near + (scaled + 1) / 2 * (far - near)

    def _allowed(self, side: int) -> int:
        multiple = self.body.multiple
        return max(-(-side // multiple) * multiple, self.body.least)


def multi_scale_l1(maps: Sequence[Tensor], scaled_depth: Tensor, known: Tensor) -> Tensor:
    """Σ over ``maps`` of the mean |map − depth| over known cells: T2Net's task loss (eq. and code), masked.

    A map's cell holds the mean of the known depths in it, and is known if it has one. Deviation: T2Net's loss is
    unmasked and samples depth bilinearly, which teaches that unknown depth is a place. A batch in which nothing is
    known has loss 0.

    Parameters
    ----------
    maps: ``(B, h, w)`` in [−1, 1], at any scales.
    scaled_depth: ``(B, H, W)`` in [−1, 1].
    known: ``(B, H, W) bool``.
    """
    weight = known.float()
    depth = scaled_depth.float() * weight
    total = depth.new_zeros(())
    for found in maps:
        size = (found.shape[1], found.shape[2])
        share = functional.adaptive_avg_pool2d(weight, size)
        target = functional.adaptive_avg_pool2d(depth, size) / share.clamp(min=1e-6)
        cells = (share > 0).float()
        total = total + ((found.float() - target).abs() * cells).sum() / cells.sum().clamp(min=1)
    return total
