"""The critical-difference diagram: refiners' mean ranks over the page's tasks, or why there is none.

Compared are ``source`` and the arm ``refined`` of every refiner that all of the tasks rank; a task is a (pair, task,
model) under the recipe ``strong``, or under ``plain`` where that is all there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.report.figures.drawing import CHARACTER_PX, RIGHT_PX, WIDTH_PX, Draft, Figure, drawn, short
from bench.report.figures.svg import PAINTS
from bench.report.table import Table
from bench.stats.mean_ranks import FEWEST_TASKS, MeanRanks, mean_ranks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Method = tuple[str, str]


def ranks_figure(tables: Sequence[Table]) -> Figure | str:
    """The diagram, or one sentence in its place."""
    by_task: dict[tuple[str, str, str], Table] = {}
    for table in tables:
        by_task.setdefault((table.pair, table.task, table.model), table)
    tasks = list(by_task.values())
    if len(tasks) < FEWEST_TASKS:
        have = f"{len(tasks)} task" + ("s" if len(tasks) > 1 else "")
        return (
            f"There is no critical-difference diagram: it compares mean ranks over at least {FEWEST_TASKS} tasks, and "
            f"this page has {have}."
        )
    scores = [_scores(table) for table in tasks]
    methods = [method for method in scores[0] if all(method in of_task for of_task in scores)]
    if len(methods) < 3:
        found = ", ".join(refiner or "source" for _, refiner in methods) or "nothing"
        return (
            "There is no critical-difference diagram: it compares at least two refiners with source, and ranked in all "
            f"of the {len(tasks)} tasks is only: {found}."
        )
    names = [refiner or "source" for _, refiner in methods]
    return drawn(_draft(mean_ranks(names, np.array([[s[method] for method in methods] for s in scores]))), "ranks")


def _scores(table: Table) -> dict[Method, float]:
    sign = 1.0 if table.metric.higher_is_better else -1.0
    return {
        (row.arm, row.refiner): sign * row.score.value
        for row in table.block("ranked")
        if row.score and (row.arm == "refined" or (row.arm, row.refiner) == ("source", ""))
    }


def _draft(found: MeanRanks) -> Draft:
    k, difference = len(found.names), found.critical_difference
    at = found.names.index("source")
    better = [n for n, rank in zip(found.names, found.ranks, strict=True) if found.ranks[at] - rank >= difference]
    finding = (
        f"Over {found.n_tasks} tasks {found.names[0]} ranks best ({found.ranks[0]:.2f} on average; source "
        f"{found.ranks[at]:.2f}); "
        + (f"better than source by ranks: {', '.join(better)}." if better else "none ranks detectably above source.")
    )
    p = "< 0.001" if found.p < 0.001 else f"= {found.p:.3f}"
    caption = (
        f"Mean ranks, 1 is best. Bars join what Nemenyi's critical difference ({difference:.2f}) does not separate; "
        f"Friedman's test that all rank alike: p {p}."
    )
    texts = [f"{short(name, 22)}  {rank:.2f}" for name, rank in zip(found.names, found.ranks, strict=True)]
    room_px = max(map(len, texts)) * CHARACTER_PX
    room = room_px / (WIDTH_PX - 2 * RIGHT_PX - 2 * room_px) * (k - 1)
    n_left = (k + 1) // 2
    first_name = 0.7 + 0.5 * len(found.cliques)

    def draw(axes: Axes) -> None:
        axes.set_axis_off()
        axes.set_xlim(1 - room, k + room)
        axes.set_ylim(first_name + n_left, -1)
        axes.plot([1, k], [0, 0], color=PAINTS["ink"], linewidth=1)
        for tick in range(1, k + 1):
            axes.plot([tick, tick], [-0.12, 0.12], color=PAINTS["ink"], linewidth=1)
            axes.annotate(f"{tick}", (tick, -0.25), ha="center", va="bottom")
        for place, (first, last) in enumerate(found.cliques):
            ends = [found.ranks[first], found.ranks[last]]
            axes.plot(ends, [0.45 + 0.5 * place] * 2, color=PAINTS["c1"], linewidth=5, solid_capstyle="round")
        for place, (text, rank) in enumerate(zip(texts, found.ranks, strict=True)):
            on_left = place < n_left
            y = first_name + 0.5 + (place if on_left else k - 1 - place)
            side, shift, edge = ("right", -5, 1) if on_left else ("left", 5, k)
            axes.plot([rank, rank, edge], [0, y, y], color=PAINTS["soft"], linewidth=1)
            axes.annotate(text, (edge, y), (shift, 0), textcoords="offset points", ha=side, va="center", fontsize=11)

    return Draft("Critical-difference diagram", finding, caption, draw, 110 + round(22 * (n_left + first_name)), 14)
