"""Commands on folders: refine a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.api import UserError
from bench.cli.options import EXIT_INTERRUPTED, PluginOption, StoreOption, make_console, one_thread_each, open_store

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
) -> None:
    """Write your own synthetic images, refined. Same files, same labels, native size."""
    one_thread_each()
    from rich.progress import Progress, TaskID

    from bench.api.names import unknown
    from bench.plugins.registry import Registry
    from bench.run.executors.local import devices
    from bench.run.refine_folder.crops import CROP_PX
    from bench.run.refine_folder.folder import Request, refine_folder

    if budget not in CROP_PX:
        raise unknown("budget", budget, CROP_PX)
    console = make_console()
    kept = open_store(store, console)
    request = Request(refiner, source, target, out, budget, pixels(size) if size else None)
    import torch

    with Progress(console=console) as bars:
        shown: dict[str, TaskID] = {}

        def progress(what: str, n_done: int, n_all: int) -> None:
            if what not in shown:
                shown[what] = bars.add_task(what, total=n_all)
            bars.update(shown[what], completed=n_done, total=n_all)

        try:
            device = torch.device(devices(1)[0])
            outcome = refine_folder(request, Registry(plugin or ()), kept, device, progress)
        except KeyboardInterrupt:
            console.print("Stopped. What is written is kept; the same command goes on from here.", highlight=False)
            raise typer.Exit(EXIT_INTERRUPTED) from None
    before = f", {outcome.n_kept} there before" if outcome.n_kept else ""
    print(f"{out}: {outcome.n_written} images refined with {refiner}{before}; format {outcome.format}, labels copied")


def pixels(text: str) -> tuple[int, int]:
    """``128x96`` → (128, 96)."""
    width, by, height = text.lower().partition("x")
    if not (by and width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise UserError(f"--size {text}: found {text!r} where WIDTHxHEIGHT in pixels is expected, as in 128x96")
    return int(width), int(height)
