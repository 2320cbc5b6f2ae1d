"""The LaTeX tables: structure, escapes, and the numbers of the Markdown."""

from __future__ import annotations

import re

from bench.report.frame import cell_frame
from bench.report.latex import escape, leaderboard_latex
from bench.report.leaderboard import leaderboard


def latex_of(records):
    tables = leaderboard(cell_frame(records))
    return tables, leaderboard_latex(tables)


def test_every_row_has_as_many_cells_as_the_table_columns(quick_records):
    tables, text = latex_of(quick_records)
    assert text.count(r"\begin{table}") == text.count(r"\end{tabular}") == len(tables)
    assert [text.count(rf"\{rule}") for rule in ("toprule", "midrule", "bottomrule")] == [1, 3, 1]
    (alignment,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    rows = [line for line in text.splitlines() if re.search(r"(?<!\\)&", line)]
    assert len(rows) == 1 + 13
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(alignment)}


def test_prints_the_numbers_of_the_table_and_marks_resolved_ones_bold(quick_records):
    (table,), text = latex_of(quick_records)
    gain = table.find("refined", "fda:beta=0.05").gain
    shown = f"{gain.value:+.1f} [{gain.interval.low:+.1f}, {gain.interval.high:+.1f}]"
    assert rf"\textbf{{{shown} $\uparrow$ gain}}" in text
    assert r"\caption{digits $\cdot$ classification $\cdot$ light\_cnn" in text
    assert r"Refining with \texttt{fda:beta=0.05} gains +" in text
    assert text.isascii()


def test_names_mean_nothing_to_latex(make_records):
    _, text = latex_of(make_records({("source", ""): 0.7, ("refined", r"\input{x} & 50%_#$^~{"): 0.8}))
    assert r"\input" not in text
    assert escape(r"\input{x}") == r"\textbackslash{}input\{x\}"
    assert all(
        len(re.findall(r"(?<!\\)[{]", line)) == len(re.findall(r"(?<!\\)[}]", line)) for line in text.splitlines()
    )
