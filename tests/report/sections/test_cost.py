"""Gain against cost: what refiners take, and the Pareto front."""

import csv
import io

import pytest

from bench.report import tables_of, write_report
from bench.report.sections.cost import pareto_front
from bench.results.cost import Cost

ROWS = {("source", ""): 0.6, ("refined", "dear"): 0.8, ("refined", "cheap"): 0.7, ("refined", "vain"): 0.65}
SECONDS = {"dear": 300.0, "cheap": 2.0, "vain": 20.0}


@pytest.fixture
def records(make_records):
    def make(rows=ROWS, **cost):
        return [
            record.model_copy(update={"cost": Cost(fit_seconds=SECONDS.get(record.cell.refiner, 0.0), **cost)})
            for record in make_records(rows)
        ]

    return make


def test_the_front_is_what_none_beats_for_less():
    assert pareto_front([(300, 20), (2, 10), (20, 5)]) == [1, 0]
    assert pareto_front([(1, 1), (1, 2), (1, 2)]) == [1]
    assert pareto_front([(1, -3)]) == [0]
    assert pareto_front([]) == []


def test_refiners_stand_by_cost_with_the_front_marked(records):
    (section,) = tables_of(records())[0].sections
    assert [(row[0], row[2]) for row in section.rows] == [("`cheap`", "●"), ("`vain`", "–"), ("`dear`", "●")]
    assert list(section.frame.on_front) == [True, False, True]
    dear, cheap = (f"{gain:+.1f}" for gain in section.frame.gain.iloc[[2, 0]])
    assert section.finding == (
        f"`dear` does best, {dear}, and takes 300.0 s to fit and refine; `cheap` takes 2.0 s for {cheap}."
    )


def test_where_all_lose_nobody_is_said_to_gain(records):
    lost = {("source", ""): 0.8, ("refined", "dear"): 0.7, ("refined", "cheap"): 0.5}
    (section,) = tables_of(records(lost))[0].sections
    assert section.finding.startswith("`dear` does best, -10.7, and takes 300.0 s")


def test_gpu_figures_stand_where_there_are_any(records):
    titles = [heading.title for heading in tables_of(records())[0].sections[0].headings]
    assert not any("GPU" in title for title in titles)
    of_gpu = {"fit_gpu_seconds": 7.0, "fit_peak_memory_mb": 2048.0, "refiner_parameters": 1_000_000}
    section = tables_of(records(**of_gpu))[0].sections[0]
    shown = dict(zip([heading.title for heading in section.headings], section.rows[0], strict=True))
    assert shown["fit, GPU s"] == "7.0"
    assert shown["fit, peak GPU memory, MB"] == "2,048"
    assert shown["refiner's parameters"] == "1,000,000"
    assert "train, GPU s" not in shown


def test_the_csv_has_every_number(records, tmp_path):
    write_report(records(n_parameters=64), tmp_path, figures=False)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "cost.csv").read_text())))
    assert [row["refiner"] for row in rows] == ["cheap", "vain", "dear"]
    assert [row["on_front"] for row in rows] == ["True", "False", "True"]
    assert float(rows[2]["seconds"]) == 300
    assert float(rows[0]["n_parameters"]) == 64


def test_one_refiner_has_no_front(records):
    one = {row: accuracy for row, accuracy in ROWS.items() if row[1] in ("", "dear")}
    assert tables_of(records(one))[0].sections == ()
