"""Records → leaderboard: Markdown, CSV, HTML and the terminal. Imports no torch.

The line is records → :mod:`frame` (a row a cell) → :mod:`leaderboard` (tables of rows) → one file for each output,
which all print what :mod:`columns` (cells) and :mod:`words` (sentences) say, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measures import Measurement
from bench.records import Record, write_atomically

if TYPE_CHECKING:
    from bench.report.leaderboard import Table


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


def write_report(records: Sequence[Record], folder: Path, measurements: Sequence[Measurement] = ()) -> ReportPaths:
    """Write ``leaderboard.md``, ``leaderboard.csv``, ``cells.csv`` and ``leaderboard.html``.

    Equal records and measurements give equal bytes. Without measurements the tables have no columns for them.

    Raises
    ------
    UserError: records that no table can be made of (see :func:`bench.report.frame.cell_frame`); nothing is written.
    """
    from bench.report.frame import cell_frame
    from bench.report.html import leaderboard_html
    from bench.report.leaderboard import leaderboard
    from bench.report.markdown import leaderboard_markdown
    from bench.report.tables import cells_csv, leaderboard_csv

    frame = cell_frame(records)
    tables = tuple(leaderboard(frame, measurements))
    files = {
        "leaderboard.md": leaderboard_markdown(tables).encode(),
        "leaderboard.csv": leaderboard_csv(tables),
        "cells.csv": cells_csv(frame),
        "leaderboard.html": leaderboard_html(tables).encode(),
    }
    for name, data in files.items():
        write_atomically(folder / name, data)
    markdown, csv, cells, html = (folder / name for name in files)
    return ReportPaths(markdown, csv, cells, html, tables)
