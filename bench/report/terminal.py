"""Tables → the terminal, by rich: as many columns as fit, plain text where the output is not a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report.changes import Changes, RowChange
from bench.report.columns import columns_of
from bench.report.formats import P_VALUE, TEXT, Column
from bench.report.headline import headline
from bench.report.notes import notes, reproduce, warnings
from bench.report.table import BLOCKS, Row, Section, Table, decimals, label
from bench.report.text import NOTHING, block_title, interval, number

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
            columns = fitting(columns_of(block, table), rows, table, console.width)
            given = widths(columns, rows, table, console.width)
            grid = Grid(box=None, pad_edge=False, padding=(0, GUTTER, 0, 0), title_justify="left", title_style="bold")
            grid.title = Text(_printable(block_title(table, block), console))
            for column, width in zip(columns, given, strict=True):
                heading = Text(_printable(column.heading(table.metric), console))
                justify: JustifyMethod = "right" if column.format.right else "left"
                grid.add_column(heading, justify=justify, overflow="fold", width=width)
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
        for section in table.sections:
            say(section.title, "bold")
            say(section.finding)
            grid = Grid(box=None, pad_edge=False, padding=(0, GUTTER, 0, 0))
            kept = section_widths(section, console.width)
            for heading_of, width in zip(section.headings, kept, strict=False):
                title = _printable(heading_of.title.replace("`", ""), console)
                grid.add_column(title, justify="right" if heading_of.right else "left", overflow="fold", width=width)
            for texts_of_row in section.rows:
                shown = texts_of_row[: len(kept)]
                grid.add_row(*(Text(_printable(text.replace("`", ""), console)) for text in shown))
            console.print(grid)
            if left_out := [heading_of.title for heading_of in section.headings[len(kept) :]]:
                say(f"In {section.csv} too: {', '.join(left_out)}.", "dim")
            for note in section.notes:
                say(note, "dim")
            say("")


def print_first(tables: Sequence[Table], console: Console) -> None:
    """What the first rows of a run already say, while the rest of their table is at work."""
    from rich.text import Text

    for table in tables:
        rows = " and ".join(label(row.arm, row.refiner) for row in table.rows)
        line = f"First finding, from {rows} alone (the whole table follows): {table.title}: {headline(table)}"
        console.print(Text(_printable(line.replace("`", ""), console)), soft_wrap=False)
    console.print("")


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


def print_changes(found: Changes, console: Console) -> None:
    """Every row that two folders have, table by table: before, after, the change and whether it exceeds noise."""
    from rich.table import Table as Grid
    from rich.text import Text

    def say(text: str, style: str = "") -> None:
        console.print(Text(_printable(text, console), style=style), soft_wrap=False)

    for title in dict.fromkeys(row.table for row in found.rows):
        rows = [row for row in found.rows if row.table == title]
        places = decimals(row.interval for row in rows)
        grid = Grid(box=None, pad_edge=False, padding=(0, GUTTER, 0, 0), title_justify="left", title_style="bold")
        grid.title = Text(_printable(title, console))
        unit = next((row.unit for row in rows if row.unit), "")
        for heading, right in (
            ("row", False),
            (f"before{unit and f', {unit}'}", True),
            (f"after{unit and f', {unit}'}", True),
            ("change [95 %], + is better", True),
            ("adjusted p", True),
            ("verdict", False),
        ):
            grid.add_column(_printable(heading, console), justify="right" if right else "left", overflow="fold")
        for row in rows:
            texts = [
                row.row,
                NOTHING if row.before is None else number(row.before, places),
                NOTHING if row.after is None else number(row.after, places),
                _change_text(row, places),
                NOTHING if row.p_adjusted is None else P_VALUE.text(row.p_adjusted, places),
                row.verdict + ("" if row.paired or row.change is None else ", unpaired"),
            ]
            style = {"better": "green", "worse": "red"}.get(row.verdict, "")
            grid.add_row(*(Text(_printable(text, console), style) for text in texts))
        console.print(grid)
        say("")
    for heading, lines in (("Other verdicts", found.verdicts), ("Other settings", found.settings)):
        if lines:
            say(heading, "bold")
        for line in lines:
            say(f"  {line}")
    beyond = sum(row.verdict in ("better", "worse") for row in found.rows)
    within = sum(row.verdict == "within noise" for row in found.rows)
    equal = sum(row.verdict == "unchanged" for row in found.rows)
    counts = f"{len(found.rows)} rows: {equal} unchanged, {within} changed within noise, {beyond} beyond it"
    say(f"{counts} (adjusted p < 0.05).")


def _change_text(row: RowChange, places: int) -> str:
    if row.change is None or row.verdict == "unchanged":
        return NOTHING if row.change is None else number(0.0, places)
    limits = f" {interval(row.interval.low, row.interval.high, places, signed=True)}" if row.interval else ""
    return number(row.change, places, signed=True) + limits


def section_widths(section: Section, width: int) -> list[int]:
    """Characters of the first columns of a section, of as many as fit: rich would crop the numbers of the last."""
    titles = [heading.title.replace("`", "") for heading in section.headings]
    texts = [[row[place].replace("`", "") for row in section.rows] for place in range(len(titles))]
    least = [max(map(len, [*title.split(), *cells])) for title, cells in zip(titles, texts, strict=True)]
    kept = len(least)
    while kept > 2 and sum(least[:kept]) + GUTTER * kept > width:
        kept -= 1
    return shared_out(least[:kept], list(map(len, titles[:kept])), width)


def fitting(columns: Sequence[Column], rows: Sequence[Row], table: Table, width: int) -> list[Column]:
    """The columns that fit into ``width``, lowest priority left out first; those of priority 0 are kept in any case."""
    kept = list(columns)
    while True:
        lowest = max(column.priority for column in kept)
        if sum(needed(column, rows, table) + GUTTER for column in kept) <= width or lowest == 0:
            return kept
        kept = [column for column in kept if column.priority < lowest]


def widths(columns: Sequence[Column], rows: Sequence[Row], table: Table, width: int) -> list[int | None]:
    """Characters for each column: what it needs, and as many as are left of what it could use, narrow columns first.

    ``None`` for all, so that rich wraps numbers too, where even what they need is more than ``width``.
    """
    given = [needed(column, rows, table) for column in columns]
    if sum(given) + GUTTER * len(columns) > width:
        return [None] * len(columns)
    wanted = [
        max(len(column.heading(table.metric)), *(len(column.text(row, table)) for row in rows)) for column in columns
    ]
    return list(shared_out(given, wanted, width))


def shared_out(given: Sequence[int], wanted: Sequence[int], width: int) -> list[int]:
    """What columns are given, and more where they could use it and some of ``width`` is left; narrow columns first."""
    shares, left = list(given), width - sum(given) - GUTTER * len(given)
    for index in sorted(range(len(shares)), key=lambda index: wanted[index]):
        more = max(0, min(wanted[index] - shares[index], left))
        shares[index], left = shares[index] + more, left - more
    return shares


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
