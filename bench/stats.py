"""Paired gains, their intervals and the tests behind the word *resolved* (DESIGN §8). NumPy and SciPy, pure functions.

Layout. ``(S, M)``: one row a task seed, one column a test image; the mean of a row is the score of that seed
(``Task.contributions``). Scores and gains keep the caller's unit; the caller has signed them so that + is better.
``S = 1`` is refused by :class:`TooFew`, NaN and infinity by ``DataError``. All intervals are t intervals, no bootstrap.

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

What a table adds: few seeds make t quantiles huge, so rows borrow from each other's variance (:func:`compare`).

Not here: sign conventions, ranking, units, rounding, and the choice of which arms form a family.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from bench.data.imageset import DataError

HOMOGENEITY_LEVEL = 0.10
"""A preliminary test errs on the side of seeing a difference: missing one costs false gains, not just power."""

_FLOOR_QUANTILE = 0.05
_SMALLEST_P = 1e-100
_LARGEST_DOF = 1e6


class TooFew(DataError):
    """Too few seeds or image blocks to say anything; ``have`` and ``need`` are counts of ``what``."""

    def __init__(self, have: int, need: int, what: str) -> None:
        super().__init__(f"n too small (have {have}, need {need}): add {what}")
        self.have, self.need, self.what = have, need, what


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval: ``mean ± t(dof) se = [low, high]``; ``dof`` is at most 1e6 (the normal)."""

    mean: float
    low: float
    high: float
    se: float
    dof: float

    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Comparison:
    """One row against the baseline.

    Attributes
    ----------
    gain: mean paired difference, row minus baseline; + is better.
    over_seeds: interval of the gain on this test set.
    two_level: interval of the gain over other seeds and another test set; excludes 0 exactly where ``p < 1 - level``.
    simultaneous: ``two_level`` at the Bonferroni level of the row's family, for a headline that picks the best of it.
    p, p_adjusted: two-level test of no gain, before and after Holm (never below 1e-100); ``None`` where not tested.
    resolved: ``p_adjusted < 1 - level``.
    verdict: ``same training`` where every difference is exactly zero: such a row is neither tested nor counted.
    """

    gain: float
    over_seeds: Interval
    two_level: Interval
    simultaneous: Interval
    p: float | None
    p_adjusted: float | None
    resolved: bool
    verdict: Literal["gain", "loss", "not resolved", "same training"]


@dataclass(frozen=True)
class TableTest:
    """All rows of a table against its baseline.

    Attributes
    ----------
    pooled: the rows borrowed from each other's variance, and nothing spoke against it.
    homogeneity_p: p of the permutation test of equal residual variances; ``None`` with fewer than two tested rows.
    residual_dof: degrees of freedom of the seed component: borrowed if ``pooled``, ``S - 1`` otherwise.
    n_tests: size of the largest Holm family.
    minimal_detectable_gain: of a row with the table's mean variance, at Holm's first step in that family, with 80 %
        power; ``None`` where nothing was tested.
    """

    comparisons: dict[str, Comparison]
    pooled: bool
    homogeneity_p: float | None
    residual_dof: float
    n_tests: int
    minimal_detectable_gain: float | None

    @property
    def statement(self) -> str:
        """What was assumed about the rows' variances, in one sentence for the page."""
        if self.homogeneity_p is None:
            return "Fewer than two rows were tested, so each stands on its own paired variance."
        p = f"permutation test, p = {self.homogeneity_p:.2f}"
        if self.pooled:
            return f"The rows' residual variances do not differ detectably ({p}): rows borrow from each other's."
        return f"The rows' residual variances differ ({p}): each row uses its own paired variance where that is wider."


def seed_interval(scores: np.ndarray, level: float = 0.95) -> Interval:
    """t interval of the mean over seeds, ``scores (S,)``: what other seeds would give on this test set.

    Seeds that all agree give an interval of zero width. Coverage of ten normal scores, or three, is exact; of
    three scores skewed like an exponential it is 88 %, of differences between two such arms 97 %.

    Raises
    ------
    TooFew: fewer than two seeds.    DataError: not a vector of finite numbers.
    """
    scores = _finite(scores, "scores", n_axes=1)
    n_seeds = enough(len(scores), "task seeds")
    # Anchored on the first score, so that equal scores have exactly their value as mean and exactly no variance.
    mean = scores[0] + (scores - scores[0]).mean()
    variance = np.sum((scores - mean) ** 2) / (n_seeds - 1) / n_seeds
    return _Spread((_Term(np.array([variance]), n_seeds - 1),)).intervals(np.array([mean]), 1 - level)[0]


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
    values = _finite(values, "values", n_axes=2)
    part = _components(values[None], groups)
    return _Spread((part.seeds,), (part.images,)).intervals(part.mean, 1 - level)[0]


def holm(p_values: Iterable[float]) -> np.ndarray:
    """Holm's step-down adjusted p-values, in the order given: ``max over j <= i of min(1, (n - j + 1) p_(j))``.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics, 1979.
    """
    p = _finite(np.fromiter(p_values, float), "p-values", n_axes=1)
    if np.any((p < 0) | (p > 1)):
        raise DataError(f"p-values lie in [0, 1]; found {p.min():g} to {p.max():g}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def compare(
    baseline: np.ndarray,
    rows: Mapping[str, np.ndarray],
    groups: np.ndarray | None = None,
    families: Mapping[str, str] | None = None,
    level: float = 0.95,
) -> TableTest:
    """Test every row of a table against its baseline, paired by task seed and by image.

    Parameters
    ----------
    baseline, rows: ``(S, M)`` contributions of the same seeds and images in the same order, signed so that + is better.
    groups: ``(M,)`` blocks of test images, as in :func:`two_level_interval`.
    families: family of every row; Holm and the simultaneous level count within a family. Default: one family.

    The seed component. The table is a randomised block layout: rows and baseline are treatments, seeds are blocks. Its
    residual mean square, doubled, is the mean variance of the paired differences over *all* pairs of treatments; a gain
    rests on the K pairs with the baseline, so the mean ``v`` of those paired variances ``v_r`` is borrowed from, half
    and half::

        U_seed,r = (v_r + v) / 2 / S         degrees of freedom 16 K (S - 1) / (7 K + 9)

    which are Satterthwaite's for that average where treatments vary alike (paired variances then correlate by 1/4);
    K = 1 gives the plain paired t. The residual mean square itself would have K (S - 1) degrees of freedom, but if one
    row, or the baseline, varies 3 to 10 times as much over seeds as the rest, 9 to 24 % of tables without any gain then
    show a false one (K = 6, S = 3), and choosing by a preliminary test leaves up to 12 %: three seeds cannot reveal
    what it must find. With the average it is at most 5 % within simulation error (tests/test_stats_simulation.py).

    Homogeneity is tested all the same: residuals of the layout are permuted over treatments within each seed (no
    normality assumed; 199 permutations, fixed seed); the statistic is the sum of squared shares of the treatments in
    the residual sum of squares. Below ``HOMOGENEITY_LEVEL`` each row uses its own paired variance with S - 1 degrees of
    freedom, unless the average is wider: the test can cost power but adds no false gain. What three seeds leave
    unnoticed shows in single intervals: that of a row 3 to 10 times as variable as the rest covers 88 to 91 % at S = 3.

    Where a row differs by the same non-zero amount on every image in every seed, no variance is to be had: the interval
    has no width and the gain is resolved. A row equal to the baseline on every image in every seed is taken for the
    same training; that two trainings agree so is left to the caller to tell apart.

    Raises
    ------
    TooFew: fewer than two seeds or blocks.
    DataError: shapes differ, values are not finite, or a row has no family.
    """
    baseline = _finite(baseline, "the baseline", n_axes=2)
    n_seeds = enough(len(baseline), "task seeds")
    differences = {name: _differences(baseline, row, name) for name, row in rows.items()}
    family_of = dict.fromkeys(rows, "") if families is None else {name: _family(families, name) for name in rows}
    tested = [name for name, difference in differences.items() if difference.any()]
    same = _same_training(n_seeds)
    if not tested:
        return TableTest(dict.fromkeys(rows, same), False, None, n_seeds - 1, 0, None)

    part = _components(np.stack([differences[name] for name in tested]), groups)
    homogeneity_p = _homogeneity_p(np.vstack([baseline.mean(1), baseline.mean(1) + part.seed_means]))
    pooled = homogeneity_p is not None and homogeneity_p >= HOMOGENEITY_LEVEL
    borrowed = _borrowed(part.seeds)
    seeds = (borrowed,) if pooled else (part.seeds, borrowed)
    spread = _Spread(seeds, (part.images,))

    alpha = 1 - level
    counts = {family: sum(family_of[name] == family for name in tested) for family in set(family_of.values())}
    n_family = np.array([counts[family_of[name]] for name in tested])
    p = spread.p_values(part.mean)
    adjusted = np.empty_like(p)
    for family in counts:
        members = np.array([family_of[name] == family for name in tested])
        adjusted[members] = holm(p[members])
    over_seeds = _Spread(seeds).intervals(part.mean, alpha)
    two_level = spread.intervals(part.mean, alpha)
    simultaneous = spread.intervals(part.mean, alpha / n_family)

    comparisons = {}
    for i, name in enumerate(tested):
        resolved = bool(adjusted[i] < alpha)
        comparisons[name] = Comparison(
            gain=float(part.mean[i]),
            over_seeds=over_seeds[i],
            two_level=two_level[i],
            simultaneous=simultaneous[i],
            p=float(p[i]),
            p_adjusted=float(adjusted[i]),
            resolved=resolved,
            verdict=("gain" if part.mean[i] > 0 else "loss") if resolved else "not resolved",
        )
    n_tests = int(n_family.max())
    typical = spread.averaged().intervals(np.zeros(1), alpha / n_tests)[0]
    return TableTest(
        comparisons={name: comparisons.get(name, same) for name in rows},
        pooled=pooled,
        homogeneity_p=homogeneity_p,
        residual_dof=float(borrowed.dof if pooled else n_seeds - 1),
        n_tests=n_tests,
        minimal_detectable_gain=minimal_detectable_gain(typical.se, typical.dof, n_tests, alpha),
    )


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
    before, after = _finite(before, "values before", n_axes=2), _finite(after, "values after", n_axes=2)
    if paired:
        difference = _differences(before, after, "after")
        part = _components(difference[None], groups_after)
        mean, spread = part.mean, _Spread((part.seeds,), (part.images,))
        differs = bool(difference.any())
    else:
        old, new = _components(before[None], groups_before), _components(after[None], groups_after)
        mean, spread = new.mean - old.mean, _Spread((new.seeds,), (new.images, old.seeds, old.images))
        differs = True
    interval = spread.intervals(mean, 1 - level)[0]
    return interval, float(spread.p_values(mean)[0]) if differs else None


def minimal_detectable_gain(se: float, dof: float, n_tests: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """True gain that Holm's first step (two-sided ``alpha / n_tests``) sees with probability ``power``.

    The noncentrality at which a t variable exceeds the critical value; the other tail is neglected. Unit of ``se``.
    For a two-level ``se`` with its equivalent ``dof`` the answer is approximate.
    """
    if not (se >= 0 and dof > 0 and n_tests >= 1 and 0 < alpha < 1 and alpha / 2 < power < 1):
        raise DataError(
            f"minimal detectable gain of se={se}, dof={dof}, n_tests={n_tests}, alpha={alpha}, power={power}: "
            "needs se >= 0, dof > 0, n_tests >= 1, 0 < alpha < 1, alpha / 2 < power < 1"
        )
    dof = min(dof, _LARGEST_DOF)
    return float(se * special.nctdtrinc(dof, 1 - power, _t_quantile(alpha / n_tests, dof)))


def gap_closed(gain: float, oracle: Comparison) -> float | None:
    """Share of the way from the baseline to the oracle, ``gain / oracle.gain``; may exceed 1.

    ``None`` unless the oracle's own gain is resolved and positive: a share of noise is no share.
    """
    return gain / oracle.gain if oracle.resolved and oracle.gain > 0 else None


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

    x, y = _finite(x, "values", n_axes=1), _finite(y, "values", n_axes=1)
    n = enough(len(x), "refiners", need=4)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise DataError("a rank correlation needs values that differ; all are equal")
    rho = float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
    half_a_swap = 6 / (n**3 - n)
    z = float(np.arctanh(np.clip(rho, half_a_swap - 1, 1 - half_a_swap)))
    se = float(np.sqrt((1 + rho**2 / 2) / (n - 3)))
    half = float(_t_quantile(1 - level, _LARGEST_DOF)) * se
    return Interval(rho, min(float(np.tanh(z - half)), rho), max(float(np.tanh(z + half)), rho), se, _LARGEST_DOF)


# ---------------------------------------------------------------------------------- variances and half-widths


class _Term(NamedTuple):
    """Squared standard errors ``(K,)``, one a row, and the degrees of freedom behind them."""

    variance: np.ndarray
    dof: float


@dataclass(frozen=True)
class _Spread:
    """Uncertainty of K means: the widest of the seed terms plus every added term, as squared half-widths."""

    seeds: tuple[_Term, ...]
    added: tuple[_Term, ...] = ()

    def squared_half_widths(self, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Squared half-width and squared standard error, ``(K,)`` each, at two-sided error rates ``alpha (K,)``."""
        half, variance = np.zeros_like(alpha), np.zeros_like(alpha)
        for term in self.seeds:
            wider = _t_quantile(alpha, term.dof) ** 2 * term.variance
            variance = np.where(wider > half, term.variance, variance)
            half = np.maximum(half, wider)
        for term in self.added:
            half = half + _t_quantile(alpha, term.dof) ** 2 * term.variance
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

    def averaged(self) -> _Spread:
        """The spread of one row that has the rows' mean variances."""

        def mean(terms: tuple[_Term, ...]) -> tuple[_Term, ...]:
            return tuple(_Term(term.variance.mean(keepdims=True), term.dof) for term in terms)

        return _Spread(mean(self.seeds), mean(self.added))


class _Components(NamedTuple):
    mean: np.ndarray  # (K,)
    seed_means: np.ndarray  # (K, S)
    seeds: _Term
    images: _Term


def _components(values: np.ndarray, groups: np.ndarray | None) -> _Components:
    """Variance of the mean of each of ``values (K, S, M)``, split into seeds (with the interaction) and images."""
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
    seeds = _Term(seed_variance / n_seeds, n_seeds - 1)
    images = _Term(np.maximum(0, ms_image - ms_rest) / (n_seeds * n_blocks), n_blocks - 1)
    return _Components(mean, seed_means, seeds, images)


def block_means(values: np.ndarray, seed_means: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """``(K, S, G)``: equally weighted blocks with the means over images of ``values (K, S, M)``.

    The linearised ratio of block totals: ``mean + (G / M) (total - size mean)``, so length is no merit.
    """
    if groups.shape != values.shape[2:]:
        raise DataError(f"groups have shape {groups.shape}; needed is one label an image, {values.shape[2:]}")
    _, block, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(block, kind="stable")
    totals = np.add.reduceat(values[:, :, order], np.cumsum(sizes) - sizes, axis=2)
    means = seed_means[:, :, None]
    return means + len(sizes) / len(groups) * (totals - sizes * means)


def _borrowed(own: _Term) -> _Term:
    """Each row's paired variance averaged with the table's mean; see :func:`compare`."""
    n_rows = len(own.variance)
    return _Term((own.variance + own.variance.mean()) / 2, own.dof * 16 * n_rows / (7 * n_rows + 9))


def _homogeneity_p(means: np.ndarray) -> float | None:
    """p of equal residual variance of the treatments, ``means (T, S)``; ``None`` where T < 3 leaves nothing to test."""
    if len(means) < 3:
        return None
    residuals = means - means.mean(0)
    residuals -= residuals.mean(1, keepdims=True)
    draws = np.random.default_rng(0).permuted(np.broadcast_to(residuals, (199, *residuals.shape)), axis=1)
    draws -= draws.mean(2, keepdims=True)
    observed, permuted = _concentration(residuals), _concentration(draws)
    # Rounding may separate a permutation that leaves the layout as it was from the layout itself.
    return float((1 + np.sum(permuted >= observed * (1 - 1e-9))) / (1 + len(draws)))


def _concentration(residuals: np.ndarray) -> np.ndarray:
    """Sum over treatments of the squared share in the residual sum of squares, of ``(…, T, S)``; 0 for none at all."""
    squares = np.sum(residuals**2, -1)
    total = squares.sum(-1) ** 2
    return np.divide(np.sum(squares**2, -1), total, out=np.zeros_like(total), where=total > 0)


def _same_training(n_seeds: int) -> Comparison:
    nothing = Interval(0.0, 0.0, 0.0, 0.0, n_seeds - 1)
    return Comparison(0.0, nothing, nothing, nothing, None, None, False, "same training")


def _t_quantile(alpha: float | np.ndarray, dof: float) -> np.ndarray:
    return -special.stdtrit(dof, np.asarray(alpha) / 2)


def _dof_of_width(width: float, alpha: float) -> float:
    """Degrees of freedom at which the two-sided t quantile is ``width`` standard errors."""
    if width <= _t_quantile(alpha, _LARGEST_DOF):
        return _LARGEST_DOF
    return float(special.stdtridf(1 - alpha / 2, width))


def _differences(baseline: np.ndarray, row: np.ndarray, name: str) -> np.ndarray:
    row = _finite(row, f"row {name!r}", n_axes=2)
    if row.shape != baseline.shape:
        raise DataError(f"row {name!r} has shape {row.shape}; the baseline has {baseline.shape}: seeds, images")
    return row - baseline


def _family(families: Mapping[str, str], name: str) -> str:
    if name not in families:
        known = ", ".join(map(repr, families)) or "no row"
        raise DataError(f"row {name!r} has no family; families are given for {known}")
    return families[name]


def enough(have: int, what: str, need: int = 2) -> int:
    """``have``, or :class:`TooFew` where it is less than ``need``."""
    if have < need:
        raise TooFew(have, need, what)
    return have


def _finite(values: np.ndarray, name: str, n_axes: int) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim != n_axes:
        raise DataError(f"{name} have shape {values.shape}; needed is an array of {n_axes} axes")
    if not np.isfinite(values).all():
        raise DataError(f"{name} hold {np.sum(~np.isfinite(values))} values that are not finite; leave such seeds out")
    return values
