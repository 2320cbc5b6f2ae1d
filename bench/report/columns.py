"""The columns of a leaderboard, in one registry: title, value, number format and CSV names.

Markdown, HTML and the terminal print :meth:`Column.text`; ``leaderboard.csv`` holds :meth:`Column.numbers`, unrounded.
To add a column, add one entry to :data:`COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.api import Metric
from bench.report.row_measures import NOT_MEASURED, Measured
from bench.report.table import BLOCKS, Block, Estimate, Row, Table
from bench.report.text import MARKS, NOTHING, interval, number, p_value, points, with_bracket
from bench.results.measurement import Quantity

FLAGGED = "⚑ flagged"
GAP_MEASURES = ("kid", "frechet", "two_sample", "colour", "spectrum")


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
    verdict = MARKS.get(estimate.verdict, estimate.verdict)
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


def quantity(found: Quantity, decimals: int) -> str:
    """``86 [72, 100]``, or ``not measurable: no masks``."""
    if found.value is None:
        return found.reason if found.reason.startswith(NOT_MEASURED) else f"not measurable: {found.reason}"
    if found.low is None or found.high is None:
        return number(found.value, decimals)
    return f"{number(found.value, decimals)} {interval(found.low, found.high, decimals)}"


def _quantities(part: Literal["labels", "gap"], *names: str) -> dict[str, Callable[[Measured], Any]]:
    """CSV fields of some quantities: value, ends of the interval, and why there is none."""

    def field(name: str, attribute: str) -> Callable[[Measured], Any]:
        return lambda found: getattr(getattr(found, part).get(name), attribute)

    ends = {"": "value", "_low": "low", "_high": "high", "_reason": "reason"}
    return {name + end: field(name, attribute) for name in names for end, attribute in ends.items()}


def _beside(quantity_of_row: str, *remarks: str) -> str:
    """``86 [72, 100] (identity 100)``; remarks that are empty are left out."""
    said = "; ".join(remark for remark in remarks if remark)
    return f"{quantity_of_row} ({said})" if said else quantity_of_row


def _score_kept(found: Measured, _: int) -> str:
    identity = found.labels.get("score_kept_identity").value
    beside = "" if identity is None else f"identity {number(identity, 0)}"
    return _beside(quantity(found.labels.get("score_kept"), 0), beside, found.labels.confounded)


def _edges_kept(found: Measured, _: int) -> str:
    kept, before, after = (found.labels.get(f"edges_{name}") for name in ("kept", "before", "after"))
    if before.value is None or after.value is None:
        return quantity(kept, 0)
    agreement = f"agreement {number(before.value, 2)} → {number(after.value, 2)}"
    return _beside(quantity(kept, 0), "identity 100" if kept.measurable else "", agreement)


def _similarity(found: Measured, _: int) -> str:
    similarity = found.labels.get("similarity")
    return _beside(quantity(similarity, 2), "identity 1" if similarity.measurable else "")


def _to_truth(found: Measured, _: int) -> str:
    identity = found.labels.get("to_truth_identity").value
    return _beside(
        quantity(found.labels.get("to_truth"), 1), "" if identity is None else f"identity {number(identity, 1)}"
    )


def _gap(found: Measured, _: int) -> str:
    before, after = found.gap.get("kid_before"), found.gap.get("kid_after")
    if before.value is None or after.value is None:
        return quantity(before if before.value is None else after, 2)
    return f"{quantity(before, 2)} → {quantity(after, 2)}"


def _verdict(found: Measured) -> str:
    if not found.labels.values:
        return found.labels.problem
    if not found.labels.flags:
        return "intact"
    confounded = found.labels.confounded if "score" in found.labels.flags else ""
    return _beside(FLAGGED, ", ".join(found.labels.flags), confounded)


_SCORES = ("score_kept", "score_kept_identity", "score_to_identity", "score", "score_identity", "score_reference")
_GAPS = tuple(f"{gap}_{when}" for gap in GAP_MEASURES for when in ("after", "before"))

VERDICT = Format(
    lambda found, _: _verdict(found),
    {"": _verdict},
    right=False,
    style=lambda found: "loss" if found.labels.flags else "",
)
SCORE_KEPT = Format(_score_kept, _quantities("labels", *_SCORES), right=False)
EDGES_KEPT = Format(_edges_kept, _quantities("labels", "edges_kept", "edges_before", "edges_after"), right=False)
SIMILARITY = Format(_similarity, _quantities("labels", "similarity"), right=False)
TO_TRUTH = Format(_to_truth, _quantities("labels", "to_truth", "to_truth_identity"), right=False)
GAP = Format(_gap, _quantities("gap", *_GAPS, "kid_reduction"), right=False)


def _measured(row: Row) -> Measured | None:
    return row.measured


def _cost(name: str) -> Callable[[Row], float | None]:
    return lambda row: row.costs.get(name)


COLUMNS: tuple[Column, ...] = (
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
    Column("labels after refining", "labels", _measured, VERDICT, 1, measured=True),
    Column("domain gap, KID [95 %]", "gap_", _measured, GAP, 2, measured=True),
    Column("judge's score kept, % [95 %]", "labels_", _measured, SCORE_KEPT, 3, measured=True),
    Column("label edges kept, % [95 %]", "labels_", _measured, EDGES_KEPT, 3, measured=True),
    Column("foreground SSIM [95 %]", "labels_", _measured, SIMILARITY, 4, measured=True),
    Column("off the truth, levels", "labels_", _measured, TO_TRUTH, 5, measured=True, optional=True),
    Column("fit, s", "fit_seconds", _cost("fit_seconds"), SECONDS, 4),
    Column("refine, s", "refine_seconds", _cost("refine_seconds"), SECONDS, 4),
    Column("train, s", "train_seconds", _cost("train_seconds"), SECONDS, 4),
    Column("images seen", "images_seen", _cost("images_seen"), COUNT, 5),
    Column("worker's peak memory, MB", "peak_memory_mb", _cost("peak_memory_mb"), COUNT, 5),
    Column("why not ranked", "reason", lambda row: row.reason or None, TEXT, blocks=("unranked",)),
)


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
