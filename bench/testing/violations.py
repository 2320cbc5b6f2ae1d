"""Broken clauses: what they say, and how an exception or an effect outside becomes one."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bench.api.imageset import COLUMNS
from bench.plugins.isolation import NetworkRefused, Watch, one_line

WAIT_FACTOR = 10


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
    except Stop:
        raise
    except NetworkRefused as error:
        raise Stop(network(done, error.address)) from error
    except KeyError as error:
        column = error.args[0] if error.args else None
        if column not in COLUMNS:
            raise Stop(_raised(done, methods, error)) from error
        found = f"it read the column {column!r}, which it is not given"
        raise Stop(Violation("labels", done, found, labels_fix)) from error
    except (Exception, SystemExit) as error:
        raise Stop(_raised(done, methods, error)) from error


def _raised(done: str, methods: str, error: BaseException) -> Violation:
    where = _place(traceback.extract_tb(error.__traceback__))
    found = f"it raised {type(error).__name__}: {one_line(error)}{where}"
    return Violation("raises", done, found, f"{methods} must work here")


@contextmanager
def limited(done: str, cpu_seconds: float, fix: str) -> Iterator[None]:
    """The block may take ``cpu_seconds``, and :data:`WAIT_FACTOR` times that on the clock: a busy machine is no fault.

    What takes longer breaks the clause ``budget``. In the main thread, on systems that have such timers, an endless
    loop is interrupted; elsewhere the time is looked at when the block ends.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TimeIsUp(_place(traceback.extract_stack(frame)))

    started, interrupted = (time.process_time(), time.monotonic()), ""
    try:
        with _timer("PROF", cpu_seconds, stop), _timer("REAL", WAIT_FACTOR * cpu_seconds, stop):
            yield
    except _TimeIsUp as error:
        interrupted = f" and was stopped{error}"
    worked, waited = time.process_time() - started[0], time.monotonic() - started[1]
    if waited > WAIT_FACTOR * cpu_seconds:
        found = f"it took {waited:.1f} s{interrupted}; {WAIT_FACTOR * cpu_seconds:g} s are allowed"
        raise Stop(Violation("budget", done, found, fix))
    if worked > cpu_seconds or interrupted:
        found = f"it took {worked:.1f} s of CPU time{interrupted}; {cpu_seconds:g} s are allowed"
        raise Stop(Violation("budget", done, found, fix))


@contextmanager
def _timer(kind: str, seconds: float, stop: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """``PROF`` counts the process's CPU time, ``REAL`` the clock's."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    timer, number = getattr(signal, f"ITIMER_{kind}"), {"PROF": signal.SIGPROF, "REAL": signal.SIGALRM}[kind]
    usual = signal.signal(number, stop)
    signal.setitimer(timer, seconds, 1.0)  # again, should a bare `except` swallow the first
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, usual)


def _place(frames: traceback.StackSummary) -> str:
    """Where in the plug-in: the innermost frame that is neither ours nor a library's."""
    libraries = (Path(__file__).parents[1], Path(os.__file__).parent)
    for frame in reversed(frames):
        path = Path(frame.filename)
        foreign = any(path.is_relative_to(library) for library in libraries) or "site-packages" in path.parts
        if path.is_file() and not foreign:
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
