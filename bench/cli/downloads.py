"""The dialogue around downloads: what a set is, under which licence, and whether to bring it.

Asked on a terminal; anywhere else ``--yes`` says so, and a run that lacks a set ends with the command that brings it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api import Pair, UserError
from bench.api.names import split_variant, unknown
from bench.data.downloads import Download, data_root, fetch
from bench.data.public_sets import DOWNLOADS, download_of
from bench.plugins.registry import Registry

if TYPE_CHECKING:
    from rich.console import Console


def asked_sets(name: str, registry: Registry) -> list[Download]:
    """The sets that a name stands for: a set's own, or a pair's (with options, as in a suite).

    Raises
    ------
    UserError: there is neither, or the pair needs no download.
    """
    if name in DOWNLOADS:
        return [DOWNLOADS[name]]
    if split_variant(name)[0] not in registry.names(Pair):
        raise unknown("public set or pair", name, DOWNLOADS)
    downloads = registry.pair(name)[0].downloads
    if not downloads:
        raise UserError(f"pair {name!r} needs no download: its data ship with the package or lie where you put them")
    return [download_of(download) for download in downloads]


def bring(downloads: Iterable[Download], console: Console, to: Path | None, mirror: str | None, yes: bool) -> None:
    """Show each set's terms, ask, and fetch it; one that is there is verified."""
    root = to or data_root()
    for download in downloads:
        there = (root / download.name).is_dir()
        _print(console, download, root, mirror)
        if not there and not yes and not _agreed():
            raise UserError(f"{download.name!r} was not fetched")
        folder = _shown(console, download, root, mirror)
        console.print(f"{folder}: {len(download.digests)} files, all verified.", markup=False, highlight=False)
    if root != data_root():
        console.print(
            f"Runs look in {data_root()}: set REALGAIN_DATA={root} for them to find it.", markup=False, highlight=False
        )


def offer(pairs: Iterable[Pair], console: Console) -> None:
    """Before a pair is used: bring what it lacks, if the user at the terminal agrees.

    Raises
    ------
    UserError: something is missing and nobody is there to be asked, or the answer is no.
    """
    root = data_root()
    names = dict.fromkeys(name for pair in pairs for name in pair.downloads)
    for name in names:
        if (root / name).is_dir():
            continue
        download = download_of(name)
        if not sys.stdin.isatty():
            raise UserError(
                f"{name!r} is not in {root} ({download.n_bytes / 1e6:.0f} MB; licence: {download.licence}): bring it "
                f"with `python -m bench data fetch {name}`, or name the folder that holds it in REALGAIN_DATA"
            )
        bring([download], console, None, None, yes=False)


def _print(console: Console, download: Download, root: Path, mirror: str | None) -> None:
    lines = {
        download.name: f"{len(download.digests)} files, {download.n_bytes / 1e6:.0f} MB",
        "licence": download.licence,
        "citation": download.citation,
        "from": mirror or download.url,
        "to": str(root / download.name),
    }
    for title, text in lines.items():
        console.print(f"{title + ':':<10} {text}", markup=False, highlight=False, soft_wrap=True)


def _agreed() -> bool:
    import typer

    if not sys.stdin.isatty():
        raise UserError("nobody is there to agree to the licence above: add --yes")
    return typer.confirm("Fetch it?", default=True)


def _shown(console: Console, download: Download, root: Path, mirror: str | None) -> Path:
    """Fetch with a bar for each stage."""
    from rich.progress import BarColumn, Progress, TaskID, TextColumn

    bars: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description:<10}"), BarColumn(), TextColumn("{task.fields[amount]}"))
    with Progress(*columns, console=console) as display:

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = display.add_task(stage, amount="")
            amount = f"{done / 1e6:.0f} MB" if stage == "transfer" else f"{done} files"
            display.update(bars[stage], completed=done, total=total or None, amount=amount)

        return fetch(download, root, mirror, progress)
