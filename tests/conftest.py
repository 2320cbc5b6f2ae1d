"""Shared fixtures: the toy plug-ins of ``toys.py``, and runs of small suites."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch

from bench.cli import main
from bench.plugins.registry import Registry
from bench.run.store import Store
from bench.suites.load import Suite
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
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``cli("run", …)``: a command in this process, which has torch loaded, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        printed, said = io.StringIO(), io.StringIO()
        with redirect_stdout(printed), redirect_stderr(said), pytest.raises(SystemExit) as left:
            main()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        return subprocess.CompletedProcess(arguments, left.value.code or 0, printed.getvalue(), said.getvalue())

    return call


@pytest.fixture
def cli_process(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``cli_process("run", …)``: the command line as a user has it; seconds slower than ``cli``, for it loads torch."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bench", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "120"},
        )

    return call
