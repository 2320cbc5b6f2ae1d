"""Suite files: YAML → frozen, validated objects → resolved plug-ins, refused in one line where they cannot be served.

A suite is a list of tables; a table trains every arm alike (one pair, task, model, recipe and budget):

.. code-block:: yaml

    name: my-suite
    title: What it answers, in a line
    tables:
      - pair: digits
        task: classification
        model: light_cnn            # optional: the task's default
        recipe: strong              # strong (default) or plain
        budget: light               # light (default), standard or paper
        seeds: 5                    # task seeds
        refiner_seeds: 1            # fits of each refiner; crossed with the task seeds
        refiners: [histogram, "fda:beta=0.05"]
        arms:
          - refined                 # every refiner of the table
          - {arm: refined_hybrid@50, refiners: [histogram]}
          - "real@{5,10,20,40}"     # an arm for each number of labelled real images: a curve
          - oracle
        limits: {source_images: 1000}   # optional; also target_images, test_images
        train_steps: 400            # optional: replaces the budget's
        checkpoints: 5              # optional: what could be chosen by without labels, at five steps of each training
        core_seconds: 300           # optional: what its jobs may cost on one CPU core; `plan` checks it
        measures: true              # label preservation and domain gap of every refined set (docs/measures.md)
        pictures: true              # strips of images for the page: refined ones, and predictions on test images

``source`` is in every table, because gains are measured from it; so is ``source`` under the other recipe (DESIGN §5:
weak baselines manufacture gains), as a table of its own where the suite has none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator

from bench.api import Budget, Described, Frozen, LabelSpace, Limits, Pair, Refiner, Task, UserError
from bench.arms import Arm, grid
from bench.names import join_variant, nearest, split_variant, unknown
from bench.records import write_atomically
from bench.registry import Registry

SUITES = Path(__file__).parent / "suites"


class ArmEntry(Frozen):
    """An arm of a table, for all its refiners or for some."""

    arm: str
    refiners: tuple[str, ...] | None = None


class TableEntry(Frozen):
    """One table as the YAML file states it."""

    pair: str
    task: str
    model: str = ""
    recipe: Literal["strong", "plain"] = "strong"
    budget: Literal["light", "standard", "paper"] = "light"
    seeds: int = Field(5, ge=1, strict=True)
    refiner_seeds: int = Field(1, ge=1, strict=True)
    refiners: tuple[str, ...] = ()
    arms: tuple[ArmEntry, ...]
    limits: Limits = Limits()
    train_steps: int | None = Field(default=None, ge=1, strict=True)
    core_seconds: float | None = Field(default=None, gt=0)
    checkpoints: int | None = Field(default=None, ge=2, strict=True)
    measures: bool = Field(default=True, strict=True)
    pictures: bool = Field(default=True, strict=True)

    @field_validator("arms", mode="before")
    @classmethod
    def _names_are_entries(cls, arms: Any) -> Any:
        if not isinstance(arms, list | tuple):
            return arms
        entries = [{"arm": arm} if isinstance(arm, str) else arm for arm in arms]
        return [one for entry in entries for one in _each(entry)]


def _each(entry: Any) -> list[Any]:
    """The entries that one stands for: itself, or one for each arm of its grid."""
    if not isinstance(entry, dict) or not isinstance(entry.get("arm"), str):
        return [entry]
    return [{**entry, "arm": arm} for arm in grid(entry["arm"])]


class Suite(Frozen):
    """A suite file, validated but not yet resolved. Its results go to a folder of its name, beside the ``store``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    title: str
    tables: tuple[TableEntry, ...] = Field(min_length=1)

    @field_validator("name")
    @classmethod
    def _leaves_the_store_alone(cls, name: str) -> str:
        if name == "store":
            raise ValueError("the results of a suite called 'store' would lie in the store")
        return name


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
    """What :func:`bench.plan.make_plan` turns into jobs."""

    name: str
    title: str
    tables: tuple[ResolvedTable, ...]


def shipped() -> dict[str, Path]:
    """The suites that ship, by name."""
    return {path.stem: path for path in sorted(SUITES.glob("*.yaml"))}


def load_suite(asked: str) -> Suite:
    """Read a suite by shipped name or by path.

    Raises
    ------
    UserError: no such suite; not YAML; an unknown key (with the nearest right one); a value of a wrong type or range.
    """
    path = shipped().get(asked, Path(asked))
    if not path.is_file():
        if path.suffix in (".yaml", ".yml"):
            raise UserError(f"no suite file {asked}; shipped suites: {', '.join(shipped())}")
        raise unknown("suite", asked, shipped())
    try:
        content = yaml.load(path.read_text(), _UniqueKeys)  # a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"suite {path} is not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UserError(
            f"suite {path}: found {type(content).__name__} at the top, expected keys name, title and tables"
        )
    try:
        return Suite.model_validate(content)
    except ValidationError as error:
        raise UserError(f"suite {path}: {explain(error, Suite)}") from None


MERGE_TAG = "tag:yaml.org,2002:merge"
"""Of the key ``<<``, which takes over another mapping's keys and may be overridden."""


class _UniqueKeys(yaml.SafeLoader):
    """Safe YAML in which a key that stands twice is an error; plain YAML keeps the last one and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != MERGE_TAG]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.YAMLError(f"key {twice!r} stands twice in one mapping, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def save_suite(suite: Suite, path: Path) -> None:
    """Write a suite as it was run (``--seeds`` applied) beside its results: running that file gives them again."""
    content = suite.model_dump(mode="json", exclude_defaults=True)
    write_atomically(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())


def with_refiners(suite: Suite, variants: Sequence[str]) -> Suite:
    """The suite with more refiners in every table that has any: as if its file listed them, under ``refined`` at least.

    Raises
    ------
    UserError: no table of the suite has refiners.
    """
    if not variants:
        return suite
    more = tuple(variants)
    arm = ArmEntry(arm="refined", refiners=more)
    tables = tuple(
        table.model_copy(update={"refiners": (*table.refiners, *more), "arms": (*table.arms, arm)})
        if table.refiners
        else table
        for table in suite.tables
    )
    if tables == suite.tables:
        raise UserError(
            f"suite {suite.name!r} compares no refiners, so there is no table to add {more[0]!r} to; "
            "name a suite that does (see `list`)"
        )
    return suite.model_copy(update={"tables": tables})


def narrowed(suite: Suite, tasks: Sequence[str] = (), models: Sequence[str] = (), rows: Sequence[str] = ()) -> Suite:
    """The suite's tables of some tasks (all if none is named), each for the given models in place of its own.

    A task may carry options: ``depth:crop=garg`` replaces that of the table. ``rows`` (``"adabn"``, ``"refined fda"``)
    keeps those alone, beside ``source``, in the tables that have them; their scores are those of the whole suite. The
    result has a name of its own, so that its results go to a folder of their own.

    Raises
    ------
    UserError: a task or a row that no table of the suite has.
    """
    if not tasks and not models and not rows:
        return suite
    asked = {split_variant(task)[0]: task for task in tasks}
    present = {split_variant(table.task)[0] for table in suite.tables}
    if missing := sorted(asked.keys() - present):
        raise UserError(
            f"suite {suite.name!r} has no table of task {missing[0]!r}{nearest(missing[0], present)} "
            f"It has: {', '.join(sorted(present))}."
        )
    tables = [
        table.model_copy(update={"task": asked.get(split_variant(table.task)[0], table.task)})
        for table in suite.tables
        if not asked or split_variant(table.task)[0] in asked
    ]
    if models:
        tables = [table.model_copy(update={"model": model}) for model in models for table in tables]
        tables = list(dict.fromkeys(tables))
    if rows:
        tables = _with_rows_alone(tables, rows)
    name = re.sub(r"[^a-z0-9._-]+", "_", "-".join([suite.name, *tasks, *models, *rows]).lower())
    return suite.model_copy(update={"name": name, "tables": tuple(tables)})


def _with_rows_alone(tables: Sequence[TableEntry], rows: Sequence[str]) -> list[TableEntry]:
    """The tables that have any of the rows, with those alone."""
    kept = []
    found = {"source"}
    for table in tables:
        present: dict[str, ArmEntry] = {}
        for entry in table.arms:
            if not Arm.parse(entry.arm).has_refiner:
                present[entry.arm] = entry
                continue
            for variant in table.refiners if entry.refiners is None else entry.refiners:
                one = _canonical(variant)
                present[f"{entry.arm} {one}"] = ArmEntry(arm=entry.arm, refiners=(one,))
        found |= present.keys()
        arms = tuple(present[row] for row in dict.fromkeys(rows) if row in present)
        if arms or "source" in rows:
            refiners = tuple(dict.fromkeys(variant for arm in arms for variant in arm.refiners or ()))
            kept.append(table.model_copy(update={"arms": arms, "refiners": refiners}))
    if missing := [row for row in rows if row not in found]:
        raise UserError(
            f"no table has a row {missing[0]!r}{nearest(missing[0], found)} Rows: {', '.join(sorted(found))}."
        )
    return kept


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem of a validation in one line: where, what was found, what is allowed."""
    first = error.errors()[0]
    location = first["loc"]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    if first["type"] == "extra_forbidden":
        allowed = _fields_at(model, location[:-1])
        key = str(location[-1])
        return f"unknown key {where!r}{nearest(key, allowed)} Allowed: {', '.join(allowed)}."
    if first["type"] == "missing":
        return f"key {where!r} is missing"
    found = repr(first["input"])
    return f"{where}: {first['msg'].lower()}; found {found[:80]}"


def _fields_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Field names of the model that a validation location points into."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            annotation: Any = model.model_fields[part].annotation
            candidates = [annotation, *get_args(annotation)]
            model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return sorted(model.model_fields)


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
        raise UserError(f"{what} differ in train_steps or limits: make them equal, or two suites of them")


def _resolve_table(entry: TableEntry, registry: Registry) -> ResolvedTable:
    pair, pair_described = registry.pair(entry.pair)
    task, task_described = registry.task(entry.task)
    if task.name not in pair.tasks:
        raise UserError(f"pair {pair.name!r} has no task {task.name!r}; it serves: {', '.join(sorted(pair.tasks))}")
    missing = set(task.labels) - pair.source_labels
    if missing:
        raise UserError(f"pair {pair.name!r}: its source has no label {sorted(missing)[0]!r}, which {task.name} needs")
    model_variant = join_variant(*split_variant(entry.model or task.default_model))
    budget = task.budgets[entry.budget]
    if entry.train_steps is not None:
        budget = budget.model_copy(update={"train_steps": entry.train_steps})
    width, height = pair.size(task.name, entry.budget)
    refiners = {_canonical(v): _resolve_refiner(v, pair, registry) for v in entry.refiners}
    for one, other in combinations(refiners.values(), 2):
        if one.described == other.described:
            raise UserError(f"refiners {one.variant!r} and {other.variant!r} are the same refiner; name it once")
    table = ResolvedTable(
        pair=pair,
        pair_described=pair_described,
        pair_variant=pair.alias or _canonical(entry.pair),
        task=task,
        task_described=task_described,
        task_variant=_canonical(entry.task),
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
        variants = list(refiners) if arm_entry.refiners is None else [_canonical(v) for v in arm_entry.refiners]
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


def _canonical(variant: str) -> str:
    return join_variant(*split_variant(variant))


def _resolve_refiner(variant: str, pair: Pair, registry: Registry) -> ResolvedRefiner:
    refiner, described = registry.refiner(variant)
    missing = refiner.reads.required - pair.source_labels
    if missing:
        raise UserError(
            f"pair {pair.name!r} cannot serve refiner {variant!r}: it reads {sorted(missing)[0]!r}, "
            f"and the source has {', '.join(sorted(pair.source_labels)) or 'no labels'}"
        )
    return ResolvedRefiner(_canonical(variant), refiner, described)


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
