"""``python -m benchmarks.faults``: what kills, damages or misleads a run, tried; prints tried / survived / violated.

    python -m benchmarks.faults --work DIR            the campaign: hours on two cores; goes on where it was stopped
    python -m benchmarks.faults --work DIR --quick    a soak test: at most five minutes on two idle cores

Exit code 1 where anything is violated: a traceback, no end, other numbers, or rows failed that were not at fault.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

PARTS = ("kills", "store", "plugins", "inputs")
CAMPAIGN = {"kills": 100, "store": 120, "plugins": 146, "inputs": 400}
QUICK = {"kills": 30, "store": 60, "plugins": 40, "inputs": 40}


def main(arguments: list[str] | None = None) -> int:
    """Run the parts that were asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="folder that keeps what was tried [a temporary one]")
    parser.add_argument("--quick", action="store_true", help="30 kills, 60 store files, 40 plug-ins, 40 inputs")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="draws other moments and bytes")
    asked = parser.parse_args(arguments)
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    if asked.work:
        asked.work.mkdir(parents=True, exist_ok=True)
        return campaign(asked.work.absolute(), QUICK if asked.quick else CAMPAIGN, asked.only or PARTS, asked.seed)
    with tempfile.TemporaryDirectory() as work:
        return campaign(Path(work), QUICK if asked.quick else CAMPAIGN, asked.only or PARTS, asked.seed)


def campaign(work: Path, sizes: dict[str, int], parts: list[str] | tuple[str, ...], seed: int) -> int:
    """Try the parts in the folder ``work``; prints the table."""
    from benchmarks.faults import bad_inputs, kills, plugin_cases, store_damage
    from benchmarks.faults.trials import Trials

    trials = Trials(work / "trials.jsonl")
    if "inputs" in parts:
        bad_inputs.run(trials, work, sizes["inputs"])
    if set(parts) - {"inputs"}:
        kills.reference_run(work)
    if "store" in parts:
        store_damage.run(trials, work, sizes["store"], seed)
    if "kills" in parts:
        kills.run(trials, work, sizes["kills"], seed)
    if "plugins" in parts:
        plugin_cases.run(trials, work, sizes["plugins"])
    print("\n".join(trials.table()))
    return 1 if trials.n_violated else 0


if __name__ == "__main__":
    sys.exit(main())
