"""The base of pairs of placed sets: official splits in, image sets at the working size out."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.api import Frozen, Limits, Pair, SourceSplits, TargetSplits
from bench.api.terms import Fit
from bench.data.fitting import Size
from bench.data.listing import Listing, with_classes, working_set
from bench.data.sets import check_layout, set_module
from bench.data.sets.classes import CLASSES
from bench.data.splits import name_hash

MOST_HELD_OUT = 500


class PlacedPair(Pair):
    """Two placed sets.

    Class attributes
    ----------------
    sets: names of the source's and the target's set, for layout and titles.
    sizes: working size by budget.
    """

    version = 1
    sets: ClassVar[tuple[str, str]]
    sizes: ClassVar[dict[str, Size]]

    def __init__(self, params: Frozen | None = None) -> None:
        super().__init__(params)
        self.roots = (self.params.source, self.params.target)
        for root, name in zip(self.roots, self.sets, strict=True):
            check_layout(root, name)
        modules = [set_module(name) for name in self.sets]
        self.title = f"{modules[0].TITLE} → {modules[1].TITLE}"
        self._listings: dict[str, Listing] = {}

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "sets"):
            modules = [set_module(name) for name in cls.sets]
            cls.licence = "; ".join(f"{module.TITLE}: {module.LICENCE}" for module in modules)
            cls.citation = " ".join(module.CITATION for module in modules)

    @abstractmethod
    def read(self, split: str) -> Listing:
        """The listing of ``source``, ``train`` or ``test``, in the pair's classes."""

    def listing(self, split: str) -> Listing:
        """:meth:`read`, once."""
        if split not in self._listings:
            self._listings[split] = self.read(split)
        return self._listings[split]

    def size(self, task: str, budget: str) -> Size:
        return self.sizes[budget]

    def counts(self, limits: Limits) -> dict[str, int]:
        """Exact: the sets define their splits."""
        held_out = self.n_held_out()
        train = self.listing("train")
        return within(
            limits,
            source_train=self.listing("source").n_images - held_out,
            source_val=held_out,
            target_train=train.n_images,
            target_train_labelled=train.n_images if self.target_labels & train.labels else 0,
            target_test=self.listing("test").n_images,
        )

    def source(self, size: Size, fit: Fit, limits: Limits) -> SourceSplits:
        """Train and held-out part in the order of their names' hashes."""
        listing, order = self.listing("source"), self._order("source", self.roots[0])
        held_out = self.n_held_out()
        val, train = order[:held_out][: limits.source_images], order[held_out:][: limits.source_images]
        return SourceSplits(working_set(listing.select(train), size, fit), working_set(listing.select(val), size, fit))

    def target(self, size: Size, fit: Fit, limits: Limits) -> TargetSplits:
        """The set's own splits, each in the order of its names' hashes."""
        train = self.listing("train").select(self._order("train", self.roots[1])[: limits.target_images])
        test = self.listing("test").select(self._order("test", self.roots[1])[: limits.test_images])
        labelled = np.arange(train.n_images if self.target_labels & train.labels else 0)
        return TargetSplits(working_set(train, size, fit), labelled, working_set(test, size, fit, native_labels=True))

    def _order(self, split: str, root: Path) -> np.ndarray:
        return np.argsort([name_hash(name, root) for name in self.listing(split).names], kind="stable")

    def n_held_out(self) -> int:
        """Of the source."""
        return max(1, min(MOST_HELD_OUT, self.listing("source").n_images // 10))


def within(limits: Limits, **counts: int) -> dict[str, int]:
    """Counts by split, none above its limit."""
    most = {"source": limits.source_images, "target_train": limits.target_images, "target_test": limits.test_images}
    found = {}
    for split, count in counts.items():
        limit = next(limit for start, limit in most.items() if split.startswith(start))
        found[split] = count if limit is None else min(count, limit)
    return found


class Streets(PlacedPair):
    """Pairs in Cityscapes' classes."""

    tasks = frozenset({"segmentation"})
    source_labels = target_labels = frozenset({"mask"})
    sizes: ClassVar = {"light": (128, 64), "standard": (512, 256), "paper": (1024, 512)}

    def read(self, split: str) -> Listing:
        set_name, root = self.sets[split != "source"], self.roots[split != "source"]
        listing = set_module(set_name).listing(root, {"source": "all", "train": "train", "test": "val"}[split])
        ids = np.array([self.class_names.index(n) if n in self.class_names else -1 for n in CLASSES])
        return with_classes(listing, self.class_names, ids)
