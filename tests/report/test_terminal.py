"""The table on the terminal: it fits, never crops a number, and is plain text where there is no terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.report import tables_of
from bench.report.columns import columns_of
from bench.report.frame import cell_frame
from bench.report.leaderboard import leaderboard
from bench.report.table import BLOCKS
from bench.report.terminal import GUTTER, fitting, needed, print_report, widths


def printed(records, width, **options):
    console = Console(file=io.StringIO(), width=width, **options)
    print_report(leaderboard(cell_frame(records)), console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 240])
def test_every_line_fits(quick_records, width):
    assert max(len(line) for line in printed(quick_records, width).splitlines()) <= width


def test_a_hundred_columns_hold_rank_score_gain_and_verdict_in_one_line(quick_records):
    lines = printed(quick_records, 100).splitlines()
    (line,) = [line for line in lines if line.split()[:3] == ["1", "refined", "fda:beta=0.05"]]
    assert "▲ gain" in line
    assert line.count("[") == line.count("]") == 2
    (heading,) = [line for line in lines if line.startswith("rank")]
    assert "refine, s" not in heading


def test_a_wide_terminal_shows_costs(quick_records):
    assert "peak memory" in printed(quick_records, 240)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_number_is_cropped(quick_records, width):
    narrow = "".join(printed(quick_records, width).split())
    for text in ("sourcee", "…"):
        assert text not in narrow
    assert narrow.count("[") == narrow.count("]")


@pytest.mark.parametrize("width", range(94, 131, 3))
def test_no_column_is_cropped_where_all_fit(quick_records, width):
    (table,) = leaderboard(cell_frame(quick_records))[:1]
    for block in BLOCKS:
        rows = table.block(block)
        columns = fitting(columns_of(block, table), rows, table, width)
        given = widths(columns, rows, table, width)
        if None in given:  # numbers wrap then
            continue
        assert sum(given) + GUTTER * len(given) <= width
        assert all(room >= needed(column, rows, table) for room, column in zip(given, columns, strict=True))


@pytest.mark.parametrize("width", [80, 100, 120, 240])
def test_sections_leave_out_columns_rather_than_crop_numbers(quick_records, width):
    (table,) = tables_of(quick_records)
    (section,) = [section for section in table.sections if section.title == "Gain against cost"]
    console = Console(file=io.StringIO(), width=width)
    print_report([table], console)
    printed_section = console.file.getvalue().partition(f"{section.title}\n")[2].partition("\n")[2]
    for row in section.rows:
        cells = [cell.replace("`", "") for cell in row]
        line = next(line for line in printed_section.splitlines() if line.startswith(f"{cells[0]} "))
        assert line.split() == " ".join(cells).split()[: len(line.split())]
    assert ("In cost.csv too: " in printed_section) == (width == 80)


def test_plain_text_where_there_is_no_terminal(quick_records):
    text = printed(quick_records, 100)
    assert "\x1b" not in text
    assert not set("│┃━─┏") & set(text)


def test_colours_on_a_terminal(quick_records):
    assert "\x1b[32m" in printed(quick_records, 100, force_terminal=True, color_system="standard", no_color=False)


def test_names_are_not_read_as_markup(make_records):
    text = printed(make_records({("source", ""): 0.7, ("refined", "[red]x[/red]"): 0.8}), 120)
    assert "[red]x[/red]" in text


def test_an_ascii_terminal_gets_ascii(quick_records):
    class Ascii(io.StringIO):
        encoding = "ascii"

    console = Console(file=Ascii(), width=100)
    print_report(leaderboard(cell_frame(quick_records)), console)
    text = console.file.getvalue()
    assert text.isascii()
    assert "^ gain" in text
