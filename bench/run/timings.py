"""How long jobs took on this machine, beside their prior estimates: what makes the next dry run believable.

    seconds = start + factor · prior

A job's start (imports, opening sets, compiling a first step) does not grow with its work, so a run of two steps must
not stretch the estimate of one of two thousand. ``timings.json`` in the store's root keeps for each signature (kind,
model or refiner, side, recipe and working size; :attr:`bench.run.plan.graph.Job.signature`) measured (prior, seconds)
pairs of the shortest and the longest job; two that differ enough give both unknowns, one gives the start, and a factor
where the prior alone explains it. They steer estimates only, never results.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.results.files import write_atomically
from bench.run.plan.graph import Job, Plan

FILE = "timings.json"
LIMIT_FACTOR = 20.0
LEAST_LIMIT_SECONDS = 120.0
MOST_START_SECONDS = 20.0
"""What a job may take before its first step; what a job took beyond it is speed."""
APART = 3.0
"""Ratio of two priors from which their difference tells a speed."""


@dataclass(frozen=True)
class Timing:
    """What jobs of one signature take: ``start + factor · prior`` seconds."""

    start: float = 0.0
    factor: float = 1.0

    def seconds(self, prior: float) -> float:
        return self.start + self.factor * prior


Points = list[tuple[float, float]]


def load(store_root: Path) -> dict[str, Timing]:
    """Timings by signature; empty before the first run, or where the file is not readable as such."""
    return {signature: _timing(points) for signature, points in _points(store_root).items()}


def save(store_root: Path, plan: Plan, made_seconds: Mapping[str, float]) -> None:
    """Remember how long the jobs that a run made took, where the store can be written.

    A store that takes no file keeps what it has: estimates are no reason to end a run.
    """
    if not made_seconds:
        return
    measured: dict[str, Points] = {}
    for job_id, seconds in made_seconds.items():
        job = plan.jobs[job_id]
        measured.setdefault(job.signature, []).append((max(job.seconds, 1e-6), seconds))
    known = _points(store_root)
    for signature, points in measured.items():
        known[signature] = _ends(known.get(signature, []), points)
    with suppress(OSError):
        write_atomically(store_root / FILE, json.dumps(known, indent=1, sort_keys=True).encode())


def estimate(job: Job, timings: Mapping[str, Timing]) -> float:
    """Seconds on one worker: the prior, corrected by what was measured here."""
    return timings.get(job.signature, Timing()).seconds(job.seconds)


def limit(job: Job, timings: Mapping[str, Timing], least_seconds: float) -> float:
    """Seconds that a job may go on without coming further: :data:`LIMIT_FACTOR` times its estimate or ``least``."""
    return max(least_seconds, LIMIT_FACTOR * estimate(job, timings))


def _points(store_root: Path) -> dict[str, Points]:
    try:
        stated = json.loads((store_root / FILE).read_bytes())
        known = {str(name): [(float(prior), float(took)) for prior, took in points] for name, points in stated.items()}
    except (OSError, ValueError, AttributeError, TypeError, OverflowError, RecursionError):
        return {}
    return {name: points for name, points in known.items() if points and _usable(points)}


def _usable(points: Points) -> bool:
    return all(math.isfinite(value) and value > 0 for point in points for value in point)


def _ends(before: Points, now: Points) -> Points:
    """The shortest and the longest work that was measured, each as the median of its latest times."""
    latest: dict[float, list[float]] = {}
    for prior, taken in now:
        latest.setdefault(prior, []).append(taken)
    merged = dict(before) | {prior: median(times) for prior, times in latest.items()}
    ends = sorted({min(merged), max(merged)})
    return [(prior, merged[prior]) for prior in ends]


def _timing(points: Points) -> Timing:
    (prior, taken), (longest, most) = points[0], points[-1]
    if longest >= APART * prior:
        factor = max(0.0, (most - taken) / (longest - prior))
        return Timing(max(0.0, taken - factor * prior), factor or most / longest)
    # One amount of work alone: what it took beyond its prior is a start, up to what a start can take.
    start = min(max(0.0, most - longest), MOST_START_SECONDS)
    return Timing(start, (most - start) / longest)
