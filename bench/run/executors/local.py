"""Jobs in processes of this machine: one for each core with one torch thread, or one for each GPU.

Workers are forked from a server process that has torch loaded (5 s to import), so a dead one is replaced at once. An
order that needs plug-in code goes to a worker for exactly these plug-ins (:mod:`bench.run.executors.placement`); all
other workers never see such code. A job fails with the reason, and the rest goes on, where its worker

* dies, or gives no life sign for :data:`~bench.run.executors.handle.SILENCE_SECONDS`;
* holds more private memory than ``memory_mb``, before the system picks a victim of its own;
* sends what no worker sends;
* does not come further for the order's ``limit_seconds``: an endless loop is alive as well. Progress counts, as the
  largest share of steps reported, so a long fit is stopped only if it does not say how far it is.

Time in which this process itself stood still (Ctrl-Z, a debugger, a paused machine) counts against nobody.

What workers print never reaches the terminal: the end goes into the details of a failure.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import signal
import time
import traceback
from contextlib import suppress
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import psutil

from bench.api.reasons import reason_of
from bench.plugins.registry import Registry
from bench.run.executors import Done, Event, Failed, Notice, Progress, WorkOrder
from bench.run.executors.descendants import descendants, is_running, kill, parent_of
from bench.run.executors.handle import Unreadable, Worker
from bench.run.executors.placement import PlugIns, plug_ins_of
from bench.run.store import Store

STANDSTILL_SECONDS = 3.0
"""Between two looks at the workers, beyond what was waited for: more, and this process did not run."""
UNKNOWN_EXIT = 255
"""What multiprocessing reports where the fork server could not tell."""
MEMORY_SHARE = 0.5
"""Of the machine's memory, what one of several workers may hold; a single one may hold :data:`MEMORY_SHARE_ALONE`."""
MEMORY_SHARE_ALONE = 0.9


_forked: set[int | None] = set()
"""The workers of all executors of this process."""


class LocalExecutor:
    """See the module's docstring.

    Parameters
    ----------
    store_root: the store that the workers write to.
    registry: knows which plug-in files a job needs.
    n_workers: processes; by default the usable cores, or the GPUs where there are any.
    memory_mb: private memory that one worker may hold; by default half of the machine's, or nine tenths for one alone.
    """

    def __init__(
        self,
        store_root: Path,
        registry: Registry,
        n_workers: int | None = None,
        memory_mb: float | None = None,
    ) -> None:
        self.store_root = store_root
        self.registry = registry
        self._context = start_server()
        self.devices = devices(n_workers)
        share = MEMORY_SHARE if self.n_workers > 1 else MEMORY_SHARE_ALONE
        self.memory_mb = memory_mb or share * psutil.virtual_memory().total / 2**20
        self._workers: list[Worker] = []
        self._waiting: list[Event] = []
        self._polled = time.monotonic()

    @property
    def n_workers(self) -> int:
        return len(self.devices)

    @property
    def n_free(self) -> int:
        busy = sum(worker.order is not None for worker in self._workers)
        return self.n_workers - busy

    def submit(self, order: WorkOrder) -> None:
        """Hand an order to an idle worker of its plug-ins, starting one if there is none."""
        plug_ins = plug_ins_of(order.spec, self.registry)
        in_use = [w.device for w in self._workers if w.order is not None]
        free = [device for device in self.devices if in_use.count(device) < self.devices.count(device)]
        idle = [w for w in self._workers if w.order is None and w.device in free]
        worker = next((w for w in idle if w.plug_ins == plug_ins), None)
        if worker is None:
            for other in idle:
                if other.plug_ins:  # what it holds is of no use until its plug-in's next job
                    self._lost(other, "")
            try:
                worker = self._start(free[0], plug_ins)
            except (EOFError, OSError) as error:
                reason = f"no worker process could be started: {reason_of(error)}"
                self._waiting.append(Failed(order.key, reason, traceback.format_exc()))
                return
        try:
            worker.take(order)
        except OSError:  # it died while it was idle
            worker.order = None
            self._lost(worker, "")
            self.submit(order)

    def events(self, timeout_seconds: float) -> list[Event]:
        """Messages of all workers; deaths and overruns as :class:`Failed`."""
        pipes = [pipe for worker in self._workers for pipe in (worker.connection, worker.output)]
        multiprocessing.connection.wait(pipes, 0 if self._waiting else timeout_seconds)
        self._excuse_standstill(timeout_seconds)
        events, self._waiting = self._waiting, []
        for worker in list(self._workers):
            worker.listen()
            try:
                for message in worker.read():
                    events += self._heard(worker, message)
            except Unreadable as error:
                events += self._lost(worker, f"{error} and was stopped")
            except (EOFError, OSError):
                worker.process.join(5)
                events += self._lost(worker, self._cause(worker))
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

    def _excuse_standstill(self, timeout_seconds: float) -> None:
        now = time.monotonic()
        since, self._polled = now - self._polled, now
        if since > timeout_seconds + STANDSTILL_SECONDS:
            for worker in self._workers:
                worker.excuse(since)

    def _heard(self, worker: Worker, message: Event | str) -> list[Event]:
        if isinstance(message, str):
            return []
        if isinstance(message, Progress):
            worker.advance(message)
        elif not isinstance(message, Notice):
            worker.order = None
        if isinstance(message, Failed):
            return [worker.with_output(message)]
        if isinstance(message, Done) and worker.plug_ins:
            return [self._as_stored(message)]
        return [message]

    def _as_stored(self, done: Done) -> Done | Failed:
        """What a process that ran plug-in code says of its entry is not taken on trust: the entry is read again."""
        corrupt: list[str] = []
        entry = Store(self.store_root, lambda key, reason: corrupt.append(reason)).find(done.key)
        if entry is None:
            return Failed(done.key, f"its result is not in the store as it was written: {'; '.join(corrupt)}", "")
        return Done(done.key, entry, done.made)

    def _start(self, device: str, plug_ins: PlugIns) -> Worker:
        try:
            return self._fork(device, plug_ins)
        except (EOFError, OSError):  # the fork server died; the next start begins another one
            return self._fork(device, plug_ins)

    def _fork(self, device: str, plug_ins: PlugIns) -> Worker:
        from bench.run.executors.worker import main

        ours, theirs = self._context.Pipe()
        output, printed = self._context.Pipe(duplex=False)
        os.set_blocking(output.fileno(), False)
        files = sorted(origin for origin in plug_ins if isinstance(origin, Path))
        process = self._context.Process(
            target=main, args=(theirs, printed, self.store_root, files, device), daemon=True
        )
        try:
            process.start()
        except BaseException:
            ours.close()
            output.close()
            raise
        finally:
            theirs.close()
            printed.close()
        worker = Worker(process, ours, output, device, plug_ins, server=parent_of(process.pid))
        _forked.add(process.pid)
        self._workers.append(worker)
        return worker

    def _lost(self, worker: Worker, cause: str) -> list[Event]:
        _kill(worker.process)
        self._workers.remove(worker)
        failures: list[Event] = []
        if worker.order is not None:
            failures.append(worker.with_output(Failed(worker.order.key, f"the worker process {cause}", "")))
        self._bury(worker)
        return failures

    def _cause(self, worker: Worker) -> str:
        """What the end of a process was. Only the fork server, its parent, is told how a worker ended."""
        code = worker.process.exitcode
        if code == UNKNOWN_EXIT and not is_running(worker.server):
            return "ended; how is not known, because the server process that had started it was killed as well"
        if code is None:
            return "closed its pipe to this process, and was stopped"
        return _ending(code)

    def _bury(self, worker: Worker) -> None:
        worker.process.join()
        _forked.discard(worker.process.pid)
        kill(descendants(worker.server, spared=_forked))  # what it left behind, which the fork server adopted
        worker.connection.close()
        worker.output.close()


def _kill(process: ForkServerProcess) -> None:
    """Kill a worker with all processes that its job started."""
    family = descendants(process.pid)
    with suppress(OSError):
        process.kill()
    kill(family)


def start_server() -> ForkServerContext:
    """Start the process that workers are forked from, if none is running: it loads torch while the caller goes on."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.run.executors.nursery"])
    multiprocessing.forkserver.ensure_running()
    return context


def devices(n_workers: int | None) -> list[str]:
    """A device for each worker: every GPU in turn, or the CPU once for each core that this process may use."""
    import torch

    if torch.cuda.is_available():
        n_gpus = torch.cuda.device_count()
        return [f"cuda:{index % n_gpus}" for index in range(n_workers or n_gpus)]
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ["cpu"] * (n_workers or n_cores or 1)


def _ending(exit_code: int) -> str:
    if exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"left with exit code {exit_code}"
