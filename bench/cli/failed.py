"""How a command ends in which something failed: what, why, what to do next, said last; exit code 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import typer

from bench.api.plain_text import without_controls
from bench.cli.options import EXIT_INCOMPLETE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from bench.report.failures import Failures


def end_incomplete(console: Console, failures: Failures, again: str, results: Path) -> NoReturn:
    """The last paragraph of a command on the results folder ``results``; ``again`` runs its suite again.

    Raises
    ------
    typer.Exit: code 1, always.
    """
    from bench.report.failures import FOLDER

    step = failures.next_step(again).replace(f"the folder `{FOLDER}`", str(results / FOLDER))
    end_with(console, "FAILED: not everything is there.", [*failures.lines(), step])


def end_with(console: Console, head: str, lines: Sequence[str]) -> NoReturn:
    """A blank line, ``head`` and the indented ``lines``, then exit code 1."""
    for line in ("", head, *(f"  {line}" for line in lines)):
        console.print(without_controls(line), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_INCOMPLETE)
