"""Builders of recorded results: small made-up leaderboards whose true accuracies are known."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bench.results.cost import Cost
from bench.results.record import Array, Cell, MetricInfo, PairInfo, Record

PAIR = PairInfo(
    title="rendered digits → MNIST",
    stand_in=False,
    redistributable=True,
    licence="CC BY-SA 3.0",
    digest="3f" * 32,
    n_source=4000,
    n_target_train=2000,
    n_target_labelled=1000,
    n_target_test=400,
    class_names=tuple("0123456789"),
)
VERSIONS = {"realgain": "0.1.0", "torch": "2.14.1"}
QUICK = {
    ("source", ""): 0.70,
    ("refined", "fda:beta=0.05"): 0.78,
    ("refined", "histogram"): 0.705,
    ("refined", "identity"): 0.70,
    ("refined", "reinhard"): 0.64,
    ("source_refined", "fda:beta=0.05"): 0.77,
    ("adabn", ""): 0.73,
    ("source@2N", ""): 0.71,
    ("real@50", ""): 0.75,
    ("hybrid@50", ""): 0.80,
    ("refined_hybrid@50", "fda:beta=0.05"): 0.83,
    ("oracle", ""): 0.95,
}
"""Accuracy by row: one resolved gain, one small gain, a loss, a shared training, rivals and rows with target labels."""


def build_record(
    hits: np.ndarray,
    *,
    arm: str = "source",
    refiner: str = "",
    task_seed: int = 0,
    refiner_seed: int = 0,
    recipe: str = "strong",
    higher_is_better: bool = True,
    pair: PairInfo = PAIR,
    **changes: Any,
) -> Record:
    """A scored cell with per-image contributions ``hits`` ``(N_test,)``; ``changes`` replace fields of the record."""
    name, unit, scale = ("accuracy", "%", 100.0) if higher_is_better else ("translation_error", "mm", 1000.0)
    shares = "source" if refiner == "identity" else f"{arm} {refiner} {refiner_seed}"
    fields: dict[str, Any] = {
        "suite": "quick",
        "cell": Cell(
            pair="digits",
            task="classification",
            model="light_cnn",
            recipe=recipe,  # type: ignore[arg-type]
            budget="light",
            arm=arm,
            refiner=refiner,
            refiner_seed=refiner_seed,
            task_seed=task_seed,
        ),
        "status": "ok",
        "pair": pair.model_copy(update={"n_target_test": len(hits)}),
        "metrics": (
            MetricInfo(
                name=name, value=float(np.mean(hits)), higher_is_better=higher_is_better, unit=unit, scale=scale
            ),
            MetricInfo(
                name="macro_accuracy", value=float(np.mean(hits)) - 0.01, higher_is_better=True, unit="%", scale=100.0
            ),
        ),
        "contributions": Array.pack(np.asarray(hits, np.float64)),
        "digests": {"training": f"{shares.strip()} {recipe} {task_seed}"},
        "versions": VERSIONS,
        "environment": {"device": "cpu"},
        "cost": Cost(
            fit_seconds=1.25 if refiner else 0.0,
            refine_seconds=0.5 if refiner else 0.0,
            train_seconds=20.0 + task_seed,
            images_seen=38400,
            peak_memory_mb=612.5,
        ),
        "training": {"steps": 600, "batch_size": 64},
    }
    if arm == "source":
        fields["digests"] = {"training": f"source {recipe} {task_seed}"}
    return Record(**{**fields, **changes})


def build_records(
    accuracies: Mapping[tuple[str, str], float],
    *,
    seeds: int | Sequence[int] = 5,
    refiner_seeds: int = 1,
    n_test: int = 400,
    seed_spread: float = 0.01,
    **options: Any,
) -> list[Record]:
    """A record for each (row, refiner seed, task seed), its accuracy near the stated one.

    Rows share the images' difficulty, as trained models do; ``seed_spread`` is the standard deviation of a cell's own
    accuracy. Equal arguments give equal records.
    """
    difficulty = np.random.default_rng(0).normal(size=n_test)
    records = []
    for (arm, refiner), accuracy in accuracies.items():
        for task_seed in range(seeds) if isinstance(seeds, int) else seeds:
            for refiner_seed in range(refiner_seeds if refiner else 1):
                shared = "source" if refiner == "identity" else f"{arm} {refiner}"
                key = zlib.crc32(shared.strip().encode())
                rng = np.random.default_rng([key, task_seed, refiner_seed])
                n_hits = round(n_test * float(np.clip(accuracy + seed_spread * rng.normal(), 0, 1)))
                hits = np.zeros(n_test)
                hits[np.argsort(difficulty + 0.5 * rng.normal(size=n_test))[:n_hits]] = 1
                records.append(
                    build_record(
                        hits, arm=arm, refiner=refiner, task_seed=task_seed, refiner_seed=refiner_seed, **options
                    )
                )
    return records


def fail(record: Record, reason: str) -> Record:
    """The same cell, failed."""
    return Record(
        suite=record.suite,
        cell=record.cell,
        status="failed",
        reason=reason,
        versions=record.versions,
        environment=record.environment,
    )


@pytest.fixture
def make_record() -> Callable[..., Record]:
    return build_record


@pytest.fixture
def make_records() -> Callable[..., list[Record]]:
    return build_records


@pytest.fixture
def failed() -> Callable[[Record, str], Record]:
    return fail


@pytest.fixture(scope="session")
def quick_records() -> list[Record]:
    """Every kind of row in a strong table, beside the plain ``source`` that suites always add."""
    plain = build_records({("source", ""): 0.66}, recipe="plain")
    return build_records(QUICK) + plain
