"""Pairs of sets that users place themselves, put together as the papers did.

    NAME:source=DIR,target=DIR        by default $REALGAIN_DATA/<set> for each of the two

| pair | source | target: train, unlabelled → test | task |
|---|---|---|---|
| gta5-cityscapes | GTA5 | Cityscapes train → val, 19 classes | segmentation |
| synthia-cityscapes | SYNTHIA-RAND-CITYSCAPES | Cityscapes train → val, 16 classes (``classes=13``) | segmentation |
| vkitti-kitti | Virtual KITTI 1.3.1 (``version=2``) | KITTI Eigen train → test, up to 80 m | depth |
| hypersim-nyu | Hypersim, public train | NYUv2 795 → 654, up to 10 m | depth |
| groceries | SynthDet | UnityGroceries-Real train → test, 63 classes | detection |
| linemod-bop | BOP lm train_pbr, 64×64 crops of 11 objects | BOP lm test, 80 → 20 % by content | pose, classification |

A tenth of the source is held out by the hash of the name, at most 500. Target labels of the training split are lent to
the arms that train on them where the set has some. The paths are those of Hoffman et al. 2018 (working size 1024×512
for streets), Zheng et al. 2018 (640×192), Borkman et al. 2021 and Bousmalis et al. 2017 at budget ``paper``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from bench.api import Frozen, Limits
from bench.api.errors import DataError
from bench.data.listing import Listing, with_classes
from bench.data.sets import default_root, set_module
from bench.data.sets.classes import class_names
from bench.data.sets.pair_base import PlacedPair, Streets, within
from bench.data.splits import content_hashes, split_hashed

TRAIN_SHARE = 0.8


def _in(name: str) -> Callable[[], Path]:
    return lambda: default_root(name)


class Gta5Params(Frozen):
    """Roots of the two sets."""

    source: Path = Field(default_factory=_in("gta5"))
    target: Path = Field(default_factory=_in("cityscapes"))


class Gta5Cityscapes(Streets):
    """GTA5 → Cityscapes, 19 classes; needs both sets placed; see docs/sets.md"""

    name, Params = "gta5-cityscapes", Gta5Params
    sets = ("gta5", "cityscapes")
    class_names = class_names()


class SynthiaParams(Frozen):
    """Roots of the two sets; ``classes``: 16, or 13 without wall, fence and pole."""

    source: Path = Field(default_factory=_in("synthia"))
    target: Path = Field(default_factory=_in("cityscapes"))
    classes: Literal["16", "13"] = "16"


class SynthiaCityscapes(Streets):
    """SYNTHIA → Cityscapes, 16 or 13 classes; needs both sets placed; see docs/sets.md"""

    name, Params = "synthia-cityscapes", SynthiaParams
    sets = ("synthia", "cityscapes")

    def __init__(self, params: Frozen | None = None) -> None:
        super().__init__(params)
        self.class_names = class_names(int(self.params.classes))


class VkittiParams(Frozen):
    """Roots of the two sets; ``version`` of Virtual KITTI: 1 (1.3.1) or 2."""

    version: Literal["1", "2"] = "1"
    source: Path = Field(default_factory=lambda data: default_root(f"virtual-kitti-{data['version']}"))
    target: Path = Field(default_factory=_in("kitti"))


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


class HypersimParams(Frozen):
    """Roots of the two sets."""

    source: Path = Field(default_factory=_in("hypersim"))
    target: Path = Field(default_factory=_in("nyuv2"))


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


class GroceriesParams(Frozen):
    """Roots of the two sets."""

    source: Path = Field(default_factory=_in("synthdet"))
    target: Path = Field(default_factory=_in("groceries-real"))


class Groceries(PlacedPair):
    """SynthDet → UnityGroceries-Real, the same products; needs both sets placed; see docs/sets.md"""

    name, Params = "groceries", GroceriesParams
    sets = ("synthdet", "groceries-real")
    tasks = frozenset({"detection"})
    source_labels = target_labels = frozenset({"boxes", "box_class"})
    sizes: ClassVar = {"light": (192, 128), "standard": (384, 256), "paper": (640, 448)}

    def __init__(self, params: Frozen | None = None) -> None:
        super().__init__(params)
        self.class_names = set_module("groceries-real").listing(self.roots[1], "train").class_names

    def read(self, split: str) -> Listing:
        if split != "source":
            return set_module("groceries-real").listing(self.roots[1], split)
        listing = set_module("synthdet").listing(self.roots[0])
        unknown = [name for name in listing.class_names if name not in self.class_names]
        if unknown:
            raise DataError(f"{self.roots[0]} has the product {unknown[0]!r}, which {self.roots[1]} has not")
        ids = np.array([self.class_names.index(name) for name in listing.class_names])
        return with_classes(listing, self.class_names, ids)


class LinemodParams(Frozen):
    """Root of BOP's ``lm``: both sides are in it; ``source_split`` is the folder of rendered scenes."""

    source: Path = Field(default_factory=_in("bop-lm"))
    target: Path = Field(default_factory=_in("bop-lm"))
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
