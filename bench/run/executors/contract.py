"""Where jobs run. An executor takes :class:`WorkOrder` and answers with events; the runner knows nothing else of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from bench.api import Frozen
from bench.run.store import Entry


@dataclass(frozen=True)
class WorkOrder:
    """A job whose inputs exist: its action key, what to do, and where the inputs lie.

    It is stopped after ``limit_seconds`` in which it did not come further (:class:`Progress`).
    """

    key: str
    kind: str
    spec: Frozen
    inputs: dict[str, Entry]
    limit_seconds: float = math.inf


@dataclass(frozen=True)
class Progress:
    """A running job's life sign: step, number of steps, loss."""

    key: str
    step: int
    n_steps: int
    loss: float


@dataclass(frozen=True)
class Notice:
    """One line of a running job for the user, who need do nothing."""

    key: str
    text: str


@dataclass(frozen=True)
class Done:
    """The entry is in the store; ``made`` is false if another run made it meanwhile."""

    key: str
    entry: Entry
    made: bool


@dataclass(frozen=True)
class Busy:
    """Another run holds the job's lock: ask again later."""

    key: str


@dataclass(frozen=True)
class Failed:
    """The job failed for a reason (one line); ``fatal`` if every other job would too (disk full).

    ``mistake`` if data, a request or a plug-in that breaks its contract are to blame: the reason says what to do.
    ``details`` are for whoever looks for the cause: traceback, and the end of what the job printed.
    """

    key: str
    reason: str
    details: str
    fatal: bool = False
    mistake: bool = False


HEARTBEAT = "alive"
STARTED = "started"
"""Said once plug-in code is imported: the job's own limit counts from here."""
Event = Progress | Notice | Done | Busy | Failed


class Executor(Protocol):
    """Runs work orders somewhere."""

    @property
    def n_workers(self) -> int:
        """How many orders can run at once."""

    @property
    def n_free(self) -> int:
        """How many more orders can start now."""

    def submit(self, order: WorkOrder) -> None:
        """Start an order; only when ``n_free`` > 0."""

    def events(self, timeout_seconds: float) -> list[Event]:
        """What happened, after waiting at most so long."""

    def close(self) -> None:
        """Stop everything at once; finished entries stay."""
