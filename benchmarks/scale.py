"""What planning, dispatching and reporting cost as a suite grows: they must not grow faster than the work.

    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 python -m benchmarks.scale [CELLS [JOBS [RECORDS]]]

10,000 cells, 10,000 jobs and 5,000 records unless said otherwise, and a tenth of each for comparison.

* *plan*: the command ``plan`` on a suite of the pair ``digits`` with many variants of one refiner; peak memory of its
  process beside it. Nothing is run.
* *dispatch*: a run of jobs that depend on one another in layers, with an executor that finishes each job at once.
* *report*: the command ``report`` on made-up records of 200 test images (``benchmarks.report`` has more images).

Seconds are processor seconds, so that a busy machine does not count.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml

from bench.api import Frozen
from bench.run.executors import Done, Event, WorkOrder
from bench.run.jobs.kinds import KINDS
from bench.run.plan.graph import Job, Plan
from bench.run.runner import Runner
from bench.run.store import Entry, Store, digest_of
from benchmarks.report import write_records

N_SEEDS = 10
LAYER = 100
"""Jobs that are ready at once beside those that each finished one makes ready."""
N_WORKERS = 4


class Numbered(Frozen):
    """The specification of a job that does nothing."""

    number: int


class Silent:
    """A listener that ignores everything."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


class AtOnce:
    """An executor that finishes every order by the next look at its events, and stores nothing."""

    n_workers = N_WORKERS

    def __init__(self) -> None:
        self._orders: list[WorkOrder] = []

    @property
    def n_free(self) -> int:
        return N_WORKERS - len(self._orders)

    def submit(self, order: WorkOrder) -> None:
        self._orders.append(order)

    def events(self, timeout_seconds: float) -> list[Event]:
        done = [
            Done(order.key, Entry(order.key, Path(order.key), {"file": order.key}, {"seconds": 1.0}), made=True)
            for order in self._orders
        ]
        self._orders.clear()
        return list(done)

    def close(self) -> None:
        self._orders.clear()


def layered_plan(n_jobs: int) -> Plan:
    """``n_jobs`` jobs of which half are ready from the start; each of the others needs three earlier ones."""
    jobs: dict[str, Job] = {}
    ids = [digest_of(number) for number in range(n_jobs)]
    for number, job_id in enumerate(ids):
        first = max(0, number - n_jobs // 2)
        needed = [ids[first + step] for step in range(0, min(3 * LAYER, number - first), LAYER)]
        inputs = tuple(zip("abc", needed, strict=False)) if number >= n_jobs // 2 else ()
        spec = Numbered(number=number)
        jobs[job_id] = Job(job_id, "made_up", f"job {number}", spec, inputs, 1.0, 1, cast(Any, None), "code")
    return Plan(cast(Any, SimpleNamespace(name="made up", tables=())), jobs, ())


def dispatch(n_jobs: int) -> float:
    """Processor seconds of a run of so many jobs that cost nothing."""
    plan = layered_plan(n_jobs)
    kind: Any = SimpleNamespace(
        action=lambda spec, inputs: [spec.number, {role: inputs[role].files for role in inputs}]
    )
    cast(Any, KINDS)["made_up"] = kind
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(plan, Store(Path(folder, "store")), AtOnce(), cast(Any, Silent()), Path(folder))
        start = time.process_time()
        outcome = runner.run()
        seconds = time.process_time() - start
    if len(outcome.made) != n_jobs:
        raise RuntimeError(f"{len(outcome.made)} of {n_jobs} jobs were made: {list(outcome.failures.values())[:1]}")
    return seconds


def suite(n_cells: int) -> dict[str, Any]:
    """A suite of about so many cells: rows of one refiner's variants, ten task seeds each."""
    variants = [f"fda:beta={0.0001 * (number + 1):.4f}" for number in range(n_cells // (2 * N_SEEDS))]
    table = {"pair": "digits", "task": "classification", "seeds": N_SEEDS, "arms": ["refined", "source_refined"]}
    return {"name": "made-up", "title": "made up", "tables": [table | {"refiners": variants, "refiner_seeds": 1}]}


def command(*arguments: str) -> tuple[float, float]:
    """Processor seconds and peak MB of ``python -m bench`` with these arguments, in a process of its own."""
    code = (
        "import resource, subprocess, sys\n"
        f"command = [sys.executable, '-m', 'bench', *{list(arguments)!r}]\n"
        "subprocess.run(command, check=True, stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    seconds, megabytes = printed.split()
    return float(seconds), float(megabytes)


def main() -> None:
    """Print two lines per figure: a tenth of the size, and all of it."""
    n_cells, n_jobs, n_records = (
        int(text) for text in [*sys.argv[1:], *["10000", "10000", "5000"][len(sys.argv) - 1 :]]
    )
    for size in (n_cells // 10, n_cells):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "suite.yaml")
            file.write_text(yaml.safe_dump(suite(size)))
            seconds, megabytes = command("plan", str(file), "--store", folder)
        print(f"plan      {size:6} cells   {seconds:7.2f} s {megabytes:7.0f} MB", flush=True)
    for size in (n_jobs // 10, n_jobs):
        seconds = dispatch(size)
        print(f"dispatch  {size:6} jobs    {seconds:7.2f} s {1000 * seconds / size:7.2f} ms per job", flush=True)
    for size in (n_records // 10, n_records):
        with tempfile.TemporaryDirectory() as folder:
            write_records(Path(folder), size, 200)
            seconds, megabytes = command("report", folder)
        print(f"report    {size:6} records {seconds:7.2f} s {megabytes:7.0f} MB", flush=True)


if __name__ == "__main__":
    main()
