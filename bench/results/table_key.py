"""The key of a leaderboard's table: cells with these in common are trained alike and stand in one table."""

from __future__ import annotations

from typing import NamedTuple


class TableKey(NamedTuple):
    """What identifies a table; the field names are the columns of ``cells.csv`` and of the frame of cells."""

    pair: str
    task: str
    model: str
    recipe: str
    budget: str
