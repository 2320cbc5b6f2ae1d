"""Pair ``linemod-bop``: BOP's ``lm``, train_pbr → test, 64×64 crops of 11 objects, pose and classification.

    linemod-bop:source=DIR,target=DIR,source_split=train_pbr

Users place the set themselves (docs/sets.md). Of the real crops, 80 % train (unlabelled) and 20 % test, by content.
After Bousmalis et al. 2017.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from bench.api import Frozen, Limits
from bench.data.listing import Listing
from bench.data.sets import default_root, set_module
from bench.data.sets.pair_base import PlacedPair, within
from bench.data.splits import content_hashes, split_hashed

TRAIN_SHARE = 0.8


class LinemodParams(Frozen):
    """Root of BOP's ``lm``: both sides are in it; ``source_split`` is the folder of rendered scenes."""

    source: Path = Field(default_factory=partial(default_root, "bop-lm"))
    target: Path = Field(default_factory=partial(default_root, "bop-lm"))
    source_split: str = "train_pbr"


class LinemodBop(PlacedPair):
    """LineMod from BOP, 11 objects in 64×64 crops; needs the set placed; see docs/sets.md"""

    name, Params = "linemod-bop", LinemodParams
    sets = ("bop-lm", "bop-lm")
    tasks = frozenset({"pose", "classification"})
    class_names = tuple(set_module("bop-lm").OBJECTS.values())
    source_labels = target_labels = frozenset({"class_id", "quaternion", "foreground"})
    sizes: ClassVar = dict.fromkeys(("light", "standard", "paper"), (64, 64))
    inputs = frozenset({"image", "sensor_depth_m"})

    def counts(self, limits: Limits) -> dict[str, int]:
        """Of the target in expectation: its split follows from pixels, which planning does not read."""
        n_source, n_target = self.listing("source").n_images, self.listing("crops").n_images
        n_train = round(TRAIN_SHARE * n_target)
        return within(
            limits,
            source_train=n_source - self.n_held_out(),
            source_val=self.n_held_out(),
            target_train=n_train,
            target_train_labelled=n_train,
            target_test=n_target - n_train,
        )

    def read(self, split: str) -> Listing:
        module = set_module("bop-lm")
        if split == "source":
            return module.cropped(self.roots[0], self.params.source_split)
        if split == "crops":
            return module.cropped(self.roots[1], "test")
        crops = self.listing("crops")
        parts = split_hashed(*content_hashes(crops, self.sizes["light"], "resize"), TRAIN_SHARE)
        return crops.select(parts[split == "test"])
