"""Checkpoints of a fit in real processes: whose they are, what becomes of damaged ones."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.results.record import read_records

FILE = '''
import time
import torch
from bench.api import Refiner


class Steady(Refiner):
    """Twelve rounds that add up random numbers, with a checkpoint after each; waits where a file tells it to."""

    name, version = "steady", 1

    def fit(self, source, target, budget, context):
        total, first = torch.zeros(3), 0
        if (saved := context.checkpoint.load()) is not None:
            total, first = saved["total"], int(saved["round"])
            context.generator.set_state(saved["generator"])
            print("resumed at", first)
        for number in range(first, 12):
            total = total + torch.rand(3, generator=context.generator)
            state = {"total": total, "round": torch.tensor(number + 1), "generator": context.generator.get_state()}
            context.checkpoint.save(state)
            context.progress(number + 1, 12, float(total.sum()))
            time.sleep(0.4)
        self.total = total

    def refine(self, batch, generators):
        return {"image": batch.inputs["image"] * (0.5 + 0.5 * self.total.frac())[None, :, None, None]}

    def state_dict(self):
        return {"total": self.total}

    def load_state_dict(self, state):
        self.total = state["total"]
'''

SUITE = """
name: two
title: two
tables:
- {pair: toy, task: classification, seeds: 1, train_steps: 4, arms: [refined], refiners: [steady],
   measures: false, pictures: false}
"""


class Commands:
    """``python -m bench run`` on one store, in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, folder / "store"
        (folder / "steady.py").write_text(FILE)
        (folder / "two.yaml").write_text(SUITE)
        self.running: list[subprocess.Popen] = []

    def start(self, results: str) -> subprocess.Popen:
        toys = Path(__file__).parents[2] / "support" / "toys.py"
        options = ["--plugin", toys, "--plugin", "steady.py", "--store", self.store, "--out", results, "--workers", "1"]
        process = subprocess.Popen(
            [sys.executable, "-m", "bench", "run", "two.yaml", *map(str, options)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running.append(process)
        return process

    def checkpoint(self, seconds: float = 60) -> Path:
        """The unfinished fit's, once it is there."""
        deadline = time.monotonic() + seconds
        while not (found := list(self.store.glob("unfinished/*.safetensors"))):
            assert time.monotonic() < deadline, "no checkpoint"
            time.sleep(0.05)
        return found[0]

    def facts(self, results: str) -> dict[str, tuple]:
        """What a record says beside times: by cell."""
        return {
            record.cell.id: (record.status, record.metrics, record.digests, record.training, record.contributions)
            for record in read_records(self.folder / results)
        }


@pytest.fixture
def commands(tmp_path):
    made = Commands(tmp_path)
    yield made
    for process in made.running:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_two_runs_on_one_store_keep_the_working_runs_checkpoint_and_end_equal(commands, tmp_path):
    """Killed in its fit, the first run goes on from the checkpoint that the second one met as busy."""
    first = commands.start("first")
    file = commands.checkpoint()
    second = commands.start("second")
    time.sleep(3)
    absent = 0
    for _ in range(20):  # the second run asks for the busy job every half second
        absent += not file.is_file()
        time.sleep(0.05)
    assert absent == 0
    second.send_signal(signal.SIGKILL)
    first.send_signal(signal.SIGKILL)
    first.wait()
    second.wait()
    assert file.is_file()
    again, beside = commands.start("first"), commands.start("second")
    assert (again.wait(120), beside.wait(120)) == (0, 0), (again.stdout.read(), beside.stdout.read())
    assert commands.facts("first") == commands.facts("second")
    (tmp_path / "whole").mkdir()
    whole = Commands(tmp_path / "whole")
    alone = whole.start("alone")
    assert alone.wait(120) == 0
    assert whole.facts("alone") == commands.facts("first")
    assert not list(commands.store.glob("unfinished/*"))
    assert not list(commands.store.glob("partial/*"))
