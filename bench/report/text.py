"""How numbers, names and marks are printed everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from bench.api import Metric
from bench.report.table import Block, Table


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
    """``+3.2 accuracy points``, ``-4.0 mm of translation_error``."""
    metric = table.metric
    figure = number(value, table.decimals, signed)
    if metric.unit == "%":
        return f"{figure} {metric.name.replace('_', ' ')} points"
    name = metric.name.replace("_", " ")
    return f"{figure} {metric.unit} of {name}" if metric.unit else f"{figure} of {name}"


NOTHING = "–"
"""Printed where a value does not exist; the CSV field is empty."""


MARKS = {"gain": "▲ gain", "loss": "▼ loss"}
"""Resolved verdicts; the others are printed as they are."""


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


def p_value(value: float) -> str:
    """``0.012``, or ``< 0.001``."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
