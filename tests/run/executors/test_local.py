"""The local executor with real processes."""

import os
import re
import signal
import time
from dataclasses import replace

import psutil
import pytest
import torch

from bench.plugins.registry import Registry
from bench.run.executors import Busy, Done, Failed, Progress, WorkOrder
from bench.run.executors.handle import KEPT_BYTES, Worker
from bench.run.executors.local import LocalExecutor
from bench.run.jobs import refine as refine_job
from bench.run.plan import make_plan
from bench.run.runner import action_key
from bench.run.store import Store
from bench.suites.resolve import resolve
from toy_runs import TOYS, toy_suite


@pytest.fixture
def executor(tmp_path, registry):
    executor = LocalExecutor(tmp_path / "store", registry, n_workers=1)
    yield executor
    executor.close()


@pytest.fixture
def orders(registry, tmp_path):
    """``orders(refiner)``: the work orders of its fit and refine, inputs made."""
    from toy_runs import InlineRun

    def make(refiner: str) -> dict[str, WorkOrder]:
        InlineRun(toy_suite(arms=["oracle"], seeds=1), tmp_path, registry)
        store = Store(tmp_path / "store")
        plan = make_plan(resolve(toy_suite(arms=["refined"], refiners=[refiner], seeds=1), registry))
        made = {}
        entries = {}
        for job in plan.jobs.values():
            if job.kind in ("prepare", "fit") or (job.kind == "refine" and all(i in entries for _, i in job.inputs)):
                inputs = {role: entries[needed] for role, needed in job.inputs}
                key = action_key(job, inputs)
                made[job.kind] = WorkOrder(key, job.kind, job.spec, inputs)
                if (entry := store.find(key)) is not None:
                    entries[job.id] = entry
        return made

    return make


def wait(executor, seconds=60.0):
    """The next event that ends a job."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for event in executor.events(0.5):
            if isinstance(event, Done | Failed | Busy):
                return event
    raise TimeoutError


def test_a_job_is_done_by_a_worker_with_one_thread(executor, orders):
    order = orders("same")["fit"]
    executor.submit(order)
    assert executor.n_free == 0
    event = wait(executor)
    assert isinstance(event, Done)
    assert event.made
    assert event.entry.meta["environment"]["threads"] == "1"
    assert executor.n_free == 1
    executor.submit(order)
    again = wait(executor)
    assert isinstance(again, Done)
    assert not again.made


def test_a_worker_has_one_thread_for_its_job_and_one_for_its_life_sign(orders, tmp_path):
    file = tmp_path / "counts.py"
    file.write_text(
        "import os, time, numpy as np, psutil, torch\nfrom bench.api import PluginError, Refiner\n"
        "from bench.data.parallel import rows_of\n"
        "class Counts(Refiner):\n    name, version = 'counts', 1\n"
        "    def fit(self, source, target, budget, context):\n"
        "        os.process_cpu_count = os.cpu_count = lambda: 4\n"
        "        most = []\n"
        "        def read(row):\n"
        "            time.sleep(0.001)\n"
        "            most.append(psutil.Process().num_threads())\n"
        "            return np.ones((256, 256), np.float32)\n"
        "        rows = rows_of(300, read, (256, 256), np.float32)\n"
        "        rows[0] @ rows[1]; torch.from_numpy(rows[:9]) @ torch.from_numpy(rows[9:18])\n"
        "        most.append(psutil.Process().num_threads())\n"
        "        raise PluginError(f'{max(most)} threads')\n"
        "    def refine(self, batch, generators): return dict(batch.inputs)\n"
    )
    executor = LocalExecutor(tmp_path / "store", Registry([TOYS, file]), n_workers=1)
    described = Registry([TOYS, file]).refiner("counts")[1]
    order = orders("same")["fit"]
    try:
        executor.submit(replace(order, key="f" * 64, spec=order.spec.model_copy(update={"refiner": described})))
        event = wait(executor)
    finally:
        executor.close()
    assert isinstance(event, Failed)
    assert event.reason == "2 threads"


def test_a_refiner_that_raises_fails_with_its_reason(executor, orders):
    executor.submit(orders("raises")["fit"])
    event = wait(executor)
    assert event == Failed(event.key, "RuntimeError: the flux capacitor is empty", event.details)
    assert "Traceback" in event.details


def test_a_killed_worker_fails_its_job_and_is_replaced(executor, orders):
    order = orders("slow")["fit"]
    executor.submit(order)
    time.sleep(0.5)
    os.kill(executor._workers[0].process.pid, signal.SIGKILL)
    event = wait(executor)
    assert event == Failed(order.key, "the worker process was killed by SIGKILL (out of memory?)", "")
    executor.submit(order)
    assert isinstance(wait(executor), Done)


def within(order: WorkOrder, seconds: float) -> WorkOrder:
    return replace(order, limit_seconds=seconds)


def test_an_endless_loop_is_stopped_at_its_limit_and_shows_where_it_was(executor, orders):
    executor.submit(within(orders("loops")["fit"], 1.5))
    event = wait(executor)
    assert isinstance(event, Failed)
    assert event.reason.startswith("the worker process showed no progress for 2 s, the limit of this job")
    assert "round and round" in event.details
    assert re.search(r'File ".*toys\.py", line \d+ in fit', event.details)
    executor.submit(orders("same")["fit"])
    assert isinstance(wait(executor), Done)


def test_progress_extends_the_limit(executor, orders):
    executor.submit(within(orders("advances")["fit"], 1.0))
    assert isinstance(wait(executor), Done)


def test_progress_that_does_not_advance_extends_nothing():
    worker = Worker(None, None, None, "cpu")
    worker.advance(Progress("", 5, 10, 0.0))
    advanced = worker.last_advance
    for step, n_steps in ((5, 10), (3, 10), (0, 0)):
        worker.advance(Progress("", step, n_steps, 0.0))
    assert worker.last_advance == advanced
    worker.advance(Progress("", 6, 10, 0.0))
    assert worker.last_advance > advanced


def test_a_memory_hog_is_stopped_and_its_share_is_named(orders, tmp_path, registry):
    executor = LocalExecutor(tmp_path / "store", registry, n_workers=1, memory_mb=1000)
    try:
        executor.submit(orders("hoards")["fit"])
        event = wait(executor)
    finally:
        executor.close()
    assert isinstance(event, Failed)
    assert re.search(r"held 1\d\d\d MB, more than the 1000 MB that one may", event.reason)


def test_sys_exit_fails_the_job_and_not_the_worker(executor, orders):
    executor.submit(orders("leaves")["fit"])
    event = wait(executor)
    assert isinstance(event, Failed)
    assert event.reason == "called sys.exit('no licence found')"
    assert "toys.py" in event.details
    pid = executor._workers[0].process.pid
    executor.submit(orders("same")["fit"])
    assert isinstance(wait(executor), Done)
    assert executor._workers[0].process.pid == pid


def test_output_belongs_to_its_job_and_a_reason_is_short(executor, orders):
    made = orders("chatters")
    executor.submit(made["fit"])
    done = wait(executor)
    assert isinstance(done, Done)
    refine = made["fit"].inputs["source"]
    spec = refine_job.Spec(refiner=made["fit"].spec.refiner, seed=0, views=1, reads=())
    executor.submit(WorkOrder("c" * 64, "refine", spec, {"fit": done.entry, "source": refine}))
    event = wait(executor)
    assert isinstance(event, Failed)
    assert event.reason.startswith("ValueError: why why")
    assert len(event.reason) <= 500
    assert "last words" not in event.details  # the fit's, not this job's


def test_the_end_of_the_output_comes_with_a_failure(executor, orders):
    executor.submit(within(orders("chatters")["fit"], 60))
    assert isinstance(wait(executor), Done)
    assert executor._workers[0].printed.endswith(b"last words\n")
    assert len(executor._workers[0].printed) == KEPT_BYTES


def test_what_a_plug_in_changes_in_the_process_is_put_back(executor, orders):
    for refiner in ("meddles", "inspects"):
        executor.submit(orders(refiner)["fit"])
        event = wait(executor)
        assert isinstance(event, Done), event
    assert len(executor._workers) == 1


def test_what_a_plug_in_file_changes_when_it_is_imported_reaches_no_other_job(orders, tmp_path):
    file = tmp_path / "imports.py"
    file.write_text(
        "import os, sys, torch\nfrom bench.api import Refiner\n"
        "torch.set_num_threads(3); torch.set_default_dtype(torch.float64); os.environ['MEDDLED'] = 'yes'\n"
        "print('noise ' * 100_000)\n"
        "class Loud(Refiner):\n    name, version = 'loud', 1\n"
        "    def fit(self, source, target, budget, context): ...\n"
        "    def refine(self, batch, generators): return dict(batch.inputs)\n"
    )
    executor = LocalExecutor(tmp_path / "store", Registry([TOYS, file]), n_workers=1)
    assert torch.get_default_dtype() == torch.float32
    try:
        executor.submit(orders("inspects")["fit"])
        event = wait(executor)
    finally:
        executor.close()
    assert isinstance(event, Done), event


def test_what_a_job_started_ends_with_its_worker(executor, orders):
    executor.submit(within(orders("spawns")["fit"], 1.0))
    event = wait(executor)
    assert isinstance(event, Failed)
    (pid,) = re.findall(r"started (\d+)", event.details)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_worker_that_died_idle_is_replaced_unnoticed(executor, orders):
    made = orders("same")
    executor.submit(made["fit"])
    assert isinstance(wait(executor), Done)
    process = executor._workers[0].process
    process.kill()
    process.join()
    executor.submit(orders("slow")["fit"])
    assert isinstance(wait(executor), Done)


def test_a_lock_held_by_another_run_is_busy_and_not_waited_for(executor, orders, tmp_path):
    order = orders("same")["fit"]
    with Store(tmp_path / "store").lock(order.key) as free:
        assert free
        executor.submit(order)
        assert wait(executor) == Busy(order.key)
    executor.submit(order)
    assert isinstance(wait(executor), Done)


def test_a_fork_server_that_died_is_started_again(executor, orders):
    made = orders("same")
    executor.submit(made["fit"])
    assert isinstance(wait(executor), Done)
    (worker,) = executor._workers
    worker.process.kill()
    worker.process.join()
    server = psutil.Process(worker.server)
    server.kill()
    executor.submit(orders("slow")["fit"])
    assert isinstance(wait(executor), Done)
    assert executor._workers[0].server != server.pid


def test_time_in_which_the_run_stood_still_counts_against_no_job(executor, orders):
    executor.submit(within(orders("advances")["fit"], 1.0))
    (worker,) = executor._workers
    while not worker.started:
        executor.events(0.2)
    psutil.Process(worker.process.pid).suspend()
    time.sleep(5)
    psutil.Process(worker.process.pid).resume()
    assert isinstance(wait(executor), Done)


def test_processes_that_forked_twice_end_with_their_worker(orders, tmp_path):
    file = tmp_path / "daemons.py"
    file.write_text(
        "import subprocess\nfrom bench.api import Refiner\n"
        "class Daemons(Refiner):\n    name, version = 'daemons', 1\n"
        "    def fit(self, source, target, budget, context):\n"
        "        subprocess.run(['sh', '-c', 'setsid sleep 601.25 & exit 0'])\n"
        "    def refine(self, batch, generators): return dict(batch.inputs)\n"
    )
    both = Registry([TOYS, file])
    executor = LocalExecutor(tmp_path / "store", both, n_workers=1)
    order = orders("same")["fit"]

    def daemons() -> list[psutil.Process]:
        return [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "601.25"]]

    try:
        spec = order.spec.model_copy(update={"refiner": both.refiner("daemons")[1]})
        executor.submit(replace(order, key="d" * 64, spec=spec))
        assert isinstance(wait(executor), Done)
        assert len(daemons()) == 1
    finally:
        executor.close()
    deadline = time.monotonic() + 10
    while any(p.status() != psutil.STATUS_ZOMBIE for p in daemons()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
