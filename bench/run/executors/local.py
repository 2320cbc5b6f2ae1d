"""Jobs in processes of this machine: one for each core with one torch thread, or one for each GPU.

Workers are forked from a server process that has torch loaded (5 s to import), so a dead one is replaced at once. A
job fails with the reason, and the rest goes on, where its worker

* dies, or gives no life sign for :data:`SILENCE_SECONDS`;
* does not come further for the order's ``limit_seconds``: an endless loop is alive as well. Progress counts, as the
  largest share of steps reported, so a long fit is stopped only if it does not say how far it is;
* holds more private memory than ``memory_mb``, before the system picks a victim of its own.

What workers print never reaches the terminal: the last :data:`KEPT_BYTES` go into the details of a failure.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psutil

from bench.run.executors import HEARTBEAT, Event, Failed, Progress, WorkOrder

SILENCE_SECONDS = 120.0
STACK_SECONDS = 0.2
"""How long a worker that is about to be stopped gets to print where it is."""
KEPT_BYTES = 20_000
MEMORY_SHARE = 0.5
"""Of the machine's memory, what one of several workers may hold; a single one may hold :data:`MEMORY_SHARE_ALONE`."""
MEMORY_SHARE_ALONE = 0.9


@dataclass
class _Worker:
    """A process; ``share`` is the part of its order that is done, ``printed`` the end of what that printed."""

    process: ForkServerProcess
    connection: Connection
    output: Connection
    device: str
    order: WorkOrder | None = None
    last_sign: float = field(default_factory=time.monotonic)
    last_advance: float = field(default_factory=time.monotonic)
    share: float = 0.0
    printed: bytes = b""

    def take(self, order: WorkOrder) -> None:
        self.listen()
        self.order, self.share, self.printed = order, 0.0, b""
        self.last_sign = self.last_advance = time.monotonic()
        self.connection.send(order)

    def advance(self, progress: Progress) -> None:
        share = min(progress.step / max(progress.n_steps, 1), 1.0)
        if share > self.share:
            self.share, self.last_advance = share, time.monotonic()

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
        if now - self.last_advance > self.order.limit_seconds:
            return (
                f"showed no progress for {self.order.limit_seconds:.0f} s, the limit of this job, and was stopped; "
                "report it with context.progress, or raise --time-limit"
            )
        if (held_mb := _private_mb(self.process.pid)) > memory_mb:
            return (
                f"held {held_mb:.0f} MB, more than the {memory_mb:.0f} MB that one may, and was stopped; "
                "run with --workers 1 if the job needs it"
            )
        return None


class LocalExecutor:
    """See the module's docstring.

    Parameters
    ----------
    store_root: the store that the workers write to.
    plugin_files: plug-ins that the workers load.
    n_workers: processes; by default the usable cores, or the GPUs where there are any.
    memory_mb: private memory that one worker may hold; by default half of the machine's, or nine tenths for one alone.
    """

    def __init__(
        self,
        store_root: Path,
        plugin_files: Sequence[Path] = (),
        n_workers: int | None = None,
        memory_mb: float | None = None,
    ) -> None:
        self.store_root = store_root
        self.plugin_files = tuple(plugin_files)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["bench.run.executors.worker"])
        multiprocessing.forkserver.ensure_running()  # loads torch there while this process goes on
        self.devices = devices(n_workers)
        share = MEMORY_SHARE if self.n_workers > 1 else MEMORY_SHARE_ALONE
        self.memory_mb = memory_mb or share * psutil.virtual_memory().total / 2**20
        self._workers: list[_Worker] = []

    @property
    def n_workers(self) -> int:
        return len(self.devices)

    @property
    def n_free(self) -> int:
        busy = sum(worker.order is not None for worker in self._workers)
        return self.n_workers - busy

    def submit(self, order: WorkOrder) -> None:
        """Hand an order to an idle worker, starting one if there are fewer than ``n_workers``."""
        worker = next((w for w in self._workers if w.order is None), None)
        if worker is None:
            in_use = [w.device for w in self._workers]
            free = [device for device in self.devices if in_use.count(device) < self.devices.count(device)]
            worker = self._start(free[0])
        try:
            worker.take(order)
        except OSError:  # it died while it was idle
            worker.order = None
            self._lost(worker, "")
            self.submit(order)

    def events(self, timeout_seconds: float) -> list[Event]:
        """Messages of all workers; deaths and overruns as :class:`Failed`."""
        pipes = [pipe for worker in self._workers for pipe in (worker.connection, worker.output)]
        waited = multiprocessing.connection.wait(pipes, timeout_seconds)
        events: list[Event] = []
        for worker in list(self._workers):
            if worker.output in waited:
                worker.listen()
            if worker.connection not in waited:
                continue
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                worker.process.join(5)
                events += self._lost(worker, _cause(worker.process.exitcode))
                continue
            worker.last_sign = time.monotonic()
            if message == HEARTBEAT:
                continue
            if isinstance(message, Progress):
                worker.advance(message)
            else:
                worker.order = None
            events.append(worker.with_output(message) if isinstance(message, Failed) else message)
        for worker in list(self._workers):
            if (cause := worker.overrun(self.memory_mb)) is not None:
                worker.print_stacks()
                events += self._lost(worker, cause)
        return events

    def close(self) -> None:
        """Kill all workers; entries are whole or absent whenever that happens."""
        for worker in self._workers:
            _kill(worker.process)
        for worker in self._workers:
            self._bury(worker)
        self._workers.clear()

    def _start(self, device: str) -> _Worker:
        from bench.run.executors.worker import main

        ours, theirs = self._context.Pipe()
        output, printed = self._context.Pipe(duplex=False)
        os.set_blocking(output.fileno(), False)
        process = self._context.Process(
            target=main, args=(theirs, printed, self.store_root, self.plugin_files, device), daemon=True
        )
        process.start()
        theirs.close()
        printed.close()
        worker = _Worker(process, ours, output, device)
        self._workers.append(worker)
        return worker

    def _lost(self, worker: _Worker, cause: str) -> list[Event]:
        _kill(worker.process)
        self._workers.remove(worker)
        failures: list[Event] = []
        if worker.order is not None:
            failures.append(worker.with_output(Failed(worker.order.key, f"the worker process {cause}", "")))
        self._bury(worker)
        return failures

    def _bury(self, worker: _Worker) -> None:
        worker.process.join()
        worker.connection.close()
        worker.output.close()


def _kill(process: ForkServerProcess) -> None:
    """Kill a worker with all processes that its job started."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.kill()
    for child in family:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def _private_mb(pid: int | None) -> float:
    """Resident memory that the process shares with no file and no other process; 0 once it is gone."""
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.NoSuchProcess:
        return 0.0
    return (memory.rss - getattr(memory, "shared", 0)) / 2**20


def devices(n_workers: int | None) -> list[str]:
    """A device for each worker: every GPU in turn, or the CPU once for each core that this process may use."""
    import torch

    if torch.cuda.is_available():
        n_gpus = torch.cuda.device_count()
        return [f"cuda:{index % n_gpus}" for index in range(n_workers or n_gpus)]
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ["cpu"] * (n_workers or n_cores or 1)


def _cause(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"left with exit code {exit_code}"
