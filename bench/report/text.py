"""How numbers, names and marks are printed everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from bench import stats
from bench.api import Metric
from bench.report.table import Block, Estimate, Table


def spans(prose: str) -> Iterator[tuple[bool, str]]:
    """Pieces of prose in order, each with whether it stood between backticks."""
    for position, piece in enumerate(prose.split("`")):
        if piece:
            yield position % 2 == 1, piece


def code(name: str) -> str:
    """A name for use in prose; backticks of its own would end it early."""
    return f"`{name.replace('`', chr(39))}`"


def block_title(table: Table, block: Block) -> str:
    """The heading of a block."""
    labelled = f"With labelled {kind_of_target(table)} images"
    return {"ranked": "Ranked", "labelled": labelled, "unranked": "Not ranked"}[block]


def kind_of_target(table: Table) -> str:
    """``real``, or ``stand-in`` where the target is rendered."""
    return "stand-in" if table.pair_info and table.pair_info.stand_in else "real"


def amount(value: float, table: Table, signed: bool = False) -> str:
    """``+3.2 points in accuracy``, ``-4.0 mm in translation error``, ``+22.9° in mean angle error``."""
    metric = table.metric
    unit = "points" if metric.unit == "%" else metric.unit
    return f"{with_unit(number(value, table.decimals, signed), unit)} in {metric.title}"


def with_unit(figure: str, unit: str) -> str:
    """``3.2 mm``, ``3.2°``, ``3.2``."""
    return f"{figure}{unit}" if unit == "°" else f"{figure} {unit}".strip()


NOTHING = "–"
"""Printed where a value does not exist; the CSV field is empty."""


SIGNS = {"gain": "▲", "loss": "▼", "not resolved": "○", "": NOTHING}
"""A verdict in one character."""


MARKS = {verdict: f"{SIGNS[verdict]} {verdict}" for verdict in ("gain", "loss")}
"""Resolved verdicts; the others are printed as they are."""


def mark(verdict: str) -> str:
    """``▲ gain``, ``▼ loss``, ``not resolved``."""
    return MARKS.get(verdict, verdict)


def points(metric: Metric) -> str:
    """The unit of a difference: percentages differ by points."""
    return "points" if metric.unit == "%" else metric.unit or "no unit"


def number(value: float, decimals: int, signed: bool = False) -> str:
    """``3.2``, or ``+3.2`` where ``signed``; never ``-0.0``."""
    rounded = round(value, decimals) + 0.0
    return f"{rounded:+.{decimals}f}" if signed else f"{rounded:.{decimals}f}"


def interval(low: float, high: float, decimals: int, signed: bool = False) -> str:
    """``[1.0, 5.4]``."""
    return f"[{number(low, decimals, signed)}, {number(high, decimals, signed)}]"


def bracket(limits: stats.Interval, decimals: int, signed: bool = False) -> str:
    """``[+1.0, +5.4]``; ``(0.0, +5.4]`` where the interval excludes zero but its near end is printed as zero."""
    low, high = number(limits.low, decimals, signed), number(limits.high, decimals, signed)
    opening, closing = "[", "]"
    if limits.excludes_zero():
        if float(low) == 0:
            opening, low = "(", number(0.0, decimals)
        if float(high) == 0:
            closing, high = ")", number(0.0, decimals)
    return f"{opening}{low}, {high}{closing}"


def with_bracket(estimate: Estimate, decimals: int, signed: bool = False) -> str:
    """``+3.2 [+1.0, +5.4]``, or the value alone where there is no interval."""
    value = number(estimate.value, decimals, signed)
    return value if estimate.interval is None else f"{value} {bracket(estimate.interval, decimals, signed)}"


def p_value(value: float) -> str:
    """``0.012``, or ``< 0.001``."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
