"""Hybrid curves of a table: score against labelled target images for ``real@k``, ``hybrid@k``, ``refined_hybrid@k``.

A curve starts at k = 0 with the row that uses no label (``source``, ``refined``) and that of ``real`` ends with
``oracle``, all labelled images. A hybrid trained by ``finetune`` is a curve of its own, without a start. The section is
there where the table has two values of k or more. Savings: :mod:`bench.stats.hybrid_curves`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench import stats
from bench.report.table import Heading, Section
from bench.report.text import NOTHING, interval, number
from bench.stats.hybrid_curves import Saved, saved
from bench.suites.arms import Arm

if TYPE_CHECKING:
    from bench.api import Metric
    from bench.report.gains import BySeed
    from bench.report.table import Table

LEAST_K = 2
"""Values of k that make a curve: with its end, ``source`` or ``oracle``, three points."""
CSV = "curves.csv"


@dataclass(frozen=True)
class Curve:
    """Contributions by seed in the printed unit at each k, rising; ``arm`` as suites write it, with ``k`` for K."""

    arm: str
    refiner: str
    points: dict[int, BySeed]


def curves_of(table: Table, cells: pd.DataFrame) -> tuple[Curve, ...]:
    """The curves of a table: ``real``, ``hybrid``, then one for each refiner; empty with fewer than two k."""
    from bench.report.gains import by_seed

    if len({Arm.parse(str(arm)).k for arm in cells.arm.unique()} - {None}) < LEAST_K:
        return ()
    rows = {(str(arm), str(refiner)): by_seed(group) for (arm, refiner), group in cells.groupby(["arm", "refiner"])}
    counted: dict[tuple[str, str], dict[int, BySeed]] = {}
    for (text, refiner), values in rows.items():
        arm = Arm.parse(text)
        if arm.k is not None and values:
            name = f"{arm.kind}@k{':finetune' if arm.finetune else ''}"
            counted.setdefault((name, refiner), {})[arm.k] = values
    if len({k for points in counted.values() for k in points}) < LEAST_K:
        return ()
    curves = []
    for (name, refiner), points in counted.items():
        start = {"hybrid@k": "source", "refined_hybrid@k": "refined"}.get(name)
        if start and rows.get((start, refiner)):
            points[0] = rows[start, refiner]
        if name == "real@k" and rows.get(("oracle", "")) and table.pair_info:
            points.setdefault(table.pair_info.n_target_labelled, rows["oracle", ""])
        curves.append(Curve(name, refiner, dict(sorted(points.items()))))
    order = ["real@k", "hybrid@k", "hybrid@k:finetune", "refined_hybrid@k", "refined_hybrid@k:finetune"]
    return tuple(sorted(curves, key=lambda curve: (order.index(curve.arm), curve.refiner)))


def curve_frame(table: Table, cells: pd.DataFrame) -> pd.DataFrame:
    """A row for each point of each curve; empty where there are none.

    Columns: ``curve``, ``refiner``, ``k``, ``n_seeds``; ``score`` in the printed unit with its 95 % bands ``low``,
    ``high`` over seeds × test images and ``low_over_seeds``, ``high_over_seeds``; and for hybrid points the labelled
    target images saved at equal score, ``saved_over_real`` and ``saved_over_hybrid``, each with ``_low``, ``_high`` and
    the measured range ``_least``, ``_most`` (±inf: beyond it).
    """
    curves = curves_of(table, cells)
    groups = next((groups for groups in cells.groups if groups is not None), None)
    sign = 1.0 if table.metric.higher_is_better else -1.0
    by_name = {(curve.arm, curve.refiner): curve for curve in curves}
    found = []
    for curve in curves:
        mode = ":finetune" if curve.arm.endswith(":finetune") else ""
        references = {"real": by_name.get(("real@k", "")), "hybrid": by_name.get((f"hybrid@k{mode}", ""))}
        for k, values in curve.points.items():
            row: dict[str, Any] = {"curve": curve.arm, "refiner": curve.refiner, "k": k, "n_seeds": len(values)}
            row |= _band(values, groups, table.metric)
            for name, reference in references.items():
                if curve.arm != "real@k" and reference is not None and reference is not curve:
                    row |= _savings(name, _saved(reference, k, values, groups, sign))
            found.append(row)
    return pd.DataFrame(found)


def section(table: Table, cells: pd.DataFrame) -> Section | None:
    """The curves as a grid, one row per point."""
    frame = curve_frame(table, cells)
    if frame.empty:
        return None
    savings = [name for name in ("real", "hybrid") if f"saved_over_{name}" in frame]
    headings = (
        Heading("curve", right=False),
        Heading("refiner", right=False),
        Heading("k"),
        Heading("seeds"),
        Heading(f"{table.metric.title}, {table.metric.unit or 'no unit'} [95 %]"),
        *(Heading(f"labels saved over `{name}@k` [95 %]") for name in savings),
    )
    rows = tuple(tuple(_texts(row, table, savings)) for row in frame.to_dict("records"))
    kind = "stand-in" if table.pair_info and table.pair_info.stand_in else "real"
    notes = (
        f"k: labelled {kind} images, nested subsets that all rows of a seed share. At k = 0 `hybrid@k` is `source`, "
        "`refined_hybrid@k` is `refined`; the last k of `real@k` is `oracle`.",
        "Labels saved: k at which the other curve reaches the row's score, minus the row's own k; interpolated over "
        "log(1 + k) between monotone means, so the rougher the fewer k were measured, and never beyond the measured "
        "range (then `<` or `>`). 95 % intervals by bootstrap over seeds × test images.",
    )
    return Section(f"Labelled {kind} images: curves", _finding(frame, kind), headings, rows, notes, CSV, frame)


def _finding(frame: pd.DataFrame, kind: str) -> str:
    """What the best refined set is worth at the smallest k where that was measured."""
    if "saved_over_real" not in frame:
        return "Too few seeds or curves to say how many labels are saved."
    refined = frame[(frame.refiner != "") & frame.saved_over_real.notna()]
    if refined.empty:
        return "No row with a refiner is on these curves, so none is known to save labels."
    ranked = refined.sort_values(["k", "saved_over_real"], ascending=[True, False])
    measured = ranked[np.isfinite(ranked.saved_over_real)]
    if measured.empty:
        first = ranked.iloc[0]
        more = first.saved_over_real > 0
        bound = first.k + (first.saved_over_real_most if more else first.saved_over_real_least)
        return (
            f"What refined images replace lies beyond the measured numbers of labelled {kind} images: training on "
            f"images {_mixture(first.refiner, first.k, kind)} scores like training on "
            f"{'more' if more else 'fewer'} than {bound:,.0f} labelled ones alone."
        )
    best = measured.iloc[0]
    said = (
        f"Training on images {_mixture(best.refiner, best.k, kind)} scores like training on "
        f"{best.k + best.saved_over_real:,.0f} labelled {kind} images alone: {_saved_text(best, 'real')}."
    )
    if pd.notna(best.get("saved_over_hybrid", np.nan)):
        said += f" Beside unrefined images (`hybrid@k`) refining saves {_saved_text(best, 'hybrid')}."
    return said


def _mixture(refiner: str, k: int, kind: str) -> str:
    """``refined with `fda` and on 20 labelled real ones``."""
    return f"refined with `{refiner}`" + (f" and on {k:,} labelled {kind} ones" if k else "")


def _band(values: BySeed, groups: np.ndarray | None, metric: Metric) -> dict[str, float]:
    stacked = np.stack(list(values.values()))
    band = {"score": float(stacked.mean())}
    try:
        both, seeds = stats.two_level_interval(stacked, groups), stats.seed_interval(stacked.mean(1))
    except stats.TooFew:
        return band
    if metric.bounds:
        both, seeds = both.within(*metric.bounds), seeds.within(*metric.bounds)
    return band | {"low": both.low, "high": both.high, "low_over_seeds": seeds.low, "high_over_seeds": seeds.high}


def _saved(reference: Curve, k: int, values: BySeed, groups: np.ndarray | None, sign: float) -> Saved | None:
    """What a point saves over another curve, over the seeds that all have; ``None`` where those are too few."""
    seeds = [seed for seed in values if all(seed in point for point in reference.points.values())]
    if len(reference.points) < 2 or not seeds:
        return None
    curve = np.stack([np.stack([point[seed] for seed in seeds]) for point in reference.points.values()])
    own = np.stack([values[seed] for seed in seeds])
    try:
        return saved(np.array(list(reference.points)), sign * curve, k, sign * own, groups)
    except stats.TooFew:
        return None


def _savings(name: str, found: Saved | None) -> dict[str, float]:
    if found is None:
        return {}
    column = f"saved_over_{name}"
    ends = {"low": found.low, "high": found.high, "least": found.least, "most": found.most}
    return {column: found.value, **{f"{column}_{end}": value for end, value in ends.items()}}


def _texts(row: dict[Any, Any], table: Table, savings: list[str]) -> Iterator[str]:
    yield f"`{row['curve']}`"
    yield f"`{row['refiner']}`" if row["refiner"] else NOTHING
    yield f"{row['k']:,}"
    yield str(row["n_seeds"])
    score = number(row["score"], table.decimals)
    known = pd.notna(row.get("low", np.nan))
    yield f"{score} {interval(row['low'], row['high'], table.decimals)}" if known else score
    for name in savings:
        yield NOTHING if pd.isna(row[f"saved_over_{name}"]) else _saved_text(row, name)


def _saved_text(row: Any, name: str) -> str:
    """``+23 [+16, +43]``, or ``> +75, beyond the measured range``."""
    column = f"saved_over_{name}"
    least, most = row[f"{column}_least"], row[f"{column}_most"]
    value, low, high = (_count(row[column + end], least, most) for end in ("", "_low", "_high"))
    if np.isfinite(row[column]):
        return f"{value} [{low}, {high}]"
    return f"{value}{'' if value == low == high else f' [{low}, {high}]'}, beyond the measured range"


def _count(value: float, least: float, most: float) -> str:
    """``+23``, or ``> +75`` where the measured range ends."""
    if np.isfinite(value):
        return f"{value:+,.0f}"
    return f"> {most:+,.0f}" if value > 0 else f"< {least:+,.0f}"
