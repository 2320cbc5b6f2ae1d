"""Published figures beside a table's own."""

import pytest

from bench.report import tables_of
from bench.report.sections.literature import studies

ROWS = {
    ("source", ""): 0.4,
    ("refined", "background:fill=procedural"): 0.7,
    ("refined", "pixelda"): 0.3,
    ("oracle", ""): 0.9,
}


@pytest.fixture
def section(make_records):
    def make(pair, task="classification", **changes):
        records = [
            record.model_copy(update={"cell": record.cell.model_copy(update={"pair": pair, "task": task})})
            for record in make_records(ROWS, **changes)
        ]
        found = [part for part in tables_of(records)[0].sections if part.csv == "literature.csv"]
        return found[0] if found else None

    return make


def test_a_pair_that_a_paper_reports_has_its_figures_beside_the_measured_ones(section):
    rows = {(row[0], row[3]): row for row in section("linemod").rows}
    source = rows["source only on black (T2)", "`source`"]
    assert source[1:3] == ("47.33", "–")
    assert source[4].startswith("4")
    on_photographs = "source only on ImageNet's photographs, colour alone (T3)"
    backgrounds = rows[on_photographs, "`refined background:fill=procedural`"]
    assert backgrounds[2] == "+43.82"
    assert 25 < float(backgrounds[5].split()[0]) < 35
    assert rows["PixelDA on black, colour alone (T3)", "`refined pixelda`"][5].startswith("-")
    assert rows["PixelDA on black, colour alone (T3)", "`end_to_end pixelda`"][4:] == ("not run", "–")
    assert rows["PixelDA on ImageNet's photographs, colour alone (T3)", "none"][4:] == ("–", "–")
    assert rows["target only (T2)", "`oracle`"][2] == "+52.67"


def test_the_span_of_gains_leaves_the_ceiling_out(section):
    finding = section("linemod").finding
    assert "gains of +43.82 to +52.65 over unrefined images" in finding
    lowest, highest = finding.removesuffix(".").split("here: ")[1].split(" to ")
    assert float(lowest) < 0 < float(highest) < 35


def test_what_differs_is_always_said(section):
    assert any("11 objects" in note for note in section("linemod").notes)


def test_options_of_pair_and_task_change_nothing_of_it(section):
    assert section("linemod:held_out_classes=cat") is not None


def test_other_pairs_and_tasks_have_no_such_section(section):
    assert section("digits") is None
    assert section("linemod", "depth") is None


def test_gains_of_errors_are_signed_so_that_plus_is_better(section):
    rows = {row[0]: row for row in section("linemod", "pose", higher_is_better=False).rows}
    assert rows["target only (T2)"][2] == "+82.73"


@pytest.mark.parametrize("study", studies(), ids=lambda study: study["study"])
def test_every_study_says_all_that_the_section_needs(study):
    from bench.suites.arms import Arm

    assert study["differs"]
    for figure in study["figures"]:
        assert set(figure) - {"setting", "rows"} <= set(study["unrefined"])
        for row in figure["rows"]:
            Arm.parse(row.split()[0])
