"""Pair ``hypersim-nyu``: Hypersim's public train split → NYUv2, 795 (unlabelled) → 654, depth up to 10 m.

    hypersim-nyu:source=DIR,target=DIR

Users place both sets themselves (docs/sets.md); :mod:`bench.data.sets.pair_base` splits them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from bench.api import Frozen
from bench.data.listing import Listing
from bench.data.sets import default_root, set_module
from bench.data.sets.pair_base import PlacedPair


class HypersimParams(Frozen):
    """Roots of the two sets."""

    source: Path = Field(default_factory=partial(default_root, "hypersim"))
    target: Path = Field(default_factory=partial(default_root, "nyuv2"))


class HypersimNyu(PlacedPair):
    """Hypersim → NYUv2, depth up to 10 m; needs both sets placed; see docs/sets.md"""

    name, Params = "hypersim-nyu", HypersimParams
    sets = ("hypersim", "nyuv2")
    tasks, class_names = frozenset({"depth"}), ()
    source_labels = target_labels = frozenset({"depth_m"})
    depth_range_m = (0.2, 10.0)
    sizes: ClassVar = {"light": (128, 96), "standard": (256, 192), "paper": (320, 256)}

    def read(self, split: str) -> Listing:
        if split == "source":
            return set_module("hypersim").listing(self.roots[0], "train")
        return set_module("nyuv2").listing(self.roots[1], split)
