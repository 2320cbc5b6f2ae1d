"""The local executor with real processes."""

import os
import signal
import time

import pytest

from bench.executors import Busy, Done, Failed, WorkOrder
from bench.executors.local import LocalExecutor
from bench.plan import make_plan
from bench.runner import action_key
from bench.store import Store
from bench.suite import resolve
from toy_runs import TOYS, toy_suite


@pytest.fixture
def executor(tmp_path):
    executor = LocalExecutor(tmp_path / "store", [TOYS], n_workers=1)
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


def test_a_lock_held_by_another_run_is_busy_and_not_waited_for(executor, orders, tmp_path):
    order = orders("same")["fit"]
    with Store(tmp_path / "store").lock(order.key) as free:
        assert free
        executor.submit(order)
        assert wait(executor) == Busy(order.key)
    executor.submit(order)
    assert isinstance(wait(executor), Done)
