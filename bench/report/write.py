"""Records → leaderboard: Markdown, CSV, HTML and the terminal. Imports no torch.

The line is records → :mod:`frame` (one row per cell) → :mod:`leaderboard` (finished tables) → one file per output,
which print the cells of :mod:`columns` and the sentences of :mod:`headline`, :mod:`answers` and :mod:`notes`, so that
they cannot disagree. Nothing after :mod:`leaderboard` computes a row's values. A column is one entry of
:data:`columns.COLUMNS`; a measure of refined images one entry of :data:`image_measures.MEASURES`; a section one module
in :data:`sections.all_sections.SECTIONS`; a cost is a field of :class:`bench.results.cost.Cost`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.results.files import write_atomically
from bench.results.measurement import Measurement
from bench.results.record import Record

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.failures import Attempts, Failures
    from bench.report.figures.drawing import Figure
    from bench.report.html import Extras
    from bench.report.table import Table

SUITE_FILE = "suite.yaml"


@dataclass(frozen=True)
class ReportPaths:
    """The files of a report, the tables in them (for the terminal), and what failed in the folder or in the report."""

    markdown: Path
    csv: Path
    cells: Path
    html: Path
    tables: tuple[Table, ...]
    failures: Failures


def tables_of(records: Sequence[Record], measurements: Sequence[Measurement] = ()) -> tuple[Table, ...]:
    """The leaderboard's tables of some records, without writing anything."""
    from bench.report.frame import cell_frame
    from bench.report.leaderboard import leaderboard

    return tuple(leaderboard(cell_frame(records), measurements))


def write_report(
    records: Sequence[Record],
    folder: Path,
    measurements: Sequence[Measurement] = (),
    figures: bool = True,
    results: Path | None = None,
    unreadable: Sequence[tuple[str, str]] = (),
) -> ReportPaths:
    """Write ``leaderboard.md``, ``leaderboard.csv``, ``cells.csv`` and ``leaderboard.html``.

    Each kind of section that a table has (:mod:`.sections`) gets a CSV file; those of sections that none has any more
    are removed. The page shows the suite's file and the gallery of ``results`` (default: ``folder``) where there are
    any, and no drawing without ``figures`` (matplotlib is not loaded then). Without measurements the tables have no
    columns for them. Equal records, measurements, suite file, gallery and choice give equal bytes.

    ``unreadable`` says which files of the folder are missing from all that (:func:`.readable_records`).

    Each part of the report is made by itself: one that fails is left out and stands in ``failures``, its traceback in
    the folder ``failures``. Both pages begin with what failed.

    Raises
    ------
    UserError: records that no table can be made of (see :func:`bench.report.frame.cell_frame`); nothing is written.
    """
    from bench.report.csv_files import cells_csv, leaderboard_csv, section_csvs
    from bench.report.failures import Attempts, failures_of
    from bench.report.frame import cell_frame
    from bench.report.html import leaderboard_html
    from bench.report.leaderboard import leaderboard
    from bench.report.markdown import leaderboard_markdown
    from bench.report.notes import run_command
    from bench.report.sections.all_sections import SECTIONS
    from bench.results.gallery import read_galleries

    results = results or folder
    attempts = Attempts(folder)
    frame = cell_frame(records)
    tables = tuple(leaderboard(frame, measurements, attempts))
    of_folder = failures_of(
        records, measurements, attempts.make("pictures", lambda: read_galleries(results), []), unreadable
    )
    again = " and ".join(f"`{run_command(suite)}`" for suite in dict.fromkeys(record.suite for record in records))

    def failures() -> Failures:
        return replace(of_folder, found=(*of_folder.found, *attempts.failed))

    def incomplete() -> list[str]:
        found = failures()
        return [*(f"Incomplete: {line}." for line in found.lines()), found.next_step(again)] if found else []

    def page() -> bytes:
        extras = _extras(tables, frame, results, figures, attempts)
        return leaderboard_html(tables, replace(extras, incomplete=incomplete())).encode()

    makers: dict[str, Callable[[], bytes]] = {
        "leaderboard.csv": lambda: leaderboard_csv(tables),
        "cells.csv": lambda: cells_csv(frame),
        "leaderboard.html": page,
        "leaderboard.md": lambda: leaderboard_markdown(tables, incomplete()).encode(),
    }
    nothing: dict[str, bytes] = {}
    of_sections = attempts.make("files of the sections", lambda: section_csvs(tables), nothing)
    files = {name: attempts.make(name, maker, b"") for name, maker in makers.items()} | of_sections
    for name in {*files, *(section.CSV for section in SECTIONS)}:
        if files.get(name):
            write_atomically(folder / name, files[name])
        else:
            (folder / name).unlink(missing_ok=True)
    csv, cells, html, markdown = (folder / name for name in makers)
    return ReportPaths(markdown, csv, cells, html, tables, failures())


def suite_of(results: Path) -> tuple[str, str]:
    """Title and text of the suite that was run; both empty where its file is not beside the records.

    Raises
    ------
    UserError: a file of that name that is no suite.
    """
    from bench.api.plain_text import without_controls
    from bench.suites.load import read_yaml

    path = results / SUITE_FILE
    if not path.is_file():
        return "", ""
    title = read_yaml(path).get("title", "")
    return without_controls(title) if isinstance(title, str) else "", without_controls(path.read_text())


def _extras(tables: Sequence[Table], frame: pd.DataFrame, results: Path, figures: bool, attempts: Attempts) -> Extras:
    from bench.report.frame import TABLE
    from bench.report.galleries import pictures
    from bench.report.html import Extras
    from bench.report.provenance import origins

    title, suite = attempts.make(SUITE_FILE, lambda: suite_of(results), ("", ""))
    extras = Extras(
        origins=attempts.make("how to reproduce each row", lambda: origins(tables, frame), []),
        pictures=attempts.make("pictures", lambda: pictures(tables, results), []),
        title=title,
        suite_file=suite,
    )
    if not figures:
        return extras
    cells = dict(list(frame.groupby(TABLE)))

    def figures_of(table: Table, place: int) -> Sequence[Figure]:
        from bench.report.figures.table_figures import table_figures

        return table_figures(table, cells[table.key], f"figure-{place}")

    def ranks() -> Figure | str:
        from bench.report.figures.mean_ranks import ranks_figure

        return ranks_figure(tables)

    nothing: Sequence[Figure] = ()
    no_ranks: Figure | str = ""
    drawn = [
        attempts.make(f"figures of {table.title}", partial(figures_of, table, place), nothing)
        for place, table in enumerate(tables)
    ]
    return replace(extras, figures=drawn, ranks=attempts.make("mean ranks", ranks, no_ranks))
