"""What commands share: their options, the console, the store, one thread in each process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.api.plain_text import without_controls

if TYPE_CHECKING:
    from rich.console import Console

    from bench.report import ReportPaths
    from bench.run.store import Store

EXIT_INCOMPLETE, EXIT_USER, EXIT_INTERRUPTED = 1, 2, 130

StoreOption = Annotated[
    Path | None, typer.Option("--store", help="Where finished jobs are kept [results/local/store, or $REALGAIN_STORE].")
]
PluginOption = Annotated[
    list[Path] | None, typer.Option("--plugin", help="A Python file with a refiner, task or pair; may be repeated.")
]


def one_thread_each() -> None:
    """Before torch is loaded anywhere: libraries below it start no thread pools of their own.

    What the shell sets does not count: cores are for worker processes, one thread each.
    """
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def make_console() -> Console:
    from rich.console import Console

    # A log or a pipe has no width of its own; leaderboards are made for 100 columns and more.
    return Console() if sys.stdout.isatty() or "COLUMNS" in os.environ else Console(width=120)


def store_root(store: Path | None) -> Path:
    return store or Path(os.environ.get("REALGAIN_STORE", "results/local/store"))


def print_paths(paths: ReportPaths, console: Console) -> None:
    """Where a leaderboard was written; a path in brackets is a path and no markup."""
    line = f"Leaderboard: {paths.markdown} (also {paths.html.name}, {paths.csv.name}, {paths.cells.name})"
    console.print(without_controls(line), markup=False)


def open_store(store: Path | None, console: Console) -> Store:
    from bench.run.store import Store

    def on_corrupt(key: str, reason: str) -> None:
        console.print(f"Store entry {key[:12]} was corrupt ({reason}); it is made again.", markup=False)

    return Store(store_root(store), on_corrupt)
