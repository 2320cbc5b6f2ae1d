"""Records against what their data, statistics and predictions give here and now.

*data*      the splits of every pair, taken from the store or prepared anew, have the digest that the records state,
            and the action keys of trainings that need no refiner (:mod:`bench.run.jobs.train`) follow from them:
            pixels, labels, recipe, optimiser, steps, order of the labelled images
*scores*    of randomly drawn cells: the task computes metrics and contributions again from the recorded statistics;
            where the store has the very predictions, statistics are computed again from those and the labels
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from bench.api import UserError
from bench.api.errors import DataError
from bench.check.folder import RUN_AGAIN, Finding, Results
from bench.plugins.registry import Registry
from bench.results.record import Record
from bench.run.jobs import score
from bench.run.jobs.kinds import KINDS
from bench.run.jobs.work import Work
from bench.run.plan.graph import Job, Plan, PlannedCell
from bench.run.runner import action_key, description_key, resolve_cached
from bench.run.store import Entry, Store
from bench.run.stored_sets import load_set, pair_digest

TOLERANCE = 1e-6
"""Relative: sums may be taken in another order on another machine."""
ABSOLUTE = 1e-9
NETWORKS = ("adapt", "train", "fit")
"""Jobs that may have made the network that a cell scores, the last one first."""
UNUSABLE = (ValueError, KeyError, IndexError, TypeError, zlib.error)
"""What unpacking and scoring raise of statistics that no task wrote (``DataError`` is a ``ValueError``)."""


class Rescoring:
    """The rules that compute; see :func:`bench.check.check_results` for the parameters.

    ``scratch`` is a store for what is prepared anew; ``drawn`` are the files of the cells that are re-scored.
    """

    def __init__(
        self,
        results: Results,
        registry: Registry,
        store: Store | None,
        scratch: Store,
        n_cells: int,
        seed: int | None,
        data: bool,
    ) -> None:
        self._registry, self._store, self._scratch, self._data = registry, store, scratch, data
        self._prepared: dict[str, Entry | None] = {}
        names = [name for name, _, _ in _scored(results)]
        chosen = np.random.default_rng(seed).permutation(len(names))[:n_cells]
        self.drawn = tuple(names[position] for position in sorted(chosen))
        self.rules: tuple[Callable[[Results], Iterator[Finding]], ...] = (self.digests, self.scores, self.predictions)

    def digests(self, results: Results) -> Iterator[Finding]:
        """Pair, test images, and trainings without a refiner are those that the code at hand makes."""
        for name, planned, record in _scored(results):
            jobs = results.jobs
            source = self._side(results, jobs[planned.jobs["source"]])
            target = self._side(results, jobs[planned.jobs["target"]])
            if source is None or target is None:
                continue
            digest = record.pair.digest if record.pair else "none"
            if pair_digest(source, target) != digest:
                what = f"made from version {digest[:12]} of pair {planned.cell.pair!r}, which is not the one at hand"
                yield Finding(f"records/{name}", what, RUN_AGAIN)
                continue
            images = target.meta["sets"]["target_test"]["columns"]["image"]["file"]
            if target.files[images] != record.digests.get("test"):
                yield Finding(f"records/{name}", "its test images have another digest than those at hand", RUN_AGAIN)
            training = jobs.get(planned.jobs.get("train", ""))
            sides = {"source": source, "target": target}
            if training is None or any(role not in sides for role, _ in training.inputs):
                continue
            inputs = {role: sides[role] for role, _ in training.inputs}
            if description_key(training, inputs) != record.digests.get("training"):
                what = "its training is not the one that suite and data at hand describe (another key)"
                yield Finding(f"records/{name}", what, RUN_AGAIN)

    def scores(self, results: Results) -> Iterator[Finding]:
        """Metrics and contributions of the drawn cells follow from their recorded statistics."""
        for name, planned, record in _scored(results):
            if name in self.drawn:
                yield from _compared(name, planned, record, "its statistics", partial(_recorded, record))

    def predictions(self, results: Results) -> Iterator[Finding]:
        """Statistics of the drawn cells follow from stored predictions, where the store has those of the record."""
        if self._store is None:
            results.unchecked.append("stored predictions: no store is at hand")
            return
        n_absent = 0
        for name, planned, record in _scored(results):
            if name not in self.drawn or results.plan is None:
                continue
            entries = resolve_cached(_needed(results.plan, planned), self._store)
            scored, target = entries.get(planned.jobs["score"]), entries.get(planned.jobs["target"])
            network = next(entries.get(planned.jobs[role]) for role in NETWORKS if role in planned.jobs)
            weights = network and network.files["weights.safetensors"]
            if scored is None or target is None or weights is None or weights != record.digests.get("weights"):
                n_absent += 1
                continue
            spec = results.jobs[planned.jobs["score"]].spec
            if isinstance(spec, score.Spec):
                predicted = partial(_of_predictions, planned, spec, scored, target)
                yield from _compared(name, planned, record, "its stored predictions", predicted)
        if n_absent:
            what = f"stored predictions of {n_absent} of the {len(self.drawn)} drawn cells: not in {self._store.root}"
            results.unchecked.append(what)

    def _side(self, results: Results, job: Job) -> Entry | None:
        """One side of a pair: of the store, or prepared anew; ``None``, and said why, where it cannot be."""
        key = action_key(job, {})
        if key not in self._prepared:
            found = self._store.find(key) if self._store else None
            self._prepared[key] = found or self._make(results, job, key)
        return self._prepared[key]

    def _make(self, results: Results, job: Job, key: str) -> Entry | None:
        if not self._data:
            results.unchecked.append(f"data digests ({job.label}): not in the store, and --no-data was given")
            return None
        work = Work(self._registry, None, lambda step, n_steps, loss: None, Path())  # type: ignore[arg-type]
        try:
            return self._scratch.write(key, lambda folder: KINDS[job.kind].run(job.spec, {}, folder, work))
        except (UserError, DataError) as error:
            results.unchecked.append(f"data digests ({job.label}): {error}")
            return None


def _scored(results: Results) -> Iterator[tuple[str, PlannedCell, Record]]:
    for name, planned in sorted(results.planned.items()):
        if name in results.scored:
            yield name, planned, results.records[name]


def _compared(
    name: str, planned: PlannedCell, record: Record, basis: str, statistics: Callable[[], Mapping[str, np.ndarray]]
) -> Iterator[Finding]:
    """What differs between a record and the score of ``statistics()``."""
    task, space = planned.table.task, planned.table.space
    again = f"delete it and {RUN_AGAIN}"
    try:
        found = statistics()
        metrics, contributions = task.score(found, space), task.contributions(found, space)
        stated = record.contributions.unpack() if record.contributions else np.empty(0)
    except UNUSABLE as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        yield Finding(f"records/{name}", f"{basis} cannot be scored ({reason})", again)
        return
    for metric in record.metrics:
        value = metrics.get(metric.name, float("nan"))
        if not np.isclose(value, metric.value, rtol=TOLERANCE, atol=ABSOLUTE):
            what = f"states {metric.name} {metric.value:.6g}, {basis} give {value:.6g}"
            yield Finding(f"records/{name}", what, again)
    if stated.shape != contributions.shape or not np.allclose(stated, contributions, rtol=TOLERANCE, atol=ABSOLUTE):
        yield Finding(f"records/{name}", f"its contributions are not those that {basis} give", again)


def _recorded(record: Record) -> dict[str, np.ndarray]:
    return {key: array.unpack() for key, array in record.per_image.items()}


def _of_predictions(planned: PlannedCell, spec: score.Spec, scored: Entry, target: Entry) -> dict[str, np.ndarray]:
    """What the task computes from stored predictions and the labels of the whole test set."""
    test = load_set(target, "target_test")
    labels = {column: test.columns[column].take(np.arange(test.n_images)) for column in (*spec.labels, *spec.geometry)}
    with np.load(scored.path / "predictions.npz", allow_pickle=False) as stored:
        predictions = {column: stored[column] for column in stored.files}
    return planned.table.task.statistics(predictions, labels, planned.table.space)


def _needed(plan: Plan, planned: PlannedCell) -> Plan:
    """The plan of one cell: its jobs and what they take, in the order of the whole."""
    wanted: set[str] = set()
    waiting = list(planned.jobs.values())
    while waiting:
        job_id = waiting.pop()
        wanted.add(job_id)
        waiting += [needed for _, needed in plan.jobs[job_id].inputs]
    return Plan(plan.suite, {job_id: job for job_id, job in plan.jobs.items() if job_id in wanted}, (planned,))
