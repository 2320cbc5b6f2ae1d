"""Two results folders → what changed between them, row by row, and whether a change exceeds noise.

A row's change is its score in the second folder minus that in the first, signed so that + is better. Where both
folders scored the same test images with trainings of the same seeds, it is paired by seed and image; otherwise the two
are taken as independent, and the interval is wider. Intervals and tests are those of :func:`bench.stats.change`, with
Holm's correction over the rows of a table. What was set or installed differently is listed beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench import stats
from bench.report import tables_of
from bench.report.table import label
from bench.report.text import mark
from bench.results.record import Record

RowKey = tuple[str, ...]
"""pair, task, model, budget, recipe, arm, refiner"""


@dataclass(frozen=True)
class RowChange:
    """One row in both folders, or in one of them.

    Attributes
    ----------
    before, after: mean scores in the printed unit over the seeds that are compared; ``None`` where there is none.
    interval: 95 % over seeds × test images of the change; ``None`` where none could be computed.
    paired: by seed and image.
    verdict: ``better`` or ``worse`` (adjusted p < 0.05), ``within noise``, ``unchanged`` (equal on every test image),
        or why there is nothing to compare.
    """

    key: RowKey
    unit: str
    before: float | None = None
    after: float | None = None
    change: float | None = None
    interval: stats.Interval | None = None
    paired: bool = False
    p: float | None = None
    p_adjusted: float | None = None
    verdict: str = ""

    @property
    def table(self) -> str:
        pair, task, model, budget, recipe = self.key[:5]
        return " · ".join([pair, task, model, f"{recipe} recipe", f"{budget} budget"])

    @property
    def row(self) -> str:
        return label(*self.key[5:])


@dataclass(frozen=True)
class Changes:
    """``rows`` of all tables in order; ``settings`` and ``verdicts`` in a line each, empty where nothing differs."""

    rows: tuple[RowChange, ...]
    settings: tuple[str, ...]
    verdicts: tuple[str, ...]


def changes(before: Sequence[Record], after: Sequence[Record]) -> Changes:
    """Compare the records of two folders.

    Raises
    ------
    UserError: records that no leaderboard can be made of (:func:`bench.report.frame.cell_frame`).
    """
    verdicts = tuple(_verdicts(before, after))
    old, new = _by_row(before), _by_row(after)
    compared = [_change(key, old.get(key, []), new.get(key, [])) for key in sorted(old.keys() | new.keys())]
    rows = sorted(_corrected(compared), key=lambda row: (row.table, row.change is None, row.row))
    return Changes(tuple(rows), tuple(_settings(before, after)), verdicts)


def _by_row(records: Sequence[Record]) -> dict[RowKey, list[Record]]:
    rows: dict[RowKey, list[Record]] = {}
    for record in records:
        cell = record.cell
        rows.setdefault((*cell.table, cell.recipe, cell.arm, cell.refiner), []).append(record)
    return rows


def _change(key: RowKey, before: Sequence[Record], after: Sequence[Record]) -> RowChange:
    old, new = ([record for record in records if record.status == "ok"] for records in (before, after))
    found = RowChange(key, next((record.primary.unit for record in (*old, *new)), ""))
    for scored, records, which in ((old, before, "first"), (new, after, "second")):
        if not scored:
            return replace(found, verdict=f"{'no score' if records else 'not'} in the {which}")
    first, second = old[0].primary, new[0].primary
    if (first.name, first.unit, first.scale) != (second.name, second.unit, second.scale):
        return replace(found, verdict=f"not comparable: {first.name} and {second.name}")
    values = _by_seed(old), _by_seed(new)
    seeds = [seed for seed in values[0] if seed in values[1] and _train_seed(old, seed) == _train_seed(new, seed)]
    paired = len(seeds) > 1 and _same_test_images((*old, *new))
    left, right = (np.stack([v[seed] for seed in (seeds if paired else v)]) for v in values)
    sign = 1.0 if first.higher_is_better else -1.0
    found = replace(
        found,
        before=float(left.mean()),
        after=float(right.mean()),
        change=sign * float(right.mean() - left.mean()),
        paired=paired,
    )
    videos = [None if record.groups is None else record.groups.unpack() for record in (old[0], new[0])]
    try:
        interval, p = stats.change(sign * left, sign * right, videos[0], videos[1], paired)
    except stats.TooFew as too_few:
        return replace(found, verdict=str(too_few))
    return replace(found, interval=interval, p=p, verdict="unchanged" if p is None else "")


def _by_seed(records: Sequence[Record]) -> dict[int, np.ndarray]:
    """Contributions ``(N_test,)`` in the printed unit by task seed, refiner seeds averaged."""
    gathered: dict[int, list[np.ndarray]] = {}
    for record in records:
        if record.contributions is not None:
            scaled = record.contributions.unpack() * record.primary.scale
            gathered.setdefault(record.cell.task_seed, []).append(scaled)
    return {seed: np.mean(gathered[seed], axis=0) for seed in sorted(gathered)}


def _same_test_images(records: Sequence[Record]) -> bool:
    """Known to be the same: by digest, and as many."""
    known = {(record.digests.get("test"), record.contributions and record.contributions.shape) for record in records}
    return len(known) == 1 and all(digest for digest, _ in known)


def _train_seed(records: Sequence[Record], task_seed: int) -> set[int | None]:
    return {record.seeds.get("train") for record in records if record.cell.task_seed == task_seed}


def _corrected(rows: Sequence[RowChange]) -> Iterator[RowChange]:
    """Holm's correction within each table, and the verdicts that follow."""
    tested: dict[str, list[RowChange]] = {}
    for row in rows:
        if row.p is not None:
            tested.setdefault(row.table, []).append(row)
    adjusted = {
        row.key: float(p)
        for members in tested.values()
        for row, p in zip(members, stats.holm(row.p or 0.0 for row in members), strict=True)
    }
    for row in rows:
        if row.key not in adjusted or row.change is None:
            yield row
            continue
        p = adjusted[row.key]
        verdict = ("better" if row.change > 0 else "worse") if p < 0.05 else "within noise"
        yield replace(row, p_adjusted=p, verdict=verdict)


def _settings(before: Sequence[Record], after: Sequence[Record]) -> Iterator[str]:
    """What the scored records of each table state otherwise in the second folder."""
    old, new = _stated(before), _stated(after)
    for table in sorted(old.keys() & new.keys()):
        for what in sorted(old[table].keys() & new[table].keys()):
            first, second = (" / ".join(sorted(stated[table][what])) for stated in (old, new))
            if first != second:
                yield f"{table}: {what}: {first} → {second}"


def _stated(records: Sequence[Record]) -> dict[str, dict[str, set[str]]]:
    tables: dict[str, dict[str, set[str]]] = {}
    for record in records:
        if record.status != "ok" or record.pair is None:
            continue
        of_refiner = f" of {record.cell.refiner}"
        stated: Mapping[str, Any] = {
            "version of the pair": record.pair.digest[:12],
            "test images": record.pair.n_target_test,
            "steps": record.training.get("steps") if record.cell.arm != "end_to_end" else None,
            "batch size": record.training.get("batch_size"),
            **{f"version of {k}{of_refiner * k.startswith('refiner')}": v[:12] for k, v in record.versions.items()},
            **record.environment,
        }
        found = tables.setdefault(" · ".join(record.cell.table), {})
        for what, value in stated.items():
            if value is not None:
                found.setdefault(what, set()).add(str(value))
    return tables


def _verdicts(before: Sequence[Record], after: Sequence[Record]) -> Iterator[str]:
    """Rows whose gain over ``source`` is called something else now."""
    old = {
        (table.title, label(row.arm, row.refiner)): row.gain.verdict
        for table in tables_of(before)
        for row in table.rows
        if row.gain
    }
    for table in tables_of(after):
        for row in table.rows:
            first = old.get((table.title, label(row.arm, row.refiner)))
            if row.gain and first is not None and first != row.gain.verdict:
                said = " → ".join(mark(verdict) for verdict in (first, row.gain.verdict))
                yield f"{table.title}: {label(row.arm, row.refiner)}: {said}"
