"""Tables → the terminal, by rich: as many columns as fit, plain text where the output is not a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report.columns import TEXT, Column, columns_of
from bench.report.leaderboard import BLOCKS, Row, Table
from bench.report.words import block_title, headline, notes, reproduce, warnings

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod

STYLES = {"gain": "green", "loss": "red"}
ASCII = str.maketrans({"▲": "^", "▼": "v", "–": "-", "−": "-", "·": "-", "×": "x", "⚠": "!", "⚑": "!", "→": "->"})
GUTTER = 2
"""Spaces between columns."""
SENTENCE = 24
"""Characters that a column of sentences is given at least, if it has as many."""


def print_report(tables: Sequence[Table], console: Console) -> None:
    """Print every table to ``console``; columns of lowest priority are left out until a table fits its width."""
    from rich.table import Table as Grid
    from rich.text import Text

    def say(text: str, style: str = "") -> None:
        console.print(Text(_printable(text.replace("`", ""), console), style=style), soft_wrap=False)

    for table in tables:
        say(table.title, "bold")
        say(headline(table))
        for warning in warnings(table):
            say(f"⚠ {warning}", "yellow")
        for block in BLOCKS:
            rows = table.block(block)
            if not rows:
                continue
            columns, fits = fitting(columns_of(block, table), rows, table, console.width)
            grid = Grid(box=None, pad_edge=False, padding=(0, GUTTER, 0, 0), title_justify="left", title_style="bold")
            grid.title = Text(_printable(block_title(table, block), console))
            for column in columns:
                heading = Text(_printable(column.heading(table.metric), console))
                justify: JustifyMethod = "right" if column.format.right else "left"
                least = needed(column, rows, table) if fits else None
                grid.add_column(heading, justify=justify, overflow="fold", min_width=least)
            for row in rows:
                texts = (_printable(column.text(row, table).replace("`", ""), console) for column in columns)
                styles = (STYLES.get(column.style(row), "") for column in columns)
                grid.add_row(*(Text(text, style) for text, style in zip(texts, styles, strict=True)))
            say("")
            console.print(grid)
        say("")
        for note in [*notes(table), *reproduce(table)]:
            say(note, "dim")
        say("")


def print_findings(tables: Sequence[Table], console: Console) -> None:
    """One line a table, where there are several: each has been printed in full as it was completed."""
    from rich.text import Text

    if len({(table.pair, table.task, table.model, table.budget) for table in tables}) < 2:
        return
    console.print("Findings", style="bold")
    for table in tables:
        line = f"{table.title}: {headline(table)}"
        console.print(Text(_printable(line.replace("`", ""), console)), soft_wrap=False)
    console.print("")


def fitting(columns: Sequence[Column], rows: Sequence[Row], table: Table, width: int) -> tuple[list[Column], bool]:
    """The columns that fit into ``width``, lowest priority left out first, and whether they do.

    Where even those of priority 0 do not, they are all kept, and their cells wrap.
    """
    kept = list(columns)
    while True:
        fits = sum(needed(column, rows, table) + GUTTER for column in kept) <= width + GUTTER
        lowest = max(column.priority for column in kept)
        if fits or lowest == 0:
            return kept, fits
        kept = [column for column in kept if column.priority < lowest]


def needed(column: Column, rows: Sequence[Row], table: Table) -> int:
    """Characters that a column takes: headings and sentences wrap at spaces, names and numbers do not."""
    heading = max(len(word) for word in column.heading(table.metric).split())
    widest = max(len(column.text(row, table)) for row in rows)
    return max(heading, min(widest, SENTENCE) if column.format is TEXT else widest)


def _printable(text: str, console: Console) -> str:
    """The text, in ASCII where the console's encoding has nothing else."""
    if not console.options.ascii_only:
        return text
    return text.translate(ASCII).encode("ascii", "replace").decode()
