"""Runs of the campaign's suite in processes of their own, and what their records must be equal to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.results.record import readable_records

PAIR = Path(__file__).parent / "bars.py"
LIMIT_SECONDS = 240
SUITE = """\
name: faults
title: Faults
tables:
  - pair: bars
    task: classification
    seeds: 2
    refiners: [histogram, {learned}]
    arms: [refined, oracle]
    train_steps: 12
    fit_steps: 40
    measures: false
    pictures: false
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (``None``: beyond the limit, stopped) and all that it printed."""

    code: int | None
    output: str

    @property
    def violation(self) -> str:
        """What no ending may show."""
        if self.code is None:
            return f"still running after {LIMIT_SECONDS} s"
        if "Traceback (most recent call last)" in self.output or "error: unexpected" in self.output:
            return f"a traceback: {last_line(self.output)}"
        return ""


def last_line(output: str) -> str:
    """The last line that says anything, cut to what a table can show."""
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else "no output"


def write_suite(folder: Path, learned: str = "simgan") -> Path:
    """The campaign's suite: source, a fast refiner, a learned one, and oracle."""
    path = folder / "faults.yaml"
    path.write_text(SUITE.format(learned=learned))
    return path


def command(suite: Path, store: Path, out: Path, more: Sequence[str] = (), n_workers: int = 2) -> list[str]:
    """The command line of a run of the campaign's suite."""
    head = [sys.executable, "-m", "bench", "run", str(suite), "--plugin", str(PAIR), "--store", str(store)]
    return [*head, "--out", str(out), "--workers", str(n_workers), "--time-limit", "20", *more]


def start(words: Sequence[str]) -> subprocess.Popen[str]:
    """Start a command in a process group of its own."""
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        cwd=root,
        env=environment,
        start_new_session=True,
    )


def end(process: subprocess.Popen[str]) -> Ended:
    """Wait for a command; one beyond the limit is killed."""
    try:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return Ended(None, "")
    return Ended(process.returncode, output)


def scores(results: Path) -> dict[str, str]:
    """Everything of each scored record that must be bit-equal wherever and however it was made, by cell."""
    if not (results / "records").is_dir() or not any((results / "records").glob("*.json")):
        return {}
    found = {}
    for record in readable_records(results)[0]:
        if record.status == "ok":
            kept = record.model_dump(mode="json", include={"metrics", "contributions", "per_image", "digests", "seeds"})
            found[record.cell.id] = json.dumps(kept, sort_keys=True)
    return found


def difference(found: dict[str, str], reference: dict[str, str], whole: bool) -> str:
    """How scores differ from the reference; with ``whole`` none may be missing. Cells it lacks are no matter."""
    other = sorted(cell for cell in found.keys() & reference.keys() if found[cell] != reference[cell])
    if other:
        return f"other numbers in {len(other)} of {len(reference)} cells, first {other[0]}"
    missing = sorted(reference.keys() - found.keys())
    return f"{len(missing)} cells without a score, first {missing[0]}" if whole and missing else ""
