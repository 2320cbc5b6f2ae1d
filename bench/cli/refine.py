"""Commands on folders: refine a user's own."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.api import UserError
from bench.cli.disk import refuse_full_output
from bench.cli.options import (
    EXIT_INCOMPLETE,
    EXIT_INTERRUPTED,
    PluginOption,
    StoreOption,
    make_console,
    one_thread_each,
    open_store,
    store_root,
)

if TYPE_CHECKING:
    from rich.console import Console

    from bench.run.plan.graph import Job
    from bench.run.refine_folder.folder import Outcome
    from bench.run.refine_folder.plan import Refinement

app = typer.Typer()


@app.command()
def refine(
    refiner: Annotated[str, typer.Option("--refiner", help="A refiner or a variant of one (see `list`).")],
    source: Annotated[Path, typer.Option("--source", help="Your synthetic images and labels; never written to.")],
    target: Annotated[Path, typer.Option("--target", help="Your real images; their labels are not looked at.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; the same command goes on where it stopped.")],
    size: Annotated[str, typer.Option("--size", help="Width and height to write, as 640x480 [native].")] = "",
    budget: Annotated[str, typer.Option("--budget", help="Of the fit: light, standard or paper.")] = "light",
    store: StoreOption = None,
    plugin: PluginOption = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes [one a core, or one a GPU].")] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds any job may go on without progress, or 20 × its estimate if more [120]."),
    ] = None,
) -> None:
    """Write your own synthetic images, refined. Same files, same labels, native size."""
    one_thread_each()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # schedulers stop jobs so; it ends like Ctrl-C

    from bench.api.names import unknown
    from bench.plugins.registry import Registry
    from bench.run import timings
    from bench.run.executors.local import LocalExecutor
    from bench.run.refine_folder.crops import CROP_PX
    from bench.run.refine_folder.folder import carry_out
    from bench.run.refine_folder.plan import Request, plan_refinement
    from bench.run.store import DiskFull

    if budget not in CROP_PX:
        raise unknown("budget", budget, CROP_PX)
    console = make_console()
    request = Request(refiner, source, target, out, budget, pixels(size) if size else None)  # type: ignore[arg-type]
    registry = Registry(plugin or ())
    refinement = plan_refinement(request, registry)
    _print_folders(refinement)
    executor = LocalExecutor(store_root(store), registry, workers)
    try:
        kept = open_store(store, console)
        refuse_full_output(refinement, kept)
        with _bars(console, refinement) as bars:
            least = time_limit or timings.LEAST_LIMIT_SECONDS
            outcome = carry_out(refinement, kept, executor, bars, bars.written, least)
    except KeyboardInterrupt:
        console.print("Stopped. Finished images are kept; the same command goes on from here.", highlight=False)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except DiskFull as error:
        print(f"error: {error}; finished images are kept: free some space, then run this again", file=sys.stderr)
        raise typer.Exit(EXIT_INCOMPLETE) from None
    finally:
        executor.close()
    timings.save(kept.root, refinement.plan, outcome.made_seconds)
    if outcome.mistake:
        raise UserError(f"{outcome.failure}; {out} was not written")
    if outcome.failure:
        print(f"error: {outcome.failure}; {out} was not written; traceback: {outcome.details}", file=sys.stderr)
        raise typer.Exit(EXIT_INCOMPLETE)
    _print_outcome(refinement, outcome)


def _print_folders(refinement: Refinement) -> None:
    """What both folders were taken for, and what is done with each kind of file."""
    from bench.data.own.matching import described

    given, target = refinement.given, refinement.target
    print(f"source: {described(given.pictures)}")
    for line in given.left_out:
        print(f"source: copied, not refined: {line}")
    print(f"target: {target.pictures.n_images:,} images; their labels are not looked at")
    for line in target.left_out:
        print(f"target: left out: {line}")
    if refinement.views > 1:
        print(f"{refinement.request.refiner} makes {refinement.views} views of each image; the first is written")


def _print_outcome(refinement: Refinement, outcome: Outcome) -> None:
    from bench.data.rewriting import CHANGES

    request, given = refinement.request, refinement.given
    for word, files in outcome.changed.items():
        print(f"{len(files)} {CHANGES[word]} (first: {files[0]})")
    if outcome.rewritten:
        print(
            f"{len(outcome.rewritten)} label files hold the picture and get the new one (first: {outcome.rewritten[0]})"
        )
    before = f", {outcome.n_kept} there before" if outcome.n_kept else ""
    if not given.others:
        others = "no other files"
    elif request.size:
        others = f"labels rescaled to {request.size[0]}×{request.size[1]} ({_kinds(given.others)})"
    else:
        how = "written again" if outcome.rewritten else "copied byte for byte"
        others = f"labels {how} ({_kinds(given.others)})"
    print(
        f"{request.out}: {outcome.n_written} images refined with {request.refiner}{before}; "
        f"format {given.pictures.format}, {others}"
    )


def _kinds(files: tuple[Path, ...]) -> str:
    counts = Counter(file.suffix.lower() or "without suffix" for file in files)
    return ", ".join(f"{n} {suffix}" for suffix, n in counts.most_common())


class _Bars:
    """A bar for the fit, one for all images and one for the files: what a run tells its listener, drawn."""

    def __init__(self, progress: Any, refinement: Refinement) -> None:
        self._progress, self._refinement = progress, refinement
        self._shown: dict[str, Any] = {}
        self._images: dict[str, int] = {}

    def started(self, job: Job) -> None:
        return None

    def noticed(self, job: Job, text: str) -> None:
        self._progress.console.print(f"{job.label}: {text}", markup=False, highlight=False, soft_wrap=True)

    def progressed(self, job: Job, step: int, n_steps: int, loss: float) -> None:
        if job.id in self._refinement.blocks:
            self._images[job.id] = step
            self._show("refine", sum(self._images.values()), self._refinement.given.pictures.n_images)
        else:
            self._show(job.kind, step, n_steps)

    def finished(self, job: Job, made: bool) -> None:
        if job.id in self._refinement.blocks:
            n_images = len(self._refinement.blocks[job.id])
            self.progressed(job, n_images, n_images, 0.0)
        elif made:
            self._show(job.kind, 1, 1)

    def failed(self, job: Job, reason: str, own: bool) -> None:
        return None

    def recorded(self, record: object) -> None:
        return None

    def produced(self, product: object) -> None:
        return None

    def written(self, n_done: int, n_all: int) -> None:
        self._show("write", n_done, n_all)

    def _show(self, what: str, n_done: int, n_all: int) -> None:
        if what not in self._shown:
            self._shown[what] = self._progress.add_task(what, total=n_all)
        self._progress.update(self._shown[what], completed=n_done, total=n_all)


@contextmanager
def _bars(console: Console, refinement: Refinement) -> Iterator[_Bars]:
    from rich.progress import Progress

    with Progress(console=console, disable=not console.is_terminal) as progress:
        yield _Bars(progress, refinement)


def pixels(text: str) -> tuple[int, int]:
    """``128x96`` → (128, 96)."""
    width, by, height = text.lower().partition("x")
    if not (by and width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise UserError(f"--size {text}: found {text!r} where WIDTHxHEIGHT in pixels is expected, as in 128x96")
    return int(width), int(height)
