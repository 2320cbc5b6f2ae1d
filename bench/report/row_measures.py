"""What was measured of a refiner's images, as a row of the leaderboard shows it: label preservation and domain gap.

A row has one :class:`Measured` for all fits of its refiner: values are averaged over refiner seeds and so are the ends
of their intervals, which come from images and do not shrink with seeds; a flag of any seed is the row's. Rows without
a refined set have none, rows that should have one and do not say ``not measured``. Nothing here ranks a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.report.reasons import plain
from bench.results.measurement import CONFOUNDED, Measurement, Quantity
from bench.results.table_key import TableKey

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Part:
    """The measurements of one kind; without them ``problem`` is what a cell says, and ``why`` a footnote's reason."""

    values: Mapping[str, Quantity] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    problem: str = NOT_MEASURED
    why: str = ""

    @property
    def confounded(self) -> str:
        """The mark of a score whose judge knows source images alone; empty otherwise."""
        return CONFOUNDED if CONFOUNDED in self.about.get("judge", "") else ""

    def get(self, name: str) -> Quantity:
        return self.values.get(name) or Quantity.not_measurable(self.problem or f"no {name}")


@dataclass(frozen=True)
class Measured:
    """Both kinds, of one row."""

    labels: Part = Part()
    gap: Part = Part()

    @property
    def exists(self) -> bool:
        """Whether anything was measured, or tried to be."""
        return any(part.values or part.why or part.problem != NOT_MEASURED for part in (self.labels, self.gap))


def measured(measurements: Sequence[Measurement], table: TableKey, refiner: str, pair_digest: str | None) -> Measured:
    """What is known of a refiner's images in a table."""
    mine = [m for m in measurements if m.of.refiner == refiner and m.of.key == table]
    return Measured(
        _part([m for m in mine if m.kind == "label_preservation"], pair_digest),
        _part([m for m in mine if m.kind == "domain_gap"], pair_digest),
    )


def _part(measurements: Sequence[Measurement], pair_digest: str | None) -> Part:
    if not measurements:
        return Part()
    failed = next((m for m in measurements if m.status == "failed"), None)
    if failed is not None:
        return Part(why=plain(failed.reason))
    if any(m.digests["pair"] != pair_digest for m in measurements):
        return Part(problem=f"{NOT_MEASURED} on this version of the pair")
    first = measurements[0]
    values = {name: _mean([m.value(name) for m in measurements]) for name in first.values}
    flags = tuple(dict.fromkeys(flag for m in measurements for flag in m.flags))
    return Part(values, first.about, flags, "")


def _mean(quantities: Sequence[Quantity]) -> Quantity:
    """Over refiner seeds; not measurable where one of them is not."""
    missing = next((q for q in quantities if not q.measurable), None)
    if missing is not None:
        return missing
    ends = {
        end: float(np.mean(found))
        if len(found := [v for q in quantities if (v := getattr(q, end)) is not None])
        else None
        for end in ("value", "low", "high")
    }
    return quantities[0].model_copy(update=ends)
