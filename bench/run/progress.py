"""What a run shows while it works: one live line a running job on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bench.results.record import Record
from bench.run.outputs.product import Product
from bench.run.plan.first import first_finding
from bench.run.plan.graph import Job, Plan

LINE_SECONDS = 15.0
OnTables = Callable[[Sequence[Record]], None]


class Display(Protocol):
    """A :class:`bench.run.runner.Listener` that is also a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None: ...

    def started(self, job: Job) -> None: ...

    def progressed(self, job: Job, step: int, n_steps: int, loss: float) -> None: ...

    def noticed(self, job: Job, text: str) -> None: ...

    def finished(self, job: Job, made: bool) -> None: ...

    def failed(self, job: Job, reason: str, own: bool) -> None: ...

    def recorded(self, record: Record) -> None: ...

    def produced(self, product: Product) -> None: ...


class _Counting:
    """Counts jobs, prints failures always and every finished job if ``verbose``, and hands on complete tables."""

    def __init__(
        self, console: Console, plan: Plan, verbose: bool, on_tables: OnTables, on_first: OnTables | None
    ) -> None:
        self.console, self.n_jobs, self.verbose, self.on_tables = console, len(plan.jobs), verbose, on_tables
        self.n_done = 0
        self.open = Counter(planned.cell.table for planned in plan.cells)
        self.open.update(product.awaited_by for product in plan.products if product.awaited_by)
        self.records: dict[tuple[str, ...], list[Record]] = {}
        self.on_first, self.made = on_first, False
        self.first: dict[str, Record | None] = {planned.cell.id: None for planned in first_finding(plan)}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        return None

    def progressed(self, job: Job, step: int, n_steps: int, loss: float) -> None:
        return None

    def started(self, job: Job) -> None:
        return None

    def recorded(self, record: Record) -> None:
        self.records.setdefault(record.cell.table, []).append(record)
        self._settled(record.cell.table)
        if record.cell.id in self.first:
            self.first[record.cell.id] = record
            ready = [found for found in self.first.values() if found is not None]
            if self.on_first and self.made and len(ready) == len(self.first) and self.open[record.cell.table]:
                self.on_first(ready)

    def produced(self, product: Product) -> None:
        if product.awaited_by:
            self._settled(product.awaited_by)

    def _settled(self, table: tuple[str, ...]) -> None:
        self.open[table] -= 1
        if self.open[table] == 0 and table in self.records:  # a target without labels gives products and no record
            self.on_tables(self.records[table])

    def finished(self, job: Job, made: bool) -> None:
        self.n_done += 1
        self.made = self.made or made
        if self.verbose:
            self.say(f"{self.count} {job.label}{'' if made else ': already in the store'}")

    def failed(self, job: Job, reason: str, own: bool) -> None:
        self.n_done += 1
        if own:
            self.say(f"{self.count} FAILED {job.label}: {reason}")

    def noticed(self, job: Job, text: str) -> None:
        self.say(f"{job.label}: {text}")

    def say(self, text: str) -> None:
        """One line, never wrapped by the console and never read as markup."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @property
    def count(self) -> str:
        width = len(str(self.n_jobs))
        return f"[{self.n_done:>{width}}/{self.n_jobs}]"


class LineDisplay(_Counting):
    """For logs and pipes: failures, and a line of progress every :data:`LINE_SECONDS`; only failures if ``quiet``."""

    def __init__(
        self,
        console: Console,
        plan: Plan,
        verbose: bool,
        quiet: bool,
        on_tables: OnTables,
        on_first: OnTables | None = None,
    ) -> None:
        super().__init__(console, plan, verbose, on_tables, None if quiet else on_first)
        self.quiet = quiet
        self.started_at = self.last_line = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def progressed(self, job: Job, step: int, n_steps: int, loss: float) -> None:
        self._line(f"{job.label}, step {step} of {n_steps}")

    def finished(self, job: Job, made: bool) -> None:
        super().finished(job, made)
        self._line(job.label)

    def _line(self, text: str) -> None:
        now = time.monotonic()
        if not self.quiet and not self.verbose and now - self.last_line >= LINE_SECONDS:
            self.last_line = now
            self.say(f"{self.count} after {now - self.started_at:.0f} s: {text}")


class LiveDisplay(_Counting):
    """For a terminal: a line for the run and one for each running job, with step, loss and time left."""

    def __init__(
        self, console: Console, plan: Plan, verbose: bool, on_tables: OnTables, on_first: OnTables | None = None
    ) -> None:
        super().__init__(console, plan, verbose, on_tables, on_first)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.total = self.progress.add_task("jobs", total=self.n_jobs, loss="")
        self.lines: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.progress.stop()

    def started(self, job: Job) -> None:
        if job.id in self.lines:  # another run held its lock, and it is tried again
            return
        self.lines[job.id] = self.progress.add_task(escape(job.label), total=1, loss="")

    def progressed(self, job: Job, step: int, n_steps: int, loss: float) -> None:
        shown = f"loss {loss:.3f}" if loss == loss else ""
        self.progress.update(self.lines[job.id], completed=step, total=n_steps, loss=shown)

    def finished(self, job: Job, made: bool) -> None:
        super().finished(job, made)
        self._drop(job)

    def failed(self, job: Job, reason: str, own: bool) -> None:
        super().failed(job, reason, own)
        self._drop(job)

    def _drop(self, job: Job) -> None:
        if (line := self.lines.pop(job.id, None)) is not None:
            self.progress.remove_task(line)
        self.progress.update(self.total, completed=self.n_done)


def display(
    console: Console,
    plan: Plan,
    verbose: bool,
    quiet: bool,
    on_tables: OnTables,
    on_first: OnTables | None = None,
) -> Display:
    """Live on a terminal, line-based elsewhere and when quiet.

    ``on_tables`` gets the records of a (pair, task, model, budget) as soon as all its cells have one and all the
    products that its table shows are written. ``on_first`` gets those of
    :func:`bench.run.plan.first.first_finding`, unless all of them were there already or their table is complete anyway.
    """
    if console.is_terminal and not quiet:
        return LiveDisplay(console, plan, verbose, on_tables, on_first)
    return LineDisplay(console, plan, verbose, quiet, on_tables, on_first)
