"""Broken clauses: what they say, and how an exception or an effect outside becomes one."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bench.data.imageset import COLUMNS
from bench.isolation import NetworkRefused, Watch, one_line


@dataclass(frozen=True)
class Violation:
    """A broken clause: its name, what the check did, what it found, what to change."""

    clause: str
    done: str
    found: str
    fix: str

    def __str__(self) -> str:
        return f"{self.clause}: {self.done}: {self.found}; {self.fix}"


class ConformanceError(AssertionError):
    """A plug-in breaks its contract; ``violations`` lists each broken clause once."""

    def __init__(self, plugin: str, violations: Sequence[Violation]) -> None:
        first_of_clause: dict[str, Violation] = {}
        for violation in violations:
            first_of_clause.setdefault(violation.clause, violation)
        self.violations = tuple(first_of_clause.values())
        lines = "".join(f"\n- {violation}" for violation in self.violations)
        super().__init__(f"{plugin} breaks {len(self.violations)} clause(s) of its contract:{lines}")


class Stop(Exception):
    """Ends one check early: what went wrong leaves nothing to compare."""

    def __init__(self, violation: Violation) -> None:
        self.violation = violation


class _TimeIsUp(BaseException):
    """Raised into code that runs for too long; no ``except Exception`` of a plug-in's swallows it."""


@contextmanager
def reporting(done: str, labels_fix: str, methods: str) -> Iterator[None]:
    """What the block raises becomes the violation that a :class:`Stop` carries.

    ``labels_fix`` says what to change where a column is read that is not given, ``methods`` what must work here.
    """
    try:
        yield
    except NetworkRefused as error:
        raise Stop(network(done, error.address)) from error
    except KeyError as error:
        column = error.args[0] if error.args else None
        if column not in COLUMNS:
            raise Stop(_raised(done, methods, error)) from error
        raise Stop(
            Violation("labels", done, f"it read the column {column!r}, which it is not given", labels_fix)
        ) from error
    except (Exception, SystemExit) as error:
        if isinstance(error, Stop):
            raise
        raise Stop(_raised(done, methods, error)) from error


def _raised(done: str, methods: str, error: BaseException) -> Violation:
    where = _place(traceback.extract_tb(error.__traceback__))
    return Violation(
        "raises", done, f"it raised {type(error).__name__}: {one_line(error)}{where}", f"{methods} must work here"
    )


@contextmanager
def limited(done: str, seconds: float, fix: str) -> Iterator[None]:
    """The block may take ``seconds``; what takes longer breaks the clause ``budget``.

    In the main thread, on systems that have SIGALRM, an endless loop is interrupted; elsewhere the time is looked at
    when the block ends.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TimeIsUp(_place(traceback.extract_stack(frame)))

    can_interrupt = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    started, where = time.monotonic(), ""
    if can_interrupt:
        usual = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again, should a bare `except` swallow the first
    try:
        yield
    except _TimeIsUp as error:
        where = f" and was stopped{error}"
    finally:
        if can_interrupt:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, usual)
    if (taken := time.monotonic() - started) > seconds:
        raise Stop(Violation("budget", done, f"it took {taken:.1f} s{where}; {seconds:g} s are allowed", fix))


def _place(frames: traceback.StackSummary) -> str:
    """Where in the plug-in: the innermost frame that is neither ours nor a library's."""
    ours = Path(__file__).parents[1]
    for frame in reversed(frames):
        path = Path(frame.filename)
        if not (path.is_relative_to(ours) or "site-packages" in path.parts or not path.is_file()):
            return f" ({path.name}, line {frame.lineno})"
    return ""


def outside_effects(watch: Watch, done: str) -> Iterator[Violation]:
    """No network, no files but temporary ones."""
    if watch.reached:
        yield network(done, watch.reached[0])
    if watch.written:
        others = f" and {len(set(watch.written)) - 1} more" if len(set(watch.written)) > 1 else ""
        fix = "put what fit learns into state_dict, and scratch files where tempfile makes them"
        yield Violation("files", done, f"it wrote or removed {watch.written[0]}{others}", fix)


def network(done: str, address: str) -> Violation:
    """The clause that forbids connections."""
    fix = "take the path of a file as a parameter instead: runs need no network"
    return Violation("network", done, f"it tried to reach {address}", fix)
