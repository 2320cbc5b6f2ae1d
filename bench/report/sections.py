"""What stands below a leaderboard where a suite asked for it: one :class:`Section` for each question, or none.

A section is made of a table's cells by a function in :data:`SECTIONS`; where those have no such data, there is no
section. Every output prints its text; its numbers go unrounded into a CSV file of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from bench.report.board import Table


@dataclass(frozen=True)
class Heading:
    """A column of a section: its title, and whether it holds numbers."""

    title: str
    right: bool = True


@dataclass(frozen=True)
class Section:
    """A titled grid of texts with notes below it.

    Attributes
    ----------
    finding: what the section shows, in a sentence.
    headings, rows: cells are prose, with names between backticks (:mod:`bench.report.words`).
    notes: sentences that a reader needs.
    csv: name of the file that gets ``frame``, the same unrounded.
    """

    title: str
    finding: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    csv: str
    frame: pd.DataFrame


def sections_of(table: Table, cells: pd.DataFrame) -> tuple[Section, ...]:
    """The sections of a table; ``cells`` are its rows of the cell frame."""
    return tuple(section for make in _makers() if (section := make(table, cells)))


def _makers() -> tuple[Callable[[Table, pd.DataFrame], Section | None], ...]:
    from bench.report import cost, curves, literature, selection, stability

    return (literature.section, curves.section, cost.section, stability.section, selection.section)


CSV_FILES = ("literature.csv", "curves.csv", "cost.csv", "stability.csv", "selection.csv")
"""Every file that a section may write."""
