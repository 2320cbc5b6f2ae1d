"""What the statistics say on data whose answer is known by hand or from SciPy. Coverage: test_stats_simulation.py."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.api.errors import DataError
from bench.stats import (
    TooFew,
    compare,
    gap_closed,
    holm,
    minimal_detectable_gain,
    seed_interval,
    two_level_interval,
)


def by_seed(*means, n_images=4):
    """``(S, M)`` contributions, all images of a seed alike."""
    return np.repeat(np.array(means, float)[:, None], n_images, axis=1)


def noisy_table(n_rows, n_seeds=4, n_images=40, gains=(), seed=0):
    """Baseline and rows with effects of seed, image and arm; ``gains`` of the first rows."""
    rng = np.random.default_rng(seed)
    values = (
        rng.normal(size=(1, 1, n_images))
        + rng.normal(size=(1, n_seeds, 1))
        + 0.2 * rng.normal(size=(n_rows + 1, n_seeds, 1))
        + 0.3 * rng.normal(size=(n_rows + 1, n_seeds, n_images))
    )
    values[1 : len(gains) + 1] += np.reshape(gains, (-1, 1, 1))
    return values[0], {f"row {k}": values[k] for k in range(1, n_rows + 1)}


# ------------------------------------------------------------------------------------------- one arm


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_seed_interval_is_scipys_t_interval(level):
    scores = np.array([0.81, 0.84, 0.79, 0.86, 0.83])
    interval = seed_interval(scores, level)
    low, high = scipy_stats.t.interval(level, 4, scores.mean(), scipy_stats.sem(scores))
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert interval.se == pytest.approx(scipy_stats.sem(scores))
    assert interval.dof == pytest.approx(4)


def test_equal_seeds_give_their_value_and_no_width():
    interval = seed_interval(np.full(3, 0.1))
    assert (interval.mean, interval.low, interval.high, interval.se) == (0.1, 0.1, 0.1, 0.0)


def test_one_seed_is_too_few():
    for ask in (lambda: seed_interval(np.array([0.8])), lambda: two_level_interval(np.ones((1, 9)))):
        with pytest.raises(TooFew, match=r"n too small \(have 1, need 2\): add task seeds") as caught:
            ask()
        assert (caught.value.have, caught.value.need) == (1, 2)
    with pytest.raises(TooFew, match="have 1, need 2"):
        compare(np.ones((1, 9)), {"fda": np.zeros((1, 9))})


def test_one_video_is_too_few():
    with pytest.raises(TooFew, match=r"have 1, need 2\): add test images, or blocks"):
        two_level_interval(np.random.default_rng(0).normal(size=(3, 9)), groups=np.zeros(9, int))


def test_two_seeds_are_enough_for_an_interval():
    assert seed_interval(np.array([0.8, 0.9])).high == pytest.approx(0.85 + 0.05 * scipy_stats.t.ppf(0.975, 1))


def test_two_level_interval_follows_a_hand_worked_anova():
    """Two seeds, three images; mean squares worked by hand.

    Seed means 3 and 5, image means 2, 3 and 7, mean 4. Sums of squares: seeds 3 (1 + 1) = 6, images 2 (4 + 1 + 9) = 28,
    rest: residuals ±1, ±1, 0 around the additive table, 4. Mean squares 6, 14, 4 / 2 = 2.
    """
    additive = np.array([[1, 2, 6], [3, 4, 8]], float)
    values = additive + np.array([[1, -1, 0], [-1, 1, 0]])
    interval = two_level_interval(values)
    seeds, images = 6 / 6, (14 - 2) / 6
    half = np.sqrt(scipy_stats.t.ppf(0.975, 1) ** 2 * seeds + scipy_stats.t.ppf(0.975, 2) ** 2 * images)
    assert interval.mean == pytest.approx(4)
    assert interval.se == pytest.approx(np.sqrt(seeds + images))
    assert (interval.low, interval.high) == pytest.approx((4 - half, 4 + half))
    assert interval.se * scipy_stats.t.ppf(0.975, interval.dof) == pytest.approx(half)


def test_images_that_agree_add_nothing_to_the_seed_interval():
    scores = np.array([0.6, 0.9, 0.7])
    assert two_level_interval(by_seed(*scores)).low == pytest.approx(seed_interval(scores).low)


def test_seeds_that_agree_leave_a_t_interval_over_images():
    images = np.array([0.2, 0.9, 0.4, 0.7])
    interval = two_level_interval(np.tile(images, (3, 1)))
    expected = scipy_stats.t.interval(0.95, 3, images.mean(), scipy_stats.sem(images))
    assert (interval.low, interval.high) == pytest.approx(expected)


def test_the_same_count_by_chance_is_not_certainty():
    """Both seeds score 2 of 4, on other images: the seed means agree, the images say that this is luck."""
    interval = two_level_interval(np.array([[1, 1, 0, 0], [0, 0, 1, 1]], float))
    assert interval.mean == 0.5
    assert interval.high - interval.low > 0.01


def test_order_of_seeds_and_images_is_irrelevant():
    values = np.random.default_rng(0).normal(size=(4, 30))
    shuffled = values[::-1, np.random.default_rng(1).permutation(30)]
    assert two_level_interval(shuffled).high == pytest.approx(two_level_interval(values).high)


def test_blocks_of_one_image_are_images():
    values = np.random.default_rng(0).normal(size=(4, 30))
    assert two_level_interval(values, np.arange(30)[::-1]).low == pytest.approx(two_level_interval(values).low)


def test_equal_blocks_are_their_means():
    values = np.random.default_rng(0).normal(size=(4, 30))
    blocks = np.arange(30) % 10
    means = np.stack([values[:, blocks == b].mean(1) for b in range(10)], axis=1)
    assert two_level_interval(values, blocks).low == pytest.approx(two_level_interval(means).low)


def test_frames_of_a_video_count_once():
    """Ten frames that repeat one image carry the evidence of one image."""
    images = np.random.default_rng(0).normal(size=(3, 20))
    frames = two_level_interval(np.repeat(images, 10, axis=1), np.repeat(np.arange(20), 10))
    assert frames.low == pytest.approx(two_level_interval(images).low)


def test_unequal_blocks_keep_the_mean_over_images():
    rng = np.random.default_rng(0)
    values, blocks = 0.8 + 0.01 * rng.normal(size=(3, 60)), np.repeat(np.arange(6), [1, 3, 5, 11, 15, 25])
    interval = two_level_interval(values, blocks)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.se < 0.02, "the length of a video must not pass for the quality of its frames"


# ---------------------------------------------------------------------------------------------- Holm


def test_holm_by_hand():
    """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, the last raised to 0.06."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_holm_edges():
    np.testing.assert_array_equal(holm([]), [])
    np.testing.assert_array_equal(holm([0.7, 0.6]), [1, 1])
    np.testing.assert_array_equal(holm([0.02]), [0.02])
    with pytest.raises(DataError, match="p-values"):
        holm([0.5, float("nan")])
    with pytest.raises(DataError, match=r"found 0.5 to 1.5"):
        holm([0.5, 1.5])


# --------------------------------------------------------------------------------------------- tables


def test_one_row_without_image_effects_is_the_paired_t_test():
    baseline, row = by_seed(0.80, 0.83, 0.79, 0.85), by_seed(0.84, 0.85, 0.85, 0.86)
    expected = scipy_stats.ttest_rel(row[:, 0], baseline[:, 0])
    result = compare(baseline, {"fda": row})
    fda = result.comparisons["fda"]
    assert fda.gain == pytest.approx(0.0325)
    assert fda.p == fda.p_adjusted == pytest.approx(expected.pvalue, rel=1e-6)
    interval = expected.confidence_interval()
    assert (fda.over_seeds.low, fda.over_seeds.high) == pytest.approx((interval.low, interval.high))
    assert (result.residual_dof, result.homogeneity_p, result.pooled) == (3, None, False)


def test_images_widen_the_paired_interval():
    rng = np.random.default_rng(0)
    baseline = rng.normal(size=(4, 25))
    row = baseline + 0.1 + by_seed(0, 0.01, -0.01, 0.02, n_images=25) + rng.normal(size=25)
    fda = compare(baseline, {"fda": row}).comparisons["fda"]
    assert fda.over_seeds.low > 0, "on this test set the gain is there"
    assert fda.two_level.low == pytest.approx(two_level_interval(row - baseline).low)
    assert not fda.resolved, "another test set might not show it"


def test_rows_borrow_half_from_the_tables_mean_paired_variance():
    rng = np.random.default_rng(3)
    baseline, rows = rng.normal(size=5), rng.normal(size=(3, 5))
    result = compare(by_seed(*baseline), {str(k): by_seed(*row) for k, row in enumerate(rows)})
    assert result.pooled
    own = np.var(rows - baseline, axis=1, ddof=1)
    dof = 16 * 3 * 4 / (7 * 3 + 9)
    assert result.residual_dof == pytest.approx(dof)
    for k in range(3):
        interval = result.comparisons[str(k)].over_seeds
        assert interval.se == pytest.approx(np.sqrt((own[k] + own.mean()) / 2 / 5))
        assert interval.high - interval.mean == pytest.approx(interval.se * scipy_stats.t.ppf(0.975, dof))


def test_the_layouts_residual_variance_is_what_the_mean_paired_variance_estimates():
    """Over all pairs of treatments the mean paired variance is twice the residual mean square, exactly."""
    means = np.random.default_rng(0).normal(size=(4, 5))
    residuals = means - means.mean(0) - means.mean(1, keepdims=True) + means.mean()
    pairs = [np.var(means[i] - means[j], ddof=1) for i in range(4) for j in range(i)]
    assert np.mean(pairs) == pytest.approx(2 * np.sum(residuals**2) / (3 * 4))


def test_unequal_variances_are_seen_and_each_row_stands_alone():
    baseline, rows = noisy_table(6, n_seeds=5)
    rows["row 3"] = rows["row 3"] + by_seed(9, -8, 7, -6, -5, n_images=40)
    result = compare(baseline, rows)
    assert result.homogeneity_p < 0.1
    assert not result.pooled
    assert result.residual_dof == 4
    assert "differ" in result.statement
    assert "own paired variance" in result.statement
    wild = result.comparisons["row 3"].over_seeds
    alone = seed_interval((rows["row 3"] - baseline).mean(1))
    assert (wild.low, wild.high) == pytest.approx((alone.low, alone.high))


def test_alike_rows_are_pooled_and_the_page_says_so():
    result = compare(*noisy_table(6, n_seeds=5))
    assert result.pooled
    assert "borrow" in result.statement
    assert f"{result.homogeneity_p:.2f}" in result.statement


def test_verdicts_follow_the_adjusted_p():
    result = compare(*noisy_table(4, gains=(3.0, -3.0, 0.02)))
    verdicts = [comparison.verdict for comparison in result.comparisons.values()]
    assert verdicts == ["gain", "loss", "not resolved", "not resolved"]
    assert [c.resolved for c in result.comparisons.values()] == [True, True, False, False]


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_p_interval_and_verdict_never_contradict_each_other(level):
    checked, late = set(), []
    for seed in range(60):
        baseline, rows = noisy_table(4, n_seeds=3, gains=(0.3, -0.4, 0.6), seed=seed)
        families = {"row 1": "a", "row 2": "a", "row 3": "b", "row 4": "a"}
        result = compare(baseline, rows, families=families, level=level)
        for name, c in result.comparisons.items():
            n_family = 1 if name == "row 3" else 3
            assert (c.p < 1 - level) == c.two_level.excludes_zero()
            assert c.resolved == c.simultaneous.excludes_zero()
            bonferroni = c.p * n_family < 1 - level
            assert (c.resolved and not bonferroni) == c.simultaneous.open_at_zero
            assert c.simultaneous.low <= c.simultaneous.mean <= c.simultaneous.high
            assert c.resolved == (c.p_adjusted < 1 - level)
            assert c.resolved == (c.verdict in ("gain", "loss"))
            assert c.p_adjusted >= c.p
            if not c.simultaneous.open_at_zero:
                assert c.simultaneous.low <= c.two_level.low
            late.append(c.simultaneous.open_at_zero)
            assert c.two_level.high - c.two_level.low >= c.over_seeds.high - c.over_seeds.low
            checked.add(c.resolved)
    assert checked == {True, False}
    assert any(late), "a row that only a later step of Holm resolves is among them"


def test_holm_counts_within_each_family():
    baseline, rows = noisy_table(4, gains=(0.3, 0.4, 0.2, 0.3))
    families = {"row 1": "refiners", "row 2": "refiners", "row 3": "refiners", "row 4": "references"}
    result = compare(baseline, rows, families=families)
    c = result.comparisons
    np.testing.assert_allclose(
        [c[f"row {k}"].p_adjusted for k in (1, 2, 3)], holm([c[f"row {k}"].p for k in (1, 2, 3)])
    )
    assert c["row 4"].p_adjusted == c["row 4"].p
    assert result.n_tests == 3
    with pytest.raises(DataError, match="'row 4' has no family"):
        compare(baseline, rows, families=dict.fromkeys(list(rows)[:3], "refiners"))


def test_a_row_that_shares_the_training_changes_nothing_for_the_others():
    baseline, rows = noisy_table(4, gains=(0.5,))
    alone = compare(baseline, rows)
    beside = compare(baseline, {"identity": baseline.copy(), **rows})
    identity = beside.comparisons.pop("identity")
    assert identity.verdict == "same training"
    assert (identity.gain, identity.p, identity.p_adjusted, identity.resolved) == (0, None, None, False)
    assert beside == alone


def test_a_table_of_shared_trainings_and_an_empty_one_test_nothing():
    baseline, _ = noisy_table(0)
    result = compare(baseline, {"identity": baseline})
    assert result.comparisons["identity"].verdict == "same training"
    assert (result.n_tests, result.minimal_detectable_gain, result.homogeneity_p) == (0, None, None)
    assert compare(baseline, {}).comparisons == {}


def test_everything_at_100_percent_has_no_nan():
    result = compare(np.ones((3, 50)), {"perfect": np.ones((3, 50)), "useless": np.zeros((3, 50))})
    useless = result.comparisons["useless"]
    assert (useless.gain, useless.two_level.low, useless.two_level.high) == (-1, -1, -1)
    assert useless.verdict == "loss"
    assert result.minimal_detectable_gain == 0
    interval = two_level_interval(np.ones((3, 50)))
    assert (interval.low, interval.high, interval.se) == (1, 1, 0)


def test_numbers_that_are_not_finite_are_refused_by_name():
    baseline, rows = noisy_table(2)
    rows["row 2"][1, 3] = np.nan
    with pytest.raises(DataError, match="row 'row 2' hold 1 values that are not finite"):
        compare(baseline, rows)
    with pytest.raises(DataError, match="not finite"):
        seed_interval(np.array([1.0, np.inf, 2.0]))
    with pytest.raises(DataError, match="not finite"):
        two_level_interval(np.full((3, 4), np.nan))


def test_shapes_that_do_not_pair_are_refused():
    baseline, rows = noisy_table(1)
    with pytest.raises(DataError, match=r"'row 1' has shape \(4, 39\); the baseline has \(4, 40\)"):
        compare(baseline, {"row 1": rows["row 1"][:, :39]})
    with pytest.raises(DataError, match="one label per image"):
        compare(baseline, rows, groups=np.zeros(39))
    with pytest.raises(DataError, match="needed is an array of 1 axes"):
        seed_interval(np.ones((3, 2)))


def test_the_answer_is_the_same_each_time_and_leaves_inputs_alone():
    baseline, rows = noisy_table(5)
    before = baseline.copy()
    assert compare(baseline, rows) == compare(baseline, rows)
    np.testing.assert_array_equal(baseline, before)


# -------------------------------------------------------------------------- detectable gain, gap closed


@pytest.mark.parametrize(("dof", "n_tests"), [(2, 1), (4, 6), (24, 6), (1e6, 20)])
def test_minimal_detectable_gain_has_the_stated_power(dof, n_tests):
    gain = minimal_detectable_gain(se=1.5, dof=dof, n_tests=n_tests)
    critical = scipy_stats.t.isf(0.025 / n_tests, dof)
    assert scipy_stats.nct.sf(critical, dof, gain / 1.5) == pytest.approx(0.8, abs=1e-3)


def test_minimal_detectable_gain_of_many_seeds_is_the_textbook_sum_of_normal_quantiles():
    assert minimal_detectable_gain(1.0, float("inf"), 1) == pytest.approx(1.95996 + 0.84162, abs=1e-3)


def test_minimal_detectable_gain_refuses_what_has_no_answer():
    with pytest.raises(DataError, match="dof=0"):
        minimal_detectable_gain(1.0, 0, 6)


def test_gap_closed_needs_a_resolved_positive_oracle():
    c = compare(*noisy_table(3, gains=(2.0, -2.0, 0.3))).comparisons
    assert c["row 3"].gain > 0
    assert not c["row 3"].resolved
    assert gap_closed(1.0, c["row 1"]) == pytest.approx(1 / c["row 1"].gain)
    assert gap_closed(4.0, c["row 1"]) > 1
    assert gap_closed(-1.0, c["row 1"]) < 0
    assert gap_closed(1.0, c["row 2"]) is None
    assert gap_closed(1.0, c["row 3"]) is None


# ---------------------------------------------------------------------------------------------- costs


def test_statistics_need_no_torch():
    code = "import sys, bench.stats; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
