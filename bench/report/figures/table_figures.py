"""The figures of a table: what is drawn, and the finding that each states in words.

gains        every tested row without target labels: gain, 95 % interval, and the band too small to be seen
labels       score against the number of labelled target images, with 95 % bands; 0 is none at all
cost         gain against the seconds that a refiner takes to fit and to refine; the Pareto front joined
domain gap   gain against what refining removes of the domain gap, where that was measured
by class     the best refiner's gain on each class, where the task has classes

A figure that has nothing to show is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.report.figures.drawing import MARKERS, Draft, Figure, dot, drawn, name_lines, of_lines, short, with_limits
from bench.report.figures.per_class import class_gains
from bench.report.figures.svg import CURVES, PAINTS
from bench.report.headline import best_refiner
from bench.report.sections.cost import pareto_front
from bench.report.table import Estimate, Table, label
from bench.report.text import kind_of_target, number, points, with_unit
from bench.suites.arms import Arm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST_SECONDS = 0.01
"""A cost axis is logarithmic and has no zero."""
SHAPES, DASHES = "osDX^vP*", ("-", "--", "-.", ":")


def table_figures(table: Table, cells: pd.DataFrame, name: str) -> list[Figure]:
    """The figures of a table; ``cells`` are its rows of the cell frame, ``name`` is unique on the page."""
    drafts = (_gains(table), _labels(table), _cost(table), _domain_gap(table), _by_class(table, cells))
    return [drawn(draft, f"{name}-{place}") for place, draft in enumerate(drafts) if draft]


def _gains(table: Table) -> Draft | None:
    tested = [(row, row.gain) for row in table.rows if row.gain and row.gain.interval and not row.target_labels]
    if not tested:
        return None
    tested.sort(key=lambda pair: pair[1].value)
    names = [label(row.arm, row.refiner) for row, _ in tested]
    n_gain, n_loss = (sum(gain.verdict == verdict for _, gain in tested) for verdict in ("gain", "loss"))
    smallest = table.gains.test.minimal_detectable_gain if table.gains.test else None
    finding = (
        f"{_count(n_gain)} of {len(tested)} rows without target labels {'gains' if n_gain == 1 else 'gain'} and "
        f"{_count(n_loss).lower()} {'loses' if n_loss == 1 else 'lose'} detectably; best is "
        f"{names[-1]}, {with_limits(tested[-1][1], table)}."
    )
    caption = "▲ resolved gain, ▼ resolved loss, ● not resolved; lines are 95 % intervals."
    if smallest:
        caption += " A true gain within the shaded band would be missed more than one time in five."

    def draw(axes: Axes) -> None:
        if smallest:
            axes.axvspan(-smallest, smallest, color=PAINTS["line"], alpha=0.4, linewidth=0)
        axes.axvline(0, color=PAINTS["soft"], linewidth=1)
        for place, (_, gain) in enumerate(tested):
            dot(axes, gain.value, place, gain)
        name_lines(axes, names)
        axes.set_xlabel(f"gain over source, {points(table.metric)}")

    return Draft("Gains", finding, caption, draw, *of_lines(names))


def _count(n: int) -> str:
    return "None" if n == 0 else str(n)


@dataclass(frozen=True)
class _Curve:
    """Scores by number of labelled target images."""

    name: str
    scores: dict[int, Estimate]


def _labels(table: Table) -> Draft | None:
    curves = list(_curves(table))
    ks = sorted({k for curve in curves for k in curve.scores})
    counted = [k for k in ks if 0 < k < ks[-1]]
    if not counted:
        return None
    sign = 1.0 if table.metric.higher_is_better else -1.0
    at_least = [curve for curve in curves if counted[0] in curve.scores]
    best = max(at_least, key=lambda curve: sign * curve.scores[counted[0]].value)
    images = f"labelled {kind_of_target(table)} images"
    scores = "scores best" if len(at_least) > 1 else "scores"
    finding = f"With {counted[0]} {images}, training on {best.name} {scores}: {_score(best.scores[counted[0]], table)}."
    for curve in curves:
        if curve.name.endswith(" alone") and ks[-1] in curve.scores:
            finding += f" All {ks[-1]:,} of them alone reach {_score(curve.scores[ks[-1]], table)}."

    def draw(axes: Axes) -> None:
        axes.set_xscale("symlog", linthresh=counted[0], linscale=0.5)
        for place, curve in enumerate(curves):
            paint, at = PAINTS[CURVES[place % len(CURVES)]], sorted(curve.scores)
            look = SHAPES[place % len(SHAPES)] + DASHES[place % len(DASHES)]
            axes.plot(at, [curve.scores[k].value for k in at], look, color=paint, label=short(curve.name), markersize=5)
            limits = [(k, found) for k in at if (found := curve.scores[k].interval)]
            lows, highs = [found.low for _, found in limits], [found.high for _, found in limits]
            axes.fill_between([k for k, _ in limits], lows, highs, color=paint, alpha=0.1, linewidth=0)
        axes.set_xticks(ks, [f"{k:,}" for k in ks])
        axes.set_xticks([], minor=True)
        axes.set_xlabel(images)
        unit = f", {table.metric.unit}" if table.metric.unit else ""
        axes.set_ylabel(f"{table.metric.title}{unit}")
        axes.legend(loc="best", fontsize=11)

    caption = (
        f"Bands are 95 % intervals of scores. The axis starts at 0 and is logarithmic from {counted[0]} images on."
    )
    return Draft("What labelled images add", finding, caption, draw)


def _curves(table: Table) -> Iterator[_Curve]:
    """Target images alone, up to the oracle; and each mixture, from its row without labels on."""
    found: dict[str, dict[int, Estimate]] = {}
    kind = kind_of_target(table)
    for row in table.block("labelled"):
        if row.score is None or row.target_labels is None:
            continue
        arm = Arm.parse(row.arm)
        if arm.kind in ("real", "oracle"):
            found.setdefault(f"{kind} images alone", {})[row.target_labels] = row.score
            continue
        name = f"{row.refiner or 'source'} + {kind}{', fine-tuned' if arm.finetune else ''}"
        start = table.find("refined" if row.refiner else "source", row.refiner)
        unlabelled = {0: start.score} if start and start.score else {}
        found.setdefault(name, unlabelled)[row.target_labels] = row.score
    return (_Curve(name, scores) for name, scores in found.items() if len(scores) > 1)


def _score(estimate: Estimate, table: Table) -> str:
    return with_unit(number(estimate.value, table.decimals), table.metric.unit)


def _cost(table: Table) -> Draft | None:
    placed = [
        (max(row.costs["fit_seconds"] + row.costs["refine_seconds"], LEAST_SECONDS), row, row.gain)
        for row in table.rows
        if row.arm == "refined" and row.gain and row.gain.interval
    ]
    if len(placed) < 2:
        return None
    front = [placed[place] for place in pareto_front([(seconds, gain.value) for seconds, _, gain in placed])]
    dear, cheap = front[-1], front[0]
    finding = f"{dear[1].refiner} does best, {with_limits(dear[2], table)}, in {_seconds(dear[0])}"
    finding += f"; the cheapest, {cheap[1].refiner}, takes {_seconds(cheap[0])}." if len(front) > 1 else "."

    def draw(axes: Axes) -> None:
        axes.set_xscale("log")
        axes.axhline(0, color=PAINTS["soft"], linewidth=1)
        for seconds, _, gain in placed:
            dot(axes, seconds, gain.value, gain, upright=True)
        costs, gains = [point[0] for point in front], [point[2].value for point in front]
        axes.step(costs, gains, where="post", color=PAINTS["soft"], linestyle="--", linewidth=1)
        left, right = axes.get_xlim()
        _beside(axes, [(at, gain.value, row.refiner) for at, row, gain in front], (left * right) ** 0.5)
        least, most = axes.get_xlim()
        ticks = _ticks(least, most)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set_xlim(least, most)
        axes.set_xlabel("seconds to fit and refine")
        axes.set_ylabel(f"gain, {points(table.metric)}")

    caption = "One point per refiner (arm refined). The dashed line joins the refiners that no quicker refiner beats."
    return Draft("Gain against cost", finding, caption, draw)


def _ticks(least: float, most: float) -> list[float]:
    """Round numbers on a logarithmic axis: powers of ten over two decades and more, else 1, 2 and 5 times them; where
    that makes fewer than two, all first digits, or first two."""
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    choices: tuple[Sequence[float], ...] = ((1, 2, 5), range(1, 10), [tenths / 10 for tenths in range(10, 100)])
    ticks: list[float] = []
    for digits in ((1,),) if most > 100 * least else choices:
        ticks = [tick for power in powers for digit in digits if least <= (tick := digit * 10.0**power) <= most]
        if len(ticks) > 1:
            break
    return ticks


def _seconds(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds < 100 else f"{seconds:,.0f} s"


def _domain_gap(table: Table) -> Draft | None:
    placed = [
        (removed.value, removed, row, row.gain)
        for row in table.rows
        if row.arm == "refined" and row.gain and row.gain.interval and row.measured
        if (removed := row.measured.gap.get("kid_reduction")).value is not None
    ]
    if len(placed) < 2:
        return None
    closest, best = max(placed, key=lambda point: point[0]), max(placed, key=lambda point: point[3].value)
    does_best = f"best is {best[2].refiner}, {with_limits(best[3], table)}."
    if closest[0] <= 0:
        finding = f"No refiner brings the images closer to the target; {does_best}"
    elif closest is best:
        name = closest[2].refiner
        finding = f"{name} brings the images closest to the target and does best too, {with_limits(best[3], table)}."
    else:
        gains = with_limits(closest[3], table)
        finding = f"{closest[2].refiner} brings the images closest to the target and gains {gains}; {does_best}"

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=PAINTS["soft"], linewidth=1)
        axes.axvline(0, color=PAINTS["soft"], linewidth=1)
        for at, removed, _, gain in placed:
            paint = PAINTS[gain.verdict if gain.verdict in MARKERS else "even"]
            axes.plot([removed.low or at, removed.high or at], [gain.value, gain.value], color=paint, linewidth=1)
            dot(axes, at, gain.value, gain, upright=True)
        _beside(axes, [(at, gain.value, row.refiner) for at, _, row, gain in placed], sum(axes.get_xlim()) / 2)
        axes.set_xlabel("domain gap removed, KID")
        axes.set_ylabel(f"gain, {points(table.metric)}")

    caption = (
        "One point per refiner (arm refined), with 95 % intervals of both. Images that look closer to the target do "
        "not always train better."
    )
    return Draft("Gain against domain gap", finding, caption, draw)


def _beside(axes: Axes, named: Sequence[tuple[float, float, str]], middle: float) -> None:
    """Names beside their points, on the side that has room."""
    for x, y, name in named:
        side, shift = ("left", 7) if x < middle else ("right", -7)
        axes.annotate(short(name), (x, y), (shift, 5), textcoords="offset points", ha=side, fontsize=11)


def _by_class(table: Table, cells: pd.DataFrame) -> Draft | None:
    best = best_refiner(table)
    found = class_gains(table, cells, best[0]) if best else []
    if best is None or not found:
        return None
    whose, unit = label(best[0].arm, best[0].refiner), points(table.metric)
    most, least = max(found, key=lambda c: c.value), min(found, key=lambda c: c.value)
    high, low = (number(c.value, table.decimals, signed=True) for c in (most, least))
    finding = f"{whose} gains most on class {most.name} ({high} {unit}) and least on {least.name} ({low})."

    def draw(axes: Axes) -> None:
        axes.axvline(0, color=PAINTS["soft"], linewidth=1)
        for place, of_class in enumerate(reversed(found)):
            axes.plot([of_class.low, of_class.high], [place, place], color=PAINTS["even"], linewidth=2)
            axes.plot([of_class.value], [place], marker="o", color=PAINTS["even"], markersize=6)
        name_lines(axes, [of_class.name for of_class in reversed(found)])
        axes.set_xlabel(f"gain, {unit}")

    caption = f"95 % intervals {found[0].over}; each class by itself, not tested, not corrected for their number."
    return Draft(f"Gain by class: {whose}", finding, caption, draw, *of_lines([c.name for c in found]))
