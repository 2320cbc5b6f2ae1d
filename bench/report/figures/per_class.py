"""Gains on single classes, from what records keep of each test image; no model is needed.

Two kinds of record know classes: those with a true class for each image (``per_image["true_class"] (N_test,)``), whose
contributions are averaged class by class; and those with a secondary metric for each class (``iou/road``). Gains are
paired by task seed, in the printed unit, + is better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench import stats
from bench.report.gains import by_seed
from bench.report.table import Row, Table

FEWEST_IMAGES = 5
"""A class with fewer test images is left out."""


@dataclass(frozen=True)
class ClassGain:
    """A gain on one class with its 95 % interval, ``over`` seeds or over seeds × test images."""

    name: str
    value: float
    low: float
    high: float
    over: str


def class_gains(table: Table, cells: pd.DataFrame, row: Row) -> list[ClassGain]:
    """The gains of ``row`` over ``source`` by class, in the pair's order; none where the records know no classes.

    ``cells`` are the table's rows of a :func:`bench.report.frame.cell_frame`.
    """
    scored = cells[cells.status == "ok"]
    own = scored[(scored.arm == row.arm) & (scored.refiner == row.refiner)]
    source = scored[(scored.arm == "source") & (scored.refiner == "")]
    if own.empty or source.empty or table.pair_info is None:
        return []
    sign = 1.0 if table.metric.higher_is_better else -1.0
    packed = source.iloc[0].per_image.get("true_class")
    if packed is not None and len(packed.shape) == 1:
        ours, theirs = by_seed(own), by_seed(source)
        seeds = sorted(ours.keys() & theirs.keys())
        difference = sign * np.stack([ours[seed] - theirs[seed] for seed in seeds]) if seeds else np.empty((0, 0))
        return list(_by_image(difference, packed.unpack(), source.iloc[0].groups, table.pair_info.class_names))
    return list(_by_metric(own, source, table.pair_info.class_names))


def _by_image(
    difference: np.ndarray, true_class: np.ndarray, groups: np.ndarray | None, class_names: tuple[str, ...]
) -> Iterator[ClassGain]:
    """``difference (S, N_test)``, ``true_class (N_test,)``."""
    for class_id, name in enumerate(class_names):
        members = true_class == class_id
        if members.sum() < FEWEST_IMAGES:
            continue
        try:
            found = stats.two_level_interval(difference[:, members], None if groups is None else groups[members])
        except stats.TooFew:
            continue
        yield ClassGain(name, found.mean, found.low, found.high, "over seeds × test images")


def _by_metric(own: pd.DataFrame, source: pd.DataFrame, class_names: tuple[str, ...]) -> Iterator[ClassGain]:
    for name in class_names:
        ours, theirs = _of_class(own, name), _of_class(source, name)
        seeds = sorted(ours.keys() & theirs.keys())
        try:
            found = stats.seed_interval(np.array([ours[seed] - theirs[seed] for seed in seeds]))
        except stats.TooFew:
            continue
        yield ClassGain(name, found.mean, found.low, found.high, "over seeds")


def _of_class(cells: pd.DataFrame, name: str) -> dict[int, float]:
    """Task seed → the metric ``<metric>/<class>``, refiner seeds averaged."""
    found: dict[int, list[float]] = {}
    for seed, metrics in zip(cells.task_seed, cells.metrics, strict=True):
        for metric, value in metrics.items():
            if metric.split(" [")[0].endswith(f"/{name}"):
                found.setdefault(int(seed), []).append(value)
    return {seed: float(np.mean(values)) for seed, values in found.items()}
