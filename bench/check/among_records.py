"""Records against each other: one environment and code, one test set, equal budgets, equal weights equally scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.check.folder import RUN_AGAIN, Finding, Results
from bench.results.record import Record
from bench.suites.arms import Arm


def environments(results: Results) -> Iterator[Finding]:
    """All cells of a table ran in one environment: torch, device, threads and the rest."""
    for title, records in results.tables().items():
        known = all(record.code for record in records.values())
        for key in sorted({key for record in records.values() for key in record.environment}):
            if key == "bench" and known:
                continue  # Commits may differ in what these cells do not run; what they do run is the next rule's.
            found = Counter(record.environment.get(key, "unknown") for record in records.values())
            if len(found) > 1:
                what = f"mixes {key}: {_named(found)}"
                yield Finding(title, what, f"{RUN_AGAIN} in one environment, with an empty store")


def code(results: Results) -> Iterator[Finding]:
    """Cells of a table were trained and scored by the same code, and those of one refiner fitted and refined by it."""
    for title, records in results.tables().items():
        found: dict[tuple[str, str], Counter[str]] = {}
        for record in records.values():
            for name, digest in record.code.items():
                refiner = "" if name in ("code of train", "code of score") else record.cell.refiner
                commit = record.environment.get("bench", "unknown")
                found.setdefault((name, refiner), Counter())[f"{digest[:12]} of {commit}"] += 1
        for (name, refiner), made in found.items():
            if len({said.partition(" ")[0] for said in made}) > 1:
                what = f"mixes {name}{f' {refiner}' if refiner else ''}: {_named(made)}"
                yield Finding(title, what, f"{RUN_AGAIN}: cells made by other code are made again")
        n_unknown = sum(not record.code for record in records.values())
        if 0 < n_unknown < len(records):
            yield Finding(title, f"mixes code: {n_unknown} of {len(records)} cells do not name theirs", RUN_AGAIN)


def budgets(results: Results) -> Iterator[Finding]:
    """Arms of one table are trained alike; of another recipe's too. What a joint fit trained is another training."""
    for title, records in results.tables().items():
        alike = {name: r for name, r in records.items() if Arm.parse(r.cell.arm).kind != "end_to_end"}
        measures: dict[str, Callable[[Record], Any]] = {
            "training steps": lambda record: record.training.get("steps"),
            "batch sizes": lambda record: record.training.get("batch_size"),
            "numbers of parameters": lambda record: record.cost.n_parameters,
        }
        for what, of in measures.items():
            found = _counted(alike, of)
            if len(found) > 1:
                rare = min(found, key=found.__getitem__)
                name = next(name for name, record in alike.items() if of(record) == rare)
                yield Finding(title, f"arms differ in {what}: {_named(found)}, as in records/{name}", RUN_AGAIN)


def test_sets(results: Results) -> Iterator[Finding]:
    """Cells of a table are of one version of the pair, scored on the same test images."""
    for title, records in results.tables().items():
        for what, of in (
            ("versions of the pair", lambda record: record.pair.digest[:12] if record.pair else "none"),
            ("test sets", lambda record: record.digests.get("test", "none")[:12]),
        ):
            found = _counted(records, of)
            if len(found) > 1:
                yield Finding(title, f"mixes {what}: {_named(found)}", RUN_AGAIN)


def equal_weights(results: Results) -> Iterator[Finding]:
    """Cells with the same weights on the same test images have the same score."""
    first: dict[tuple[str, ...], tuple[str, Record]] = {}
    for name, record in results.scored.items():
        weights, test = record.digests.get("weights", ""), record.digests.get("test", "")
        if not weights or not record.metrics:
            continue
        before, other = first.setdefault((*record.cell.table, weights, test), (name, record))
        if other.primary.value != record.primary.value:
            what = f"has the weights of records/{before} but another score"
            yield Finding(f"records/{name}", what, f"delete both and {RUN_AGAIN}")


def _counted(records: Mapping[str, Record], of: Callable[[Record], Any]) -> Counter[Any]:
    return Counter(of(record) for record in records.values())


def _named(found: Counter[Any]) -> str:
    return ", ".join(f"{value} ({n} cells)" for value, n in found.most_common())


RULES = (environments, code, budgets, test_sets, equal_weights)
