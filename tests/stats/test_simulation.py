"""Coverage, family-wise error and power on simulated tables: the figures that bench/stats/ states.

``pytest tests/stats/test_simulation.py -s`` prints each figure. Simulation error: 2,000 draws know 95 % to ±0.5 % (one
standard error), 1,000 know 5 % to ±0.7 %.
"""

import time

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.stats import compare, minimal_detectable_gain, seed_interval, two_level_interval
from bench.stats.variance import Spread, Term, components


def covers(interval, truth=0.0):
    return interval.low <= truth <= interval.high


def table(arms, image_noise=1e-3, rng=None):
    """Contributions ``(T, S, 4)`` with seed means ``arms (T, S)``, a seed effect all share, faint image noise."""
    n_seeds = arms.shape[1]
    return arms[:, :, None] + rng.normal(size=(1, n_seeds, 1)) + image_noise * rng.normal(size=(*arms.shape, 4))


def compared(arms):
    return compare(arms[0], {str(k): arm for k, arm in enumerate(arms[1:])})


# ------------------------------------------------------------------------------------------- coverage


@pytest.mark.parametrize("n_seeds", [3, 5, 10])
def test_seed_interval_covers(n_seeds):
    """Normal scores, and differences between two equally skewed arms: 92 to 98 %. One skewed arm alone: printed."""
    rng = np.random.default_rng(n_seeds)
    shape = (2000, n_seeds)
    skewed = rng.exponential(size=shape) - 1
    draws = {"normal": rng.normal(size=shape), "difference": skewed - (rng.exponential(size=shape) - 1), "skew": skewed}
    coverage = {name: np.mean([covers(seed_interval(scores)) for scores in d]) for name, d in draws.items()}
    print(f"\nS={n_seeds}", {name: round(float(c), 3) for name, c in coverage.items()})
    assert 0.92 <= coverage["normal"] <= 0.98
    assert 0.92 <= coverage["difference"] <= 0.98
    assert 0.85 <= coverage["skew"] <= 0.95, "the docstring says 88 %"


@pytest.mark.parametrize("n_seeds", [3, 5, 10])
@pytest.mark.parametrize("accuracy", [0.5, 0.9, 0.97])
def test_intervals_of_a_bounded_score_cover_inside_its_bounds(accuracy, n_seeds):
    """Accuracies on 100 images whose true value varies over seeds as a beta distribution does.

    The symmetric interval cut at 100 % misses twice as often near the bound; that is why the logit is taken.
    """
    rng = np.random.default_rng([n_seeds, round(100 * accuracy)])
    per_seed = rng.beta(30 * accuracy, 30 * (1 - accuracy), size=(2000, n_seeds))
    scores = rng.binomial(100, per_seed).astype(float)
    symmetric = [seed_interval(row) for row in scores]
    bounded = [interval.within(0, 100) for interval in symmetric]
    assert all(0 <= interval.low <= interval.mean <= interval.high <= 100 for interval in bounded)
    coverage, of_symmetric = (np.mean([covers(i, 100 * accuracy) for i in found]) for found in (bounded, symmetric))
    print(f"\n{accuracy:.0%}, S={n_seeds}: logit {coverage:.3f}, symmetric {of_symmetric:.3f}")
    assert 0.93 <= coverage <= 0.98
    if accuracy == 0.97:
        assert of_symmetric < 0.92 < coverage


def test_a_score_at_its_bound_keeps_its_interval_inside():
    assert seed_interval(np.array([100.0, 100.0, 100.0])).within(0, 100).low == 100
    touching = Spread((Term(np.array([4.0]), 2),)).intervals(np.array([100.0]), 0.05)[0].within(0, 100)
    assert touching.high == 100
    assert touching.low < 95
    outside = seed_interval(np.array([-3.0, -2.0, -1.0]))
    assert outside.within(0, 100) == outside, "a metric that leaves the bounds keeps the symmetric interval"


@pytest.mark.parametrize("n_rows", [1, 3, 6])
def test_the_printed_bracket_agrees_with_the_verdict_in_every_table(n_rows):
    """Excludes zero exactly where resolved; and all brackets hold at once, but for the ends that Holm alone sets."""
    rng = np.random.default_rng(n_rows)
    gains = np.linspace(0, 4, n_rows)
    n_late = all_far_ends_hold = 0
    draws = 400
    for _ in range(draws):
        arms = rng.normal(size=(n_rows + 1, 5))
        arms[1:] += gains[:, None]
        found = list(compared(table(arms, rng=rng)).comparisons.values())
        for c in found:
            assert c.simultaneous.excludes_zero() == c.resolved == (c.verdict in ("gain", "loss"))
            assert c.simultaneous.low <= c.gain <= c.simultaneous.high
        n_late += sum(c.simultaneous.open_at_zero for c in found)
        all_far_ends_hold += all(
            covers(c.simultaneous, truth) or c.simultaneous.open_at_zero for c, truth in zip(found, gains, strict=True)
        )
    print(f"\n{n_rows} rows: all hold in {all_far_ends_hold / draws:.3f}, {n_late} ends at zero")
    assert all_far_ends_hold / draws >= 0.95 - 2 * 0.011
    assert (n_late > 0) == (n_rows > 1)


@pytest.mark.parametrize("n_images", [5, 40])
@pytest.mark.parametrize("n_seeds", [3, 5, 10])
@pytest.mark.parametrize(
    ("seed_ratio", "image_ratio"), [(0, 0), (4, 0), (0, 4), (1, 1), (10, 1), (4, 10)], ids=lambda ratio: str(ratio)
)
def test_two_level_interval_covers_fresh_seeds_and_a_fresh_test_set(n_seeds, n_images, seed_ratio, image_ratio):
    """Components of the variance of the mean, in units of the interaction's; 0 is none of it."""
    rng = np.random.default_rng([n_seeds, n_images, seed_ratio, image_ratio])
    seed_sd, image_sd = np.sqrt(seed_ratio / n_images), np.sqrt(image_ratio / n_seeds)
    draws = []
    for _ in range(800):
        seeds, images = rng.normal(size=(n_seeds, 1)), rng.normal(size=n_images)
        draws.append(seed_sd * seeds + image_sd * images + rng.normal(size=(n_seeds, n_images)))
    part = components(np.stack(draws), None)
    intervals = Spread((part.seeds,), (part.images,)).intervals(part.mean, 0.05)
    assert intervals[0].high == pytest.approx(two_level_interval(draws[0]).high), "all draws at once are each by itself"
    coverage = np.mean([covers(interval) for interval in intervals])
    print(f"\nS={n_seeds} M={n_images} seeds {seed_ratio} images {image_ratio}: {coverage:.3f}")
    assert 0.92 <= coverage <= 0.98 + 2 * 0.005, "± two simulation errors at the conservative end"


def test_one_t_with_satterthwaites_degrees_of_freedom_would_not_do():
    """Why squared half-widths are added: at S = 3 the usual interval misses half as often again."""
    rng = np.random.default_rng(0)
    n_seeds, draws, images = 3, 200_000, 0.5  # the image component is known: many images
    seeds = 2 * rng.chisquare(n_seeds - 1, draws) / (n_seeds - 1)
    mean = rng.normal(size=draws) * np.sqrt(2 + images)
    dof = (seeds + images) ** 2 / (seeds**2 / (n_seeds - 1))
    rates = {}
    for alpha in (0.05, 0.05 / 6):
        satterthwaite = scipy_stats.t.isf(alpha / 2, dof) ** 2 * (seeds + images)
        added = scipy_stats.t.isf(alpha / 2, n_seeds - 1) ** 2 * seeds + scipy_stats.norm.isf(alpha / 2) ** 2 * images
        rates[alpha] = np.mean(mean**2 > satterthwaite) / alpha, np.mean(mean**2 > added) / alpha
        print(f"\nerror rate over {alpha:.4f}: Satterthwaite {rates[alpha][0]:.2f}, sum {rates[alpha][1]:.2f}")
    assert rates[0.05][0] > 1.4
    assert rates[0.05 / 6][0] > 3
    assert max(rates[0.05][1], rates[0.05 / 6][1]) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("n_seeds", [3, 5, 10])
def test_intervals_of_a_table_cover(n_seeds):
    """Six rows with seed, image and interaction effects of their own; equally skewed in a second table."""
    rng = np.random.default_rng(n_seeds)
    for name, draw, most in (
        ("normal", rng.normal, 0.98),
        ("skewed", lambda size: rng.exponential(size=size) - 1, 0.985),
    ):
        two_level = over_seeds = 0.0
        for _ in range(250):
            arms = 0.5 * draw(size=(7, n_seeds, 1)) + rng.normal(size=(7, n_seeds, 30))
            on_this_test_set = list(compared(arms).comparisons.values())
            fresh = list(compared(arms + 0.5 * draw(size=(7, 1, 30))).comparisons.values())
            over_seeds += np.mean([covers(c.over_seeds) for c in on_this_test_set])
            two_level += np.mean([covers(c.two_level) for c in fresh])
        print(f"\nS={n_seeds} {name}: over seeds {over_seeds / 250:.3f}, two-level {two_level / 250:.3f}")
        assert 0.92 <= over_seeds / 250 <= most
        assert 0.92 <= two_level / 250 <= most


# --------------------------------------------------------------------------------- family-wise error


SPREADS = {
    "alike": [1, 1, 1, 1, 1, 1, 1],
    "one row x3": [1, 3, 1, 1, 1, 1, 1],
    "one row x5": [1, 5, 1, 1, 1, 1, 1],
    "one row x10": [1, 10, 1, 1, 1, 1, 1],
    "baseline x3": [3, 1, 1, 1, 1, 1, 1],
    "baseline x10": [10, 1, 1, 1, 1, 1, 1],
    "half x3": [1, 1, 1, 1, 3, 3, 3],
    "two rows, one x6": [1, 6, 1],
}


@pytest.mark.slow
@pytest.mark.parametrize("n_seeds", [3, 5])
@pytest.mark.parametrize("spread", SPREADS)
def test_family_wise_error_without_any_gain(spread, n_seeds):
    """Seed deviations of baseline and rows as listed; the bound allows two simulation errors above 5 %."""
    sd = np.array(SPREADS[spread], float)
    rng = np.random.default_rng([n_seeds, len(spread)])
    false = pooled = covered = 0
    for _ in range(1000):
        result = compared(table(sd[:, None] * rng.normal(size=(len(sd), n_seeds)), rng=rng))
        covered += covers(result.comparisons["0"].over_seeds)
        false += any(c.resolved for c in result.comparisons.values())
        pooled += result.pooled
    shares = f"family-wise error {false / 1000:.3f}, pooled {pooled / 1000:.2f}, first row covered {covered / 1000:.3f}"
    print(f"\nS={n_seeds} {spread}: {shares}")
    assert false / 1000 <= 0.05 + 2 * 0.007
    assert covered / 1000 >= 0.86, "the docstring of compare says 88 %"


def test_the_whole_residual_variance_would_not_do():
    """Why rows borrow half: the layout's residual mean square with K (S - 1) degrees of freedom, K = 6 and S = 3.

    Taken always, and taken unless a test of homogeneity rejects at 10 % (its null distribution simulated, so exact).
    """
    rng = np.random.default_rng(0)

    def residual_squares(means):
        centred = means - means.mean(1, keepdims=True)
        return np.sum((centred - centred.mean(2, keepdims=True)) ** 2, 2)

    def concentration(squares):
        return np.sum(squares**2, 1) / squares.sum(1) ** 2

    limit = np.quantile(concentration(residual_squares(rng.normal(size=(20_000, 7, 3)))), 0.9)
    always, unless_rejected = {}, {}
    for spread in ("one row x3", "one row x10", "baseline x3", "baseline x10"):
        means = np.array(SPREADS[spread])[:, None] * rng.normal(size=(20_000, 7, 3))
        squares = residual_squares(means)
        differences = means[:, 1:] - means[:, :1]
        t = np.abs(differences.mean(2)) / np.sqrt(2 * squares.sum(1) / 12 / 3)[:, None]
        paired_t = np.abs(differences.mean(2)) / np.sqrt(differences.var(2, ddof=1) / 3)
        whole = t.max(1) > scipy_stats.t.isf(0.05 / 12, 12)
        own = paired_t.max(1) > scipy_stats.t.isf(0.05 / 12, 2)
        always[spread] = round(float(whole.mean()), 3)
        unless_rejected[spread] = round(float(np.where(concentration(squares) > limit, own, whole).mean()), 3)
    print("\nalways", always, "unless rejected", unless_rejected)
    assert 0.08 <= min(always.values()) <= max(always.values()) <= 0.26, "the docstring of compare says 9 to 24 %"
    assert 0.11 <= max(unless_rejected.values()) <= 0.15, "the docstring of compare says 12 %"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_rows", "n_seeds", "n_images", "accuracy", "draws"),
    [
        (1, 2, 200, 0.98, 1000),
        (1, 3, 200, 0.98, 1000),
        (6, 3, 200, 0.9, 500),
        (6, 5, 200, 0.98, 500),
        (6, 3, 2500, 0.9, 200),
        (6, 5, 2500, 0.98, 200),
    ],
)
def test_hits_and_misses_give_no_false_gains(n_rows, n_seeds, n_images, accuracy, draws):
    """Hits on images that are hard for all arms alike, with effects of arm on image, seed and chance."""
    rng = np.random.default_rng([n_rows, n_seeds, n_images])
    threshold = scipy_stats.norm.ppf(accuracy) * np.sqrt(1 + 0.3**2 + 0.1**2 + 0.7**2)
    arms = n_rows + 1
    false = errors = count = 0
    for _ in range(draws):
        latent = (
            rng.normal(size=(1, 1, n_images))
            + 0.3 * rng.normal(size=(arms, 1, n_images))
            + 0.1 * rng.normal(size=(arms, n_seeds, 1))
            + 0.7 * rng.normal(size=(arms, n_seeds, n_images))
        )
        comparisons = compared((latent < threshold).astype(float)).comparisons.values()
        p = [c.p for c in comparisons if c.p is not None]
        false += any(c.resolved for c in comparisons)
        errors, count = errors + sum(x < 0.05 for x in p), count + len(p)
    print(
        f"\n{n_rows} rows, S={n_seeds}, M={n_images}: p < 0.05 in {errors / count:.3f}, family-wise {false / draws:.3f}"
    )
    assert false / draws <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / draws)
    assert errors / count <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / draws)


# ----------------------------------------------------------------------------------------------- power


@pytest.mark.parametrize(("n_seeds", "n_tests"), [(3, 1), (5, 1), (5, 6), (10, 6)])
def test_minimal_detectable_gain_is_seen_four_times_in_five(n_seeds, n_tests):
    rng = np.random.default_rng([n_seeds, n_tests])
    gain = minimal_detectable_gain(1 / np.sqrt(n_seeds), n_seeds - 1, n_tests)
    scores = gain + rng.normal(size=(20_000, n_seeds))
    seen = scipy_stats.ttest_1samp(scores, 0, axis=1).pvalue < 0.05 / n_tests
    print(f"\nS={n_seeds}, {n_tests} tests: power {seen.mean():.3f}")
    assert 0.77 <= seen.mean() <= 0.83


@pytest.mark.slow
@pytest.mark.parametrize("n_seeds", [3, 5, 10])
def test_a_table_resolves_its_minimal_detectable_gain(n_seeds):
    """All but one of six rows are null; the printed gain, averaged over tables, is seen in 80 ± 3 % of them."""
    rng = np.random.default_rng(n_seeds)
    tables = [table(rng.normal(size=(7, n_seeds)), rng=rng) for _ in range(700)]
    gain = np.mean([compared(arms).minimal_detectable_gain for arms in tables])
    for arms in tables:
        arms[1] += gain
    seen = np.mean([compared(arms).comparisons["0"].p < 0.05 / 6 for arms in tables])
    print(f"\nS={n_seeds}: gain {gain:.2f}, power {seen:.3f}")
    assert 0.77 <= seen <= 0.83


def test_a_leaderboard_is_tested_in_a_blink():
    """20 rows x 5 seeds x 2,500 images in at most 50 ms (the quickest of five)."""
    rng = np.random.default_rng(0)
    hits = (rng.random((21, 5, 2500)) < 0.8).astype(float)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        compared(hits)
        seconds.append(time.perf_counter() - start)
    print(f"\n{1e3 * min(seconds):.1f} ms")
    assert min(seconds) <= 0.05
