"""The long-lived worker process: torch loaded once, one thread, one job at a time.

It takes the job's lock, writes through the store, and reports over its pipe. A thread of its own sends a life sign each
second; when the pipe is gone, so is the run, and the worker leaves at once: an orphan never holds a lock.

What a job prints goes into a second pipe, of which the executor keeps the end; SIGUSR1 has the stacks printed there.
Whatever a plug-in raises, SystemExit included, is its job's failure, and what it changed in the process is put back.

A worker imports the plug-in files that its orders need and no others, and serves no order that does not need them all
(:mod:`bench.run.executors.local` sees to it): what plug-in code leaves behind in the process meets that plug-in alone.
The processes that it started die with the worker.
"""

from __future__ import annotations

import faulthandler
import io
import os
import platform
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import torch

from bench.api import PluginError, UserError
from bench.api.errors import DataError
from bench.api.reasons import one_line, reason_of
from bench.data.parallel import limit_threads
from bench.plugins.isolation import undisturbed
from bench.plugins.registry import Registry
from bench.run.code.version import code_version
from bench.run.executors import HEARTBEAT, STARTED, Busy, Done, Failed, Notice, Progress, WorkOrder
from bench.run.executors.descendants import adopt_orphans, descendants, kill
from bench.run.executors.inputs import Altered, check_inputs
from bench.run.jobs.kinds import KINDS
from bench.run.jobs.work import Work
from bench.run.store import DiskFull, Store
from bench.training.loop import TrainingError

HEARTBEAT_SECONDS = 1.0
PROGRESS_SECONDS = 0.25

torch.set_num_threads(1)


def main(
    connection: Connection, output: Connection, store_root: Path, plugin_files: Sequence[Path], device_name: str
) -> None:
    """Serve work orders from ``connection`` until it closes; stdout and stderr go to ``output``.

    ``plugin_files`` are imported with the first order, so that the reason of a failure has somewhere to go.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    _print_to(output)
    torch.set_num_threads(1)
    limit_threads(1)
    channel = _Channel(connection)
    threading.Thread(target=channel.beat, daemon=True).start()
    store = Store(store_root)
    plug_ins = _PlugIns(plugin_files)
    device = torch.device(device_name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    while True:
        try:
            order: WorkOrder = connection.recv()
        except EOFError:
            _leave(0)
        answer: Done | Busy | Failed | None = None
        try:
            with undisturbed():
                answer = _serve(order, store, plug_ins, device, channel)
        except BaseException as error:  # what plug-in code changed cannot be put back: this process serves no more
            channel.send(answer or Failed(order.key, reason_of(error), traceback.format_exc()))
            _leave(1)
        channel.send(answer)


def _leave(code: int) -> NoReturn:
    """End at once, with all processes that plug-in code started."""
    kill(descendants(os.getpid()))
    os._exit(code)


class _PlugIns:
    """The plug-ins of this worker, imported when they are asked for."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._registry: Registry | None = None

    def registry(self) -> Registry:
        if self._registry is None:
            self._registry = Registry(self._files)
        return self._registry


def _print_to(output: Connection) -> None:
    """Python's and everybody else's output, and the stacks of a crash or of a worker that is about to be stopped."""
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        os.dup2(output.fileno(), descriptor)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)


class _Channel:
    """The pipe to the runner, shared by the job and the life-sign thread."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.lock = threading.Lock()
        self.last_progress = 0.0

    def send(self, message: Any) -> None:
        try:
            with self.lock:
                self.connection.send(message)
        except OSError:
            _leave(1)

    def beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT_SECONDS)
            self.send(HEARTBEAT)

    def progress(self, key: str, step: int, n_steps: int, loss: float) -> None:
        now = time.monotonic()
        if now - self.last_progress >= PROGRESS_SECONDS:
            self.last_progress = now
            self.send(Progress(key, step, n_steps, loss))


def _serve(
    order: WorkOrder, store: Store, plug_ins: _PlugIns, device: torch.device, channel: _Channel
) -> Done | Busy | Failed:
    unfinished = store.unfinished(order.key)

    def progress(step: int, n_steps: int, loss: float) -> None:
        channel.progress(order.key, step, n_steps, loss)

    def notice(text: str) -> None:
        channel.send(Notice(order.key, one_line(text)))

    try:
        with store.lock(order.key) as free:
            if not free:
                return Busy(order.key)
            if (entry := store.find_locked(order.key)) is not None:
                return Done(order.key, entry, made=False)
            try:
                work = Work(plug_ins.registry(), device, progress, unfinished, notice)
                channel.send(STARTED)
                entry = store.write(order.key, lambda folder: _run(order, folder, work))
            finally:
                # Only ever by the holder of the lock: they are another run's otherwise.
                for left in (unfinished, *unfinished.parent.glob(f".{unfinished.name}.*.tmp")):
                    left.unlink(missing_ok=True)
            return Done(order.key, entry, made=True)
    except DiskFull as error:
        return Failed(order.key, str(error), "", fatal=True)
    except (PluginError, UserError, DataError, TrainingError, Altered) as error:
        return Failed(order.key, one_line(error), traceback.format_exc(), mistake=True)
    except (MemoryError, torch.cuda.OutOfMemoryError) as error:
        reason = f"out of memory: {one_line(error)}" if one_line(error) else "out of memory"
        return Failed(order.key, one_line(reason), traceback.format_exc())
    except SystemExit as error:
        return Failed(order.key, one_line(f"called sys.exit({error.code!r})"), traceback.format_exc())
    except BaseException as error:
        # Whatever a plug-in raises is its cell's failure, with its reason, and never the run's.
        return Failed(order.key, reason_of(error), traceback.format_exc())


def _run(order: WorkOrder, folder: Path, work: Work) -> dict[str, Any]:
    check_inputs(order.inputs)
    cuda = work.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    result: dict[str, Any] = KINDS[order.kind].run(order.spec, order.inputs, folder, work)
    if cuda:
        torch.cuda.synchronize()
    check_inputs(order.inputs)
    seconds = time.perf_counter() - started + result.pop("seconds_before", 0.0)
    return {
        **result,
        "kind": order.kind,
        "seconds": seconds,
        "gpu_seconds": seconds if cuda else 0.0,
        "peak_memory_mb": _peak_memory_mb(cuda),
        "environment": environment(work.device),
    }


def _peak_memory_mb(cuda: bool) -> float:
    if cuda:
        return torch.cuda.max_memory_allocated() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if platform.system() == "Darwin" else 2**10)


def environment(device: torch.device) -> dict[str, str]:
    """What the numbers of a record may depend on beside its seeds."""
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"cpu ({platform.machine()})"
    return {
        "bench": code_version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.system(),
        "device": name,
        "threads": str(torch.get_num_threads()),
    }
