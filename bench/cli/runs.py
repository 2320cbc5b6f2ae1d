"""Commands on suites: run, plan, report."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.api import UserError
from bench.cli import own_options as own
from bench.cli.options import (
    EXIT_INCOMPLETE,
    EXIT_INTERRUPTED,
    EXIT_USER,
    ModelOption,
    OutOption,
    PluginOption,
    RefinerOption,
    RowOption,
    StoreOption,
    SuiteArgument,
    TaskOption,
    make_console,
    one_thread_each,
    open_store,
    store_root,
)

if TYPE_CHECKING:
    from rich.console import Console

    from bench.plan.graph import Plan
    from bench.records import Record
    from bench.runner import Outcome
    from bench.store import Entry, Store
    from bench.suite import Suite

DEFAULT_SUITE = "quick"

app = typer.Typer()


@app.command()
def run(
    suite: SuiteArgument = DEFAULT_SUITE,
    store: StoreOption = None,
    out: OutOption = None,
    plugin: PluginOption = None,
    refiner: RefinerOption = None,
    task: TaskOption = None,
    model: ModelOption = None,
    row: RowOption = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Task seeds of every table, instead of the suite's.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes [one a core, or one a GPU].")] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds any job may go on without progress, or 20 × its estimate if more [120]."),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only failures and the leaderboards.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="A line for each finished job.")] = False,
    source: own.SourceOption = None,
    target: own.TargetOption = None,
    target_test: own.TargetTestOption = None,
    labelled_target: own.LabelledOption = False,
    group_by: own.GroupByOption = "",
    classes: own.ClassesOption = "",
    depth_unit: own.DepthUnitOption = "",
    target_depth_unit: own.TargetDepthUnitOption = "",
    depth_range: own.DepthRangeOption = "",
    size: own.SizeOption = "",
    budget: own.BudgetOption = "light",
    train_steps: own.StepsOption = None,
) -> None:
    """Train, score, write leaderboards: a suite, or your folders.

    Own folders: --source DIR --target DIR --task T. What is finished already is not done again.
    """
    from bench import timings
    from bench.executors.local import LocalExecutor
    from bench.fetching import offer
    from bench.measures import read_measurements
    from bench.records import read_records
    from bench.registry import Registry
    from bench.report import tables_of, write_report
    from bench.report.terminal import print_findings, print_report
    from bench.runner import Runner
    from bench.store import DiskFull
    from bench.suite import save_suite
    from bench.terminal import display

    one_thread_each()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # schedulers stop jobs so; it ends like Ctrl-C
    console = make_console()
    folders = own.texts(
        source=source,
        target=target,
        target_test=target_test,
        labelled_target=labelled_target,
        group_by=group_by,
        classes=classes,
        depth_unit=depth_unit,
        target_depth_unit=target_depth_unit,
        depth_range=depth_range,
        size=size,
    )
    if any(folders.values()):
        asked = _own_suite(folders, suite, seeds, refiner, task, model, row, budget, train_steps)
    else:
        asked = _load_suite(suite, seeds, refiner, task, model, row)
    executor = LocalExecutor(store_root(store), plugin or (), workers)
    try:
        registry = Registry(plugin or ())
        offer((registry.pair(table.pair)[0] for table in asked.tables), console)
        plan = _plan_of(asked, plugin)
        _print_own(plan, console)
        kept = open_store(store, console)
        results = out or Path("results/local") / plan.suite.name
        _refuse_beyond_free_disk(plan, kept)
        _refuse_foreign_records(results, plan.suite.name)
        save_suite(asked, results / "suite.yaml")

        def on_tables(records: Sequence[Record]) -> None:
            print_report(tables_of(records, read_measurements(results)), console)

        listener = display(console, plan, verbose, quiet, on_tables)
        least = time_limit or timings.LEAST_LIMIT_SECONDS
        if source or target:
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
    timings.save(kept.root, plan, outcome.made)
    if not plan.cells:
        _print_without_scores(console, plan, outcome, executor.n_workers, quiet, results)
        return
    paths = write_report(read_records(results / "records"), results, read_measurements(results))
    print_findings(paths.tables, console)
    _print_summary(console, plan, outcome, executor.n_workers, quiet)
    console.print(f"Leaderboard: {paths.markdown} (also {paths.html.name}, {paths.csv.name}, {paths.cells.name})")
    if not outcome.complete:
        n_failed = sum(record.status == "failed" for record in outcome.records)
        console.print(f"{n_failed} of {len(outcome.records)} cells have no score; tracebacks: {results / 'failures'}")
        raise typer.Exit(EXIT_INCOMPLETE)


@app.command()
def plan(
    suite: SuiteArgument = DEFAULT_SUITE,
    store: StoreOption = None,
    plugin: PluginOption = None,
    refiner: RefinerOption = None,
    task: TaskOption = None,
    model: ModelOption = None,
    row: RowOption = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Task seeds of every table, instead of the suite's.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes to estimate for.")] = None,
) -> None:
    """The dry run: every job, what is cached, time and disk. Tables are held against their budgets."""
    from bench import timings
    from bench.executors.local import devices
    from bench.plan.graph import work_by_table
    from bench.runner import resolve_cached

    one_thread_each()
    console = make_console()
    made = _plan_of(_load_suite(suite, seeds, refiner, task, model, row), plugin)
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


@app.command()
def report(
    results: Annotated[Path, typer.Argument(help="A results folder.")] = Path("results/local/quick"),
    figures: Annotated[bool, typer.Option(help="Draw the page's figures.")] = True,
    latex: Annotated[bool, typer.Option("--latex", help="Write leaderboard.tex too, for booktabs.")] = False,
    index: Annotated[
        bool, typer.Option("--index", help="RESULTS is a folder of results folders: write its README.md, an index.")
    ] = False,
) -> None:
    """Build the leaderboards of a results folder again."""
    from bench.measures import read_measurements
    from bench.records import read_records, write_atomically
    from bench.report import write_report
    from bench.report.terminal import print_report

    if index:
        from bench.report.index import results_index

        write_atomically(results / "README.md", results_index(results).encode())
        print(f"Wrote {results / 'README.md'}")
        return
    console = make_console()
    records = read_records(results / "records")
    paths = write_report(records, results, read_measurements(results), figures)
    if latex:
        from bench.report.latex import leaderboard_latex

        write_atomically(results / "leaderboard.tex", leaderboard_latex(paths.tables).encode())
    print_report(paths.tables, console)
    console.print(f"Leaderboard: {paths.markdown} (also {paths.html.name}, {paths.csv.name}, {paths.cells.name})")


def _plan_of(suite: Suite, plugin: list[Path] | None) -> Plan:
    from bench.plan import make_plan
    from bench.registry import Registry
    from bench.resolving import resolve

    registry = Registry(plugin or ())
    made = make_plan(resolve(suite, registry))
    for file, reason in registry.broken.items():
        print(f"note: plug-in {file} {reason}; this run does not need it", file=sys.stderr)
    return made


def _load_suite(
    name: str,
    seeds: int | None,
    refiners: list[str] | None,
    tasks: list[str] | None,
    models: list[str] | None,
    rows: list[str] | None,
) -> Suite:
    from bench.narrowing import narrowed, with_refiners
    from bench.suite import load_suite

    suite = with_refiners(narrowed(load_suite(name), tasks or (), models or (), rows or ()), refiners or ())
    if seeds is None:
        return suite
    tables = tuple(table.model_copy(update={"seeds": seeds}) for table in suite.tables)
    return suite.model_copy(update={"tables": tables})


def _own_suite(
    folders: dict[str, str],
    suite: str,
    seeds: int | None,
    refiners: list[str] | None,
    tasks: list[str] | None,
    models: list[str] | None,
    rows: list[str] | None,
    budget: str,
    train_steps: int | None,
) -> Suite:
    from bench.narrowing import narrowed
    from bench.own_suite import SEEDS, own_suite

    if suite != DEFAULT_SUITE:
        raise UserError(f"found suite {suite!r} beside --source and --target; name a suite, or your own folders")
    if len(tasks or ()) > 1 or len(models or ()) > 1:
        raise UserError("your own folders are compared for one --task and one --model at a time; name one of each")
    made = own_suite(
        (tasks or [""])[0],
        folders,
        refiners=refiners or (),
        model=(models or [""])[0],
        budget=budget,
        seeds=seeds or SEEDS,
        train_steps=train_steps,
    )
    return narrowed(made, rows=rows or ())


def _print_own(plan: Plan, console: Console) -> None:
    """What was recognised of a user's own folders, before anything is done with them."""
    for table in plan.suite.tables[:1]:
        for line in table.pair.describe(table.budget.name):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not plan.cells:
        console.print("The target has no labels: refined sets are made, and gains cannot be measured.")


def _only_reading(plan: Plan) -> Plan:
    """The part that reads both folders: done before anything is trained, so that a broken file costs no time."""
    reading = {job.id: job for job in plan.jobs.values() if job.kind == "prepare"}
    return replace(plan, jobs=reading, cells=(), products=())


def _print_counts(read: Iterable[Entry], console: Console) -> None:
    counts = {split: n_images for entry in read for split, n_images in entry.meta["counts"].items()}
    words = [f"{n_images:,} {split.replace('_', ' ')}" for split, n_images in counts.items()]
    console.print(f"images: {', '.join(words)}", markup=False, highlight=False, soft_wrap=True)


def _print_without_scores(
    console: Console, plan: Plan, outcome: Outcome, n_workers: int, quiet: bool, results: Path
) -> None:
    """What there is to say of a run whose target has no labels: how much nearer to it each refined set came."""
    from bench.measures import read_measurements

    def show(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    _print_summary(console, plan, outcome, n_workers, quiet)
    for measured in read_measurements(results):
        if measured.kind == "domain_gap":
            before, after = measured.value("kid_before"), measured.value("kid_after")
            show(f"{measured.of.refiner}: domain gap to the target (KID) {before} before, {after} after refining")
    for reason in dict.fromkeys(outcome.failures.values()):
        show(f"Failed: {reason}")
    show(
        "Gains need labels of real test images: label some of the target, or name a labelled folder by --target-test. "
        "`python -m bench refine` writes a refined set as a folder."
    )
    if outcome.failures:
        raise typer.Exit(EXIT_INCOMPLETE)


def _refuse_foreign_records(results: Path, suite: str) -> None:
    """A run leaves in its results folder what it planned, and so must not be pointed at another suite's."""
    import yaml

    saved = results / "suite.yaml"
    if saved.is_file() and (other := yaml.safe_load(saved.read_text()).get("name")) != suite:
        raise UserError(f"{results} holds the results of suite {other!r}; name another folder with --out")


def _refuse_beyond_free_disk(plan: Plan, store: Store) -> None:
    """Before anything is made: a run that cannot end for lack of space does not begin."""
    import shutil

    from bench.runner import resolve_cached

    existing = store.root
    while not existing.exists():
        existing = existing.absolute().parent
    free = shutil.disk_usage(existing).free
    needed = sum(job.n_bytes for job in plan.jobs.values())
    if needed <= free:
        return
    cached = resolve_cached(plan, store)
    needed = sum(job.n_bytes for job in plan.jobs.values() if job.id not in cached)
    if needed > free:
        raise UserError(
            f"this run needs about {needed / 1e6:.0f} MB in {store.root}, where {free / 1e6:.0f} MB are free; "
            "free some space or name another disk with --store"
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
