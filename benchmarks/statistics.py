"""How long statistics and report take for many records: 10,000 are to take 10 s at most on one core.

    python benchmarks/statistics.py [--records 10000] [--images 1000]

Made-up records of hits and misses: tables of 25 rows × 5 task seeds (ten refiners in two arms, rivals, rows with
target labels), each on ``--images`` test images. Printed: seconds to read the files, to make the frame, to make the
tables (all statistics), and to write every file of the report, without figures and with them; beside them processor
seconds, which other work on the machine leaves alone. Writing the records is not timed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.report import write_report
from bench.report.frame import cell_frame
from bench.report.leaderboard import leaderboard
from bench.results.cost import Cost
from bench.results.record import Array, Cell, MetricInfo, PairInfo, Record, read_records

SEEDS = 5
REFINERS = [f"refiner{i}" for i in range(10)]
ROWS = [
    ("source", ""),
    *[(arm, refiner) for arm in ("refined", "source_refined") for refiner in REFINERS],
    *[(arm, "") for arm in ("adabn", "real@20", "hybrid@20", "oracle")],
]


def main() -> None:
    """Print one line for each stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--images", type=int, default=1_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        n_written = write_records(results / "records", asked.records, asked.images)
        print(f"{n_written:,} records of {asked.images:,} test images")
        records = timed("read", lambda: read_records(results))
        frame = timed("frame", lambda: cell_frame(records))
        timed("statistics", lambda: leaderboard(frame))
        timed("frame, statistics and report", lambda: write_report(records, results, figures=False))
        timed("the same with figures", lambda: write_report(records, results))


def timed(what: str, work: Callable[[], Any]) -> Any:
    """The result of ``work``, its seconds printed."""
    started, used = time.perf_counter(), time.process_time()
    result = work()
    seconds, used = time.perf_counter() - started, time.process_time() - used
    print(f"{what:<30} {seconds:6.1f} s, processor {used:6.1f} s", flush=True)
    return result


def write_records(folder: Path, n_records: int, n_images: int) -> int:
    """Write whole tables until there are ``n_records``; returns how many there are."""
    rng = np.random.default_rng(0)
    info = PairInfo(
        title="made up",
        stand_in=False,
        redistributable=True,
        licence="none",
        digest="0" * 64,
        n_source=1000,
        n_target_train=1000,
        n_target_labelled=1000,
        n_target_test=n_images,
        class_names=tuple("0123456789"),
    )
    folder.mkdir()
    n_written = 0
    while n_written < n_records:
        pair = f"pair{n_written // (len(ROWS) * SEEDS)}"
        difficulty = rng.normal(size=n_images)
        classes = rng.integers(0, 10, n_images).astype(np.uint16)
        for place, (arm, refiner) in enumerate(ROWS):
            for seed in range(SEEDS):
                hits = difficulty + 0.5 * rng.normal(size=n_images) + 0.1 * rng.normal() < 0.5 + 0.02 * place
                made = record(pair, arm, refiner, seed, hits, classes, info)
                (folder / f"{made.cell.id}.json").write_text(made.model_dump_json())  # unsynced: nobody waits for disks
                n_written += 1
    return n_written


def record(
    pair: str, arm: str, refiner: str, seed: int, hits: np.ndarray, classes: np.ndarray, info: PairInfo
) -> Record:
    """A scored cell of task ``classification``."""
    cell = Cell(
        pair=pair,
        task="classification",
        model="light_cnn",
        recipe="strong",
        budget="light",
        arm=arm,
        refiner=refiner,
        task_seed=seed,
    )
    accuracy = MetricInfo(name="accuracy", value=float(hits.mean()), higher_is_better=True, unit="%", scale=100.0)
    predicted = np.where(hits, classes, (classes + 1) % 10).astype(np.uint16)
    return Record(
        suite="made-up",
        cell=cell,
        status="ok",
        pair=info,
        metrics=(accuracy,),
        contributions=Array.pack(hits.astype(float)),
        per_image={"true_class": Array.pack(classes), "predicted_class": Array.pack(predicted)},
        seeds={"train": seed},
        digests={"training": cell.id, "weights": cell.id, "test": pair},
        versions={"pair": "1", "task": "1"},
        environment={"torch": "2.14.1", "device": "cpu"},
        cost=Cost(train_seconds=6.5, images_seen=32000, n_parameters=64026),
        training={"steps": 500, "batch_size": 64},
    )


if __name__ == "__main__":
    main()
