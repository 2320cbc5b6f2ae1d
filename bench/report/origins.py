"""Where a row comes from: its seeds, its weights, and the one command that makes it again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import pandas as pd

from bench.report.leaderboard import Table, label

DIGITS = 12
"""Of a digest; the whole one is in ``cells.csv``."""


@dataclass(frozen=True)
class Origin:
    """A row's seeds, command and weights, as the page prints them."""

    name: str
    seeds: str
    command: str
    weights: str


def origins(table: Table, cells: pd.DataFrame) -> list[Origin]:
    """Of each row of a table, in its order; ``cells`` are those of its task and model in all recipes."""
    found = []
    for row in table.rows:
        arm, _, recipe = row.arm.partition(" (")
        own = cells[(cells.arm == arm) & (cells.refiner == row.refiner)]
        own = own[own.recipe == (recipe.rstrip(")") or table.recipe)]
        plugged = any("refiner_source" in (versions or {}) for versions in own.versions)
        found.append(
            Origin(
                name=label(row.arm, row.refiner),
                seeds=", ".join(map(str, sorted(own.task_seed.unique()))),
                command=command(table, arm, row.refiner, plugged),
                weights=" ".join(digest[:DIGITS] for digest in own.weights_digest if digest),
            )
        )
    return found


def command(table: Table, arm: str, refiner: str, plugged: bool) -> str:
    """``python -m bench run suite.yaml …`` for one row alone; a plug-in's file is the reader's to name."""
    words = ["python", "-m", "bench", "run", "suite.yaml", "--task", table.task, "--row", label(arm, refiner)]
    return shlex.join(words) + (" --plugin FILE" if plugged else "")
