"""Seconds that a report takes, by its parts, on made-up records as a large run would leave them.

    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 python -m benchmarks.report [RECORDS [TEST_IMAGES]]

The records (5,000 of 1,000 test images unless said otherwise) are spread over ten tables of one strong recipe, ten task
seeds each; every one keeps contributions, true and predicted classes. Timed are whole commands, as a user waits for
them: ``report --no-figures``, ``report``, ``--help``; each is the best of the repetitions, processor time beside it.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.results.cost import Cost
from bench.results.record import Array, Cell, MetricInfo, PairInfo, Record, write_record

N_TABLES, N_SEEDS, N_CLASSES = 10, 10, 10
REPETITIONS = 3
ARMS = ("refined", "source_refined")


def rows(n_rows: int) -> list[tuple[str, str]]:
    """``(arm, refiner)``: baseline, references, and refiners up to the number asked for."""
    fixed = [("source", ""), ("adabn", ""), ("real@20", ""), ("hybrid@20", ""), ("oracle", "")]
    refined = [(ARMS[i % 2], f"fda:beta={0.001 * (i // 2 + 1):.3f}") for i in range(n_rows - len(fixed))]
    return [*fixed, *refined]


def write_records(folder: Path, n_records: int, n_images: int) -> None:
    """Records of ten tables with about ``n_records / 100`` rows."""
    rng = np.random.default_rng(0)
    true_class = rng.integers(N_CLASSES, size=n_images).astype(np.uint16)
    classes = Array.pack(true_class)
    cost = Cost(fit_seconds=1.0, refine_seconds=0.5, train_seconds=20.0, images_seen=38400, peak_memory_mb=600.0)
    for table in range(N_TABLES):
        pair = PairInfo(
            title="made up",
            stand_in=False,
            redistributable=True,
            licence="none",
            digest=f"{table:02}" * 32,
            n_source=4000,
            n_target_train=2000,
            n_target_labelled=1000,
            n_target_test=n_images,
            class_names=tuple("0123456789"),
        )
        for place, (arm, refiner) in enumerate(rows(n_records // (N_TABLES * N_SEEDS))):
            for seed in range(N_SEEDS):
                hits = rng.random(n_images) < 0.6 + 0.002 * place
                cell = Cell(
                    pair=f"pair{table}",
                    task="classification",
                    model="light_cnn",
                    recipe="strong",
                    budget="light",
                    arm=arm,
                    refiner=refiner,
                    task_seed=seed,
                )
                value = float(hits.mean())
                record = Record(
                    suite="made-up",
                    cell=cell,
                    status="ok",
                    pair=pair,
                    metrics=(MetricInfo(name="accuracy", value=value, higher_is_better=True, unit="%", scale=100.0),),
                    contributions=Array.pack(hits.astype(np.float64)),
                    per_image={"true_class": classes, "predicted_class": Array.pack(true_class * hits)},
                    digests={"training": cell.id, "weights": cell.id},
                    versions={"task": "1"},
                    environment={"torch": "2.14.1"},
                    cost=cost,
                    training={"steps": 600, "batch_size": 64, "loss_curve": [[i, 1.0] for i in range(60)]},
                )
                write_record(folder, record)


def timed(*arguments: str) -> tuple[float, float]:
    """Best wall and processor seconds of ``python -m bench`` with these arguments."""
    best = (float("inf"), float("inf"))
    for _ in range(REPETITIONS):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-m", "bench", *arguments], check=True, stdout=subprocess.DEVNULL)
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = (min(best[0], wall), min(best[1], used))
    return best


def main() -> None:
    """Print a line a command."""
    n_records, n_images = (int(text) for text in [*sys.argv[1:], "5000", "1000"][:2])
    if len(sys.argv) == 2:
        n_images = 1000
    with tempfile.TemporaryDirectory() as folder:
        write_records(Path(folder), n_records, n_images)
        n_files = len(list(Path(folder, "records").iterdir()))
        print(f"{n_files} records of {n_images} test images")
        for arguments in (("--help",), ("report", folder, "--no-figures"), ("report", folder)):
            wall, used = timed(*arguments)
            shown = " ".join(arguments).replace(folder, "RESULTS")
            print(f"{shown:<32} {wall:6.2f} s wall {used:6.2f} s processor")
        print(f"leaderboard.html: {Path(folder, 'leaderboard.html').stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
