"""Methods compared over several tasks by their mean ranks: Friedman's test, Nemenyi's critical difference.

With ``r[t, m]`` the rank of method m on task t (1 is best, ties share the mean of theirs), N tasks, k methods::

    R_m   = mean over t of r[t, m]
    chi²  = 12 N / (k (k + 1)) (sum R_m² − k (k + 1)² / 4)
    F     = (N − 1) chi² / (N (k − 1) − chi²)            F(k − 1, (k − 1) (N − 1)), Iman and Davenport
    CD    = q(0.05, k) sqrt(k (k + 1) / (6 N))           q: studentised range of infinite dof, over sqrt(2)

Two methods differ where their mean ranks are CD or more apart. Source: Demšar, "Statistical Comparisons of Classifiers
over Multiple Data Sets", JMLR 2006. Ranks forget how large a gain is: six tasks at least, or there is no power to lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.api.errors import DataError

FEWEST_TASKS = 6


@dataclass(frozen=True)
class MeanRanks:
    """Mean ranks of methods, best first.

    Attributes
    ----------
    names, ranks: the methods and their mean ranks.
    p: of Friedman's test that all rank alike.
    critical_difference: see the module's docstring.
    cliques: sets of methods, as (first, last) positions in ``names``, that cannot be told apart; none inside another.
    """

    names: tuple[str, ...]
    ranks: tuple[float, ...]
    n_tasks: int
    p: float
    critical_difference: float
    cliques: tuple[tuple[int, int], ...]


def mean_ranks(names: Sequence[str], scores: np.ndarray) -> MeanRanks:
    """Rank the methods on each task.

    Parameters
    ----------
    scores: ``(N, k)``, one row per task, one column per method; larger is better within a row; units may differ.

    Raises
    ------
    DataError: fewer than :data:`FEWEST_TASKS` tasks or two methods, or scores that are not finite.
    """
    from scipy import special
    from scipy.stats import rankdata, studentized_range

    scores = np.asarray(scores, float)
    n_tasks, k = scores.shape
    if n_tasks < FEWEST_TASKS or k < 2 or k != len(names) or not np.isfinite(scores).all():
        raise DataError(
            f"mean ranks of scores {scores.shape} for {len(names)} methods: needs finite scores of at least "
            f"{FEWEST_TASKS} tasks and two methods"
        )
    ranks = np.mean([rankdata(-row) for row in scores], axis=0)
    order = np.argsort(ranks, kind="stable")
    chi2 = 12 * n_tasks / (k * (k + 1)) * (np.sum(ranks**2) - k * (k + 1) ** 2 / 4)
    rest = n_tasks * (k - 1) - chi2
    p = special.fdtrc(k - 1, (k - 1) * (n_tasks - 1), (n_tasks - 1) * chi2 / rest) if rest > 1e-9 else 0.0
    quantile = studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2)
    difference = float(quantile * np.sqrt(k * (k + 1) / (6 * n_tasks)))
    ordered = tuple(float(rank) for rank in ranks[order])
    return MeanRanks(
        tuple(names[i] for i in order), ordered, n_tasks, float(p), difference, _cliques(ordered, difference)
    )


def _cliques(ranks: Sequence[float], difference: float) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = max(i for i, other in enumerate(ranks) if other - rank < difference)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return tuple(found)
