"""How numbers are printed: a bracket beside a verdict never contradicts it."""

import numpy as np
import pytest

from bench import stats
from bench.api import Metric
from bench.report.frame import cell_frame
from bench.report.leaderboard import leaderboard
from bench.report.text import amount, bracket
from bench.results.record import MetricInfo


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        (stats.Interval(3.2, 1.0, 5.4, 1, 4), "[+1.0, +5.4]"),
        (stats.Interval(3.2, -0.01, 5.4, 1, 4), "[+0.0, +5.4]"),
        (stats.Interval(3.2, 0.01, 5.4, 1, 4), "(0.0, +5.4]"),
        (stats.Interval(3.2, 0.0, 5.4, 1, 4, open_at_zero=True), "(0.0, +5.4]"),
        (stats.Interval(-3.2, -5.4, 0.0, 1, 4, open_at_zero=True), "[-5.4, 0.0)"),
    ],
)
def test_an_end_that_rounds_to_zero_says_whether_zero_belongs(interval, shown):
    assert bracket(interval, 1, signed=True) == shown


@pytest.mark.parametrize("decimals", [0, 1, 3])
def test_printed_brackets_agree_with_verdicts_over_random_tables(decimals):
    rng = np.random.default_rng(decimals)
    seen = set()
    for _ in range(40):
        arms = 0.02 * rng.normal(size=(5, 5, 1)) + 0.1 * rng.normal(size=(5, 5, 30))
        arms += rng.choice([0, 0.02, 0.05], size=(5, 1, 1))
        found = stats.compare(arms[0], {str(k): arm for k, arm in enumerate(arms[1:])})
        for comparison in found.comparisons.values():
            shown = bracket(comparison.simultaneous, decimals, signed=True)
            low, high = (float(end) for end in shown.strip("[()]").split(","))
            includes = (low < 0 or (low == 0 and shown[0] == "[")) and (high > 0 or (high == 0 and shown[-1] == "]"))
            assert includes == (not comparison.resolved), shown
            seen.add(comparison.resolved)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (Metric("abs_rel", False, "%", 100.0, "AbsRel"), "+22.9 points in AbsRel"),
        (Metric("mean_angle_error", False, "°"), "+22.9° in mean angle error"),
        (Metric("log_error", False, ""), "+22.9 in log error"),
        (Metric("rmse_m", False, "m", 1.0, "RMSE"), "+22.9 m in RMSE"),
    ],
)
def test_an_amount_is_said_with_the_metrics_label(quick_records, metric, said):
    from dataclasses import replace

    table = leaderboard(cell_frame(quick_records))[0]
    assert amount(22.94, replace(table, metric=metric, decimals=1), signed=True) == said


def test_labels_travel_with_records_and_old_records_get_theirs_by_name(make_records):
    def titles(**changes):
        records = make_records({("source", ""): 0.6, ("refined", "fda"): 0.7}, seeds=3, **changes)
        return leaderboard(cell_frame(records))[0].metric.title

    def metric(name, label=""):
        return {
            "metrics": (MetricInfo(name=name, value=0.5, higher_is_better=True, unit="%", scale=100.0, label=label),)
        }

    assert titles(**metric("miou")) == "mIoU"
    assert titles(**metric("collision_free_rate")) == "collision-free rate"
    assert titles(**metric("macro_accuracy")) == "macro accuracy"
    assert titles(**metric("miou", "mean overlap")) == "mean overlap"
