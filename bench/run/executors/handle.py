"""One worker process as the executor sees it: its pipes, its order, its life signs, and when it must be stopped."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

import psutil

from bench.api.reasons import one_line, reason_of
from bench.run.executors import HEARTBEAT, STARTED, Event, Failed, Progress, WorkOrder
from bench.run.executors.placement import PlugIns

SILENCE_SECONDS = 120.0
START_SECONDS = 60.0
"""What the import of an order's plug-ins may take at least, before its own limit begins to count."""
STACK_SECONDS = 0.2
"""How long a worker that is about to be stopped gets to print where it is."""
KEPT_BYTES = 20_000
MESSAGES = 1000
"""How many are read before the other workers have their turn."""


class Unreadable(Exception):
    """A worker sent what no worker sends."""


@dataclass
class Worker:
    """A process; ``share`` is the part of its order that is done, ``printed`` the end of what that printed.

    ``server`` is the process that it was forked from.
    """

    process: ForkServerProcess
    connection: Connection
    output: Connection
    device: str
    plug_ins: PlugIns = frozenset()
    order: WorkOrder | None = None
    last_sign: float = field(default_factory=time.monotonic)
    last_advance: float = field(default_factory=time.monotonic)
    started: bool = False
    share: float = 0.0
    printed: bytes = b""
    server: int | None = None

    def take(self, order: WorkOrder) -> None:
        self.listen()
        self.order, self.started, self.share, self.printed = order, False, 0.0, b""
        self.last_sign = self.last_advance = time.monotonic()
        self.connection.send(order)

    def advance(self, progress: Progress) -> None:
        share = min(progress.step / max(progress.n_steps, 1), 1.0)
        if share > self.share:
            self.share, self.last_advance = share, time.monotonic()

    def excuse(self, seconds: float) -> None:
        """Leave out so many seconds in which nobody could listen."""
        self.last_sign += seconds
        self.last_advance += seconds

    def read(self) -> Iterator[Event | str]:
        """All messages that wait in the pipe.

        Raises
        ------
        EOFError, OSError: the worker is gone.
        Unreadable: it sent what no worker sends.
        """
        for _ in range(MESSAGES):
            if not self.connection.poll():
                return
            try:
                message = self.connection.recv()
            except (EOFError, OSError):
                raise
            except Exception as error:  # whatever unpickling may raise
                raise Unreadable(f"sent a message that cannot be read ({reason_of(error)})") from error
            self.last_sign = time.monotonic()
            if message == STARTED:
                self.started, self.last_advance = True, self.last_sign
                continue
            if message != HEARTBEAT:
                self._check(message)
            yield message

    def _check(self, message: Any) -> None:
        ours = isinstance(message, Event) and self.order is not None and message.key == self.order.key
        if not ours or (isinstance(message, Progress) and not _are_numbers(message)):
            raise Unreadable(f"sent a message that no worker sends: {one_line(type(message).__name__)}")

    def listen(self) -> None:
        """Read what was printed since, at most a megabyte of it at a time."""
        for _ in range(16):
            try:
                data = os.read(self.output.fileno(), 1 << 16)
            except BlockingIOError:
                return
            self.printed = (self.printed + data)[-KEPT_BYTES:]
            if not data:
                return

    def with_output(self, failed: Failed) -> Failed:
        self.listen()
        if not self.printed:
            return failed
        printed = f"The end of what it printed:\n{self.printed.decode(errors='replace')}"
        return replace(failed, details="\n".join(filter(None, [failed.details, printed])))

    def print_stacks(self) -> None:
        """Have the process say where it is, unless it is gone by now."""
        with suppress(psutil.NoSuchProcess):
            psutil.Process(self.process.pid).send_signal(signal.SIGUSR1)
            time.sleep(STACK_SECONDS)

    def overrun(self, memory_mb: float) -> str | None:
        """Why the order must be stopped now, if it must."""
        now = time.monotonic()
        if self.order is None:
            return None
        if now - self.last_sign > SILENCE_SECONDS:
            return f"gave no life sign for {SILENCE_SECONDS:.0f} s and was stopped"
        limit = self.order.limit_seconds if self.started else max(self.order.limit_seconds, START_SECONDS)
        if now - self.last_advance > limit:
            return (
                f"showed no progress for {limit:.0f} s, the limit of this job, and was stopped; "
                "report it with context.progress, or raise --time-limit"
            )
        if (held_mb := _private_mb(self.process.pid)) > memory_mb:
            return (
                f"held {held_mb:.0f} MB, more than the {memory_mb:.0f} MB that one may, and was stopped; "
                "run with --workers 1 if the job needs it"
            )
        return None


def _private_mb(pid: int | None) -> float:
    """Resident memory that the process shares with no file and no other process; 0 once it is gone."""
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.NoSuchProcess:
        return 0.0
    return (memory.rss - getattr(memory, "shared", 0)) / 2**20


def _are_numbers(progress: Progress) -> bool:
    return all(type(number) is int for number in (progress.step, progress.n_steps)) and type(progress.loss) is float
