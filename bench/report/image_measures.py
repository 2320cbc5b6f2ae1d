"""How the measures of refined images are printed: one column per measure, in one registry.

The values are those of :mod:`.row_measures`. To add a measure, add one entry to :data:`MEASURES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from bench.report.formats import Column, Format
from bench.report.row_measures import NOT_MEASURED, Measured
from bench.report.table import Row
from bench.report.text import interval, number
from bench.results.measurement import Quantity

FLAGGED = "⚑ flagged"
GAP_MEASURES = ("kid", "frechet", "two_sample", "colour", "spectrum")


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


MEASURES: tuple[Column, ...] = (
    Column("labels after refining", "labels", _measured, VERDICT, 1, measured=True),
    Column("domain gap, KID [95 %]", "gap_", _measured, GAP, 2, measured=True),
    Column("judge's score kept, % [95 %]", "labels_", _measured, SCORE_KEPT, 3, measured=True),
    Column("label edges kept, % [95 %]", "labels_", _measured, EDGES_KEPT, 3, measured=True),
    Column("foreground SSIM [95 %]", "labels_", _measured, SIMILARITY, 4, measured=True),
    Column("off the truth, levels", "labels_", _measured, TO_TRUTH, 5, measured=True, optional=True),
)
