"""Variance of a mean over seeds and images, and the intervals and p-values that follow from it.

Model of the gain of one row over the baseline on image *i* with seed *s*::

    d_si = gain + a_s + b_i + e_si            seed, image (or video), and their interaction, all random
    Var(mean d) = [Var(a)/S + Var(e)/(S M)] + Var(b)/M = U_seed + U_image

    U_seed  = MS_seed / (S M)                           S - 1 degrees of freedom: the variance of the seed means, / S
    U_image = max(0, MS_image - MS_rest) / (S M)        M - 1; two-way ANOVA mean squares, clipped at zero

    half-width²(alpha) = t²(alpha, S - 1) U_seed + t²(alpha, M - 1) U_image

``U_seed`` alone answers for this test set (*over seeds*), the sum for another one too (*two-level*).

Why squared half-widths are added, each with its own t, instead of one t with Satterthwaite's degrees of freedom:
those are estimated, and where few seeds agree by chance the estimate says "many" just when the variance came out too
small. At S = 3 Satterthwaite's interval covers down to 92.5 % and errs 3.4 times too often at the 0.05 / 6 of a Holm
step; the sum is exact where one component vanishes and errs on the safe side between (94 % with ten seeds and five
videos, otherwise 95 to 98 %). :attr:`Interval.dof` is the degrees of freedom at which ``mean ± t(dof) se`` is that
interval.

Scores of few images are coarse: two or three seeds may hit the same count and show no variance. The noise of single
images alone gives ``MS_seed`` the expectation of ``MS_rest``, so an ``MS_seed`` below the 5 % quantile of what that
noise would show is raised to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bench.api.errors import DataError

LARGEST_DOF = 1e6
"""Taken for the normal distribution."""
_FLOOR_QUANTILE = 0.05
_SMALLEST_P = 1e-100


class TooFew(DataError):
    """Too few seeds or image blocks to say anything; ``have`` and ``need`` are counts of ``what``."""

    def __init__(self, have: int, need: int, what: str) -> None:
        super().__init__(f"n too small (have {have}, need {need}): add {what}")
        self.have, self.need, self.what = have, need, what


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval: ``mean ± t(dof) se = [low, high]``; ``dof`` is at most 1e6 (the normal).

    ``open_at_zero``: one end is 0 and does not belong to the interval (:meth:`agreeing`).
    """

    mean: float
    low: float
    high: float
    se: float
    dof: float
    open_at_zero: bool = False

    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0 or self.open_at_zero

    def agreeing(self, resolved: bool) -> Interval:
        """The interval with its end near zero moved to zero where it contradicts a verdict.

        A resolved row whose interval includes zero ends at zero, exclusive. An unresolved row whose interval excludes
        zero, which only rounding can bring about, ends at zero, inclusive.
        """
        if resolved == self.excludes_zero():
            return self
        return replace(self, **{"low" if self.mean > 0 else "high": 0.0}, open_at_zero=resolved)

    def within(self, least: float, most: float) -> Interval:
        """The interval of a score that lies between ``least`` and ``most``, built on the logit scale.

        With ``u = (mean - least) / (most - least)`` and the half-width ``h`` in the same unit, the delta method gives
        ``expit(logit(u) ± h / (u (1 - u)))``. Near a bound this interval covers more than the symmetric one and stays
        inside (tests/stats/test_simulation.py). ``se`` and ``dof`` stay those of the symmetric interval. A mean at a
        bound has no logit: its interval is cut at the bounds. A mean outside them leaves the interval unchanged.
        """
        from scipy import special

        if not least <= self.mean <= most:
            return self
        width = most - least
        u, half = (self.mean - least) / width, (self.high - self.mean) / width
        if half == 0 or u * (1 - u) <= 0:
            return replace(self, low=max(self.low, least), high=min(self.high, most))
        centre, reach = special.logit(u), half / (u * (1 - u))
        low, high = (least + width * float(special.expit(centre + side * reach)) for side in (-1, 1))
        return replace(self, low=min(low, self.mean), high=max(high, self.mean))


class Term(NamedTuple):
    """Squared standard errors ``(K,)``, one a row, and the degrees of freedom behind them."""

    variance: np.ndarray
    dof: float


@dataclass(frozen=True)
class Spread:
    """Uncertainty of K means: the widest of the seed terms plus every added term, as squared half-widths."""

    seeds: tuple[Term, ...]
    added: tuple[Term, ...] = ()

    def squared_half_widths(self, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Squared half-width and squared standard error, ``(K,)`` each, at two-sided error rates ``alpha (K,)``."""
        half, variance = np.zeros_like(alpha), np.zeros_like(alpha)
        for term in self.seeds:
            wider = t_quantile(alpha, term.dof) ** 2 * term.variance
            variance = np.where(wider > half, term.variance, variance)
            half = np.maximum(half, wider)
        for term in self.added:
            half = half + t_quantile(alpha, term.dof) ** 2 * term.variance
            variance = variance + term.variance
        return half, variance

    def intervals(self, mean: np.ndarray, alpha: float | np.ndarray) -> list[Interval]:
        alphas = np.broadcast_to(np.asarray(alpha, float), mean.shape)
        half, variance = self.squared_half_widths(alphas)
        half, se = np.sqrt(half), np.sqrt(variance)
        intervals = []
        for m, h, s, a in zip(mean.tolist(), half.tolist(), se.tolist(), alphas.tolist(), strict=True):
            intervals.append(Interval(m, m - h, m + h, s, _dof_of_width(h / s, a) if s > 0 else self.seeds[0].dof))
        return intervals

    def p_values(self, mean: np.ndarray) -> np.ndarray:
        """Error rate at which the interval would just touch zero: by bisection, as the half-width falls with alpha."""
        low, high = np.full(mean.shape, np.log(_SMALLEST_P)), np.zeros(mean.shape)
        for _ in range(40):
            middle = (low + high) / 2
            excluded = self.squared_half_widths(np.exp(middle))[0] < mean**2
            low, high = np.where(excluded, low, middle), np.where(excluded, middle, high)
        return np.exp(high)

    def averaged(self) -> Spread:
        """The spread of one row that has the rows' mean variances."""

        def mean(terms: tuple[Term, ...]) -> tuple[Term, ...]:
            return tuple(Term(term.variance.mean(keepdims=True), term.dof) for term in terms)

        return Spread(mean(self.seeds), mean(self.added))


class Components(NamedTuple):
    """Means of K rows, over all and by seed, and the two parts of their variance."""

    mean: np.ndarray  # (K,)
    seed_means: np.ndarray  # (K, S)
    seeds: Term
    images: Term


def components(values: np.ndarray, groups: np.ndarray | None) -> Components:
    """Variance of the mean of each of ``values (K, S, M)``, split into seeds (with the interaction) and images."""
    from scipy import special

    n_seeds = enough(values.shape[1], "task seeds")
    seed_means = values.mean(2)
    if groups is not None:
        values = block_means(values, seed_means, np.asarray(groups))
    n_blocks = enough(values.shape[2], "test images, or blocks of them")
    mean = seed_means.mean(1)
    image_effects = values.mean(1) - mean[:, None]
    seed_effects = seed_means - mean[:, None]
    rest = values - mean[:, None, None] - image_effects[:, None] - seed_effects[:, :, None]
    ms_image = n_seeds * np.einsum("km,km->k", image_effects, image_effects) / (n_blocks - 1)
    ms_rest = np.einsum("ksm,ksm->k", rest, rest) / ((n_seeds - 1) * (n_blocks - 1))
    floor = special.fdtri(n_seeds - 1, (n_seeds - 1) * (n_blocks - 1), _FLOOR_QUANTILE) * ms_rest / n_blocks
    seed_variance = np.maximum(np.sum(seed_effects**2, 1) / (n_seeds - 1), floor)
    seeds = Term(seed_variance / n_seeds, n_seeds - 1)
    images = Term(np.maximum(0, ms_image - ms_rest) / (n_seeds * n_blocks), n_blocks - 1)
    return Components(mean, seed_means, seeds, images)


def block_means(values: np.ndarray, seed_means: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """``(K, S, G)``: equally weighted blocks with the means over images of ``values (K, S, M)``.

    The linearised ratio of block totals: ``mean + (G / M) (total - size mean)``, so length is no merit.
    """
    if groups.shape != values.shape[2:]:
        raise DataError(f"groups have shape {groups.shape}; needed is one label per image, {values.shape[2:]}")
    _, block, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(block, kind="stable")
    totals = np.add.reduceat(values[:, :, order], np.cumsum(sizes) - sizes, axis=2)
    means = seed_means[:, :, None]
    return means + len(sizes) / len(groups) * (totals - sizes * means)


def t_quantile(alpha: float | np.ndarray, dof: float) -> np.ndarray:
    """The t that is exceeded, on either side, with probability ``alpha``."""
    from scipy import special

    return -special.stdtrit(dof, np.asarray(alpha) / 2)


def _dof_of_width(width: float, alpha: float) -> float:
    """Degrees of freedom at which the two-sided t quantile is ``width`` standard errors."""
    from scipy import special

    if width <= t_quantile(alpha, LARGEST_DOF):
        return LARGEST_DOF
    return float(special.stdtridf(1 - alpha / 2, width))


def enough(have: int, what: str, need: int = 2) -> int:
    """``have``, or :class:`TooFew` where it is less than ``need``."""
    if have < need:
        raise TooFew(have, need, what)
    return have


def paired_differences(baseline: np.ndarray, row: np.ndarray, name: str) -> np.ndarray:
    """Row minus baseline, ``(S, M)``; refused where their seeds or images differ in number."""
    row = finite(row, f"row {name!r}", n_axes=2)
    if row.shape != baseline.shape:
        raise DataError(f"row {name!r} has shape {row.shape}; the baseline has {baseline.shape}: seeds, images")
    return row - baseline


def finite(values: np.ndarray, name: str, n_axes: int) -> np.ndarray:
    """``values`` as float64 of ``n_axes`` axes; :class:`DataError` where they are of others, or not finite."""
    values = np.asarray(values, float)
    if values.ndim != n_axes:
        raise DataError(f"{name} have shape {values.shape}; needed is an array of {n_axes} axes")
    if not np.isfinite(values).all():
        raise DataError(f"{name} hold {np.sum(~np.isfinite(values))} values that are not finite; leave such seeds out")
    return values


Z = 1.959963984540054
"""Normal quantile of 95 %, two-sided."""


class Estimate(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float
