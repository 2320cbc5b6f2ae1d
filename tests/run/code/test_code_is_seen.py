"""Every function of ours that a job executes is part of the digest of its code."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from bench.plugins.registry import Registry
from bench.run.code.digest import PACKAGES, Code, harness_modules, installed
from bench.run.jobs.kinds import KINDS
from bench.run.plan.graph import Job
from bench.suites.load import Suite
from toy_runs import InlineExecutor, InlineRun

pytestmark = pytest.mark.slow

FEW = {"source_images": 24, "target_images": 24, "test_images": 24}
TABLES = {
    "refiners": {
        "pair": "objects",
        "task": "classification",
        "refiners": ["background:fill=target", "fda", "simgan", "cut", "cycada", "fgbg_cyclegan", "genesis_rt"],
        "arms": ["refined", "adabn", "hybrid@6:finetune"],
        "checkpoints": 2,
    },
    "joint refiners": {
        "pair": "objects",
        "task": "classification",
        "refiners": ["pixelda", "histogram", "reinhard"],
        "arms": ["refined", {"arm": "end_to_end", "refiners": ["pixelda"]}],
        "model": "pixelda_mnist",
    },
    "digits": {"pair": "digits", "task": "classification", "refiners": ["identity"], "arms": ["source@2N", "refined"]},
    "pose": {"pair": "objects", "task": "pose", "refiners": ["flip", "oracle_style"], "arms": ["refined"]},
    "segmentation": {"pair": "street", "task": "segmentation", "refiners": ["histogram"], "arms": ["refined"]},
    "depth": {"pair": "indoor", "task": "depth", "refiners": ["t2net"], "arms": ["refined", "end_to_end"]},
    "detection": {"pair": "vending", "task": "detection", "refiners": ["histogram"], "arms": ["refined"]},
    "avoidance": {"pair": "indoor", "task": "avoidance", "arms": ["oracle"]},
}
OF_THE_HARNESS = {"digest_of"}
"""Functions that this test's own executor has called, and no job."""


class Watcher:
    """The functions of ours that run between ``start`` and ``stop``, as (module, unit)."""

    def __init__(self) -> None:
        self._codes: set[CodeType] = set()

    def start(self) -> None:
        self._codes.clear()
        sys.setprofile(self._see)

    def stop(self) -> set[tuple[str, str]]:
        sys.setprofile(None)
        return {found for code in self._codes if (found := unit_of(installed(), code)) is not None}

    def _see(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            self._codes.add(frame.f_code)


def unit_of(code: Code, executed: CodeType) -> tuple[str, str] | None:
    """The unit that a code object belongs to; ``None`` for what is not ours, or has no name in its file."""
    module = MODULES.get(executed.co_filename)
    first, *rest = executed.co_qualname.split(".")
    if module is None or first.startswith("<"):
        return None
    return module, f"{first}.{rest[0]}" if first in code.module(module).classes and rest else first


MODULES: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def _all_modules_are_loaded() -> None:
    """What runs while a module is imported is no part of a job."""
    for package in PACKAGES:
        if installed().file(package) is None:
            continue
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not found.name.endswith("__main__"):
                module = importlib.import_module(found.name)
                MODULES[str(Path(module.__file__))] = found.name


@pytest.mark.parametrize("name", TABLES)
def test_all_that_a_job_executes_is_in_its_key(tmp_path, monkeypatch, name):
    table = {"seeds": 1, "limits": FEW, "train_steps": 2, "fit_steps": 2, **TABLES[name]}
    executed: dict[str, list[set[tuple[str, str]]]] = {}
    watcher = Watcher()
    for kind in KINDS.values():

        def watched(spec, *arguments, run=kind.run):
            watcher.start()
            try:
                return run(spec, *arguments)
            finally:
                executed.setdefault(spec.model_dump_json(), []).append(watcher.stop())

        monkeypatch.setattr(kind, "run", watched)
    suite = Suite.model_validate({"name": "s", "title": "s", "tables": [table]})
    run = InlineRun(suite, tmp_path, Registry(), executor_class=InlineExecutor)
    assert not run.listener.failures
    kinds = set()
    for job in run.plan.jobs.values():
        for found in executed.get(job.spec.model_dump_json(), ()):
            assert not unseen(job, found), job.label
            kinds.add(job.kind)
            assert len(found) > 1
    assert {"prepare", "train", "score"} <= kinds


def unseen(job: Job, executed: set[tuple[str, str]]) -> list[str]:
    """Executed functions that the job's digest does not see."""
    reached = installed().reach(job.roots).units.keys()
    return sorted(
        f"{module}:{unit}"
        for module, unit in executed - reached
        if module not in harness_modules() and unit not in OF_THE_HARNESS
    )
