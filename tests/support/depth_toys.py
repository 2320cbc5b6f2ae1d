"""A pair with depth, small enough for a suite's run in a test: squares nearer than their background, in two tints."""

from __future__ import annotations

import numpy as np

from bench.api import Fit, ImageSet, Limits, Pair, SourceSplits, TargetSplits

SIDE = 32


def squares(n_images: int, tint: tuple[float, float, float], seed: int) -> ImageSet:
    """A bright square at 1 m on a dark ground at 3 m."""
    rng = np.random.default_rng(seed)
    left, top = rng.integers(2, 18, (2, n_images, 1, 1))
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = (x >= left) & (x < left + 12) & (y >= top) & (y < top + 12)
    grey = np.where(inside, 200, 60)[..., None] + rng.normal(0, 15, (n_images, SIDE, SIDE, 1))
    image = (grey * np.array(tint)).clip(0, 255).astype(np.uint8)
    return ImageSet.from_arrays(
        image=image,
        depth_m=np.where(inside, 1.0, 3.0).astype(np.float32),
        native_size=np.full((n_images, 2), SIDE),
    )


class ToyDepth(Pair):
    """Squares."""

    name, version = "toy_depth", 1
    title = "Toy squares"
    tasks = frozenset({"depth"})
    class_names = ("square",)
    source_labels = frozenset({"depth_m"})
    target_labels = frozenset({"depth_m"})
    depth_range_m = (0.5, 4.0)
    licence, citation = "none", "none"

    def size(self, task: str, budget: str) -> tuple[int, int]:
        return SIDE, SIDE

    def counts(self, limits: Limits) -> dict[str, int]:
        return {"source_train": 24, "source_val": 4, "target_train": 16, "target_train_labelled": 16, "target_test": 8}

    def source(self, size: tuple[int, int], fit: Fit, limits: Limits) -> SourceSplits:
        tint = (1.0, 0.4, 0.3)
        return SourceSplits(squares(24, tint, 1), squares(4, tint, 2))

    def target(self, size: tuple[int, int], fit: Fit, limits: Limits) -> TargetSplits:
        tint = (0.3, 0.5, 1.0)
        return TargetSplits(squares(16, tint, 3), np.arange(16), squares(8, tint, 4))
