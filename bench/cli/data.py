"""Commands on data: fetch, export, render and preview of a pair, and gc of the store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from bench.api import UserError
from bench.cli.options import EXIT_INCOMPLETE, PluginOption, StoreOption, make_console, one_thread_each, open_store

app = typer.Typer(help="Fetch, look at, render, export data; clean the store.")


@app.command()
def fetch(
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
    """Fetch the public photographs that a pair needs. Verified file by file; a dropped transfer goes on."""
    from bench.cli.downloads import asked_sets, bring
    from bench.plugins.registry import Registry

    bring(asked_sets(name, Registry(plugin or ())), make_console(), to, mirror, yes)


@app.command()
def export(
    pair: Annotated[str, typer.Argument(help="A pair (see `list`).")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; must not exist.")],
    task: Annotated[str | None, typer.Option(help="Task whose working size is wanted [the pair's only one].")] = None,
    plugin: PluginOption = None,
) -> None:
    """Write a pair's images as PNG files, for an outside tool. Its source, and the target without labels.

    Translate OUT/source_train and OUT/source_val, keep the file names, and score the result with the refiner
    `precomputed:folder=DIR`.
    """
    from bench.cli.downloads import offer
    from bench.data.export import export_pair
    from bench.plugins.registry import Registry

    registry = Registry(plugin or ())
    offer([registry.pair(pair)[0]], make_console())
    counts = export_pair(registry.pair(pair)[0], task, lambda name: registry.task(name)[0].fit, out)
    for split, n_images in counts.items():
        print(f"{out / split}: {n_images} images")


@app.command()
def render(
    pair: Annotated[str, typer.Argument(help="A rendered pair: objects, street, indoor or vending.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the rendered files; goes on where it stopped.")],
    n: Annotated[int, typer.Option("--n", help="Images.")] = 100,
    size: Annotated[str | None, typer.Option(help="Width and height in pixels, as 128x96 [the shipped size].")] = None,
    layout_gap: Annotated[float, typer.Option(help="How far layouts shift from the shipped distribution.")] = 0.0,
    look: Annotated[list[str] | None, typer.Option(help="source or target; may be repeated [both].")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes [one a core].")] = None,
) -> None:
    """Render more, or larger, images of a rendered pair. Labels included; needs the extra `render`."""
    from rich.progress import Progress

    from bench.api import Pair
    from bench.plugins.registry import Registry

    registry = Registry()
    drawn, _ = registry.pair(pair)
    if not drawn.looks:
        able = ", ".join(name for name in registry.names(Pair) if registry.get(Pair, name).looks)
        raise UserError(f"no renderer for the pair {pair!r}; rendered pairs: {able}")
    looks = tuple(known for known in drawn.looks if known in (look or drawn.looks))
    if wrong := sorted(set(look or ()) - set(drawn.looks)):
        raise UserError(f"no look {wrong[0]!r}; allowed: {', '.join(drawn.looks)}")
    one_thread_each()
    bars = Progress(console=make_console())
    bar = bars.add_task(f"render {pair}", total=n)

    def show(n_done: int, _: int) -> None:
        bars.start()  # with the first image: what is refused leaves no empty bar behind
        bars.update(bar, completed=n_done)

    try:
        drawn.render(
            out,
            n,
            size=None if size is None else _pixels(size),
            looks=looks,
            layout_gap=layout_gap,
            processes=workers or os.cpu_count() or 1,
            progress=show,
        )
    finally:
        bars.stop()
    print(f"{out}: {n} images of {pair} in the look of {' and '.join(looks)}, labels in {out / 'labels'}")


@app.command(name="preview")
def preview_(
    pair: Annotated[str, typer.Argument(help="A pair (see `list`).")],
    out: Annotated[Path | None, typer.Option("--out", help="Picture to write, .png, .webp or .jpg [PAIR.png].")] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Images of each set.")] = 10,
    plugin: PluginOption = None,
) -> None:
    """Write a contact sheet of a pair, labels drawn on it."""
    from bench.cli.downloads import offer
    from bench.data.contact_sheet import preview
    from bench.plugins.registry import Registry

    path = out or Path(f"{pair}.png")
    shown, _ = Registry(plugin or ()).pair(pair)
    offer([shown], make_console())
    preview(shown, path, n)
    print(f"Wrote {path}")


@app.command()
def look(
    folder: Annotated[Path, typer.Argument(help="A folder of images, with labels or without.")],
    out: Annotated[Path, typer.Option("--out", help="Contact sheet to write, .png, .webp or .jpg.")] = Path("look.png"),
    task: Annotated[str, typer.Option(help="Whose labels are looked for [those that are found first].")] = "",
    depth_unit: Annotated[str, typer.Option(help="What a step of depth files is: mm, 1/256m …")] = "mm",
) -> None:
    """Say what a folder is taken for. Format, counts, classes, label statistics, a picture, and what is left out."""
    from bench.data.look import look_at

    for line in look_at(folder, task, out, depth_unit):
        print(line)


@app.command()
def gc(
    store: StoreOption = None,
    plugin: PluginOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
) -> None:
    """Remove from the store what no suite refers to. Suites: those that ship, and those run into a folder beside it."""
    from bench.plugins.registry import Registry
    from bench.run.garbage import referenced_here, remove, unreferenced

    kept = open_store(store, make_console())
    found = unreferenced(kept, referenced_here(kept, Registry(plugin or ())))
    gone = list(found) if dry_run else remove(kept, found)
    verb = "would be removed" if dry_run else "removed"
    print(f"{kept.root}: {len(gone)} entries {verb}, {sum(found[key] for key in gone) / 1e6:.1f} MB")


def _pixels(text: str) -> tuple[int, int]:
    """``128x96`` → (128, 96)."""
    width, by, height = text.lower().partition("x")
    if not (by and width.lstrip("-").isdigit() and height.lstrip("-").isdigit()):
        raise UserError(f"--size {text}: found {text!r} where WIDTHxHEIGHT in pixels is expected, as in 128x96")
    return int(width), int(height)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A data set (docs/sets.md): cityscapes, gta5, kitti …")],
    root: Annotated[Path | None, typer.Argument(help="Where it lies [$REALGAIN_DATA/NAME].")] = None,
) -> None:
    """Read a data set that you placed. Counts, sizes, unreadable and missing files, labels by frequency."""
    from rich.progress import Progress, TaskID

    from bench.data.sets import default_root, set_module
    from bench.data.sets.check import check_set

    module = set_module(name)
    one_thread_each()
    with Progress(console=make_console(), transient=True) as bars:
        shown: dict[str, TaskID] = {}

        def progress(split: str, n_done: int, n_all: int) -> None:
            if split not in shown:
                shown[split] = bars.add_task(split, total=n_all)
            bars.update(shown[split], completed=n_done)

        reports = check_set(name, root or default_root(name), progress)
    print(f"{module.TITLE}; licence: {module.LICENCE}")
    for report in reports:
        for line in report.lines():
            print(line)
    if faulty := [report.split for report in reports if report.faults]:
        print(f"FAILED: faults in {', '.join(faulty)}; mend or fetch the files named above, then check again")
        raise typer.Exit(EXIT_INCOMPLETE)
