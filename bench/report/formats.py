"""What a column of a leaderboard is, and the formats of its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.api import Metric
from bench.report.table import BLOCKS, Block, Estimate, Row, Table
from bench.report.text import MARKS, NOTHING, mark, p_value, points, with_bracket


@dataclass(frozen=True)
class Format:
    """How a value that is not ``None`` is printed, given the table's decimals, and split into CSV fields by suffix.

    ``style`` may mark a value as ``gain`` or ``loss``, for outputs that have colours.
    """

    text: Callable[[Any, int], str]
    fields: Mapping[str, Callable[[Any], Any]]
    right: bool = True
    style: Callable[[Any], str] = lambda value: ""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    title: heading; ``{metric}``, ``{unit}`` and ``{points}`` are filled in from the table's metric.
    csv: name in ``leaderboard.csv``, with its unit; the format appends its suffixes.
    priority: 0 is shown at any width; a terminal leaves out the highest first.
    blocks: where the column is printed.
    recipes: of the tables that print it; ``leaderboard.csv`` has it for all.
    measured: printed only in tables in which something was measured.
    optional: printed only where a row of the block has a value.
    """

    title: str
    csv: str
    value: Callable[[Row], Any]
    format: Format
    priority: int = 0
    blocks: tuple[Block, ...] = BLOCKS
    recipes: tuple[str, ...] = ("strong", "plain")
    measured: bool = False
    optional: bool = False

    def heading(self, metric: Metric) -> str:
        return self.title.format(metric=metric.title, unit=metric.unit or "no unit", points=points(metric))

    def text(self, row: Row, table: Table) -> str:
        value = self.value(row)
        return NOTHING if value is None else self.format.text(value, table.decimals)

    def style(self, row: Row) -> str:
        """``gain``, ``loss`` or nothing."""
        value = self.value(row)
        return "" if value is None else self.format.style(value)

    def numbers(self, row: Row) -> dict[str, Any]:
        value = self.value(row)
        return {self.csv + end: None if value is None else part(value) for end, part in self.format.fields.items()}


def _estimate(estimate: Estimate, decimals: int, signed: bool) -> str:
    verdict = mark(estimate.verdict)
    return f"{with_bracket(estimate, decimals, signed)} {verdict}".rstrip()


def _percent(value: float, _: int) -> str:
    return f"{value:.0f} %"


_ESTIMATE_FIELDS: dict[str, Callable[[Estimate], Any]] = {
    "": lambda e: e.value,
    "_low": lambda e: e.interval.low if e.interval else None,
    "_high": lambda e: e.interval.high if e.interval else None,
    "_low_over_seeds": lambda e: e.over_seeds.low if e.over_seeds else None,
    "_high_over_seeds": lambda e: e.over_seeds.high if e.over_seeds else None,
}
_GAIN_FIELDS: dict[str, Callable[[Estimate], Any]] = {
    **_ESTIMATE_FIELDS,
    "_low": lambda e: e.alone.low if e.alone else None,
    "_high": lambda e: e.alone.high if e.alone else None,
    "_low_simultaneous": lambda e: e.interval.low if e.interval else None,
    "_high_simultaneous": lambda e: e.interval.high if e.interval else None,
    "_verdict": lambda e: e.verdict,
}
_WHOLE: dict[str, Callable[[Any], Any]] = {"": lambda value: value}

TEXT = Format(lambda value, _: value, _WHOLE, right=False)
NAME = Format(lambda value, _: value, _WHOLE, right=False)
COUNT = Format(lambda value, _: f"{value:,.0f}", _WHOLE)
SECONDS = Format(lambda value, _: f"{value:,.1f}", _WHOLE)
PERCENT = Format(_percent, _WHOLE)
P_VALUE = Format(lambda value, _: p_value(value), _WHOLE)
SCORE = Format(lambda value, decimals: _estimate(value, decimals, signed=False), _ESTIMATE_FIELDS)
GAIN = Format(
    lambda value, decimals: _estimate(value, decimals, signed=True),
    _GAIN_FIELDS,
    style=lambda value: value.verdict if value.verdict in MARKS else "",
)
