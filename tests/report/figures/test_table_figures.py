"""What figures show, their numbers against the tables; a drawing that fits any page."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from bench import stats
from bench.report.figures.drawing import Draft, drawn
from bench.report.figures.mean_ranks import ranks_figure
from bench.report.figures.per_class import class_gains
from bench.report.figures.table_figures import _ticks, table_figures
from bench.report.frame import cell_frame
from bench.report.leaderboard import leaderboard
from bench.results.record import Array, MetricInfo


def figures_of(records):
    frame = cell_frame(records)
    (table,) = [table for table in leaderboard(frame) if table.recipe == "strong"]
    cells = frame[frame.recipe == "strong"]
    return table, cells, {figure.title.partition(":")[0]: figure for figure in table_figures(table, cells, "f")}


def texts(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter("text")]  # noqa: S314


def test_gains_have_a_line_for_each_tested_row_without_labels(quick_records):
    table, _, figures = figures_of(quick_records)
    shown = [text for text in texts(figures["Gains"]) if re.match(r"[a-z]", text)]
    tested = [row for row in table.rows if row.gain and row.gain.interval and not row.target_labels]
    names = {f"{row.arm} {row.refiner}".strip() for row in tested}
    assert set(shown) == names | {"gain over source, points"}
    assert len(shown) == len(tested) + 1
    best = max(tested, key=lambda row: row.gain.value)
    assert f"best is refined {best.refiner}, {best.gain.value:+.1f} points" in figures["Gains"].finding
    assert "missed more than one time in five" in figures["Gains"].caption


def test_labels_state_who_is_best_with_few_of_them(make_records):
    rows = {("source", ""): 0.6, ("refined", "fda"): 0.7, ("oracle", ""): 0.95}
    rows |= {("real@20", ""): 0.5, ("hybrid@20", ""): 0.75, ("refined_hybrid@20", "fda"): 0.8, ("hybrid@100", ""): 0.85}
    table, _, figures = figures_of(make_records(rows))
    figure = figures["What labelled images add"]
    score = table.find("refined_hybrid@20", "fda").score.value
    assert figure.finding.startswith(
        f"With 20 labelled real images, training on fda + real scores best: {score:.1f} %."
    )
    assert "All 1,000 of them alone reach" in figure.finding
    assert {"fda + real", "source + real", "real images alone", "100"} <= set(texts(figure))


def test_cost_names_the_pareto_front_alone(make_records, make_record):
    cost = make_record(np.ones(4)).cost
    rows = {"cheap": (0.70, 1.0), "dear": (0.85, 60.0), "wasteful": (0.68, 30.0)}
    records = make_records({("source", ""): 0.6})
    for name, (accuracy, seconds) in rows.items():
        changed = cost.model_copy(update={"fit_seconds": seconds, "refine_seconds": 0.5})
        records += make_records({("refined", name): accuracy}, cost=changed)
    _, _, figures = figures_of(records)
    figure = figures["Gain against cost"]
    assert {"cheap", "dear"} <= set(texts(figure))
    assert "wasteful" not in texts(figure)
    assert "in 60.5 s; the cheapest, cheap, takes 1.5 s" in figure.finding


def test_a_cost_axis_has_two_numbers_at_least_however_close_the_costs(make_records):
    records = make_records({("source", ""): 0.6, ("refined", "one"): 0.7, ("refined", "two"): 0.72})
    seconds = {"one": 0.28, "two": 0.5}
    records = [
        r.model_copy(
            update={
                "cost": r.cost.model_copy(update={"fit_seconds": seconds.get(r.cell.refiner, 0.0), "refine_seconds": 0})
            }
        )
        for r in records
    ]
    _, _, figures = figures_of(records)
    assert {"0.3", "0.4"} <= set(texts(figures["Gain against cost"]))


@pytest.mark.parametrize(
    ("least", "most", "ticks"), [(0.28, 0.5, [0.3, 0.4, 0.5]), (0.405, 0.445, [0.41, 0.42, 0.43, 0.44])]
)
def test_costs_that_are_nearly_equal_have_ticks(least, most, ticks):
    assert _ticks(least, most) == pytest.approx(ticks)


def test_gains_by_class_are_paired_intervals_over_the_classes_images(make_records):
    true_class = np.arange(400) % 4
    records = make_records(
        {("source", ""): 0.6, ("refined", "fda"): 0.75}, per_image={"true_class": Array.pack(true_class)}
    )
    table, cells, figures = figures_of(records)
    found = class_gains(table, cells, table.find("refined", "fda"))
    hits = {arm: [r.contributions.unpack() for r in records if r.cell.arm == arm] for arm in ("source", "refined")}
    difference = 100 * (np.stack(hits["refined"]) - np.stack(hits["source"]))
    expected = stats.two_level_interval(difference[:, true_class == 2])
    assert [c.name for c in found] == ["0", "1", "2", "3"]
    assert (found[2].value, found[2].low, found[2].high) == pytest.approx((expected.mean, expected.low, expected.high))
    assert "refined fda gains most on class" in figures["Gain by class"].finding


def test_gains_by_class_come_from_metrics_of_classes_where_images_have_none(make_record):
    records = []
    for arm, refiner, road in (("source", "", 0.5), ("refined", "fda", 0.6)):
        for seed in range(3):
            record = make_record(np.r_[np.ones(60), np.zeros(40 - seed)], arm=arm, refiner=refiner, task_seed=seed)
            iou = MetricInfo(name="iou/3", value=road + 0.01 * seed, higher_is_better=True, unit="%", scale=100.0)
            records.append(record.model_copy(update={"metrics": (*record.metrics, iou)}))
    records = [r.model_copy(update={"contributions": Array.pack(r.contributions.unpack()[:98])}) for r in records]
    table, cells, _ = figures_of(records)
    (found,) = class_gains(table, cells, table.find("refined", "fda"))
    assert (found.name, found.value, found.over) == ("3", pytest.approx(10), "over seeds")


def test_few_tasks_have_a_sentence_instead_of_mean_ranks(quick_records):
    said = ranks_figure(leaderboard(cell_frame(quick_records)))
    assert said.startswith("There is no critical-difference diagram: it compares mean ranks over at least 6 tasks")
    assert said.endswith("this page has 1 task.")


def test_names_are_text_and_no_mathematics(make_records):
    records = make_records({("source", ""): 0.7, ("refined", "$x^2$<b>"): 0.8})
    _, _, figures = figures_of(records)
    assert "refined $x^2$<b>" in texts(figures["Gains"])
    assert "<b>" not in figures["Gains"].svg


def test_drawings_are_equal_whatever_the_users_own_settings(quick_records):
    _, _, first = figures_of(quick_records)
    with matplotlib.rc_context({"font.size": 30, "axes.grid": False, "svg.hashsalt": None, "lines.linewidth": 9}):
        _, _, second = figures_of(quick_records)
    assert {title: figure.svg for title, figure in first.items()} == {t: f.svg for t, f in second.items()}


def test_a_drawing_has_no_style_no_foreign_names_and_the_pages_colours():
    svg = drawn(Draft("t", "f", "c", lambda axes: axes.plot([1, 2], [3, 4], marker="o")), "x").svg
    assert not re.search(r"style|xmlns|xlink|metadata|font-family|#\w\wfe\w\w", svg)
    assert "var(--ink)" in svg
    ids = re.findall(r' id="([^"]+)"', svg)
    assert ids
    assert all(name.startswith("x-") for name in ids)
    assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(ids)
