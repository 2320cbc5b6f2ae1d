"""All rows of a table against its baseline: which gains are resolved, and how small a gain could have been.

Few seeds make t quantiles huge, so rows borrow from each other's variance: :func:`compare`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

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

HOMOGENEITY_LEVEL = 0.10
"""A preliminary test errs on the side of seeing a difference: missing one costs false gains, not just power."""


@dataclass(frozen=True)
class Comparison:
    """One row against the baseline.

    Attributes
    ----------
    gain: mean paired difference, row minus baseline; + is better.
    over_seeds: interval of the gain on this test set.
    two_level: interval of the gain over other seeds and another test set; excludes 0 exactly where ``p < 1 - level``.
        It holds for this row by itself.
    simultaneous: the interval to print beside the verdict; excludes 0 exactly where ``resolved``. It is ``two_level``
        at the Bonferroni level of the row's family, so it holds for all rows at once. A later step of Holm resolves
        rows whose Bonferroni interval includes 0: such an interval ends at 0 (:meth:`Interval.agreeing`), because Holm
        says that 0 is excluded and nothing more. The far ends miss in at most 5 % of tables, and so do the verdicts.
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
    what it must find. With the average it is at most 5 % within simulation error (tests/stats/test_simulation.py).

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
    baseline = finite(baseline, "the baseline", n_axes=2)
    n_seeds = enough(len(baseline), "task seeds")
    differences = {name: paired_differences(baseline, row, name) for name, row in rows.items()}
    family_of = dict.fromkeys(rows, "") if families is None else {name: _family(families, name) for name in rows}
    tested = [name for name, difference in differences.items() if difference.any()]
    same = _same_training(n_seeds)
    if not tested:
        return TableTest(dict.fromkeys(rows, same), False, None, n_seeds - 1, 0, None)

    part = components(np.stack([differences[name] for name in tested]), groups)
    homogeneity_p = _homogeneity_p(np.vstack([baseline.mean(1), baseline.mean(1) + part.seed_means]))
    pooled = homogeneity_p is not None and homogeneity_p >= HOMOGENEITY_LEVEL
    borrowed = _borrowed(part.seeds)
    seeds = (borrowed,) if pooled else (part.seeds, borrowed)
    spread = Spread(seeds, (part.images,))

    alpha = 1 - level
    counts = {family: sum(family_of[name] == family for name in tested) for family in set(family_of.values())}
    n_family = np.array([counts[family_of[name]] for name in tested])
    p = spread.p_values(part.mean)
    adjusted = np.empty_like(p)
    for family in counts:
        members = np.array([family_of[name] == family for name in tested])
        adjusted[members] = holm(p[members])
    over_seeds = Spread(seeds).intervals(part.mean, alpha)
    two_level = spread.intervals(part.mean, alpha)
    bonferroni = spread.intervals(part.mean, alpha / n_family)

    comparisons = {}
    for i, name in enumerate(tested):
        resolved = bool(adjusted[i] < alpha)
        comparisons[name] = Comparison(
            gain=float(part.mean[i]),
            over_seeds=over_seeds[i],
            two_level=two_level[i],
            simultaneous=bonferroni[i].agreeing(resolved),
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


def holm(p_values: Iterable[float]) -> np.ndarray:
    """Holm's step-down adjusted p-values, in the order given: ``max over j <= i of min(1, (n - j + 1) p_(j))``.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics, 1979.
    """
    p = finite(np.fromiter(p_values, float), "p-values", n_axes=1)
    if np.any((p < 0) | (p > 1)):
        raise DataError(f"p-values lie in [0, 1]; found {p.min():g} to {p.max():g}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


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
    from scipy import special

    dof = min(dof, LARGEST_DOF)
    return float(se * special.nctdtrinc(dof, 1 - power, t_quantile(alpha / n_tests, dof)))


def gap_closed(gain: float, oracle: Comparison) -> float | None:
    """Share of the way from the baseline to the oracle, ``gain / oracle.gain``; may exceed 1.

    ``None`` unless the oracle's own gain is resolved and positive: a share of noise is no share.
    """
    return gain / oracle.gain if oracle.resolved and oracle.gain > 0 else None


def _borrowed(own: Term) -> Term:
    """Each row's paired variance averaged with the table's mean; see :func:`compare`."""
    n_rows = len(own.variance)
    return Term((own.variance + own.variance.mean()) / 2, own.dof * 16 * n_rows / (7 * n_rows + 9))


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


def _family(families: Mapping[str, str], name: str) -> str:
    if name not in families:
        known = ", ".join(map(repr, families)) or "no row"
        raise DataError(f"row {name!r} has no family; families are given for {known}")
    return families[name]
