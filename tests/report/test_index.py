"""The index of published leaderboards: a line a finding, made by a command, and up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.api import UserError
from bench.report.frame import cell_frame
from bench.report.headline import headline
from bench.report.index import results_index
from bench.report.leaderboard import leaderboard
from bench.report.markdown import prose
from bench.results.record import write_record

RESULTS = Path(__file__).parents[2] / "results"


def test_one_line_a_finding_with_the_headline_of_the_leaderboard(quick_records, make_records, tmp_path):
    nothing = make_records({("source", ""): 0.7, ("refined", "fda"): 0.701}, seed_spread=0.02)
    for name, records in {"one": quick_records, "two": nothing}.items():
        for record in records:
            write_record(tmp_path / name, record)
    (tmp_path / "one" / "suite.yaml").write_text("name: one\ntitle: Digits | fast\n")
    text = results_index(tmp_path)
    lines = [line for line in text.splitlines() if line.startswith(("| ▲", "| ○", "| ▼", "| –"))]
    assert [line[2] for line in lines] == ["▲", "○"]
    for line, records in zip(lines, (quick_records, nothing), strict=True):
        assert prose(headline(leaderboard(cell_frame(records))[0])) in line
    assert "## [one](one/leaderboard.md)\n\nDigits \\| fast. Refining" in text
    assert "`python -m bench run quick`" in text


def test_a_suite_that_does_not_ship_is_named_by_its_file(make_records, tmp_path):
    for record in make_records({("source", ""): 0.7}, suite="mine"):
        write_record(tmp_path / "mine", record)
    assert "`python -m bench run results/mine/suite.yaml`" in results_index(tmp_path)


def test_a_folder_without_results_is_said(tmp_path):
    with pytest.raises(UserError, match="no results below"):
        results_index(tmp_path)


def test_the_published_index_is_what_its_records_say():
    assert (RESULTS / "README.md").read_text() == results_index(RESULTS), "run: python -m bench report --index results"
