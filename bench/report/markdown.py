"""Tables → Markdown that renders on code hosts. Text from records is escaped: no HTML, no table break, no link."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bench.api.plain_text import without_controls
from bench.report.answers import answers
from bench.report.columns import columns_of
from bench.report.formats import NAME, Column
from bench.report.headline import headline
from bench.report.notes import notes, reproduce, warnings
from bench.report.table import BLOCKS, Block, Row, Table
from bench.report.text import NOTHING, block_title, spans

_SAFE_IN_CODE = re.compile(r"[\w.:=,@()/+ -]+")


def leaderboard_markdown(tables: Sequence[Table], incomplete: Sequence[str] = ()) -> str:
    """A page: for each table its headline, the answers, its blocks and its notes.

    ``incomplete`` are sentences on what failed and what to do; the page begins with them.
    """
    banner = [line for sentence in incomplete for line in (f"> ⚠ {prose(sentence)}", "")]
    return "\n".join(["# Leaderboard", "", *banner, *(line for table in tables for line in _section(table))])


def escape(text: str) -> str:
    """One line of text in which nothing means anything to Markdown, or to HTML inside it."""
    text = re.sub(r"\s+", " ", without_controls(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"[\\`*|~$]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[])", r"\\\g<0>", text)


def code(name: str) -> str:
    """A name as a code span where that is safe, as escaped text otherwise."""
    return f"`{name}`" if _SAFE_IN_CODE.fullmatch(name) else escape(name)


def prose(text: str) -> str:
    """A sentence of :mod:`bench.report.headline`."""
    return "".join(code(piece) if quoted else escape(piece) for quoted, piece in spans(text))


def _section(table: Table) -> Iterator[str]:
    yield from (f"## {escape(table.title)}", "", f"**Result.** {prose(headline(table))}", "")
    yield from ("| question | answer |", "| --- | --- |")
    yield from (row_line([escape(question), prose(answer)]) for question, answer in answers(table))
    yield ""
    for warning in warnings(table):
        yield from (f"> ⚠ {prose(warning)}", "")
    for block in BLOCKS:
        if table.block(block):
            yield from (f"**{block_title(table, block)}**", "", *_block(table, block), "")
    yield from (f"- {prose(note)}" for note in [*notes(table), *reproduce(table)])
    yield ""
    for section in table.sections:
        yield from (f"### {escape(section.title)}", "", prose(section.finding), "")
        yield row_line([prose(heading.title) for heading in section.headings])
        yield row_line(["---:" if heading.right else "---" for heading in section.headings])
        yield from (row_line([prose(text) for text in row]) for row in section.rows)
        yield from ("", *(f"- {prose(note)}" for note in section.notes), "")


def _block(table: Table, block: Block) -> Iterator[str]:
    columns = columns_of(block, table)
    yield row_line([escape(column.heading(table.metric)) for column in columns])
    yield row_line(["---:" if column.format.right else "---" for column in columns])
    for row in table.block(block):
        yield row_line([_cell(column, row, table) for column in columns])


def _cell(column: Column, row: Row, table: Table) -> str:
    text = column.text(row, table)
    return code(text) if column.format is NAME and text != NOTHING else prose(text)


def row_line(cells: Sequence[str]) -> str:
    """A row of a table; its cells are escaped already."""
    return f"| {' | '.join(cells)} |"
