"""Runs what is missing: resolves action keys as inputs appear, reuses what the store has, has the rest executed.

A job moves from *waiting* (an input is missing) over *ready* (its action key is known) to *done* or *failed*. Two ready
jobs with one action key are one piece of work. A failed job fails its dependants with its reason; nothing else stops. A
record is written as soon as the last job of its cell ends, a product as soon as the last of its own does.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.api import PluginError, UserError
from bench.api.reasons import one_line, reason_of
from bench.results.record import Record, write_record
from bench.run import timings
from bench.run.executors import Busy, Done, Event, Executor, Failed, Notice, Progress, WorkOrder
from bench.run.jobs.kinds import KINDS, WORK
from bench.run.jobs.numbers import finite_number
from bench.run.outputs.product import FOLDERS, Product
from bench.run.plan.first import first_finding, jobs_of
from bench.run.plan.graph import Job, Plan, PlannedCell
from bench.run.record import codes_of, failed_record, record_of
from bench.run.store import DiskFull, Entry, Store, digest_of
from bench.run.work_queue import WorkQueue

OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})
"""Errors of the results folder's disk: no fault of a cell, and the next file would meet them as well."""
OURS = re.compile(r".+-[0-9a-f]{10}(?:-[a-z]+\.webp|\.json)")
"""Names of the files that runs write for a cell or a product; all others in a results folder are the user's."""
BUSY_SECONDS = 0.5
POLL_SECONDS = 0.2


class Listener(Protocol):
    """Who is told how a run goes (the terminal, a test)."""

    def started(self, job: Job) -> None:
        """A worker took the job."""

    def progressed(self, job: Job, step: int, n_steps: int, loss: float) -> None:
        """The job is alive."""

    def noticed(self, job: Job, text: str) -> None:
        """The running job has something to say that is no failure."""

    def finished(self, job: Job, made: bool) -> None:
        """The job's result is in the store; ``made`` in this run."""

    def failed(self, job: Job, reason: str, own: bool) -> None:
        """The job failed: by its ``own`` fault, or because an input of it did."""

    def recorded(self, record: Record) -> None:
        """A cell has its record."""

    def produced(self, product: Product) -> None:
        """A product's files are written; they say what of it failed."""


@dataclass
class Outcome:
    """What a run did.

    ``made`` and ``failures`` are by recipe id; ``mistakes`` are the ids of failures that data, a request or a plug-in
    is to blame for; ``work_seconds`` is the workers' time in jobs of :data:`bench.run.jobs.WORK`.
    """

    n_cells: int
    records: list[Record] = field(default_factory=list)
    made: dict[str, float] = field(default_factory=dict)
    reused: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)
    mistakes: set[str] = field(default_factory=set)
    work_seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Every cell has a score."""
        return len(self.records) == self.n_cells and all(record.status == "ok" for record in self.records)


def _unusable(what: str, error: Exception) -> str:
    return one_line(f"its {what} cannot be made of what its jobs stored: {reason_of(error)}")


def description_key(job: Job, inputs: Mapping[str, Entry]) -> str:
    """The hash of what a job is asked to do, its inputs taken by content; whatever code does it."""
    return digest_of(KINDS[job.kind].action(job.spec, inputs))


def action_key(job: Job, inputs: Mapping[str, Entry]) -> str:
    """The hash of all that determines a job's result: what it is asked to do, and the code that does it."""
    return digest_of([description_key(job, inputs), job.code])


def resolve_cached(plan: Plan, store: Store) -> dict[str, Entry]:
    """The jobs of a plan whose results are in the store, by recipe id (for the dry run; nothing is run)."""
    entries: dict[str, Entry] = {}
    for job in plan.jobs.values():
        if all(needed in entries for _, needed in job.inputs):
            entry = store.find(action_key(job, {role: entries[needed] for role, needed in job.inputs}))
            if entry is not None:
                entries[job.id] = entry
    return entries


class Runner:
    """One run of a plan.

    Parameters
    ----------
    results: the results folder. ``records`` and the folders of the products get their files there, and lose those of
        cells and products that the plan does not have; ``failures`` gets the traceback of each failed job.
    least_limit_seconds: any job may take so long without coming further, and 20 times its estimate if that is more.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        executor: Executor,
        listener: Listener,
        results: Path,
        least_limit_seconds: float = timings.LEAST_LIMIT_SECONDS,
    ) -> None:
        self.plan, self.store, self.executor, self.listener = plan, store, executor, listener
        self.results, self.records, self.failures = results, results / "records", results / "failures"
        self._least_limit_seconds, self._factors = least_limit_seconds, timings.load(store.root)
        self.entries: dict[str, Entry] = {}
        self.outcome = Outcome(len(plan.cells))
        self._missing = {job.id: len(job.inputs) for job in plan.jobs.values()}
        self._running: dict[str, list[str]] = {}
        first = jobs_of(plan, first_finding(plan))
        ranks = {job_id: (job_id not in first, position) for position, job_id in enumerate(plan.jobs)}
        self._queue = WorkQueue(ranks, (job_id for job_id, n in self._missing.items() if n == 0))
        self._open_cells = {planned.cell.id for planned in plan.cells}
        self._cells_of: dict[str, list[PlannedCell]] = {}
        for planned in plan.cells:
            for job_id in planned.jobs.values():
                self._cells_of.setdefault(job_id, []).append(planned)
        self._reasons: dict[str, str] = {}
        self._open_products = set(range(len(plan.products)))
        self._products_of: dict[str, list[int]] = {}
        for number, product in enumerate(plan.products):
            for job_id in set(product.jobs.values()):
                self._products_of.setdefault(job_id, []).append(number)

    def run(self) -> Outcome:
        """Work until every job is done or failed.

        Raises
        ------
        DiskFull: the store's disk is full; what is finished is kept.
        """
        self._remove_strangers()
        while self._queue or self._running:
            self._dispatch()
            if self._queue or self._running:
                for event in self.executor.events(POLL_SECONDS):
                    self._handle(event)
        return self.outcome

    def _remove_strangers(self) -> None:
        expected = {self.records / f"{planned.cell.id}.json" for planned in self.plan.cells}
        expected |= {self.results / product.folder / file for product in self.plan.products for file in product.files}
        folders = [self.results / folder for folder in FOLDERS]
        for path in [*self.records.glob("*.json"), *(path for folder in folders for path in folder.glob("*"))]:
            if path in expected and path.is_dir() and not path.is_symlink():
                raise UserError(
                    f"{path} is a folder, where a file of this run belongs; rename it, or use another --out"
                )
            if path not in expected and OURS.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                path.unlink()

    def _dispatch(self) -> None:
        """Settle the jobs that need no work and start as many others as there are free workers, first ranks first."""
        self._start()
        while (job_id := self._queue.pop_arrived()) is not None:
            self._settle(self.plan.jobs[job_id])
            self._start()

    def _settle(self, job: Job) -> None:
        """Finish a job whose result is in the store, fail one that cannot be described, queue any other."""
        try:
            key = action_key(job, self._inputs(job))
        except Exception as error:
            self._fail(job, f"what its inputs state cannot be used: {reason_of(error)}", own=True)
            return
        if key in self._running:
            self._running[key].append(job.id)
        elif key not in self._queue and (entry := self.store.find(key)) is not None:
            self._finish(job, entry, made=False)
        else:
            self._queue.add(key, job.id)

    def _start(self) -> None:
        """Start queued work while workers are free."""
        while self.executor.n_free and (group := self._queue.pop_group()) is not None:
            key, job_ids = group
            self._running[key] = job_ids
            job = self.plan.jobs[job_ids[0]]
            limit = timings.limit(job, self._factors, self._least_limit_seconds)
            self.executor.submit(WorkOrder(key, job.kind, job.spec, self._inputs(job), limit))
            self.listener.started(job)

    def _inputs(self, job: Job) -> dict[str, Entry]:
        return {role: self.entries[needed] for role, needed in job.inputs}

    def _handle(self, event: Event) -> None:
        runs_on = isinstance(event, Progress | Notice)
        job_ids = self._running[event.key] if runs_on else self._running.pop(event.key)
        first = self.plan.jobs[job_ids[0]]
        match event:
            case Progress():
                self.listener.progressed(first, event.step, event.n_steps, event.loss)
            case Notice():
                self.listener.noticed(first, event.text)
            case Busy():
                self._queue.postpone(event.key, job_ids, BUSY_SECONDS)
            case Failed():
                if event.fatal:
                    raise DiskFull(event.reason)
                self._keep_details(first, event)
                self.outcome.mistakes.update(job_ids if event.mistake else ())
                for job_id in job_ids:
                    self._fail(self.plan.jobs[job_id], event.reason, own=job_id == first.id)
            case Done():
                if event.made:
                    try:
                        seconds = finite_number(event.entry.meta.get("seconds"), "seconds")
                    except PluginError as error:
                        for job_id in job_ids:
                            self._fail(self.plan.jobs[job_id], one_line(error), own=job_id == first.id)
                        return
                    self.outcome.made[first.id] = seconds
                    self.outcome.work_seconds += seconds if first.kind in WORK else 0.0
                for job_id in job_ids:
                    self._finish(self.plan.jobs[job_id], event.entry, made=event.made and job_id == first.id)

    def _finish(self, job: Job, entry: Entry, made: bool) -> None:
        self.entries[job.id] = entry
        if not made:
            self.outcome.reused.add(job.id)
        self.listener.finished(job, made)
        for dependant in self.plan.dependants[job.id]:
            self._missing[dependant] -= 1
            if self._missing[dependant] == 0 and dependant not in self.outcome.failures:
                self._queue.arrive(dependant)
        for planned in self._cells_of.get(job.id, ()):
            entries = {role: self.entries[needed] for role, needed in planned.jobs.items() if needed in self.entries}
            if len(entries) == len(planned.jobs):
                self._record(self._record_of(planned, entries))
        self._settle_products(job)

    def _record_of(self, planned: PlannedCell, entries: dict[str, Entry]) -> Record:
        """The cell's record; one that cannot be made of what its jobs stored is a failed one."""
        try:
            return record_of(planned, entries, self.plan.suite.name, *self._identity(planned))
        except Exception as error:
            return failed_record(planned, _unusable("record", error), self.plan.suite.name)

    def _write(self, product: Product, entries: dict[str, Entry], failed: dict[str, str]) -> None:
        """The product's files; what cannot be made of what its jobs stored is said in their place."""
        try:
            product.write(self.results, entries, failed, self.plan.suite.name)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in OF_THE_DISK:
                raise
            reason = _unusable(product.label, error)
            product.write(self.results, {}, dict.fromkeys(product.jobs, reason), self.plan.suite.name)

    def _fail(self, job: Job, reason: str, own: bool) -> None:
        if job.id in self.outcome.failures:
            return
        self.outcome.failures[job.id] = reason
        self.listener.failed(job, reason, own)
        if own:
            reason = f"{job.label}: {reason}"
        self._reasons[job.id] = reason
        for planned in self._cells_of.get(job.id, ()):
            self._record(failed_record(planned, reason, self.plan.suite.name))
        self._settle_products(job)
        for dependant in self.plan.dependants[job.id]:
            self._fail(self.plan.jobs[dependant], reason, own=False)

    def _record(self, record: Record) -> None:
        """Keep a cell's first record: a cell fails with the first of its jobs that does."""
        if record.cell.id not in self._open_cells:
            return
        self._open_cells.remove(record.cell.id)
        write_record(self.results, record)
        self.outcome.records.append(record)
        self.listener.recorded(record)

    def _identity(self, planned: PlannedCell) -> tuple[str, dict[str, str]]:
        """What a cell's training was asked to do, and the code of its jobs by role."""
        trained = self.plan.jobs[planned.jobs.get("train") or planned.jobs["fit"]]
        return description_key(trained, self._inputs(trained)), codes_of(self.plan, planned)

    def _settle_products(self, job: Job) -> None:
        """Write the products whose last job this was."""
        for number in self._products_of.get(job.id, ()):
            product = self.plan.products[number]
            entries = {role: self.entries[needed] for role, needed in product.jobs.items() if needed in self.entries}
            failed = {role: self._reasons[needed] for role, needed in product.jobs.items() if needed in self._reasons}
            if number in self._open_products and len(entries) + len(failed) == len(product.jobs):
                self._open_products.remove(number)
                self._write(product, entries, failed)
                self.listener.produced(product)

    def _keep_details(self, job: Job, event: Failed) -> None:
        if event.details:
            self.failures.mkdir(parents=True, exist_ok=True)
            (self.failures / f"{job.kind}-{job.id[:12]}.txt").write_text(
                f"{job.label}\n\n{event.details}", errors="backslashreplace"
            )
