"""Pair ``groceries``: SynthDet → UnityGroceries-Real train (unlabelled) → test, 63 products, detection.

    groceries:source=DIR,target=DIR

Users place both sets themselves (docs/sets.md); :mod:`bench.data.sets.pair_base` splits them. The pair of Borkman et
al. 2021.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from bench.api import Frozen
from bench.api.errors import DataError
from bench.data.listing import Listing, with_classes
from bench.data.sets import default_root, set_module
from bench.data.sets.pair_base import PlacedPair


class GroceriesParams(Frozen):
    """Roots of the two sets."""

    source: Path = Field(default_factory=partial(default_root, "synthdet"))
    target: Path = Field(default_factory=partial(default_root, "groceries-real"))


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
