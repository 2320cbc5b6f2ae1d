"""What stands below a leaderboard where a suite asked for it: one :class:`Section` for each question, or none.

A section is made of a table's cells by a function in :data:`SECTIONS`; where those have no such data, there is no
section. Every output prints its text; its numbers go unrounded into a CSV file of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from bench.report.table import Section

if TYPE_CHECKING:
    from bench.report.failures import Attempts
    from bench.report.table import Table


Maker = Callable[["Table", pd.DataFrame], "Section | None"]


def sections_of(table: Table, cells: pd.DataFrame, attempts: Attempts | None = None) -> tuple[Section, ...]:
    """The sections of a table; ``cells`` are its rows of the cell frame. One that fails is noted in ``attempts``."""

    def made(make: Maker) -> Section | None:
        if attempts is None:
            return make(table, cells)
        name = make.__module__.rpartition(".")[2]
        return attempts.make(f"section {name} of {table.title}", lambda: make(table, cells), None)

    return tuple(section for make in _makers() if (section := made(make)))


def _makers() -> tuple[Maker, ...]:
    from bench.report.sections import (
        checkpoint_choice as selection,
    )
    from bench.report.sections import (
        cost,
        literature,
        stability,
    )
    from bench.report.sections import (
        hybrid_curves as curves,
    )

    return (literature.section, curves.section, cost.section, stability.section, selection.section)


CSV_FILES = ("literature.csv", "curves.csv", "cost.csv", "stability.csv", "selection.csv")
"""Every file that a section may write."""
