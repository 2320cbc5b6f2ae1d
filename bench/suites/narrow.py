"""A suite as the command line asks for it: refiners added, and only some of its tasks, models and rows."""

from __future__ import annotations

from collections.abc import Sequence

from bench.api import UserError
from bench.api.names import canonical, nearest, split_variant
from bench.suites.arms import Arm
from bench.suites.load import ArmEntry, Suite, TableEntry, checked, suite_name


def with_refiners(suite: Suite, variants: Sequence[str]) -> Suite:
    """The suite with more refiners in every table that has any: as if its file listed them, under ``refined`` at least.

    Raises
    ------
    UserError: no table of the suite has refiners, or it would have more than a suite may.
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
    return checked(suite.model_dump() | {"tables": [table.model_dump() for table in tables]})


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
    name = suite_name("-".join([suite.name, *tasks, *models, *rows]))
    return checked(suite.model_dump() | {"name": name, "tables": [table.model_dump() for table in tables]})


def with_lengths(suite: Suite, seeds: int | None, fit_steps: int | None) -> Suite:
    """The suite with other numbers of seeds and of fit steps in all its tables; ``None`` leaves them.

    Raises
    ------
    UserError: more than a suite may have.
    """
    update = {key: value for key, value in {"seeds": seeds, "fit_steps": fit_steps}.items() if value is not None}
    return checked(suite.model_dump() | {"tables": [table.model_dump() | update for table in suite.tables]})


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
                one = canonical(variant)
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
