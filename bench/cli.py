"""``python -m bench``: run, plan, report, list, data, new-refiner, check-refiner.

Commands import what they need when they run: ``--help`` and ``report`` load no torch.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.api import UserError
from bench.data.imageset import DataError

if TYPE_CHECKING:
    from rich.console import Console

    from bench.plan import Plan
    from bench.runner import Outcome
    from bench.store import Store
    from bench.suite import Suite

EXIT_INCOMPLETE, EXIT_USER, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    help="Does refining my synthetic training images help my model on real ones?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(
    help="Fetch, look at, render and export the data of a pair.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(data_app, name="data")

SuiteArgument = Annotated[str, typer.Argument(help="A shipped suite (see `list`) or the path of a suite file.")]
StoreOption = Annotated[
    Path | None, typer.Option("--store", help="Where finished jobs are kept [results/local/store, or $REALGAIN_STORE].")
]
PluginOption = Annotated[
    list[Path] | None, typer.Option("--plugin", help="A Python file with a refiner, task or pair; may be repeated.")
]
RefinerOption = Annotated[
    list[str] | None,
    typer.Option("--refiner", help="A refiner (or a variant of one) to add to the suite's tables; may be repeated."),
]
TaskOption = Annotated[
    list[str] | None, typer.Option("--task", help="Only the suite's tables of this task; may be repeated.")
]
ModelOption = Annotated[
    list[str] | None, typer.Option("--model", help="Train this model instead of the tables' own; may be repeated.")
]
OutOption = Annotated[Path | None, typer.Option("--out", help="Results folder [results/local/SUITE].")]


@app.command()
def run(
    suite: SuiteArgument = "quick",
    store: StoreOption = None,
    out: OutOption = None,
    plugin: PluginOption = None,
    refiner: RefinerOption = None,
    task: TaskOption = None,
    model: ModelOption = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Task seeds of every table, instead of the suite's.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes [one a core, or one a GPU].")] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds any job may go on without progress, or 20 × its estimate if more [120]."),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only failures and the leaderboards.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="A line for each finished job.")] = False,
) -> None:
    """Run a suite: train, score, and write leaderboards. What is finished already is not done again."""
    from bench import timings
    from bench.executors.local import LocalExecutor
    from bench.fetching import offer
    from bench.records import read_records
    from bench.registry import Registry
    from bench.report import tables_of, write_report
    from bench.report.terminal import print_findings, print_report
    from bench.runner import Runner
    from bench.store import DiskFull
    from bench.suite import save_suite
    from bench.terminal import display

    _one_thread_each()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # schedulers stop jobs so; it ends like Ctrl-C
    console = _console()
    asked = _load_suite(suite, seeds, refiner, task, model)
    executor = LocalExecutor(_store_root(store), plugin or (), workers)
    try:
        registry = Registry(plugin or ())
        offer((registry.pair(table.pair)[0] for table in asked.tables), console)
        plan = _plan_of(asked, plugin)
        kept = _open_store(store, console)
        results = out or Path("results/local") / plan.suite.name
        _refuse_beyond_free_disk(plan, kept)
        _refuse_foreign_records(results, plan.suite.name)
        save_suite(asked, results / "suite.yaml")
        listener = display(console, plan, verbose, quiet, lambda records: print_report(tables_of(records), console))
        least = time_limit or timings.LEAST_LIMIT_SECONDS
        runner = Runner(plan, kept, executor, listener, results / "records", results / "failures", least)
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
    paths = write_report(read_records(results / "records"), results)
    print_findings(paths.tables, console)
    _print_summary(console, plan, outcome, executor.n_workers, quiet)
    console.print(f"Leaderboard: {paths.markdown} (also {paths.html.name}, {paths.csv.name}, {paths.cells.name})")
    if not outcome.complete:
        n_failed = sum(record.status == "failed" for record in outcome.records)
        console.print(f"{n_failed} of {len(outcome.records)} cells have no score; tracebacks: {results / 'failures'}")
        raise typer.Exit(EXIT_INCOMPLETE)


@app.command()
def plan(
    suite: SuiteArgument = "quick",
    store: StoreOption = None,
    plugin: PluginOption = None,
    refiner: RefinerOption = None,
    task: TaskOption = None,
    model: ModelOption = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Task seeds of every table, instead of the suite's.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes to estimate for.")] = None,
) -> None:
    """The dry run: every job, what is cached, an estimate of time and disk."""
    from bench import timings
    from bench.executors.local import devices
    from bench.runner import resolve_cached

    _one_thread_each()
    console = _console()
    made = _plan_of(_load_suite(suite, seeds, refiner, task, model), plugin)
    kept = _open_store(store, console)
    cached = resolve_cached(made, kept)
    factors = timings.load(kept.root)
    todo = [job for job in made.jobs.values() if job.id not in cached]
    for job in made.jobs.values():
        state = "cached" if job.id in cached else f"{timings.estimate(job, factors):.1f} s"
        console.print(f"{job.id[:12]}  {state:>8}  {job.label}", markup=False, highlight=False, soft_wrap=True)
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
) -> None:
    """Build the leaderboards again from the records of a results folder."""
    from bench.records import read_records
    from bench.report import write_report
    from bench.report.terminal import print_report

    console = _console()
    records = read_records(results / "records")
    paths = write_report(records, results)
    print_report(paths.tables, console)
    console.print(f"Leaderboard: {paths.markdown} (also {paths.html.name}, {paths.csv.name}, {paths.cells.name})")


@app.command(name="list")
def list_(plugin: PluginOption = None) -> None:
    """Suites, pairs, tasks with their models, and refiners that can be used here."""
    import inspect

    from bench.api import Pair, Refiner, Task
    from bench.registry import Registry
    from bench.suite import load_suite, shipped

    console = _console()
    registry = Registry(plugin or ())

    def show(name: str, text: str) -> None:
        console.print(f"  {name:<22} {text}", markup=False, highlight=False, soft_wrap=True)

    console.print("Suites")
    for name in shipped():
        show(name, load_suite(name).title)
    kinds: tuple[tuple[str, Any], ...] = (("Pairs", Pair), ("Tasks", Task), ("Refiners", Refiner))
    for title, base in kinds:
        console.print(title)
        for name in registry.names(base):
            try:
                cls = registry.get(base, name)
            except UserError as error:
                show(name, f"not available: {error}")
                continue
            first_line = (inspect.getdoc(cls) or "").partition("\n")[0]
            show(name, first_line.partition("; see")[0].rstrip("."))
            if issubclass(cls, Task):
                for model in cls().models.values():
                    show(f"  {model.name}", model.summary)


@app.command()
def new_refiner(
    name: Annotated[str, typer.Argument(help="Its name: a lower-case Python identifier.")],
    folder: Annotated[Path, typer.Option("--dir", help="Folder to write to; made if missing.")] = Path(),
) -> None:
    """Write a refiner that works, and its test, as a start for your own."""
    from bench.scaffold import write_refiner

    file, test = write_refiner(name, folder)
    print(f"Wrote {file} and {test}. Try:")
    print(f"  python -m bench check-refiner {file}")
    print(f"  python -m bench run smoke --plugin {file} --refiner {name}")


@app.command()
def check_refiner(
    refiner: Annotated[str, typer.Argument(help="A Python file, or the name of a refiner or variant (see `list`).")],
    plugin: PluginOption = None,
) -> None:
    """Run a refiner through its contract on toy images, and say what to change."""
    from bench.api import Refiner
    from bench.registry import Registry

    _one_thread_each()
    from bench import testing

    asked: dict[str, Any]
    if refiner.endswith(".py"):
        file = Path(refiner)
        asked = {cls.name: cls for cls in Registry([*(plugin or ()), file]).classes_of(file, Refiner)}
        if not asked:
            raise UserError(f"plug-in {file} defines no subclass of Refiner (see bench/api.py)")
    else:
        asked = {refiner: Registry(plugin or ()).refiner(refiner)[0]}
    broken = False
    for name, plug_in in asked.items():
        try:
            testing.check_refiner(plug_in)
        except testing.ConformanceError as error:
            broken = True
            print(error)
        else:
            print(f"refiner {name!r} keeps its contract")
    if broken:
        raise typer.Exit(EXIT_INCOMPLETE)


@data_app.command(name="fetch")
def fetch_(
    name: Annotated[str, typer.Argument(help="A pair whose photographs are public (see `list`), or a public set.")],
    mirror: Annotated[
        str | None, typer.Option(help="A folder or address that holds the set or its archive, instead of its own.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Folder for the set's folder [$REALGAIN_DATA, or the user's cache].")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the licence, which is printed, unasked.")] = False,
    plugin: PluginOption = None,
) -> None:
    """Bring the public photographs that a pair needs, verified file by file; a dropped transfer goes on."""
    from bench.fetching import asked_sets, bring
    from bench.registry import Registry

    bring(asked_sets(name, Registry(plugin or ())), _console(), to, mirror, yes)


@data_app.command()
def export(
    pair: Annotated[str, typer.Argument(help="A pair (see `list`).")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; must not exist.")],
    task: Annotated[str | None, typer.Option(help="Task whose working size is wanted [the pair's only one].")] = None,
    plugin: PluginOption = None,
) -> None:
    """Write a pair's source and its unlabelled target images as PNG files, for an outside tool.

    Translate OUT/source_train and OUT/source_val, keep the file names, and score the result with the refiner
    `precomputed:folder=DIR`.
    """
    from bench.data.export import export_pair
    from bench.fetching import offer
    from bench.registry import Registry

    registry = Registry(plugin or ())
    offer([registry.pair(pair)[0]], _console())
    counts = export_pair(registry, pair, task, out)
    for split, n_images in counts.items():
        print(f"{out / split}: {n_images} images")


@data_app.command()
def render(
    pair: Annotated[str, typer.Argument(help="A rendered pair: objects, street, indoor or vending.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the rendered files; goes on where it stopped.")],
    n: Annotated[int, typer.Option("--n", help="Images.")] = 100,
    size: Annotated[str | None, typer.Option(help="Width and height in pixels, as 128x96 [the shipped size].")] = None,
    layout_gap: Annotated[float, typer.Option(help="How far layouts shift from the shipped distribution.")] = 0.0,
    look: Annotated[list[str] | None, typer.Option(help="source or target; may be repeated [both].")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes [one a core].")] = None,
) -> None:
    """Render more or larger images of a rendered pair, labels included (needs the extra `render`)."""
    from rich.progress import Progress

    from bench.data.render.driver import render as render_images
    from bench.data.render.scene import LOOKS

    looks = tuple(known for known in LOOKS if known in (look or LOOKS))
    if wrong := sorted(set(look or ()) - set(LOOKS)):
        raise UserError(f"no look {wrong[0]!r}; allowed: {', '.join(LOOKS)}")
    _one_thread_each()
    with Progress(console=_console()) as bars:
        bar = bars.add_task(f"render {pair}", total=max(n, 1))
        render_images(
            pair,
            out,
            n,
            size=None if size is None else _pixels(size),
            looks=looks,
            layout_gap=layout_gap,
            processes=workers or os.cpu_count() or 1,
            progress=lambda n_done, _: bars.update(bar, completed=n_done),
        )
    print(f"{out}: {n} images of {pair} in the look of {' and '.join(looks)}, labels in {out / 'labels'}")


@data_app.command(name="preview")
def preview_(
    pair: Annotated[str, typer.Argument(help="A pair (see `list`).")],
    out: Annotated[Path | None, typer.Option("--out", help="PNG file to write [PAIR.png].")] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Images of each set.")] = 10,
    plugin: PluginOption = None,
) -> None:
    """Write a contact sheet of a pair: both sides, with their labels drawn on them."""
    from bench.data.preview import preview
    from bench.fetching import offer
    from bench.registry import Registry

    path = out or Path(f"{pair}.png")
    shown, _ = Registry(plugin or ()).pair(pair)
    offer([shown], _console())
    preview(shown, path, n)
    print(f"Wrote {path}")


def _pixels(text: str) -> tuple[int, int]:
    """``128x96`` → (128, 96)."""
    width, by, height = text.lower().partition("x")
    if not (by and width.lstrip("-").isdigit() and height.lstrip("-").isdigit()):
        raise UserError(f"--size {text}: found {text!r} where WIDTHxHEIGHT in pixels is expected, as in 128x96")
    return int(width), int(height)


def main() -> None:
    """Entry point: a user's mistake is one line and exit code 2."""
    try:
        app(prog_name="python -m bench")
    except (UserError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_USER)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not full and error.errno not in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT):
            raise
        print(f"error: {error.strerror}: {error.filename or 'a file'}; finished jobs are kept", file=sys.stderr)
        sys.exit(EXIT_INCOMPLETE if full else EXIT_USER)


def _one_thread_each() -> None:
    """Before torch is loaded anywhere: libraries below it start no thread pools of their own."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")


def _console() -> Console:
    from rich.console import Console

    # A log or a pipe has no width of its own; leaderboards are made for 100 columns and more.
    return Console() if sys.stdout.isatty() or "COLUMNS" in os.environ else Console(width=120)


def _store_root(store: Path | None) -> Path:
    return store or Path(os.environ.get("REALGAIN_STORE", "results/local/store"))


def _open_store(store: Path | None, console: Console) -> Store:
    from bench.store import Store

    def on_corrupt(key: str, reason: str) -> None:
        console.print(f"Store entry {key[:12]} was corrupt ({reason}); it is made again.", markup=False)

    return Store(_store_root(store), on_corrupt)


def _plan_of(suite: Suite, plugin: list[Path] | None) -> Plan:
    from bench.plan import make_plan
    from bench.registry import Registry
    from bench.suite import resolve

    return make_plan(resolve(suite, Registry(plugin or ())))


def _load_suite(
    name: str, seeds: int | None, refiners: list[str] | None, tasks: list[str] | None, models: list[str] | None
) -> Suite:
    from bench.suite import load_suite, narrowed, with_refiners

    suite = with_refiners(narrowed(load_suite(name), tasks or (), models or ()), refiners or ())
    if seeds is None:
        return suite
    tables = tuple(table.model_copy(update={"seeds": seeds}) for table in suite.tables)
    return suite.model_copy(update={"tables": tables})


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
        line += f", of which {share:.1%} of the {n_workers} workers' time was not fit, refine, train or score"
    if not quiet:
        console.print(f"{line}.", highlight=False)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
