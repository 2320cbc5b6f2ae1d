"""What label preservation and domain gap add to the time of a run, as a share of all its other work.

    OMP_NUM_THREADS=1 python benchmarks/measures.py [--pair digits --task classification --seeds 5] [--store DIR]

runs one table of eight refiners by ``python -m bench run``, or goes on with it where ``--store`` has been used before,
and adds up what each job says of its own seconds: *features, domain_gap, judge* and *label_preservation* against
*prepare, fit, refine, train, adapt* and *score*. Jobs of both kinds run side by side on the same workers, so a busy
machine slows both. Printed: seconds and number of jobs by kind, and the ratio. At most 25 % is wanted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import yaml

MEASURES = ("features", "domain_gap", "judge", "label_preservation")
LIMIT = 0.25
REFINERS = (
    "identity",
    "histogram",
    "reinhard",
    "fda:beta=0.01",
    "fda:beta=0.05",
    "fda:beta=0.09",
    "simgan:similarity=0.05",
    "cut",
)


def suite(pair: str, task: str, seeds: int) -> dict[str, object]:
    """One strong table, every refiner in the arm ``refined``, with the ceiling."""
    table = {"pair": pair, "task": task, "seeds": seeds, "refiners": list(REFINERS), "arms": ["refined", "oracle"]}
    return {"name": "measures", "title": "eight refiners", "tables": [table]}


def seconds_by_kind(store: Path) -> dict[str, list[float]]:
    """Seconds of every job in a store, by kind."""
    found: dict[str, list[float]] = defaultdict(list)
    for manifest in store.glob("objects/*/*/manifest.json"):
        meta = json.loads(manifest.read_text())["meta"]
        found[meta["kind"]].append(meta["seconds"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pair", default="digits")
    parser.add_argument("--task", default="classification")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--store", type=Path, help="kept; a second call goes on from it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        store = asked.store or folder / "store"
        (folder / "suite.yaml").write_text(yaml.safe_dump(suite(asked.pair, asked.task, asked.seeds)))
        command = [sys.executable, "-m", "bench", "run", str(folder / "suite.yaml"), "--quiet"]
        command += ["--store", str(store), "--out", str(folder / "out"), "--workers", str(asked.workers)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = seconds_by_kind(store)
    for kind, seconds in sorted(found.items(), key=lambda item: -sum(item[1])):
        print(f"{kind:<20} {sum(seconds):8.1f} s in {len(seconds):3d} jobs")
    measured = sum(sum(found[kind]) for kind in MEASURES)
    rest = sum(sum(seconds) for kind, seconds in found.items() if kind not in MEASURES)
    ratio = measured / rest
    print(f"measures / all else: {measured:.1f} s / {rest:.1f} s = {ratio:.1%} (at most {LIMIT:.0%})")
    sys.exit(ratio > LIMIT)


if __name__ == "__main__":
    main()
