"""Gains of a table's rows over one baseline, paired by task seed, and which rows share a training with it.

No statistic is computed here: intervals and tests are those of :mod:`bench.stats`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench import stats
from bench.report.table import Estimate, Gains, label

BySeed = dict[int, np.ndarray]
"""Contributions ``(N_test,) float64`` by task seed, in the printed unit."""


@dataclass(frozen=True)
class Layout:
    """What the comparisons of one table share; ``sign`` makes + better, ``untested`` are rows that lack cells."""

    seeds: tuple[int, ...]
    sign: float
    groups: np.ndarray | None
    families: Mapping[str, str]
    untested: frozenset[str]


def by_seed(cells: pd.DataFrame) -> BySeed:
    """Contributions by task seed in the printed unit, refiner seeds averaged; scored cells alone."""
    gathered: dict[int, list[np.ndarray]] = {}
    columns = (cells[name] for name in ("status", "task_seed", "contributions", "scale"))
    for status, seed, contributions, scale in zip(*columns, strict=True):
        if status == "ok":
            gathered.setdefault(int(seed), []).append(contributions * scale)
    return {seed: np.mean(np.stack(gathered[seed]), axis=0) for seed in sorted(gathered)}


def stacked(values: BySeed, seeds: Sequence[int]) -> np.ndarray:
    """``(S, N_test)``."""
    return np.stack([values[seed] for seed in seeds])


def shared_training(rows: Mapping[tuple[str, str], pd.DataFrame]) -> set[str]:
    """Rows whose every cell has the training and the weights of ``source``: ``identity`` lands there by its action key.

    ``adabn`` shares the training but not the weights, so it is not one of them.
    """
    if ("source", "") not in rows:
        return set()

    def trainings(cells: pd.DataFrame) -> list[tuple[int, str, str]]:
        return list(zip(cells.task_seed, cells.training_digest, cells.weights_digest, strict=True))

    of_source = set(trainings(rows["source", ""]))
    return {
        label(*key)
        for key, cells in rows.items()
        if all(training in of_source and training[1] for training in trainings(cells))
    }


def family_of(arm: str, refiner: str) -> str:
    """Rows that share a correction: refiners under the table's recipe; what a joint fit trained; all else."""
    if arm == "end_to_end":
        return arm
    return "refiners" if refiner else "references"


def gains_over(layout: Layout, baseline: BySeed, rows: Mapping[str, BySeed], shared: Set[str] = frozenset()) -> Gains:
    """Compare rows with a baseline; rows that lack cells get their mean gain over the seeds they have, untested."""
    if not baseline:
        return Gains(problem="there is no scored `source` row to measure gains from")
    seeds = tuple(seed for seed in layout.seeds if seed in baseline)
    estimates = {}
    tested = {}
    for name, values in rows.items():
        common = [seed for seed in seeds if seed in values]
        if name in shared:
            estimates[name] = Estimate(0.0, verdict="same training")
        elif common:
            difference = layout.sign * float(np.mean(stacked(values, common) - stacked(baseline, common)))
            estimates[name] = Estimate(difference, verdict="not tested")
            if name not in layout.untested:
                tested[name] = layout.sign * stacked(values, seeds)
    if not tested:
        return Gains(estimates, None, seeds, "no other row has all its cells")
    families = {name: layout.families[name] for name in tested}
    try:
        test = stats.compare(layout.sign * stacked(baseline, seeds), tested, layout.groups, families)
    except stats.TooFew as too_few:
        return Gains(estimates, None, seeds, str(too_few))
    estimates |= {name: _estimate(comparison) for name, comparison in test.comparisons.items()}
    return Gains(estimates, test, seeds)


def _estimate(comparison: stats.Comparison) -> Estimate:
    if comparison.p is None:  # Another training, equal on every test image: all rows at 100 %, for instance.
        return Estimate(comparison.gain, verdict="no difference")
    return Estimate(
        value=comparison.gain,
        interval=comparison.simultaneous,
        over_seeds=comparison.over_seeds,
        verdict=comparison.verdict,
        p_adjusted=comparison.p_adjusted,
        alone=comparison.two_level,
    )
