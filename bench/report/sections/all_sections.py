"""What stands below a leaderboard where a suite asked for it: one :class:`Section` per question, or none.

A module of :data:`SECTIONS` makes its section of a finished table and the table's cells; it returns ``None`` where
those have no such data. Every output prints the section's text; its numbers go unrounded into the module's ``CSV``.
To add a section, add its module to the list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pandas as pd

from bench.report.sections import checkpoint_choice, cost, hybrid_curves, literature, stability
from bench.report.table import Section

if TYPE_CHECKING:
    from bench.report.failures import Attempts
    from bench.report.table import Table


class Maker(Protocol):
    """A module of a section."""

    CSV: str

    def section(self, table: Table, cells: pd.DataFrame) -> Section | None: ...


SECTIONS: list[Maker] = [literature, hybrid_curves, cost, stability, checkpoint_choice]
"""In the order of the page."""


def sections_of(table: Table, cells: pd.DataFrame, attempts: Attempts | None = None) -> tuple[Section, ...]:
    """The sections of a table; ``cells`` are its rows of the cell frame. One that fails is noted in ``attempts``."""

    def attempt(maker: Maker) -> Section | None:
        if attempts is None:
            return maker.section(table, cells)
        name = maker.CSV.removesuffix(".csv")
        return attempts.make(f"section {name} of {table.title}", lambda: maker.section(table, cells), None)

    return tuple(section for maker in SECTIONS if (section := attempt(maker)))
