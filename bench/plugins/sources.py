"""Where plug-ins come from: the digest of their source, what they state that they need, why one cannot be imported."""

from __future__ import annotations

import hashlib
import inspect
import re
import shlex
import signal
import sys
import threading
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from bench.api import UserError
from bench.api.reasons import reason_of


def content_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files below a folder.

    Raises
    ------
    UserError: there is no such file or folder.
    """
    if not path.exists():
        raise UserError(f"no file or folder {path}: check the path (it is relative to the current folder)")
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        name = file.relative_to(path).as_posix() if file != path else ""
        with file.open("rb") as stream:
            digest.update(f"{name}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def source_digest(cls: type) -> str:
    """SHA-256 of all Python files of the installed package (or the one module) that a class comes from."""
    top = Path(inspect.getfile(sys.modules[cls.__module__.partition(".")[0]]))
    sources = sorted(top.parent.rglob("*.py")) if top.name == "__init__.py" else [top]
    lines = (f"{source.relative_to(top.parent).as_posix()} {content_digest(source)}\n" for source in sources)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def stated_dependencies(file: Path) -> list[str]:
    """The requirements in a file's PEP 723 block; empty where there is none that can be read."""
    text = file.read_text(encoding="utf-8", errors="replace")
    block = re.search(r"(?m)^# /// script$\s(?P<content>(?:^#(?:| .*)$\s)+)^# ///$", text)
    if block is None:
        return []
    try:
        stated = tomllib.loads(re.sub(r"(?m)^# ?", "", block["content"])).get("dependencies", [])
    except tomllib.TOMLDecodeError:
        return []
    return [str(requirement) for requirement in stated]


class CodeFailed(Exception):
    """Plug-in code raised ``cause``, of whatever type."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(reason_of(cause))
        self.cause = cause


@contextmanager
def plug_in_code() -> Iterator[None]:
    """Turn whatever the block raises into :class:`CodeFailed`, SystemExit and a KeyboardInterrupt of its own included.

    Ctrl-C stays Ctrl-C: a signal that arrives meanwhile is told apart from code that raises KeyboardInterrupt.
    """
    arrived: list[int] = []
    usual: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append(number)
        usual[number](number, frame)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(handler := signal.getsignal(number)):
                usual[number] = handler
                signal.signal(number, note)
    try:
        yield
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and arrived:
            raise
        raise CodeFailed(error) from error
    finally:
        for watched, handler in usual.items():
            signal.signal(watched, handler)


def is_duration(stated: Any) -> bool:
    """Whether it is a finite number of seconds, 0 or more."""
    return isinstance(stated, int | float) and not isinstance(stated, bool) and 0 <= stated < 1e9


def import_failure(error: BaseException, requirements: Sequence[str] = ()) -> str:
    """Why an import failed, and how to get a module that is missing, if it is known what it needs."""
    reason = f"cannot be imported: {reason_of(error)}"
    if not isinstance(error, ModuleNotFoundError):
        return reason
    if requirements:
        return f"{reason}; install what it needs: python -m pip install {shlex.join(requirements)}"
    return f"{reason}; install the package that provides it"
