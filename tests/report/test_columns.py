"""One registry entry adds a column or a section to every output.

Covers ``columns``, ``formats``, ``image_measures`` and ``sections/all_sections``; the measures themselves are tested in
``test_row_measures``.
"""

import csv
from types import SimpleNamespace

import pandas as pd
import pytest

from bench.report import write_report
from bench.report.columns import COLUMNS
from bench.report.formats import COUNT, Column
from bench.report.latex import leaderboard_latex
from bench.report.sections.all_sections import SECTIONS
from bench.report.table import Heading, Section


@pytest.fixture
def seeds_squared():
    column = Column("seeds squared", "n_seeds_squared", lambda row: len(row.seeds) ** 2, COUNT)
    COLUMNS.append(column)
    yield column
    COLUMNS.remove(column)


@pytest.fixture
def rows_counted():
    def section(table, cells):
        frame = pd.DataFrame({"n_rows": [len(table.rows)], "n_cells": [len(cells)]})
        return Section(
            "Counted", "Rows are counted.", (Heading("rows"),), ((f"{len(table.rows)}",),), ("A note.",), "n.csv", frame
        )

    maker = SimpleNamespace(CSV="n.csv", section=section)
    SECTIONS.append(maker)
    yield maker
    SECTIONS.remove(maker)


def test_a_column_is_one_entry(quick_records, tmp_path, seeds_squared):
    paths = write_report(quick_records, tmp_path, figures=False)
    assert "| seeds squared |" in paths.markdown.read_text()
    assert ">seeds squared</th>" in paths.html.read_text()
    assert "seeds squared" in leaderboard_latex(paths.tables)
    stored = list(csv.DictReader(paths.csv.read_text().splitlines()))
    assert {row["n_seeds_squared"] for row in stored} == {"25"}


def test_a_section_is_one_entry_and_gets_the_finished_table(quick_records, tmp_path, rows_counted):
    paths = write_report(quick_records, tmp_path, figures=False)
    (table,) = paths.tables
    shown = f"### Counted\n\nRows are counted.\n\n| rows |\n| ---: |\n| {len(table.rows)} |"
    assert shown in paths.markdown.read_text()
    assert "Counted" in paths.html.read_text()
    (stored,) = csv.DictReader((tmp_path / "n.csv").read_text().splitlines())
    assert stored["pair"] == "digits"
    assert stored["n_rows"] == f"{len(table.rows)}"
    rows_counted.section = lambda table, cells: None
    write_report(quick_records, tmp_path, figures=False)
    assert not (tmp_path / "n.csv").exists(), "the file of a section that no table has is removed"


def test_every_cost_of_a_record_reaches_the_row(quick_records, tmp_path):
    (table,) = write_report(quick_records, tmp_path, figures=False).tables
    row = table.find("refined", "histogram")
    assert row.costs["score_seconds"] == 0
    assert row.costs["fit_seconds"] == pytest.approx(1.25)
    assert "fit_gpu_seconds" not in row.costs, "no record states it"
