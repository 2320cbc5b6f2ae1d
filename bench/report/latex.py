"""Tables → LaTeX with booktabs: ``leaderboard.tex``, to be ``\\input`` into a paper; one float a table.

Printed are the columns that a narrow terminal would keep as well; the rest is in ``leaderboard.csv``. The preamble
needs ``\\usepackage{booktabs}`` and UTF-8, which LaTeX has by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bench.report.columns import COLUMNS
from bench.report.formats import NAME, Column
from bench.report.headline import headline
from bench.report.table import BLOCKS, Block, Row, Table
from bench.report.text import NOTHING, block_title, spans

MOST_PRIORITY = 1
REASONS = ("reason",)
"""Columns of sentences, which no float is wide enough for."""
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "▲": r"$\uparrow$",
    "▼": r"$\downarrow$",
    "–": "--",
    "−": "$-$",
    "×": r"$\times$",
    "→": r"$\to$",
    "·": r"$\cdot$",
    "°": r"$^\circ$",
    "<": "$<$",
    ">": "$>$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def leaderboard_latex(tables: Sequence[Table]) -> str:
    """The file ``leaderboard.tex``."""
    return "\n".join(line for table in tables for line in _float(table))


def escape(text: str) -> str:
    """Text in which nothing means anything to LaTeX."""
    return "".join(_SPECIAL.get(character, character) for character in re.sub(r"\s+", " ", text))


def prose(text: str) -> str:
    """A sentence of :mod:`bench.report.headline`."""
    return "".join(rf"\texttt{{{escape(piece)}}}" if quoted else escape(piece) for quoted, piece in spans(text))


def _float(table: Table) -> Iterator[str]:
    blocks = [block for block in BLOCKS if table.block(block)]
    columns = [column for column in COLUMNS if _fits(column) and any(block in column.blocks for block in blocks)]
    alignment = "".join("r" if column.format.right else "l" for column in columns)
    yield r"\begin{table}"
    yield rf"\caption{{{escape(table.title)}. {prose(headline(table))}}}"
    yield r"\centering\small"
    yield rf"\begin{{tabular}}{{{alignment}}}"
    yield r"\toprule"
    yield _line([escape(column.heading(table.metric)) for column in columns])
    for block in blocks:
        yield r"\midrule"
        if len(blocks) > 1:
            yield rf"\multicolumn{{{len(columns)}}}{{l}}{{\emph{{{escape(block_title(table, block))}}}}} \\"
        for row in table.block(block):
            yield _line([_cell(column, row, table, block) for column in columns])
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{table}"
    yield ""


def _fits(column: Column) -> bool:
    return column.priority <= MOST_PRIORITY and column.csv not in REASONS


def _cell(column: Column, row: Row, table: Table, block: Block) -> str:
    if block not in column.blocks:
        return ""
    text = column.text(row, table)
    if column.format is NAME and text != NOTHING:
        return rf"\texttt{{{escape(text)}}}"
    return rf"\textbf{{{prose(text)}}}" if column.style(row) else prose(text)


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
