"""Pair ``vkitti-kitti``: Virtual KITTI 1.3.1 or 2 → KITTI, Eigen's train (unlabelled) → test, depth up to 80 m.

    vkitti-kitti:source=DIR,target=DIR,version=1|2

Users place both sets themselves (docs/sets.md); :mod:`bench.data.sets.pair_base` splits them. The pair of Zheng et al.
2018; working size 640×192 at budget ``paper``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from bench.api import Frozen
from bench.data.listing import Listing
from bench.data.sets import default_root, set_module
from bench.data.sets.pair_base import PlacedPair


class VkittiParams(Frozen):
    """Roots of the two sets; ``version`` of Virtual KITTI: 1 (1.3.1) or 2."""

    version: Literal["1", "2"] = "1"
    source: Path = Field(default_factory=lambda data: default_root(f"virtual-kitti-{data['version']}"))
    target: Path = Field(default_factory=partial(default_root, "kitti"))


class VkittiKitti(PlacedPair):
    """Virtual KITTI → KITTI, depth up to 80 m; needs both sets placed; see docs/sets.md"""

    name, Params = "vkitti-kitti", VkittiParams
    sets = ("virtual-kitti-1", "kitti")
    tasks, class_names = frozenset({"depth"}), ()
    source_labels = target_labels = frozenset({"depth_m"})
    depth_range_m = (0.5, 80.0)
    sizes: ClassVar = {"light": (160, 64), "standard": (320, 96), "paper": (640, 192)}

    def __init__(self, params: VkittiParams) -> None:
        self.sets = (f"virtual-kitti-{params.version}", "kitti")  # type: ignore[misc]
        super().__init__(params)

    def read(self, split: str) -> Listing:
        if split == "source":
            return set_module(self.sets[0]).listing(self.roots[0])
        return set_module("kitti").listing(self.roots[1], split)
