"""The columns of a leaderboard, in one registry: title, value, number format and CSV names.

Markdown, HTML, LaTeX and the terminal print :meth:`Column.text`; ``leaderboard.csv`` holds :meth:`Column.numbers`,
unrounded. To add a column, add one entry to :data:`COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.report.formats import COUNT, GAIN, NAME, P_VALUE, PERCENT, SCORE, SECONDS, TEXT, Column
from bench.report.image_measures import MEASURES
from bench.report.table import Block, Row, Table


def _cost(name: str) -> Callable[[Row], float | None]:
    return lambda row: row.costs.get(name)


COLUMNS: list[Column] = [
    Column("rank", "rank", lambda row: row.rank, COUNT, blocks=("ranked",)),
    Column("arm", "arm", lambda row: row.arm, NAME),
    Column("refiner", "refiner", lambda row: row.refiner or None, NAME),
    Column("labels", "target_labels", lambda row: row.target_labels, COUNT, blocks=("labelled",)),
    Column("seeds", "n_seeds", lambda row: len(row.seeds), COUNT),
    Column("{metric}, {unit} [95 %]", "score", lambda row: row.score, SCORE),
    Column("gain, {points} [95 %]", "gain", lambda row: row.gain, GAIN),
    Column("adjusted p", "p_adjusted", lambda row: row.gain and row.gain.p_adjusted, P_VALUE, 3),
    Column(
        "over strong source, {points} [95 %]",
        "gain_over_strong_source",
        lambda row: row.strong_gain,
        GAIN,
        2,
        recipes=("plain",),  # in a strong table it is the gain itself
    ),
    Column("gap closed", "gap_closed_percent", lambda row: row.gap_closed_percent, PERCENT, 1),
    *MEASURES,
    Column("fit, s", "fit_seconds", _cost("fit_seconds"), SECONDS, 4),
    Column("refine, s", "refine_seconds", _cost("refine_seconds"), SECONDS, 4),
    Column("train, s", "train_seconds", _cost("train_seconds"), SECONDS, 4),
    Column("images seen", "images_seen", _cost("images_seen"), COUNT, 5),
    Column("worker's peak memory, MB", "peak_memory_mb", _cost("peak_memory_mb"), COUNT, 5),
    Column("why not ranked", "reason", lambda row: row.reason or None, TEXT, blocks=("unranked",)),
]
"""In the order of the page."""


def columns_of(block: Block, table: Table) -> tuple[Column, ...]:
    """The columns that a block of a table prints, in order; those of measures where any of its rows could have them."""
    rows = table.block(block)
    measured = table.is_measured and any(row.measured for row in rows)

    def printed(column: Column) -> bool:
        if block not in column.blocks or table.recipe not in column.recipes or (column.measured and not measured):
            return False
        return not column.optional or any(value is not None for row in rows for value in _first_of(column, row))

    return tuple(column for column in COLUMNS if printed(column))


def _first_of(column: Column, row: Row) -> list[object]:
    """The column's value as a number."""
    return list(column.numbers(row).values())[:1]
