"""Gain against cost: the time that each refiner takes to fit, to refine and to train, and which gain more for less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.report.table import Heading, Section
from bench.report.text import NOTHING, number, points, with_bracket

if TYPE_CHECKING:
    from bench.report.table import Table

CSV = "cost.csv"
PHASES = ("fit", "refine", "train")
SHOWN = {
    **{f"{phase}_seconds": (f"{phase}, s", 1) for phase in PHASES},
    **{f"{phase}_gpu_seconds": (f"{phase}, GPU s", 1) for phase in PHASES},
    **{f"{phase}_peak_memory_mb": (f"{phase}, peak GPU memory, MB", 0) for phase in PHASES},
    "fit_images_seen": ("images seen by the fit", 0),
    "images_seen": ("images seen by the training", 0),
    "refiner_parameters": ("refiner's parameters", 0),
    "n_parameters": ("network's parameters", 0),
}
"""Costs with their heading and decimals; those that no record states are left out."""


def pareto_front(placed: Sequence[tuple[float, float]]) -> list[int]:
    """Positions of the (cost, gain) pairs that no cheaper or equally cheap pair beats, by rising cost.

    >>> pareto_front([(3.0, 1.0), (1.0, 0.5), (2.0, 0.2)])
    [1, 0]
    """
    front: list[int] = []
    for place in sorted(range(len(placed)), key=lambda i: (placed[i][0], -placed[i][1])):
        if not front or placed[place][1] > placed[front[-1]][1]:
            front.append(place)
    return front


def cost_frame(table: Table) -> pd.DataFrame:
    """One row per tested refiner (arm ``refined``), the cheapest first; empty with fewer than two.

    Columns: ``refiner``; ``gain`` with ``gain_low``, ``gain_high`` (95 %, this row by itself) and ``gain_verdict``;
    ``seconds`` to fit and refine; the means over its cells of :data:`SHOWN`; and ``on_front``, whether none
    gains more for as little.
    """
    found: list[dict[str, Any]] = []
    tested = [
        (row, row.gain, row.gain.alone) for row in table.rows if row.arm == "refined" and row.gain and row.gain.alone
    ]
    if len(tested) < 2:
        return pd.DataFrame()
    for row, gain, limits in tested:
        costs = {name: row.costs.get(name, float("nan")) for name in SHOWN}
        found.append(
            {
                "refiner": row.refiner,
                "gain": gain.value,
                "gain_low": limits.low,
                "gain_high": limits.high,
                "gain_verdict": gain.verdict,
                "seconds": costs["fit_seconds"] + costs["refine_seconds"],
                **costs,
            }
        )
    frame = pd.DataFrame(found)
    front = pareto_front(list(zip(frame.seconds, frame.gain, strict=True)))
    frame["on_front"] = frame.index.isin(front)
    return frame.sort_values(["seconds", "refiner"], ignore_index=True)


def section(table: Table, cells: pd.DataFrame) -> Section | None:
    """The refiners by cost, those of the front marked."""
    frame = cost_frame(table)
    if frame.empty:
        return None
    stated = {name: shown for name, shown in SHOWN.items() if frame[name].notna().any()}
    headings = (
        Heading("refiner", right=False),
        Heading(f"gain, {points(table.metric)} [95 %]"),
        Heading("front", right=False),
        *(Heading(title) for title, _ in stated.values()),
    )
    gains = {row.refiner: row.gain for row in table.rows if row.arm == "refined" and row.gain}
    rows = tuple(
        (
            f"`{row['refiner']}`",
            with_bracket(gains[row["refiner"]], table.decimals, signed=True),
            "●" if row["on_front"] else NOTHING,
            *(_amount(row[name], decimals) for name, (_, decimals) in stated.items()),
        )
        for row in frame.to_dict("records")
    )
    front = frame[frame.on_front]
    best, cheapest = front.iloc[-1], front.iloc[0]
    most = number(best.gain, table.decimals, signed=True)
    finding = f"`{best.refiner}` does best, {most}, and takes {_amount(best.seconds, 1)} s to fit and refine"
    if len(front) > 1:
        gained = number(cheapest.gain, table.decimals, signed=True)
        finding += f"; `{cheapest.refiner}` takes {_amount(cheapest.seconds, 1)} s for {gained}"
    notes = (
        "Front (●): no refiner that takes as few seconds to fit and refine gains more. All tasks and seeds that use a "
        "fit share it. Training costs the same as in the other rows.",
    )
    return Section("Gain against cost", f"{finding}.", headings, rows, notes, CSV, frame)


def _amount(value: float, decimals: int) -> str:
    return NOTHING if pd.isna(value) else f"{value:,.{decimals}f}"
