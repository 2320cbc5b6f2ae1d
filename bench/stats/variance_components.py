"""Where the spread of a row's scores comes from: the refiner's fit, the task's training, or what both make together.

R refiner seeds crossed with S task seeds, one score each, both drawn at random::

    y_rs = μ + a_r + b_s + e_rs           Var = σ²_fit + σ²_train + σ²_rest

    MS_fit   = S Σ_r (ȳ_r. − ȳ)² / (R − 1)                          σ²_fit   = max(0, (MS_fit − MS_rest) / S)
    MS_train = R Σ_s (ȳ_.s − ȳ)² / (S − 1)                          σ²_train = max(0, (MS_train − MS_rest) / R)
    MS_rest  = Σ (y_rs − ȳ_r. − ȳ_.s + ȳ)² / ((R − 1)(S − 1))       σ²_rest  = MS_rest

Intervals are generalised confidence intervals (Weerahandi, "Generalized Confidence Intervals", JASA 1993): each sum of
squares is divided by draws of its own χ², and the ends are percentiles of the components that result; that of σ²_rest
is the exact χ² interval. They are wide with few seeds, and say so; estimates are unbiased but for the clipping at zero.
All of it holds for one test set. NumPy and SciPy alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.api.errors import DataError
from bench.stats import enough

DRAWS = 20_000


class Deviation(NamedTuple):
    """A component as a standard deviation in the scores' unit, with its 95 % interval."""

    value: float
    low: float
    high: float


class Components(NamedTuple):
    """The spread by origin; ``fit_share`` is σ²_fit over the sum of the three, NaN where nothing varies."""

    fit: Deviation
    train: Deviation
    rest: Deviation

    @property
    def fit_share(self) -> float:
        total = sum(deviation.value**2 for deviation in self)
        return self.fit.value**2 / total if total > 0 else float("nan")


def variance_components(scores: np.ndarray, level: float = 0.95, seed: int = 0) -> Components:
    """Split the variance of ``scores (R, S)``: one row per refiner seed, one column per task seed.

    Equal arguments give equal intervals; ``seed`` is that of the draws.

    >>> fit, train, rest = variance_components(np.array([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]]))
    >>> round(fit.value, 3), round(train.value, 3), rest.value
    (2.828, 1.0, 0.0)

    Raises
    ------
    TooFew: fewer than two refiner or task seeds.    DataError: no finite matrix.
    """
    scores = np.asarray(scores, float)
    if scores.ndim != 2 or not np.isfinite(scores).all():
        raise DataError(f"scores have shape {scores.shape}; needed is a finite number for each (refiner, task) seed")
    n_fits, n_trainings = enough(scores.shape[0], "refiner seeds"), enough(scores.shape[1], "task seeds")
    mean = scores.mean()
    of_fit, of_train = scores.mean(1) - mean, scores.mean(0) - mean
    rest = scores - mean - of_fit[:, None] - of_train
    squares = np.array([n_trainings * np.sum(of_fit**2), n_fits * np.sum(of_train**2), np.sum(rest**2)])
    squares[squares < 1e-24 * max(1.0, mean**2)] = 0.0  # the rounding of equal scores is no variance
    dof = np.array([n_fits - 1, n_trainings - 1, (n_fits - 1) * (n_trainings - 1)])
    drawn = squares / np.random.default_rng(seed).chisquare(dof, size=(DRAWS, 3))
    tail = (1 - level) / 2

    def deviation(squared: np.ndarray, drawn: np.ndarray) -> Deviation:
        ends = np.quantile(drawn, (tail, 1 - tail))
        return Deviation(*(float(np.sqrt(max(0.0, value))) for value in (squared, *ends)))

    fit, train, alone = squares / dof
    return Components(
        fit=deviation((fit - alone) / n_trainings, (drawn[:, 0] - drawn[:, 2]) / n_trainings),
        train=deviation((train - alone) / n_fits, (drawn[:, 1] - drawn[:, 2]) / n_fits),
        rest=deviation(alone, drawn[:, 2]),
    )
