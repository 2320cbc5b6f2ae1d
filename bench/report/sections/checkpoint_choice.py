"""Choosing a checkpoint without target labels: what each rule loses against the best one, and whether it ranks them.

last step           what every score of the leaderboard is taken from
source score        the highest score on held-out synthetic images
entropy             the surest predictions on unlabelled target images
density             the highest soft neighbourhood density there

regret              the best checkpoint's score on the test set minus that of the chosen one: 0 is a perfect choice
rank correlation    Spearman's, of what a rule looks at with the score, over the checkpoints of a training

Both are means over the rows of a table within each task seed, then over seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench import stats
from bench.report.table import Heading, Section
from bench.report.text import NOTHING, interval, number, points
from bench.results.record import Checkpoint

if TYPE_CHECKING:
    from bench.report.table import Table

CSV = "selection.csv"
ALL = "all"
"""In place of a row's arm: the mean over the rows."""


def rules(sign: float) -> dict[str, Callable[[Checkpoint], float | None]]:
    """What each rule maximises; ``sign`` is −1 for metrics of which less is better."""

    def surest(checkpoint: Checkpoint) -> float | None:
        return None if checkpoint.entropy is None else -checkpoint.entropy

    return {
        "last step": lambda checkpoint: float(checkpoint.step),
        "source score": lambda checkpoint: sign * checkpoint.source_score,
        "entropy": surest,
        "density": lambda checkpoint: checkpoint.density,
    }


def choices(cells: pd.DataFrame) -> pd.DataFrame:
    """A row for each scored cell with checkpoints and each rule that it can be judged by.

    Columns: ``arm``, ``refiner``, ``task_seed``, ``rule``, ``step`` chosen, ``regret`` in the printed unit, and
    ``rank_correlation``, NaN with fewer than three checkpoints or where nothing varies.
    """
    found: list[dict[str, Any]] = []
    for cell in cells[cells.selection.notna()].to_dict("records"):
        checkpoints, sign = cell["selection"].checkpoints, 1.0 if cell["higher_is_better"] else -1.0
        scores = np.array([sign * cell["scale"] * checkpoint.target_score for checkpoint in checkpoints])
        for rule, of in rules(sign).items():
            values = [of(checkpoint) for checkpoint in checkpoints]
            known = np.array([value for value in values if value is not None])
            if len(known) < len(values):
                continue
            chosen = int(np.argmax(known))
            found.append(
                {
                    **{name: cell[name] for name in ("arm", "refiner", "task_seed")},
                    "rule": rule,
                    "step": checkpoints[chosen].step,
                    "regret": float(scores.max() - scores[chosen]),
                    "rank_correlation": _spearman(known, scores),
                }
            )
    return pd.DataFrame(found)


def selection_frame(cells: pd.DataFrame) -> pd.DataFrame:
    """Each rule's mean ``regret`` and ``rank_correlation`` with 95 % ``_low``, ``_high`` over task seeds.

    First for all rows together (``arm`` is ``all``), then for each (arm, refiner); ``n_seeds`` counts task seeds.
    """
    chosen = choices(cells)
    if chosen.empty:
        return chosen
    groups = [((ALL, ""), chosen), *chosen.groupby(["arm", "refiner"])]
    found = []
    for (arm, refiner), group in groups:
        for rule, of_rule in group.groupby("rule", sort=False):
            by_seed = of_rule.groupby("task_seed")
            row: dict[str, Any] = {"arm": arm, "refiner": refiner, "rule": rule, "n_seeds": by_seed.ngroups}
            for name in ("regret", "rank_correlation"):
                row |= _mean(name, by_seed[name].mean().dropna().to_numpy())
            found.append(row)
    return pd.DataFrame(found)


def section(table: Table, cells: pd.DataFrame) -> Section | None:
    """The rules over all rows of the table; nothing where no checkpoint was recorded."""
    frame = selection_frame(cells)
    if frame.empty:
        return None
    overall = frame[frame.arm == ALL].set_index("rule")
    problem = next((found.problem for found in cells.selection if found is not None and found.problem), "")
    rows = []
    for rule in rules(1.0):
        if rule not in overall.index:
            rows.append((rule, f"not measurable: {problem}", NOTHING, NOTHING))
            continue
        of_rule = overall.loc[[rule]].iloc[0]
        rows.append(
            (
                rule,
                _text(of_rule, "regret", table.decimals),
                _text(of_rule, "rank_correlation", 2, signed=True),
                str(of_rule.n_seeds),
            )
        )
    headings = (
        Heading("rule", right=False),
        Heading(f"regret, {points(table.metric)} [95 %]"),
        Heading("rank correlation with the score [95 %]"),
        Heading("seeds"),
    )
    best = str(overall.regret.idxmin())
    least, last = (number(overall.regret[rule], table.decimals) for rule in (best, "last step"))
    finding = f"The {best} loses least against the best checkpoint, {least} {points(table.metric)}"
    finding += "." if best == "last step" else f"; the last step, which is scored here, loses {last}."
    steps = next(found.checkpoints for found in cells.selection if found is not None)
    notes = (
        f"Regret: the best checkpoint's score on the test set minus the chosen one's; checkpoints at steps "
        f"{', '.join(f'{checkpoint.step:,}' for checkpoint in steps)}. Means over the rows without target labels, then "
        "over seeds; each row by itself is in selection.csv.",
        "Entropy and density (soft neighbourhood density, Saito et al. 2021) are those of unlabelled target images. No "
        "rule chooses anything in the leaderboard: its scores are those of the last step.",
    )
    return Section("Choosing a checkpoint without target labels", finding, headings, tuple(rows), notes, CSV, frame)


def _mean(name: str, values: np.ndarray) -> dict[str, float]:
    if len(values) == 0:
        return {name: float("nan")}
    if len(values) == 1:
        return {name: float(values[0])}
    found = stats.seed_interval(values)
    return {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}


def _spearman(values: np.ndarray, scores: np.ndarray) -> float:
    """Pearson's correlation of mid-ranks."""
    if len(values) < 3 or np.ptp(values) == 0 or np.ptp(scores) == 0:
        return float("nan")
    ranks = [pd.Series(column).rank().to_numpy(float) for column in (values, scores)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _text(row: pd.Series, name: str, decimals: int, signed: bool = False) -> str:
    if pd.isna(row[name]):
        return NOTHING
    text = number(row[name], decimals, signed)
    low, high = row.get(f"{name}_low", np.nan), row.get(f"{name}_high", np.nan)
    return text if pd.isna(low) else f"{text} {interval(low, high, decimals, signed)}"
