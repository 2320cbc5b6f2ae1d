"""Shared fixtures: the toy plug-ins of ``toys.py``, and runs of small suites."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench.registry import Registry
from bench.store import Store
from bench.suite import Suite
from toy_runs import TOYS, InlineRun

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry([TOYS])


@pytest.fixture
def run_inline(tmp_path: Path, registry: Registry) -> Callable[..., InlineRun]:
    """``run_inline(suite, store=…)``: run a suite in this process and return what happened."""

    def run(suite: Suite, store: Store | None = None) -> InlineRun:
        return InlineRun(suite, tmp_path, registry, store)

    return run


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``cli("run", …)``: the command line as a user has it, in a folder of its own."""

    def call(*arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bench", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "120"},
        )

    return call
