"""Commands on suites and a user's own folders: run, plan."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bench.api import UserError
from bench.cli.comparison import Asked, asks
from bench.cli.disk import refuse_beyond_free_disk
from bench.cli.failed import end_incomplete
from bench.cli.options import (
    EXIT_INCOMPLETE,
    EXIT_INTERRUPTED,
    EXIT_USER,
    StoreOption,
    make_console,
    one_thread_each,
    open_store,
    print_paths,
    store_root,
)

if TYPE_CHECKING:
    from rich.console import Console

    from bench.results.record import Record
    from bench.run.plan.graph import Plan
    from bench.run.runner import Outcome
    from bench.run.store import Entry
    from bench.suites.load import Suite

app = typer.Typer()


@app.command()
@asks
def run(
    asked: Asked,
    store: StoreOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="Results folder [results/local/SUITE].")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes [one a core, or one a GPU].")] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds any job may go on without progress, or 20 × its estimate if more [120]."),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only failures and the leaderboards.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="A line for each finished job.")] = False,
) -> None:
    """Train, score, write leaderboards: a suite, or your folders.

    Own folders: --source DIR --target DIR --task T. What is finished already is not done again.
    """
    from bench.cli.downloads import offer
    from bench.report import tables_of, write_report
    from bench.report.failures import Attempts
    from bench.report.terminal import print_findings, print_first, print_report
    from bench.results.documents import is_published
    from bench.results.measurement import readable_measurements
    from bench.results.record import readable_records
    from bench.run import timings
    from bench.run.executors.local import LocalExecutor, start_server
    from bench.run.progress import display
    from bench.run.runner import Runner
    from bench.run.store import DiskFull
    from bench.suites.load import save_suite

    one_thread_each()
    for number in (signal.SIGINT, signal.SIGTERM):  # schedulers stop jobs by SIGTERM; it ends like Ctrl-C
        signal.signal(number, _stop_once)
    start_server()
    console = make_console()
    suite = asked.to_suite()
    executor = LocalExecutor(store_root(store), asked.registry, workers)
    try:
        offer((asked.registry.pair(table.pair)[0] for table in suite.tables), console)
        plan = asked.to_plan(suite, console)
        kept = open_store(store, console)
        results = out or Path("results/local") / plan.suite.name
        refuse_beyond_free_disk(plan, kept)
        if is_published(results):
            raise UserError(
                f"--out {results} holds published results; run into another folder, then `publish` it there"
            )
        _refuse_foreign_records(results, suite)
        save_suite(suite, results / "suite.yaml")

        shown = Attempts(results)

        def on_tables(records: Sequence[Record]) -> None:
            shown.make(
                "a table on the screen",
                lambda: print_report(tables_of(records, readable_measurements(results)[0]), console),
                None,
            )

        def on_first(records: Sequence[Record]) -> None:
            shown.make("the first finding on the screen", lambda: print_first(tables_of(records), console), None)

        listener = display(console, plan, verbose, quiet, on_tables, on_first)
        least = time_limit or timings.LEAST_LIMIT_SECONDS
        if asked.source:
            reading = _only_reading(plan)
            quietly = display(console, reading, False, True, on_tables)
            reader = Runner(reading, kept, executor, quietly, results / "reading", least)
            if reader.run().failures:
                raise typer.Exit(EXIT_USER)
            _print_counts(reader.entries.values(), console)
        runner = Runner(plan, kept, executor, listener, results, least)
        with listener:
            outcome = runner.run()
    except KeyboardInterrupt:
        console.print("Stopped. Finished jobs are kept; the same command goes on from here.", highlight=False)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except DiskFull as error:
        print(f"error: {error}; finished jobs are kept: free some space, then run the same command", file=sys.stderr)
        raise typer.Exit(EXIT_INCOMPLETE) from None
    finally:
        executor.close()
    if not plan.cells:
        timings.save(kept.root, plan, outcome.made)
        _print_without_scores(console, plan, outcome, executor.n_workers, quiet, results)
        return
    (records, bad), (measurements, bad_measurements) = readable_records(results), readable_measurements(results)
    paths = write_report(records, results, measurements, unreadable=[*bad, *bad_measurements])
    timings.save(kept.root, plan, outcome.made)
    shown.make("the findings on the screen", lambda: print_findings(paths.tables, console), None)
    _print_summary(console, plan, outcome, executor.n_workers, quiet)
    print_paths(paths, console)
    failures = replace(paths.failures, found=(*paths.failures.found, *shown.failed))
    if failures or outcome.failures or not outcome.complete:
        end_incomplete(console, failures, "the same command again", results)


@app.command()
@asks
def plan(
    asked: Asked,
    store: StoreOption = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes to estimate for.")] = None,
) -> None:
    """The dry run: every job, what is cached, time and disk. Of a suite, or of your folders.

    Tables are held against the core seconds that their suite allows.
    """
    from bench.run import timings
    from bench.run.executors.local import devices
    from bench.run.plan.graph import work_by_table
    from bench.run.runner import resolve_cached

    one_thread_each()
    console = make_console()
    made = asked.to_plan(asked.to_suite(), console)
    kept = open_store(store, console)
    cached = resolve_cached(made, kept)
    factors = timings.load(kept.root)
    todo = [job for job in made.jobs.values() if job.id not in cached]
    for job in made.jobs.values():
        state = "cached" if job.id in cached else f"{timings.estimate(job, factors):.1f} s"
        console.print(f"{job.id[:12]}  {state:>8}  {job.label}", markup=False, highlight=False, soft_wrap=True)
    for work in work_by_table(made):
        seconds = sum(timings.estimate(job, factors) for job in work.jobs)
        line = f"{work.title}: {work.n_cells} cells, about {seconds:.0f} core seconds from nothing"
        if work.core_seconds is not None:
            over = seconds > work.core_seconds
            line += f", {'MORE THAN' if over else 'within'} its {work.core_seconds:.0f}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    n_workers = len(devices(workers))
    seconds = sum(timings.estimate(job, factors) for job in todo)
    measured = sum(job.signature in factors for job in todo)
    basis = f"; {measured} of these estimates rest on times measured here" if todo else ""
    console.print(
        f"{len(made.cells)} cells, {len(made.jobs)} jobs, {len(cached)} cached; {len(todo)} to do: about "
        f"{_duration(seconds / n_workers)} on {n_workers} workers and {sum(job.n_bytes for job in todo) / 1e6:.0f} MB "
        f"of disk{basis}.",
        markup=False,
        highlight=False,
    )


def _stop_once(number: int, frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does; impatience while the workers are being stopped changes nothing."""
    for stopping in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stopping, signal.SIG_IGN)
    raise KeyboardInterrupt


def _only_reading(plan: Plan) -> Plan:
    """The part that reads both folders: done before anything is trained, so that a broken file costs no time."""
    reading = {job.id: job for job in plan.jobs.values() if job.kind == "prepare"}
    return replace(plan, jobs=reading, cells=(), products=())


def _print_counts(read: Iterable[Entry], console: Console) -> None:
    entries = list(read)
    counts = {split: n_images for entry in entries for split, n_images in entry.meta["counts"].items()}
    words = [f"{n_images:,} {split.replace('_', ' ')}" for split, n_images in counts.items()]
    notes = [note for entry in entries for note in entry.meta.get("notes", ())]
    for line in (f"images: {', '.join(words)}", *notes):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_without_scores(
    console: Console, plan: Plan, outcome: Outcome, n_workers: int, quiet: bool, results: Path
) -> None:
    """What there is to say of a run whose target has no labels: what refining did to looks and to labels."""
    from bench.report.failures import failures_of
    from bench.results.gallery import read_galleries
    from bench.results.measurement import read_measurements

    def show(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    _print_summary(console, plan, outcome, n_workers, quiet)
    for measured in read_measurements(results):
        if measured.status == "failed":  # the last paragraph says so
            continue
        if measured.kind == "domain_gap":
            before, after = measured.value("kid_before"), measured.value("kid_after")
            show(f"{measured.of.refiner}: domain gap to the target (KID) {before} before, {after} after refining")
        else:
            verdict = f"damaged ({' and '.join(measured.flags)})" if measured.flags else "intact"
            score, edges = measured.value("score_kept"), measured.value("edges_kept")
            show(f"{measured.of.refiner}: labels {verdict}; judge's score kept: {score}; label edges kept: {edges}")
    show(
        "Gains need labels of real test images: label some of the target, or name a labelled folder by --target-test. "
        "`python -m bench refine` writes a refined set as a folder."
    )
    failures = failures_of([], read_measurements(results), read_galleries(results))
    if failures or outcome.failures:
        end_incomplete(console, failures, "the same command again", results)


def _refuse_foreign_records(results: Path, suite: Suite) -> None:
    """A run leaves in its results folder what it planned, and so must not be pointed at another suite's, nor at that of
    folders that are called alike and lie elsewhere."""
    from bench.suites.load import load_suite
    from bench.suites.own_folders import folders_of

    saved = results / "suite.yaml"
    if not saved.exists() and not saved.is_symlink():
        return
    try:
        before = load_suite(str(saved))
        theirs, ours = (folders_of([table.pair for table in one.tables]) for one in (before, suite))
    except UserError as error:
        raise UserError(
            f"whose results {results} holds cannot be told ({error}); remove {saved}, or name another folder with --out"
        ) from None
    if before.name != suite.name:
        raise UserError(f"{results} holds the results of suite {before.name!r}; name another folder with --out")
    if theirs != ours:
        raise UserError(
            f"{results} holds the results of {' and '.join(theirs)}, folders of the same names; name another folder "
            "with --out"
        )


def _print_summary(console: Console, plan: Plan, outcome: Outcome, n_workers: int, quiet: bool) -> None:
    import psutil

    wall = time.time() - psutil.Process().create_time()
    line = f"{len(plan.jobs)} jobs: {len(outcome.made)} done now, {len(outcome.reused)} reused"
    if outcome.failures:
        line += f", {len(outcome.failures)} failed"
    line += f"; {_duration(wall)}"
    if outcome.work_seconds:
        share = max(0.0, 1 - outcome.work_seconds / (n_workers * wall))
        line += f", of which {share:.1%} of the {n_workers} workers' time was not fit, refine, train, score or measure"
    if not quiet:
        console.print(f"{line}.", highlight=False)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
