"""Commands on plug-ins: list, new-refiner, check-refiner."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.api import UserError
from bench.cli.options import EXIT_INCOMPLETE, PluginOption, make_console, one_thread_each

app = typer.Typer()


@app.command(name="list")
def list_(plugin: PluginOption = None) -> None:
    """Suites, pairs, tasks, models and refiners that are here."""
    import inspect

    from bench.api import Pair, Refiner, Task
    from bench.plugins.registry import Registry
    from bench.suites.load import load_suite, shipped

    console = make_console()
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
                models = registry.task(name)[0].models.values() if base is Task else ()
            except UserError as error:
                show(name, f"not available: {error}")
                continue
            first_line = (inspect.getdoc(cls) or "").partition("\n")[0]
            show(name, first_line.partition("; see")[0].rstrip("."))
            for model in models:
                show(f"  {model.name}", model.summary)
    if registry.broken:
        console.print("Plug-in files")
        for file, reason in registry.broken.items():
            show(str(file), f"not available: {reason}")
    if registry.refused:
        console.print("Installed plug-ins")
        for plug_in, reason in registry.refused.items():
            show(plug_in, f"not available: {reason}")


@app.command()
def new_refiner(
    name: Annotated[str, typer.Argument(help="Its name: a lower-case Python identifier.")],
    folder: Annotated[Path, typer.Option("--dir", help="Folder to write to; made if missing.")] = Path(),
) -> None:
    """Write a refiner that works, and its test, to start from."""
    from bench.plugins.scaffold import write_refiner

    file, test = write_refiner(name, folder)
    print(f"Wrote {file} and {test}. Try:")
    print(f"  python -m bench check-refiner {file}")
    print(f"  python -m bench run smoke --plugin {file} --refiner {name}")


@app.command()
def check_refiner(
    refiner: Annotated[str, typer.Argument(help="A Python file, or the name of a refiner or variant (see `list`).")],
    plugin: PluginOption = None,
) -> None:
    """Check a refiner against its contract. Toy images; says what to change."""
    from bench.api import Refiner
    from bench.plugins.registry import Registry

    one_thread_each()
    from bench import testing

    asked: dict[str, Any]
    if refiner.endswith(".py"):
        file = Path(refiner)
        asked = {cls.name: cls for cls in Registry([*(plugin or ()), file]).classes_of(file, Refiner)}
        if not asked:
            raise UserError(f"plug-in {file} defines no subclass of Refiner (see bench/api/)")
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
