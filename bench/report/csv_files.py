"""The CSV files: ``leaderboard.csv``, one row per table row; ``cells.csv``, one row per cell; those of sections.

Numbers are unrounded, in the units that their column's name or the columns ``metric`` and ``unit`` state; a value that
does not exist is empty. Text that a spreadsheet would run as a formula is prefixed with an apostrophe.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.report.columns import COLUMNS
from bench.report.frame import OBJECTS
from bench.report.table import Table

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def leaderboard_csv(tables: Sequence[Table]) -> bytes:
    """UTF-8 CSV: the table's key, the row's block, every registered column, and the secondary metrics.

    Columns of measures are there if any table has them.
    """
    columns = [column for column in COLUMNS if not column.measured or any(table.is_measured for table in tables)]
    rows = [
        {
            **table.key._asdict(),
            "metric": table.metric.name,
            "unit": table.metric.unit,
            "block": row.block,
            **{name: value for column in columns for name, value in column.numbers(row).items()},
            **row.secondary,
        }
        for table in tables
        for row in table.rows
    ]
    return _csv(pd.DataFrame(rows))


def cells_csv(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV of a :func:`bench.report.frame.cell_frame`; metrics, seeds, versions and environment become columns."""
    parts = [frame.drop(columns=[*OBJECTS, "metric_label", "scale", "higher_is_better"])]
    for name, prefix in (
        ("metrics", ""),
        ("seeds", "seed."),
        ("versions", "version."),
        ("environment", "environment."),
    ):
        parts.append(pd.DataFrame([values or {} for values in frame[name]], index=frame.index).add_prefix(prefix))
    return _csv(pd.concat(parts, axis=1))


def section_csvs(tables: Sequence[Table]) -> dict[str, bytes]:
    """UTF-8 CSV by file name: the sections' frames, each row after its table's key."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for table in tables:
        for section in table.sections:
            key = pd.DataFrame([table.key] * len(section.frame))
            parts.setdefault(section.csv, []).append(pd.concat([key, section.frame], axis=1))
    return {name: _csv(pd.concat(frames, ignore_index=True)) for name, frames in parts.items()}


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.convert_dtypes().map(_inert).rename(columns=_inert).to_csv(index=False, lineterminator="\n").encode()


def _inert(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
