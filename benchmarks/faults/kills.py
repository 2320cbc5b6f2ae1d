"""Kills: a run's processes end by a signal at random moments; the run is started again until it is done.

A kill survives when nothing hangs, no traceback is printed, nothing of the run outlives it, and the records are
bit-equal to those of an undisturbed run. One run takes several kills.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

import psutil

from benchmarks.faults.runs import Ended, command, difference, end, scores, start, write_suite
from benchmarks.faults.trials import Trial, Trials

KINDS = ("main", "worker", "forkserver")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MOST_PER_RUN = 4
SECONDS_TO_LEAVE = 20


def run(trials: Trials, work: Path, n_kills: int, seed: int = 0) -> None:
    """Kill until ``n_kills`` have been tried."""
    suite = write_suite(work)
    reference, seconds = reference_run(work)
    rng = random.Random(f"{seed} {len(trials.done)}")
    place = work / "killed"
    while (n_done := sum(kind.startswith("kill ") for kind, _ in trials.done)) < n_kills:
        process = start(command(suite, place / "store", place / "results"))
        kills, family = _strike(process.pid, rng, seconds, min(MOST_PER_RUN, n_kills - n_done))
        ended = end(process)
        problem = _judge(ended, place, reference) or _left_over(family)
        for place_of_kill, (kind, name) in enumerate(kills):
            trials.add(Trial(kind, f"{n_done + place_of_kill}: {name}", problem))
        if ended.code == 0 or problem:
            shutil.rmtree(place, ignore_errors=True)
    if place.exists():
        ended = end(start(command(suite, place / "store", place / "results")))
        problem = ended.violation or difference(scores(place / "results"), reference, whole=True)
        trials.add(Trial("kill, then finished", str(n_done), problem))
        shutil.rmtree(place)


def reference_run(work: Path) -> tuple[dict[str, str], float]:
    """Scores of an undisturbed run, and how long the run took."""
    suite, results, taken = write_suite(work), work / "reference", work / "reference.seconds"
    if not taken.exists():
        began = time.monotonic()
        ended = end(start(command(suite, work / "store", results)))
        if ended.code != 0:
            raise RuntimeError(f"the undisturbed run failed:\n{ended.output}")
        taken.write_text(str(time.monotonic() - began))
    return scores(results), float(taken.read_text())


def _strike(
    pid: int, rng: random.Random, seconds: float, most: int
) -> tuple[list[tuple[str, str]], list[psutil.Process]]:
    """Send up to ``most`` signals; returns (kind, description) of each, and all processes that were seen."""
    kills: list[tuple[str, str]] = []
    began, seen = time.monotonic(), dict[int, psutil.Process]()
    main = psutil.Process(pid)
    for _ in range(most):
        time.sleep(rng.uniform(0, seconds / 3))
        family = _family(main)
        seen |= {process.pid: process for _, process in family}
        if not family:
            break
        kind = rng.choice([kind for kind in KINDS if kind in {of for of, _ in family}])
        which = signal.SIGKILL if kind != "main" else rng.choice(SIGNALS)
        victim = rng.choice([process for of, process in family if of == kind])
        try:
            victim.send_signal(which)
        except psutil.NoSuchProcess:
            continue
        kills.append((f"kill {kind}", f"{which.name} after {time.monotonic() - began:.2f} s"))
        if kind == "main":
            break
    return kills, list(seen.values())


def _family(main: psutil.Process) -> list[tuple[str, psutil.Process]]:
    """A run's processes with what each is."""
    try:
        if not main.is_running() or main.status() == psutil.STATUS_ZOMBIE:
            return []
        found = [("main", main)]
        for child in main.children():
            if "forkserver" in " ".join(child.cmdline()):
                found.append(("forkserver", child))
                found += [("worker", grandchild) for grandchild in child.children()]
    except psutil.NoSuchProcess:
        return []
    return found


def _judge(ended: Ended, place: Path, reference: dict[str, str]) -> str:
    """What the kills of one run broke. A job whose worker was killed may fail: a later run does it again."""
    return ended.violation or difference(scores(place / "results"), reference, whole=ended.code == 0)


def _left_over(family: list[psutil.Process]) -> str:
    """Processes of the run that are still there."""
    _, alive = psutil.wait_procs(family, timeout=SECONDS_TO_LEAVE)
    left = [process.pid for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    return f"{len(left)} processes outlived the run" if left else ""
