"""The frame of cells → tables: one per (pair, task, model, recipe, budget), with one row per (arm, refiner).

Numbers are in the metric's printed unit (accuracy in %). A gain is a row minus the baseline, paired by task seed and
signed so that + is better; a row's refiner seeds are averaged within each task seed first. Two baselines: ``source`` of
the table's own recipe, and ``source`` of recipe ``strong``, which are the same row in the strong table
(docs/design.md, Arms).

Rows stand in three blocks. *Ranked*: no target labels, at least three task seeds, no cell failed or missing; equal
scores share a rank. *Labelled*: rows trained on labelled target images, by number of labels, then score. *Unranked*:
the rest, each with its reason; there also stands ``source`` under the other recipe, as a reference that is not tested
with the others. This file computes no statistic: intervals and tests come from :mod:`bench.stats`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bench import stats
from bench.api import Metric
from bench.report.failures import Attempts
from bench.report.frame import TABLE
from bench.report.gains import BySeed, Layout, by_seed, family_of, gains_over, shared_training, stacked
from bench.report.reasons import plain
from bench.report.row_measures import measured
from bench.report.sections.all_sections import sections_of
from bench.report.table import Estimate, Gains, Row, Table, decimals, label
from bench.results.cost import Cost
from bench.results.measurement import Measurement
from bench.results.table_key import TableKey
from bench.suites.arms import REFINED, Arm

MIN_SEEDS = 3
"""Task seeds that a ranked row needs (docs/design.md, Statistics)."""
COSTS = tuple(Cost.model_fields)
"""A row has the mean of each over its scored cells; a cost that no record states is left out."""
REFINER_VERSIONS = frozenset({"refiner", "refiner_source", "code of fit", "code of refine"})
"""Keys of ``Record.versions`` that rightly differ between refiners, but not between the cells of one."""


def leaderboard(
    frame: pd.DataFrame, measurements: Sequence[Measurement] = (), attempts: Attempts | None = None
) -> list[Table]:
    """All tables of a :func:`bench.report.frame.cell_frame`, the strong recipe first.

    A table that is nothing but ``source`` is left out where the other recipe's table shows that row. A section that
    fails is left out and noted in ``attempts``; without those, its error is raised.
    """
    tables = []
    for _, cells in frame.groupby(["pair", "task", "model", "budget"]):
        by_recipe = {recipe: cells[cells.recipe == recipe] for recipe in ("strong", "plain")}
        present = [recipe for recipe, group in by_recipe.items() if len(group)]
        with_rivals = [recipe for recipe in present if (by_recipe[recipe].arm != "source").any()]
        for recipe in with_rivals or present[:1]:
            other = by_recipe["plain" if recipe == "strong" else "strong"]
            table = _table(by_recipe[recipe], other, _source(by_recipe["strong"]), measurements)
            tables.append(replace(table, sections=sections_of(table, by_recipe[recipe], attempts)))
    return tables


def _table(
    cells: pd.DataFrame, other: pd.DataFrame, strong_source: BySeed, measurements: Sequence[Measurement]
) -> Table:
    scored = cells[cells.status == "ok"]
    key = TableKey(*(str(cells[name].iloc[0]) for name in TABLE))
    digest = scored.pair_digest.iloc[0] if len(scored) else None
    metric = Metric(name="score", higher_is_better=True, unit="")
    if len(scored):
        first = scored.iloc[0]
        metric = Metric(first.metric, bool(first.higher_is_better), first.unit, float(first.scale), first.metric_label)
    by_row = {(str(arm), str(refiner)): group for (arm, refiner), group in cells.groupby(["arm", "refiner"])}
    values = {label(*name): by_seed(group) for name, group in by_row.items()}
    seeds = tuple(sorted(int(seed) for seed in cells.task_seed.unique()))
    incomplete = {label(*name): _incomplete(group, seeds) for name, group in by_row.items()}
    layout = Layout(
        seeds=seeds,
        sign=1.0 if metric.higher_is_better else -1.0,
        groups=_groups(scored),
        families={label(*name): family_of(*name) for name in by_row},
        untested=frozenset(name for name, reason in incomplete.items() if reason),
    )
    source = _source(cells)
    rivals = {name: row for name, row in values.items() if name != "source"}
    gains = gains_over(layout, source, rivals, shared_training(by_row))
    strong_gains = gains_over(layout, strong_source, values) if cells.recipe.iloc[0] == "plain" else gains
    oracle = gains.test.comparisons.get("oracle") if gains.test else None

    rows = []
    for (arm, refiner), group in by_row.items():
        name = label(arm, refiner)
        row = _row(arm, refiner, group, values[name], layout.groups, metric)
        row = replace(
            row,
            reason=incomplete[name] or _too_few_seeds(row) or _other_training(row, cells),
            gain=gains.by_row.get(name),
            strong_gain=strong_gains.by_row.get(name),
            measured=measured(measurements, key, refiner, digest) if Arm.parse(arm).kind in REFINED else None,
        )
        if row.gain and oracle and row.gain.interval:
            closed = stats.gap_closed(row.gain.value, oracle)
            row = replace(row, gap_closed_percent=None if closed is None else 100 * closed)
        if not row.reason:
            row = replace(row, block="labelled" if row.target_labels else "ranked")
        rows.append(row)
    ordered = _ordered(rows, layout.sign)
    reference = _reference(other, source, layout, metric)
    if reference:
        ordered.append(reference)

    return Table(
        **key._asdict(),
        metric=metric,
        decimals=decimals(row.score.interval for row in ordered if row.score),
        pair_info=scored.pair_info.iloc[0] if len(scored) else None,
        rows=tuple(ordered),
        gains=gains,
        has_strong_source=bool(strong_source),
        gap_problem=_gap_problem(values, oracle, gains),
        seeds=seeds,
        steps=_distinct(scored[scored.arm != "end_to_end"].steps),
        batch_sizes=_distinct(scored.batch_size),
        suites=tuple(sorted(cells.suite.unique())),
        versions=_versions(scored),
        sections=(),
    )


def _source(cells: pd.DataFrame) -> BySeed:
    return by_seed(cells[(cells.arm == "source") & (cells.refiner == "")])


def _groups(scored: pd.DataFrame) -> np.ndarray | None:
    found = [groups for groups in scored.groups if groups is not None]
    return found[0] if found else None


def _row(arm: str, refiner: str, cells: pd.DataFrame, values: BySeed, groups: np.ndarray | None, metric: Metric) -> Row:
    """A row's own results, before it is compared with others."""
    ok = (cells.status == "ok").to_numpy()
    score = None
    if values:
        contributions = stacked(values, list(values))
        score = Estimate(
            value=float(contributions.mean()),
            interval=_if_enough(stats.two_level_interval, metric, contributions, groups),
            over_seeds=_if_enough(stats.seed_interval, metric, contributions.mean(axis=1)),
        )
    labels = [n for n in cells.target_labels if not pd.isna(n)]
    primary = next((str(name) for name in cells.metric.to_numpy()[ok]), "")
    metrics: dict[str, list[float]] = {}
    for found in cells.metrics.to_numpy()[ok]:
        for name, value in found.items():
            metrics.setdefault(name, []).append(value)
    costs = cells[list(COSTS)].to_numpy(np.float64)[ok].mean(axis=0) if ok.any() else ()
    return Row(
        arm=arm,
        refiner=refiner,
        target_labels=int(labels[0]) if labels else None,
        seeds=tuple(values),
        costs={name: float(cost) for name, cost in zip(COSTS, costs, strict=False) if not math.isnan(cost)},
        secondary={name: float(np.mean(found)) for name, found in metrics.items() if name.split(" [")[0] != primary},
        score=score,
    )


def _if_enough(
    interval: Callable[..., stats.Interval], metric: Metric, *values: np.ndarray | None
) -> stats.Interval | None:
    """The interval within the metric's bounds, or ``None`` where seeds or test images are too few for one."""
    try:
        found = interval(*values)
    except stats.TooFew:
        return None
    return found.within(*metric.bounds) if metric.bounds else found


def _reference(other: pd.DataFrame, source: BySeed, layout: Layout, metric: Metric) -> Row | None:
    """``source`` under the other recipe, tested by itself so that it changes no other row's correction."""
    cells = other[(other.arm == "source") & (other.refiner == "")]
    if cells.empty:
        return None
    recipe = str(cells.recipe.iloc[0])
    name = f"source ({recipe})"
    values = by_seed(cells)
    alone = replace(layout, seeds=tuple(values), families={name: "references"}, untested=frozenset())
    gain = gains_over(alone, source, {name: values}).by_row.get(name)
    of_papers = ", the papers' own" if recipe == "plain" else ""
    lacks = _incomplete(cells, sorted(cells.task_seed.unique()))
    return replace(
        _row("source", "", cells, values, layout.groups, metric),
        arm=name,
        gain=gain,
        strong_gain=gain if recipe == "plain" else None,
        reason=f"for reference: trained under the recipe `{recipe}`{of_papers}" + (f"; {lacks}" if lacks else ""),
    )


def _incomplete(cells: pd.DataFrame, seeds: Sequence[int]) -> str:
    """Which cells of a row failed or are missing; empty where it is complete."""
    failed = [plain(reason) for reason, status in zip(cells.reason, cells.status, strict=True) if status == "failed"]
    if failed:
        reasons = list(dict.fromkeys(failed))
        more = f" (and {len(reasons) - 1} other reasons in cells.csv)" if len(reasons) > 1 else ""
        return f"{len(failed)} of {len(cells)} cells failed: {reasons[0]}{more}"
    counts = Counter(cells.task_seed.tolist())
    missing = [seed for seed in seeds if counts[seed] < max(counts.values())]
    if missing:
        return f"no record of task seed {', '.join(map(str, missing))}, which other cells have; run the suite again"
    return ""


def _other_training(row: Row, cells: pd.DataFrame) -> str:
    if row.arm != "end_to_end":
        return ""
    steps = _distinct(cells[(cells.arm == row.arm) & (cells.refiner == row.refiner)].steps)
    return f"trained inside the refiner's fit, in {' or '.join(map(str, steps))} steps"


def _too_few_seeds(row: Row) -> str:
    n_seeds = len(row.seeds)
    if n_seeds >= MIN_SEEDS:
        return ""
    return f"{n_seeds} seed{'s' if n_seeds > 1 else ''}, ranked rows need {MIN_SEEDS}"


def _ordered(rows: Sequence[Row], sign: float) -> list[Row]:
    """Rows in printed order, those of the ranked block with their rank."""

    def by_score(row: Row) -> tuple[float, str, str]:
        return (-sign * row.score.value if row.score else math.inf, row.arm, row.refiner)

    ranked: list[Row] = []
    for place, row in enumerate(sorted((row for row in rows if row.block == "ranked"), key=by_score), start=1):
        tied = ranked and math.isclose(by_score(ranked[-1])[0], by_score(row)[0], rel_tol=1e-12)
        ranked.append(replace(row, rank=ranked[-1].rank if tied else place))
    labelled = sorted(
        (row for row in rows if row.block == "labelled"), key=lambda row: (row.target_labels or 0, *by_score(row))
    )
    return [*ranked, *labelled, *sorted((row for row in rows if row.block == "unranked"), key=by_score)]


def _gap_problem(values: Mapping[str, BySeed], oracle: stats.Comparison | None, gains: Gains) -> str:
    """Why no gap closed is printed; empty where it is."""
    if not values.get("oracle"):
        return "there is no scored `oracle` row"
    if oracle is None:
        return gains.problem or "`oracle` lacks seeds that `source` has"
    if stats.gap_closed(0.0, oracle) is None:
        return "`oracle` − `source` is not resolved"
    return ""


def _distinct(values: pd.Series) -> tuple[int, ...]:
    return tuple(sorted(int(value) for value in values.dropna().unique()))


def _versions(scored: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for refiner, versions, environment in zip(scored.refiner, scored.versions, scored.environment, strict=True):
        for key, value in [*versions.items(), *environment.items()]:
            found.setdefault(f"{key} of {refiner}" if key in REFINER_VERSIONS else key, set()).add(value)
    if "code of score" in found and not all("code of score" in versions for versions in scored.versions):
        found["code of score"].add("unknown")
    elif "code of score" in found:
        # Commits that differ in nothing that these cells ran: results are reused across them.
        found["bench"] = {" / ".join(sorted(found.get("bench", ())))}
    return {key: tuple(sorted(values)) for key, values in sorted(found.items())}
