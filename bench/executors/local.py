"""Jobs in processes of this machine: one for each core with one torch thread, or one for each GPU.

Workers are forked from a server process that has torch loaded (5 s to import), so a dead one is replaced at once. A
worker that dies, or gives no life sign for :data:`SILENCE_SECONDS`, fails its job with that reason; the rest goes on.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from bench.executors import HEARTBEAT, Event, Failed, Progress, WorkOrder

SILENCE_SECONDS = 120.0


@dataclass
class _Worker:
    process: ForkServerProcess
    connection: Connection
    device: str
    order: WorkOrder | None = None
    last_sign: float = field(default_factory=time.monotonic)


class LocalExecutor:
    """See the module's docstring.

    Parameters
    ----------
    store_root: the store that the workers write to.
    plugin_files: plug-ins that the workers load.
    n_workers: processes; by default the usable cores, or the GPUs where there are any.
    """

    def __init__(self, store_root: Path, plugin_files: Sequence[Path] = (), n_workers: int | None = None) -> None:
        self.store_root = store_root
        self.plugin_files = tuple(plugin_files)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["bench.executors.worker"])
        multiprocessing.forkserver.ensure_running()  # loads torch there while this process goes on
        self.devices = devices(n_workers)
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
        worker.order, worker.last_sign = order, time.monotonic()
        worker.connection.send(order)

    def events(self, timeout_seconds: float) -> list[Event]:
        """Messages of all workers; deaths and silences as :class:`Failed`."""
        by_connection = {worker.connection: worker for worker in self._workers}
        waited = multiprocessing.connection.wait(list(by_connection), timeout_seconds)
        events: list[Event] = []
        for connection in waited:
            worker = by_connection[connection]  # type: ignore[index]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                worker.process.join(5)
                events += self._lost(worker, _cause(worker.process.exitcode))
                continue
            worker.last_sign = time.monotonic()
            if message != HEARTBEAT:
                if not isinstance(message, Progress):
                    worker.order = None
                events.append(message)
        for worker in list(self._workers):
            if worker.order is not None and time.monotonic() - worker.last_sign > SILENCE_SECONDS:
                events += self._lost(worker, f"gave no life sign for {SILENCE_SECONDS:.0f} s and was stopped")
        return events

    def close(self) -> None:
        """Kill all workers; entries are whole or absent whenever that happens."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()
        self._workers.clear()

    def _start(self, device: str) -> _Worker:
        from bench.executors.worker import main

        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=main, args=(theirs, self.store_root, self.plugin_files, device), daemon=True
        )
        process.start()
        theirs.close()
        worker = _Worker(process, ours, device)
        self._workers.append(worker)
        return worker

    def _lost(self, worker: _Worker, cause: str) -> list[Event]:
        worker.process.kill()
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)
        return [Failed(worker.order.key, f"the worker process {cause}", "")] if worker.order else []


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
