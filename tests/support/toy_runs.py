"""Runs of small suites and of ``bench refine`` on the toy plug-ins, in this process, with every order counted."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import torch

from bench.api import PluginError, UserError
from bench.api.errors import DataError
from bench.plugins.registry import Registry
from bench.run.executors import Done, Event, Failed, WorkOrder
from bench.run.jobs.kinds import KINDS
from bench.run.jobs.work import Work
from bench.run.plan import make_plan
from bench.run.plan.graph import Plan
from bench.run.refine_folder import folder as refinements
from bench.run.refine_folder.plan import Request, plan_refinement
from bench.run.runner import Outcome, Runner
from bench.run.store import Store
from bench.suites.load import Suite
from bench.suites.resolve import resolve

TOYS = Path(__file__).parent / "toys.py"


def toy_suite(**table: object) -> Suite:
    """A suite of one table on the ``toy`` pair, twelve steps a training, nothing measured or drawn unless asked."""
    base = {"pair": "toy", "task": "classification", "seeds": 2, "train_steps": 12, "arms": ["oracle"]}
    entry = {**base, "measures": False, "pictures": False, **table}
    return Suite.model_validate({"name": "toys", "title": "toys", "tables": [entry]})


class InlineExecutor:
    """Runs orders in this process, one at a time, and counts them by kind."""

    n_workers = 1
    n_free = 1

    def __init__(self, store: Store, registry: Registry) -> None:
        self.store, self.registry = store, registry
        self.orders: list[WorkOrder] = []
        self.pending: list[WorkOrder] = []
        self.steps: dict[str, list[tuple[int, int]]] = {}

    @property
    def counts(self) -> Counter[str]:
        return Counter(order.kind for order in self.orders)

    def submit(self, order: WorkOrder) -> None:
        self.orders.append(order)
        self.pending.append(order)

    def events(self, timeout_seconds: float) -> list[Event]:
        order = self.pending.pop(0)
        steps = self.steps.setdefault(order.key, [])
        unfinished = self.store.unfinished(order.key)

        def progress(step: int, n_steps: int, loss: float) -> None:
            steps.append((step, n_steps))

        work = Work(self.registry, torch.device("cpu"), progress, unfinished)

        def make(folder: Path) -> dict:
            started = time.perf_counter()
            meta = KINDS[order.kind].run(order.spec, order.inputs, folder, work)
            seconds = time.perf_counter() - started + meta.pop("seconds_before", 0.0)
            return meta | {"seconds": seconds, "gpu_seconds": 0.0, "peak_memory_mb": 1.0, "environment": {"torch": "t"}}

        try:
            with self.store.lock(order.key):
                entry = self.store.write(order.key, make)
        except Exception as error:
            mistake = isinstance(error, PluginError | UserError | DataError)
            return [Failed(order.key, f"{type(error).__name__}: {error}", "details", mistake=mistake)]
        return [Done(order.key, entry, made=True)]

    def close(self) -> None:
        self.pending.clear()


class Silent:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.failures: dict[str, str] = {}
        self.reused: list[str] = []
        self.notices: list[str] = []

    def started(self, job) -> None: ...

    def progressed(self, job, step, n_steps, loss) -> None: ...

    def noticed(self, job, text) -> None:
        self.notices.append(text)

    def finished(self, job, made) -> None:
        if not made:
            self.reused.append(job.label)

    def failed(self, job, reason, own) -> None:
        self.failures[job.label] = reason

    def recorded(self, record) -> None: ...

    def produced(self, product) -> None: ...


class InlineRun:
    """One finished run of a suite in this process."""

    def __init__(
        self,
        suite: Suite,
        folder: Path,
        registry: Registry,
        store: Store | None = None,
        executor_class: type[InlineExecutor] = InlineExecutor,
    ) -> None:
        self.store = store or Store(folder / "store")
        self.plan: Plan = make_plan(resolve(suite, registry))
        self.executor = executor_class(self.store, registry)
        self.listener = Silent()
        self.results, self.records_folder = folder, folder / "records"
        runner = Runner(self.plan, self.store, self.executor, self.listener, folder)
        self.outcome: Outcome = runner.run()

    @property
    def scores(self) -> dict[tuple[str, str, str, int], float]:
        """Primary metric by (recipe, arm, refiner, task seed)."""
        return {
            (r.cell.recipe, r.cell.arm, r.cell.refiner, r.cell.task_seed): r.primary.value
            for r in self.outcome.records
            if r.status == "ok"
        }


# ------------------------------------------------------------------------------------------------------- bench refine

REGISTRY = Registry([TOYS])


def attempted(
    root: Path,
    refiner: str = "darker:factor=0.5",
    size: tuple[int, int] | None = None,
    out: str = "out",
    registry: Registry = REGISTRY,
) -> refinements.Outcome:
    """The outcome of ``bench refine`` on the folders ``source`` and ``target`` below ``root``, be it a failure."""
    request = Request(refiner, root / "source", root / "target", root / out, "light", size)
    store = Store(root / "store")
    return refinements.carry_out(plan_refinement(request, registry), store, InlineExecutor(store, registry), Silent())


def refined(
    root: Path,
    refiner: str = "darker:factor=0.5",
    size: tuple[int, int] | None = None,
    out: str = "out",
    registry: Registry = REGISTRY,
) -> refinements.Outcome:
    """The outcome of a refinement that must succeed."""
    outcome = attempted(root, refiner, size, out, registry)
    assert not outcome.failure, outcome.failure
    return outcome


def content(folder: Path) -> dict[str, bytes]:
    """The bytes of all files below a folder, by relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


PLUGIN = """
import torch
from bench.api import Frozen, Refiner

class Edited(Refiner):
    name, version = "edited", 1

    class Params(Frozen):
        factor: float = 0.5

    def fit(self, source, target, budget, context):
        '''Nothing to learn.'''

    def refine(self, batch, generators):
        x = batch.inputs["image"]
        return {RETURNED}
"""


def plugin(root: Path, returned: str) -> Registry:
    (root / "plugin.py").write_text(PLUGIN.replace("{RETURNED}", returned))
    return Registry([root / "plugin.py"])
