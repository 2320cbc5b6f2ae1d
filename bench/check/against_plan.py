"""Records against the plan of their suite: cells, versions, seeds, steps, and the trainings that need no refiner."""

from __future__ import annotations

from collections.abc import Iterator

from bench.api.names import split_variant
from bench.check.folder import RUN_AGAIN, Finding, Results
from bench.results.record import Record
from bench.run.plan.graph import PlannedCell, versions_of
from bench.run.record import real_fraction_of
from bench.run.seeds import seed_from
from bench.suites.arms import Arm


def cells(results: Results) -> Iterator[Finding]:
    """Every cell of the suite has a record with a score, and every record is a cell of the suite."""
    if results.suite is None or results.plan is None:
        return
    for name in results.planned.keys() - results.records.keys():
        yield Finding("suite.yaml", f"asks for a cell that has no record: {name.removesuffix('.json')}", RUN_AGAIN)
    for name, record in results.records.items():
        if name not in results.planned:
            yield Finding(f"records/{name}", "is no cell of suite.yaml", "delete it, or add its arm to the suite")
        if record.suite != results.suite.name:
            what = f"is of suite {record.suite!r}, suite.yaml of {results.suite.name!r}"
            yield Finding(f"records/{name}", what, "keep the results of each suite in a folder of its own")
        if record.status == "failed":
            yield Finding(f"records/{name}", f"has no score: {record.reason}", f"mend the cause and {RUN_AGAIN}")


def versions(results: Results) -> Iterator[Finding]:
    """Pair, task and refiner are those of the code at hand."""
    for name, planned, record in _both(results):
        here = versions_of(planned.table, planned.cell.refiner)
        for key in sorted(here.keys() | record.versions.keys()):
            made, now = record.versions.get(key, "none"), here.get(key, "none")
            if made != now:
                of = {"refiner": planned.cell.refiner, "pair": planned.cell.pair, "task": planned.cell.task}
                subject = f"{key.replace('_', ' ')} {of.get(key.partition('_')[0], '')}"
                what = f"made with version {made[:12]} of {subject}, the code at hand has {now[:12]}"
                yield Finding(f"records/{name}", what, RUN_AGAIN)


def seeds(results: Results) -> Iterator[Finding]:
    """Seeds derive from names alone (:mod:`bench.run.seeds`)."""
    for name, record in results.records.items():
        cell = record.cell
        task, model = split_variant(cell.task)[0], split_variant(cell.model)[0]
        expected = {
            "train": seed_from("train", task, model, cell.task_seed),
            "subset": seed_from("subset", cell.task_seed),
        }
        if cell.refiner:
            expected["fit"] = seed_from("fit", split_variant(cell.refiner)[0], cell.refiner_seed)
        for key in sorted(expected.keys() | record.seeds.keys()):
            if record.seeds.get(key) != expected.get(key):
                what = f"its seed {key!r} does not derive from the cell's names"
                yield Finding(
                    f"records/{name}", what, f"delete it and {RUN_AGAIN}; bench/run/seeds.py says how they derive"
                )


def settings(results: Results) -> Iterator[Finding]:
    """Steps, batch and share of real images are those that the suite states."""
    for name, planned, record in _both(results):
        if record.status != "ok" or Arm.parse(planned.cell.arm).kind == "end_to_end":
            continue
        budget, real = planned.table.budget, real_fraction_of(planned)
        stated = {"steps": budget.train_steps, "batch_size": budget.batch_size, "real_fraction": real}
        for key, wanted in stated.items():
            if record.training.get(key) != wanted:
                what = f"{key} is {record.training.get(key)}, the suite asks for {wanted}"
                yield Finding(f"records/{name}", what, RUN_AGAIN)
        seen = budget.train_steps * budget.batch_size
        if record.cost.images_seen != seen:
            what = f"its training saw {record.cost.images_seen:,} images, the suite's steps and batch make {seen:,}"
            yield Finding(f"records/{name}", what, RUN_AGAIN)


def _both(results: Results) -> Iterator[tuple[str, PlannedCell, Record]]:
    for name, planned in results.planned.items():
        if name in results.records:
            yield name, planned, results.records[name]


RULES = (cells, versions, seeds, settings)
