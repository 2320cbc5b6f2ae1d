"""Commands on results folders: report, publish, check, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.api.plain_text import without_controls
from bench.cli.failed import end_incomplete, end_with
from bench.cli.options import (
    EXIT_INCOMPLETE,
    PluginOption,
    StoreOption,
    make_console,
    one_thread_each,
    print_paths,
    store_root,
)

app = typer.Typer()


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
    from bench.report import write_report
    from bench.report.notes import run_command
    from bench.report.terminal import print_report
    from bench.results.files import write_atomically
    from bench.results.measurement import readable_measurements
    from bench.results.record import readable_records

    if index:
        from bench.report.index import results_index

        write_atomically(results / "README.md", results_index(results).encode())
        print(f"Wrote {results / 'README.md'}")
        return
    console = make_console()
    records, bad = readable_records(results)
    measurements, bad_measurements = readable_measurements(results)
    paths = write_report(records, results, measurements, figures, unreadable=[*bad, *bad_measurements])
    if latex:
        from bench.report.latex import leaderboard_latex

        write_atomically(results / "leaderboard.tex", leaderboard_latex(paths.tables).encode())
    print_report(paths.tables, console)
    print_paths(paths, console)
    if paths.failures:
        suites = dict.fromkeys(record.suite for record in records)
        end_incomplete(console, paths.failures, " and ".join(f"`{run_command(suite)}`" for suite in suites), results)


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The results folder of a run, as results/local/quick.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to publish, as results/quick.")],
    with_failures: Annotated[bool, typer.Option("--with-failures", help="Publish failed cells as failed.")] = False,
) -> None:
    """Pack a finished run into few files, to be committed."""
    from bench.report.publish import publish as pack

    pack(run, out, with_failures)
    n_files, n_bytes = len(files := list(out.iterdir())), sum(path.stat().st_size for path in files)
    print(f"{out}: {n_files} files, {n_bytes / 1e6:.1f} MB. Look for objections: python -m bench check {out}")


@app.command()
def check(
    results: Annotated[Path, typer.Argument(help="A results folder.")] = Path("results/local/quick"),
    store: StoreOption = None,
    plugin: PluginOption = None,
    cells: Annotated[int, typer.Option(min=0, help="Cells, drawn at random, that are scored again.")] = 20,
    draw: Annotated[int | None, typer.Option(min=0, help="Draws the same cells again [others each time].")] = None,
    data: Annotated[bool, typer.Option(help="Prepare pairs that are not in the store, to compare digests.")] = True,
) -> None:
    """Look through a results folder as a referee would. Exit code 1, with a line for each objection."""
    from bench.check import check_results
    from bench.plugins.registry import Registry
    from bench.run.store import Store

    one_thread_each()
    root = store_root(store)
    kept = Store(root) if root.is_dir() else None
    verdict = check_results(results, Registry(plugin or ()), kept, cells, draw, data)
    for finding in verdict.findings:
        print(without_controls(str(finding)))
    for what in verdict.unchecked:
        print(without_controls(f"Not checked: {what}"))
    n_found = len(verdict.findings)
    said = {0: "no objection", 1: "1 objection"}.get(n_found, f"{n_found} objections")
    print(f"{results}: {verdict.n_records} records, {len(verdict.rescored)} scored again; {said}.")
    if n_found:
        raise typer.Exit(EXIT_INCOMPLETE)


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="A results folder.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another one, of the same suite or of another.")],
) -> None:
    """What changed from one results folder to another. Says whether each change exceeds noise."""
    from bench.report.changes import changes
    from bench.report.failures import failures_of
    from bench.report.terminal import print_changes
    from bench.results.record import readable_records

    console = make_console()
    (old, old_bad), (new, new_bad) = (readable_records(folder) for folder in (before, after))
    print_changes(changes(old, new), console)
    failed = {
        folder: failures_of(records, (), (), bad)
        for folder, records, bad in ((before, old, old_bad), (after, new, new_bad))
    }
    if any(failed.values()):
        lines = [f"{folder}: {line}" for folder, failures in failed.items() for line in failures.lines()]
        step = "Next: mend the cause, run the suite of the folder again, then compare again."
        end_with(console, "FAILED: rows without a score were not compared.", [*lines, step])
