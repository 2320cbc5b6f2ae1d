"""Where a row comes from: its seeds, its weights, and the one command that makes it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bench.report.frame import TABLE
from bench.report.table import Row, Table, label

DIGITS = 12
"""Of a digest; the whole one is in ``cells.csv``."""


@dataclass(frozen=True)
class Origin:
    """A row's seeds, command and weights, as the page prints them."""

    name: str
    seeds: str
    command: str
    weights: str


def origins(tables: Sequence[Table], frame: pd.DataFrame) -> list[list[Origin]]:
    """Of each row of each table, in their order, from a :func:`bench.report.frame.cell_frame`."""
    names = [*TABLE, "arm", "refiner", "task_seed", "weights_digest", "versions"]
    cells: dict[tuple[str, ...], list[tuple[int, str, bool]]] = {}
    for *row, seed, digest, versions in zip(*(frame[name] for name in names), strict=True):
        cells.setdefault(tuple(row), []).append((int(seed), digest, "refiner_source" in versions))
    return [[_origin(table, row, cells) for row in table.rows] for table in tables]


def _origin(table: Table, row: Row, cells: Mapping[tuple[str, ...], Sequence[tuple[int, str, bool]]]) -> Origin:
    arm, _, recipe = row.arm.partition(" (")  # "source (plain)" stands in a strong table
    shown = replace(table, recipe=recipe.rstrip(")") or table.recipe)
    own = cells[*shown.key, arm, row.refiner]
    return Origin(
        name=label(row.arm, row.refiner),
        seeds=", ".join(map(str, sorted({seed for seed, _, _ in own}))),
        command=command(table, arm, row.refiner, any(plugged for _, _, plugged in own)),
        weights=" ".join(digest[:DIGITS] for _, digest, _ in own if digest),
    )


def command(table: Table, arm: str, refiner: str, plugged: bool) -> str:
    """``python -m bench run suite.yaml …`` for one row alone; a plug-in's file is the reader's to name."""
    words = ["python", "-m", "bench", "run", "suite.yaml", "--task", table.task, "--row", label(arm, refiner)]
    return shlex.join(words) + (" --plugin FILE" if plugged else "")
