"""Paired gains, their intervals and the tests behind the word *resolved* (docs/design.md, Statistics).

NumPy and SciPy, pure functions.

Layout. ``(S, M)``: one row per task seed, one column per test image; the mean of a row is the score of that seed
(``Task.contributions``). Scores and gains keep the caller's unit; the caller has signed them so that + is better.
``S = 1`` is refused by :class:`TooFew`, NaN and infinity by ``DataError``. All intervals are t intervals, no bootstrap;
those of bounded scores are built on the logit scale (:meth:`Interval.within`).

* ``variance``: the model of seeds and images, its variances, and the half-widths that follow;
* ``one_row``: intervals of one row's scores, of the change between two runs, of a rank correlation;
* ``many_rows``: all rows of a table against its baseline: Holm, what rows borrow, the smallest gain that would be seen.

Not here: sign conventions, ranking, units, rounding, and the choice of which arms form a family.
"""

from bench.stats.many_rows import (
    HOMOGENEITY_LEVEL,
    Comparison,
    TableTest,
    compare,
    gap_closed,
    holm,
    minimal_detectable_gain,
)
from bench.stats.one_row import change, rank_correlation, seed_interval, two_level_interval
from bench.stats.variance import Interval, TooFew, block_means, enough

__all__ = [
    "HOMOGENEITY_LEVEL",
    "Comparison",
    "Interval",
    "TableTest",
    "TooFew",
    "block_means",
    "change",
    "compare",
    "enough",
    "gap_closed",
    "holm",
    "minimal_detectable_gain",
    "rank_correlation",
    "seed_interval",
    "two_level_interval",
]
