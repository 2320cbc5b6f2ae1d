"""The pair of the campaign, small enough to train on in a second: a bright bar in one of three places."""

from __future__ import annotations

import numpy as np

from bench.api import Fit, ImageSet, Limits, Pair, SourceSplits, TargetSplits

N_SOURCE, N_TARGET, N_TEST = 48, 30, 30


def draw_bars(n_images: int, tint: tuple[float, float, float], noise: float, seed: int) -> ImageSet:
    """Images of 16×16 pixels with a horizontal bar at one of three heights; class ids cycle."""
    rng = np.random.default_rng(seed)
    class_id = np.arange(n_images) % 3
    image = rng.normal(40, noise, (n_images, 16, 16, 3))
    for row, place in enumerate(class_id):
        image[row, 2 + 5 * place : 5 + 5 * place] += 150
    pixels = np.clip(image * np.array(tint), 0, 255).astype(np.uint8)
    return ImageSet.from_arrays(image=pixels, class_id=class_id.astype(np.int64))


class Bars(Pair):
    """Three bars, reddish in the source, bluish and noisier in the target."""

    name, version = "bars", 1
    title = "Three bars"
    tasks = frozenset({"classification"})
    class_names = ("top", "middle", "bottom")
    source_labels = frozenset({"class_id"})
    target_labels = frozenset({"class_id"})
    licence, citation = "none", "none"

    def size(self, task: str, budget: str) -> tuple[int, int]:
        return 16, 16

    def counts(self, limits: Limits) -> dict[str, int]:
        return {
            "source_train": N_SOURCE,
            "source_val": 12,
            "target_train": N_TARGET,
            "target_train_labelled": N_TARGET,
            "target_test": N_TEST,
        }

    def source(self, size: tuple[int, int], fit: Fit, limits: Limits) -> SourceSplits:
        tint = (1.0, 0.4, 0.3)
        return SourceSplits(draw_bars(N_SOURCE, tint, 10, 1), draw_bars(12, tint, 10, 2))

    def target(self, size: tuple[int, int], fit: Fit, limits: Limits) -> TargetSplits:
        tint = (0.3, 0.5, 1.0)
        return TargetSplits(draw_bars(N_TARGET, tint, 30, 4), np.arange(N_TARGET), draw_bars(N_TEST, tint, 30, 5))
