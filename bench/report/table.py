"""What a leaderboard is made of: tables, rows, estimates, and the gains of rows over a baseline.

Rows stand in three blocks: *ranked*, *labelled* (trained on labelled target images) and *unranked*; which row stands
where, :mod:`.leaderboard` decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from bench import stats
from bench.api import Metric
from bench.report.row_measures import Measured
from bench.results.record import PairInfo
from bench.results.table_key import TableKey

Block = Literal["ranked", "labelled", "unranked"]
BLOCKS: tuple[Block, ...] = ("ranked", "labelled", "unranked")


@dataclass(frozen=True)
class Estimate:
    """A score or a gain with what is known of its error.

    Attributes
    ----------
    value: printed unit; gains + is better.
    interval: 95 % over seeds × test images, as printed; ``None`` for one seed, or for a gain that was not tested.
        That of a gain holds for all rows of its family at once and agrees with the verdict: it excludes 0 exactly where
        the verdict is ``gain`` or ``loss`` (:attr:`bench.stats.Comparison.simultaneous`).
    alone: of a gain: 95 % over seeds × test images for this row by itself; ``None`` for a score.
    over_seeds: 95 % over seeds, for this test set, for this row by itself.
    verdict: of a gain: ``gain``, ``loss``, ``not resolved``, ``same training``, ``no difference`` (on any
        test image) or ``not tested``; of a score empty.
    p_adjusted: Holm's, within the row's family.
    """

    value: float
    interval: stats.Interval | None = None
    over_seeds: stats.Interval | None = None
    verdict: str = ""
    p_adjusted: float | None = None
    alone: stats.Interval | None = None


@dataclass(frozen=True)
class Row:
    """An (arm, refiner) of a table; results are ``None`` where no cell has a score."""

    arm: str
    refiner: str
    target_labels: int | None
    seeds: tuple[int, ...]
    costs: Mapping[str, float]
    secondary: Mapping[str, float]
    block: Block = "unranked"
    rank: int | None = None
    reason: str = ""
    score: Estimate | None = None
    gain: Estimate | None = None
    strong_gain: Estimate | None = None
    gap_closed_percent: float | None = None
    measured: Measured | None = None
    """What was measured of the refined images that the row trains on; ``None`` where there are none."""


@dataclass(frozen=True)
class Gains:
    """The gains of a table's rows over one baseline.

    ``test`` is ``None`` where no row could be tested, ``problem`` says why; ``seeds`` are those of the pairing.
    """

    by_row: Mapping[str, Estimate] = field(default_factory=dict)
    test: stats.TableTest | None = None
    seeds: tuple[int, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Table:
    """A leaderboard: its rows in printed order, and all that must be said about them."""

    pair: str
    task: str
    model: str
    recipe: str
    budget: str
    metric: Metric
    decimals: int
    pair_info: PairInfo | None
    rows: tuple[Row, ...]
    gains: Gains
    has_strong_source: bool
    gap_problem: str
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    suites: tuple[str, ...]
    versions: Mapping[str, tuple[str, ...]]
    """Every value of each key of the records' ``versions`` and ``environment``; a refiner's: ``refiner of fda``."""
    sections: tuple[Section, ...]

    @property
    def key(self) -> TableKey:
        return TableKey(self.pair, self.task, self.model, self.recipe, self.budget)

    @property
    def is_measured(self) -> bool:
        """Whether anything was measured of any row's images; tables made before there were measures say nothing."""
        return any(row.measured and row.measured.exists for row in self.rows)

    @property
    def title(self) -> str:
        return " · ".join([self.pair, self.task, self.model, f"{self.recipe} recipe", f"{self.budget} budget"])

    def block(self, name: Block) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.block == name)

    def find(self, arm: str, refiner: str = "") -> Row | None:
        return next((row for row in self.rows if (row.arm, row.refiner) == (arm, refiner)), None)


def label(arm: str, refiner: str) -> str:
    """What a row is called where one word must do."""
    return f"{arm} {refiner}".strip()


def decimals(intervals: Iterable[stats.Interval | None]) -> int:
    """Decimals that show the first figure of a typical interval's half-width: one for ± 1.5 %, two for ± 0.03 %."""
    widths = [(interval.high - interval.low) / 2 for interval in intervals if interval]
    typical = float(np.median(widths)) if widths else 0.0
    if typical <= 0:
        return 1
    return min(max(-math.floor(math.log10(typical)), 1), 4)


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
    headings, rows: cells are prose, with names between backticks (:mod:`bench.report.headline`).
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
