"""Intervals that need no table: of one row's scores, of the change between two runs, of a rank correlation."""

from __future__ import annotations

import numpy as np

from bench.api.errors import DataError
from bench.stats.variance import (
    LARGEST_DOF,
    Interval,
    Spread,
    Term,
    components,
    enough,
    finite,
    paired_differences,
    t_quantile,
)


def seed_interval(scores: np.ndarray, level: float = 0.95) -> Interval:
    """t interval of the mean over seeds, ``scores (S,)``: what other seeds would give on this test set.

    Seeds that all agree give an interval of zero width. Coverage of ten normal scores, or three, is exact; of
    three scores skewed like an exponential it is 88 %, of differences between two such arms 97 %.

    Raises
    ------
    TooFew: fewer than two seeds.    DataError: not a vector of finite numbers.
    """
    scores = finite(scores, "scores", n_axes=1)
    n_seeds = enough(len(scores), "task seeds")
    # Anchored on the first score, so that equal scores have exactly their value as mean and exactly no variance.
    mean = scores[0] + (scores - scores[0]).mean()
    variance = np.sum((scores - mean) ** 2) / (n_seeds - 1) / n_seeds
    return Spread((Term(np.array([variance]), n_seeds - 1),)).intervals(np.array([mean]), 1 - level)[0]


def two_level_interval(values: np.ndarray, groups: np.ndarray | None = None, level: float = 0.95) -> Interval:
    """Interval of the mean over other seeds *and* another test set; the module's docstring has the formula.

    Parameters
    ----------
    values: ``(S, M)`` contributions, or paired differences of them.
    groups: ``(M,)`` labels of the blocks (videos) whose images are not independent; each block is then one draw.
        Blocks may differ in size: the mean stays that over images, taken as the ratio of two block totals.

    Raises
    ------
    TooFew: fewer than two seeds or blocks.    DataError: wrong shape, or not finite.
    """
    values = finite(values, "values", n_axes=2)
    part = components(values[None], groups)
    return Spread((part.seeds,), (part.images,)).intervals(part.mean, 1 - level)[0]


def change(
    before: np.ndarray,
    after: np.ndarray,
    groups_before: np.ndarray | None = None,
    groups_after: np.ndarray | None = None,
    paired: bool = True,
    level: float = 0.95,
) -> tuple[Interval, float | None]:
    """Two-level interval of ``after - before`` of one row in two runs, and its p; ``None`` where nothing differs.

    Paired, both are ``(S, M)`` of the same seeds and test images, and the difference has the variance of
    :func:`two_level_interval`. Otherwise they are ``(S1, M1)`` and ``(S2, M2)``, taken as independent, and the squared
    half-widths of all four components add: conservative where seeds or images are shared after all.

    Raises
    ------
    TooFew: fewer than two seeds or blocks.    DataError: wrong or, paired, different shapes, or not finite.
    """
    before, after = finite(before, "values before", n_axes=2), finite(after, "values after", n_axes=2)
    if paired:
        difference = paired_differences(before, after, "after")
        part = components(difference[None], groups_after)
        mean, spread = part.mean, Spread((part.seeds,), (part.images,))
        differs = bool(difference.any())
    else:
        old, new = components(before[None], groups_before), components(after[None], groups_after)
        mean, spread = new.mean - old.mean, Spread((new.seeds,), (new.images, old.seeds, old.images))
        differs = True
    interval = spread.intervals(mean, 1 - level)[0]
    return interval, float(spread.p_values(mean)[0]) if differs else None


def rank_correlation(x: np.ndarray, y: np.ndarray, level: float = 0.95) -> Interval:
    """Spearman's rank correlation of ``(n,)`` pairs and its interval; ties share their mean rank.

    Fisher's z with the variance ``(1 + rho² / 2) / (n - 3)`` of Bonett and Wright, "Sample size requirements for
    estimating Pearson, Kendall and Spearman correlations", Psychometrika, 2000; ``se`` is on the scale of z. A perfect
    order counts there as half a swap of neighbours short of one. Four to ten pairs leave the interval wide.

    Raises
    ------
    TooFew: fewer than four pairs.
    DataError: values that do not vary: they have no ranks to correlate.
    """
    from scipy.stats import rankdata

    x, y = finite(x, "values", n_axes=1), finite(y, "values", n_axes=1)
    n = enough(len(x), "refiners", need=4)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise DataError("a rank correlation needs values that differ; all are equal")
    rho = float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
    half_a_swap = 6 / (n**3 - n)
    z = float(np.arctanh(np.clip(rho, half_a_swap - 1, 1 - half_a_swap)))
    se = float(np.sqrt((1 + rho**2 / 2) / (n - 3)))
    half = float(t_quantile(1 - level, LARGEST_DOF)) * se
    return Interval(rho, min(float(np.tanh(z - half)), rho), max(float(np.tanh(z + half)), rho), se, LARGEST_DOF)
