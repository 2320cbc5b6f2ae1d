"""How long jobs took on this machine, relative to their prior estimates: what makes the next dry run believable.

``timings.json`` in the store's root maps a job's signature (:attr:`bench.run.plan.graph.Job.signature`) to measured ÷ prior
seconds. It steers estimates only, never results.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median

from bench.results.files import write_atomically
from bench.run.plan.graph import Job, Plan

FILE = "timings.json"
LIMIT_FACTOR = 20.0
LEAST_LIMIT_SECONDS = 120.0


def load(store_root: Path) -> dict[str, float]:
    """Factors by signature; empty before the first run, or where the file is not readable as such."""
    try:
        stated = json.loads((store_root / FILE).read_bytes())
        factors = {str(name): float(factor) for name, factor in stated.items()}
    except (OSError, ValueError, AttributeError, TypeError, OverflowError, RecursionError):
        return {}
    return {name: factor for name, factor in factors.items() if math.isfinite(factor) and factor > 0}


def save(store_root: Path, plan: Plan, made_seconds: Mapping[str, float]) -> None:
    """Remember the median factor of each signature among the jobs that a run made, where the store can be written.

    Nothing is written where nothing was made. A store that takes no file keeps its old factors: estimates are no reason
    to end a run.
    """
    if not made_seconds:
        return
    measured: dict[str, list[float]] = {}
    for job_id, seconds in made_seconds.items():
        job = plan.jobs[job_id]
        measured.setdefault(job.signature, []).append(seconds / max(job.seconds, 1e-6))
    factors = load(store_root) | {name: median(values) for name, values in measured.items()}
    with suppress(OSError):
        write_atomically(store_root / FILE, json.dumps(factors, indent=1, sort_keys=True).encode())


def estimate(job: Job, factors: Mapping[str, float]) -> float:
    """Seconds on one worker: the prior, corrected by what was measured here."""
    return job.seconds * factors.get(job.signature, 1.0)


def limit(job: Job, factors: Mapping[str, float], least_seconds: float) -> float:
    """Seconds that a job may go on without coming further: :data:`LIMIT_FACTOR` times its estimate or ``least``."""
    return max(least_seconds, LIMIT_FACTOR * estimate(job, factors))
