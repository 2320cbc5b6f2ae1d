"""Suite → resolved suite: every name looked up and every arm checked against its pair, before anything is made.

What cannot be served is refused in one line that names both sides. ``source`` is added under the other recipe wherever
the suite has no such table (docs/design.md, Arms).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

from bench.api import Budget, Described, LabelSpace, Limits, Pair, Refiner, Task, UserError
from bench.api.bounds import VIEWS
from bench.api.names import canonical, nearest
from bench.plugins.registry import Registry
from bench.suites.arms import Arm
from bench.suites.load import Suite, TableEntry


@dataclass(frozen=True)
class ResolvedRefiner:
    """A refiner's variant with what planning must know of it."""

    variant: str
    refiner: Refiner
    described: Described


@dataclass(frozen=True)
class ResolvedTable:
    """A table with its names looked up and its arms checked against its pair; ``rows`` are (arm, refiner or None)."""

    pair: Pair
    pair_described: Described
    pair_variant: str
    task: Task
    task_described: Described
    task_variant: str
    model: Described
    model_variant: str
    recipe: Literal["strong", "plain"]
    budget: Budget
    limits: Limits
    space: LabelSpace
    seeds: int
    refiner_seeds: int
    rows: tuple[tuple[Arm, ResolvedRefiner | None], ...]
    measures: bool
    pictures: bool
    core_seconds: float | None = None
    checkpoints: int = 0

    @property
    def is_scored(self) -> bool:
        """Whether the target has the task's labels; where it has none, refined sets are all that can be made."""
        return set(self.task.labels) <= self.pair.target_labels


@dataclass(frozen=True)
class ResolvedSuite:
    """What :func:`bench.run.plan.make_plan` turns into jobs."""

    name: str
    title: str
    tables: tuple[ResolvedTable, ...]


def resolve(suite: Suite, registry: Registry) -> ResolvedSuite:
    """Look up every name and check every arm, before anything is made.

    Raises
    ------
    UserError: an unknown pair, task, model, refiner or arm, a wrong parameter, or an arm or refiner that the pair
        cannot serve; the message names both.
    """
    tables = [_resolve_table(entry, registry) for entry in suite.tables]
    for one, other in combinations(tables, 2):
        _refuse_ambiguous(one, other)
    return ResolvedSuite(suite.name, suite.title, tuple(_with_other_recipe(tables)))


def _refuse_ambiguous(one: ResolvedTable, other: ResolvedTable) -> None:
    """A record names its budget and recipe, not its steps and limits: tables that only those tell apart would mix."""
    if (one.pair_variant, one.task_variant, one.model_variant, one.budget.name) != (
        other.pair_variant,
        other.task_variant,
        other.model_variant,
        other.budget.name,
    ):
        return
    what = f"two tables of {one.pair_variant}, {one.task_variant}, {one.model_variant}, budget {one.budget.name!r}"
    if one.recipe == other.recipe:
        raise UserError(f"{what} have the same recipe {one.recipe!r}: put their arms into one table")
    if (one.budget, one.limits) != (other.budget, other.limits):
        raise UserError(f"{what} differ in train_steps, fit_steps or limits: make them equal, or two suites of them")


def _resolve_table(entry: TableEntry, registry: Registry) -> ResolvedTable:
    pair, pair_described = registry.pair(entry.pair)
    task, task_described = registry.task(entry.task)
    if task.name not in pair.tasks:
        raise UserError(f"pair {pair.name!r} has no task {task.name!r}; it serves: {', '.join(sorted(pair.tasks))}")
    missing = set(task.labels) - pair.source_labels
    if missing:
        raise UserError(f"pair {pair.name!r}: its source has no label {sorted(missing)[0]!r}, which {task.name} needs")
    model_variant = canonical(entry.model or task.default_model)
    budget = task.budgets[entry.budget]
    if entry.train_steps is not None:
        budget = budget.model_copy(update={"train_steps": entry.train_steps})
    if entry.fit_steps is not None:
        budget = budget.model_copy(update={"fit_steps": entry.fit_steps})
    width, height = pair.size(task.name, entry.budget)
    refiners = {canonical(v): _resolve_refiner(v, pair, registry) for v in entry.refiners}
    for one, other in combinations(refiners.values(), 2):
        if one.described == other.described:
            raise UserError(f"refiners {one.variant!r} and {other.variant!r} are the same refiner; name it once")
    table = ResolvedTable(
        pair=pair,
        pair_described=pair_described,
        pair_variant=pair.alias or canonical(entry.pair),
        task=task,
        task_described=task_described,
        task_variant=canonical(entry.task),
        model=registry.model(task, model_variant),
        model_variant=model_variant,
        recipe=entry.recipe,
        budget=budget,
        limits=entry.limits,
        space=LabelSpace(
            class_names=pair.class_names,
            width=width,
            height=height,
            inputs=(*task.inputs, *(name for name in task.optional_inputs if name in pair.inputs)),
            depth_range_m=pair.depth_range_m,
            safe_distance_m=pair.safe_distance_m,
        ),
        seeds=entry.seeds,
        refiner_seeds=entry.refiner_seeds,
        rows=(),
        core_seconds=entry.core_seconds,
        measures=entry.measures,
        pictures=entry.pictures,
        checkpoints=entry.checkpoints or 0,
    )
    rows: dict[tuple[Arm, str], tuple[Arm, ResolvedRefiner | None]] = {(Arm("source"), ""): (Arm("source"), None)}
    for arm_entry in entry.arms:
        arm = Arm.parse(arm_entry.arm)
        if not arm.has_refiner:
            _check_arm(arm, None, table)
            if arm_entry.refiners is not None:
                raise UserError(f"arm {arm_entry.arm!r} takes no refiner; found {list(arm_entry.refiners)}")
            rows[arm, ""] = (arm, None)
            continue
        variants = list(refiners) if arm_entry.refiners is None else [canonical(v) for v in arm_entry.refiners]
        if not variants:
            raise UserError(f"arm {arm_entry.arm!r} needs refiners; add 'refiners: [...]' to its table")
        for variant in variants:
            if variant not in refiners:
                raise UserError(
                    f"arm {arm_entry.arm!r}: refiner {variant!r} is not in its table{nearest(variant, refiners)} "
                    f"Available: {', '.join(refiners)}."
                )
            _check_arm(arm, refiners[variant], table)
            rows[arm, variant] = (arm, refiners[variant])
    return replace(table, rows=tuple(rows.values()))


def _resolve_refiner(variant: str, pair: Pair, registry: Registry) -> ResolvedRefiner:
    refiner, described = registry.refiner(variant)
    if type(refiner.views) is not int or not 1 <= refiner.views <= VIEWS:
        raise UserError(
            f"refiner {variant!r} has views {str(refiner.views)[:40]!r}; expected a whole number from 1 to {VIEWS}"
        )
    missing = refiner.reads.required - pair.source_labels
    if missing:
        raise UserError(
            f"pair {pair.name!r} cannot serve refiner {variant!r}: it reads {sorted(missing)[0]!r}, "
            f"and the source has {', '.join(sorted(pair.source_labels)) or 'no labels'}"
        )
    return ResolvedRefiner(canonical(variant), refiner, described)


def _check_arm(arm: Arm, refiner: ResolvedRefiner | None, table: ResolvedTable) -> None:
    pair, task = table.pair, table.task
    cannot = f"pair {pair.name!r} cannot serve arm {str(arm)!r}: "
    missing = set(task.labels) - pair.target_labels
    if arm.has_target_labels and missing:
        raise UserError(f"{cannot}its target has no label {sorted(missing)[0]!r}; leave the arm out")
    if arm.kind == "source@2N" and not pair.renders_more:
        raise UserError(f"{cannot}its source cannot be rendered anew; leave the arm out")
    n_labelled = pair.counts(table.limits)["target_train_labelled"]
    if arm.kind == "end_to_end" and refiner is not None and not refiner.refiner.joint:
        raise UserError(
            f"refiner {refiner.variant!r} cannot serve arm 'end_to_end': it trains no task network; "
            "name the refiners that do, as {arm: end_to_end, refiners: [...]}"
        )
    if arm.has_target_labels and (arm.k or 1) > n_labelled:
        lend = (
            "lend it some (--labelled-target), or leave the arm out" if not n_labelled else "ask for at most that many"
        )
        raise UserError(f"{cannot}it has {n_labelled} labelled real training images; {lend}")
    if arm.finetune and table.budget.train_steps < 2:
        raise UserError(f"arm {str(arm)!r} trains in two phases and needs train_steps of 2 or more; found 1")
    if arm.kind == "adabn" and table.task.model(table.model.name).batch_norm is False:
        raise UserError(f"model {table.model.name!r} cannot serve arm 'adabn': it has no batch norm; leave the arm out")


def _with_other_recipe(tables: list[ResolvedTable]) -> list[ResolvedTable]:
    """Add the ``source`` row under the other recipe, after its table, wherever the suite does not have that table."""

    def group(table: ResolvedTable, recipe: str) -> tuple[Any, ...]:
        return (table.pair_variant, table.task_variant, table.model_variant, table.budget, table.limits, recipe)

    present = {group(table, table.recipe) for table in tables}
    completed = []
    for table in tables:
        completed.append(table)
        other: Literal["strong", "plain"] = "plain" if table.recipe == "strong" else "strong"
        if group(table, other) not in present:
            present.add(group(table, other))
            completed.append(replace(table, rows=((Arm("source"), None),), recipe=other))
    return completed
