"""Stability: how much of a row's spread is the refiner's fit, where a suite crosses refiner seeds with task seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.report.table import Heading, Section
from bench.report.text import interval, number, points
from bench.stats.variance_components import Deviation, variance_components

if TYPE_CHECKING:
    from bench.report.table import Table

CSV = "stability.csv"
ORIGINS = {"fit": "refiner's fit", "train": "task's training", "rest": "both together"}


def stability_frame(cells: pd.DataFrame) -> pd.DataFrame:
    """A row for each (arm, refiner) whose refiner seeds are crossed with its task seeds; empty where none is.

    Columns: ``arm``, ``refiner``, ``n_refiner_seeds``, ``n_task_seeds``, ``score``; the standard deviations ``fit``,
    ``train`` and ``rest`` in the printed unit, each with its 95 % interval ``_low``, ``_high``; and ``fit_share`` of
    the variance in %. A row of which a cell is missing or failed is left out.
    """
    found: list[dict[str, object]] = []
    if cells.refiner_seed.nunique() < 2:
        return pd.DataFrame(found)
    crossed = cells[(cells.refiner != "") & (cells.arm != "end_to_end")]
    for (arm, refiner), group in crossed.groupby(["arm", "refiner"]):
        grid = group.pivot(index="refiner_seed", columns="task_seed", values="score")
        if min(grid.shape) < 2 or grid.isna().any(axis=None):
            continue
        split = variance_components(grid.to_numpy())
        row = {
            "arm": arm,
            "refiner": refiner,
            "n_refiner_seeds": grid.shape[0],
            "n_task_seeds": grid.shape[1],
            "score": float(np.mean(grid.to_numpy())),
        }
        for origin in ORIGINS:
            deviation: Deviation = getattr(split, origin)
            row |= {origin: deviation.value, f"{origin}_low": deviation.low, f"{origin}_high": deviation.high}
        found.append({**row, "fit_share": 100 * split.fit_share})
    return pd.DataFrame(found)


def section(table: Table, cells: pd.DataFrame) -> Section | None:
    """The split, one row per row of the table; ``None`` where no refiner was fitted more than once."""
    frame = stability_frame(cells)
    if frame.empty:
        return None
    unit = points(table.metric)
    headings = (
        Heading("arm", right=False),
        Heading("refiner", right=False),
        Heading("refiner seeds"),
        Heading("task seeds"),
        *(Heading(f"spread by the {origin}, {unit} [95 %]") for origin in ORIGINS.values()),
        Heading("share of the fit"),
    )
    rows = tuple(
        (
            f"`{row['arm']}`",
            f"`{row['refiner']}`",
            str(row["n_refiner_seeds"]),
            str(row["n_task_seeds"]),
            *(_deviation(row[o], row[f"{o}_low"], row[f"{o}_high"], table.decimals) for o in ORIGINS),
            "–" if np.isnan(row["fit_share"]) else f"{row['fit_share']:.0f} %",
        )
        for row in frame.to_dict("records")
    )
    most = frame.sort_values(["fit", "refiner"], ascending=[False, True]).iloc[0]
    finding = (
        f"Another fit of `{most.refiner}` moves the score of `{most.arm}` by "
        f"{_deviation(most.fit, most.fit_low, most.fit_high, table.decimals)} {unit} (one standard deviation)"
        f"{', the most of all refiners here' if len(frame) > 1 else ''}."
        if most.fit > 0
        else "No refiner's score depends detectably on its fit."
    )
    notes = (
        "Spread: standard deviations of score = mean + fit + training + rest, two-way random effects with one score "
        "for each pair of seeds, on this test set; 95 % generalised confidence intervals.",
        "The leaderboard averages the refiner seeds of a task seed: its intervals hold for these fits, and another fit "
        "adds the spread of the fit to them.",
    )
    return Section("Stability: refiner seeds × task seeds", finding, headings, rows, notes, CSV, frame)


def _deviation(value: float, low: float, high: float, decimals: int) -> str:
    return f"{number(value, decimals)} {interval(low, high, decimals)}"
