"""``python -m bench``: every command is in the file of its theme; this one holds them together.

Commands import what they need when they run: ``--help`` and ``report`` load no torch. A mistake of the user's is one
line on stderr and exit code 2, whether the command finds it or Typer does.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from typing import Any, NoReturn

import typer

from bench.api import PluginError, UserError
from bench.api.errors import DataError
from bench.api.plain_text import without_controls
from bench.cli import data, plugins
from bench.cli import refine as folders
from bench.cli import report as results
from bench.cli import run as runs
from bench.cli.options import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_USER

app = typer.Typer(
    help="Does refining my synthetic training images help my model on real ones?",
    add_completion=False,
    context_settings={"max_content_width": 120},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(runs.app)
app.add_typer(folders.app)
app.add_typer(results.app)
app.add_typer(plugins.app)
app.add_typer(data.app, name="data")

_UsageError: Any = typer.BadParameter.__base__
"""From Typer's own copy of click or from the package, depending on Typer's version; only BadParameter is public."""


def main() -> None:
    """Entry point; without arguments it shows the help."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name need not be UTF-8
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], prog_name="python -m bench", standalone_mode=False))
    except _UsageError as error:
        _refuse(_one_line(error))
    except (UserError, DataError) as error:
        _refuse(str(error))
    except typer.Abort as error:
        if isinstance(error.__cause__, EOFError):  # click takes any for an end of the user's input
            raise error.__cause__ from None
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # `| head`: who reads has enough; nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the last flush at exit goes there
        sys.exit(0)
    except RecursionError:
        _refuse("a file is nested too deeply to be read")
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not full and error.errno not in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT):
            raise
        print(f"error: {error.strerror}: {error.filename or 'a file'}; finished jobs are kept", file=sys.stderr)
        sys.exit(EXIT_INCOMPLETE if full else EXIT_USER)
    except Exception as error:
        _fail(error)


def _fail(error: Exception) -> NoReturn:
    """Whatever nobody foresaw: the traceback, unless a package is missing, and last a line that says what to do."""
    from bench.report.reasons import REINSTALL

    said = " ".join(str(error).split())
    if isinstance(error, ModuleNotFoundError):
        package = str(error.name).partition(".")[0]
        print(f"error: the package of {package!r} is not installed; run `{REINSTALL}`, then try again", file=sys.stderr)
    elif isinstance(error, PluginError):
        print(f"error: {said}", file=sys.stderr)
    else:
        traceback.print_exception(error)
        print(f"error: unexpected {type(error).__name__}: {said}; finished jobs are kept", file=sys.stderr)
    sys.exit(EXIT_INCOMPLETE)


def _refuse(message: str) -> NoReturn:
    print(f"error: {without_controls(message)}", file=sys.stderr)
    sys.exit(EXIT_USER)


def _one_line(error: Any) -> str:
    """What Typer says in four lines: "no such option: --seed (Possible options: --seeds); see python -m … --help"."""
    message = " ".join(error.format_message().split()).rstrip(".")
    command = error.ctx.command_path if error.ctx else "python -m bench"
    return f"{message[:1].lower()}{message[1:]}; see {command} --help"
