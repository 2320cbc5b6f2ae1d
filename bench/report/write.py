"""Records → leaderboard: Markdown, CSV, HTML and the terminal. Imports no torch.

The line is records → :mod:`frame` (a row a cell) → :mod:`leaderboard` (tables of rows) → one file for each output,
which all print what :mod:`columns` (cells) and :mod:`words` (sentences) say, so that they cannot disagree. The page has
figures beside (:mod:`figures`, :mod:`ranks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.results.files import write_atomically
from bench.results.measurement import Measurement
from bench.results.record import Record

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.html import Extras
    from bench.report.table import Table

SUITE_FILE = "suite.yaml"


@dataclass(frozen=True)
class ReportPaths:
    """The files of a report, and the tables in them (for the terminal)."""

    markdown: Path
    csv: Path
    cells: Path
    html: Path
    tables: tuple[Table, ...]


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
) -> ReportPaths:
    """Write ``leaderboard.md``, ``leaderboard.csv``, ``cells.csv`` and ``leaderboard.html``.

    Each kind of section that a table has (:mod:`.sections`) gets a CSV file; those of sections that none has any more
    are removed. The page shows the suite's file and the gallery of ``results`` (default: ``folder``) where there are
    any, and no drawing without ``figures`` (matplotlib is not loaded then). Without measurements the tables have no
    columns for them. Equal records, measurements, suite file, gallery and choice give equal bytes.

    Raises
    ------
    UserError: records that no table can be made of (see :func:`bench.report.frame.cell_frame`); nothing is written.
    """
    from bench.report.csv_files import cells_csv, leaderboard_csv, section_csvs
    from bench.report.frame import cell_frame
    from bench.report.html import leaderboard_html
    from bench.report.leaderboard import leaderboard
    from bench.report.markdown import leaderboard_markdown
    from bench.report.sections.all_sections import CSV_FILES

    frame = cell_frame(records)
    tables = tuple(leaderboard(frame, measurements))
    files = {
        "leaderboard.md": leaderboard_markdown(tables).encode(),
        "leaderboard.csv": leaderboard_csv(tables),
        "cells.csv": cells_csv(frame),
        "leaderboard.html": leaderboard_html(tables, _extras(tables, frame, results or folder, figures)).encode(),
    }
    of_sections = section_csvs(tables)
    for name, data in {**files, **of_sections}.items():
        write_atomically(folder / name, data)
    for name in CSV_FILES:
        if name not in of_sections:
            (folder / name).unlink(missing_ok=True)
    markdown, csv, cells, html = (folder / name for name in files)
    return ReportPaths(markdown, csv, cells, html, tables)


def suite_of(results: Path) -> tuple[str, str]:
    """Title and text of the suite that was run; both empty where its file is not beside the records.

    Raises
    ------
    UserError: a file of that name that is no suite.
    """
    from bench.plain_text import without_controls
    from bench.suites.load import read_yaml

    path = results / SUITE_FILE
    if not path.is_file():
        return "", ""
    title = read_yaml(path).get("title", "")
    return without_controls(title) if isinstance(title, str) else "", without_controls(path.read_text())


def _extras(tables: Sequence[Table], frame: pd.DataFrame, results: Path, figures: bool) -> Extras:
    from bench.report.frame import TABLE
    from bench.report.galleries import pictures
    from bench.report.html import Extras
    from bench.report.provenance import origins

    title, suite = suite_of(results)
    extras = Extras(
        origins=origins(tables, frame),
        pictures=pictures(tables, results),
        title=title,
        suite_file=suite,
    )
    if not figures:
        return extras
    from dataclasses import replace

    from bench.report.figures.mean_ranks import ranks_figure
    from bench.report.figures.table_figures import table_figures

    cells = dict(list(frame.groupby(TABLE)))
    drawn = [
        table_figures(table, cells[tuple(getattr(table, name) for name in TABLE)], f"figure-{place}")
        for place, table in enumerate(tables)
    ]
    return replace(extras, figures=drawn, ranks=ranks_figure(tables))
