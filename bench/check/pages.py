"""The published files against the records: built again, numbers up to rounding, and who may stand in the ranked block.

The second rule counts in the records by itself, so that it does not trust what builds the pages.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.api import UserError
from bench.check.folder import RUN_AGAIN, Finding, Results
from bench.check.same_text import first_difference
from bench.report import write_report
from bench.report.reasons import plain
from bench.results.measurement import read_measurements
from bench.results.record import Record
from bench.suites.arms import Arm

MIN_SEEDS = 3
REPORT = "build the pages again with `python -m bench report`"


def pages(results: Results) -> Iterator[Finding]:
    """Every file of the report is there, and is what the records give."""
    records = list(results.records.values())
    try:
        measurements = read_measurements(results.folder)
    except UserError:  # an objection of its own (:mod:`.measured`)
        results.unchecked.append("pages: not every measurement can be read")
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = write_report(records, Path(folder), measurements, results=results.folder)
        except UserError as error:
            yield Finding("records", f"give no leaderboard: {error}", RUN_AGAIN)
            return
        for failure in made.failures.found:
            if failure.kind == "parts of the report":
                yield Finding("the report", f"can't be made whole: {plain(failure.reason)}", "mend the cause")
        for path in sorted(p for p in Path(folder).glob("*") if p.is_file()):
            name = path.relative_to(folder).as_posix()
            published = results.folder / name
            if not published.is_file():
                yield Finding(name, "is missing", REPORT)
            elif found := first_difference(published.read_text("utf-8"), path.read_text("utf-8")):
                line, has, given = found
                what = (
                    f"differs from what the records give with the code at hand: line {line} has {has!r} for {given!r}"
                )
                yield Finding(name, what, REPORT)


def ranks(results: Results) -> Iterator[Finding]:
    """A ranked row of ``leaderboard.csv`` has at least three task seeds, every cell scored, and no target labels."""
    path = results.folder / "leaderboard.csv"
    if not path.is_file():
        return
    rows: dict[tuple[str, ...], list[Record]] = {}
    for record in results.records.values():
        cell = record.cell
        rows.setdefault((*cell.table, cell.recipe, cell.arm, cell.refiner), []).append(record)
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if line.get("block") != "ranked":
                continue
            table = tuple(_text(line, name) for name in ("pair", "task", "model", "budget", "recipe"))
            arm, refiner = _text(line, "arm"), _text(line, "refiner")
            seeds = {record.cell.task_seed for key, records in rows.items() if key[:5] == table for record in records}
            if reason := _unrankable(arm, rows.get((*table, arm, refiner), []), seeds):
                row = f"{arm} {refiner}".strip()
                yield Finding("leaderboard.csv", f"ranks {row!r} of {' · '.join(table)}, which {reason}", REPORT)


def _unrankable(arm: str, records: list[Record], of_table: set[int]) -> str:
    """Why the row of these records must not be ranked, in a table of these task seeds; empty where it may."""
    seeds = {record.cell.task_seed for record in records if record.status == "ok"}
    n_failed = sum(record.status == "failed" for record in records)
    if not records:
        return "has no record"
    if n_failed:
        return f"has {n_failed} failed cells"
    if len(seeds) < MIN_SEEDS:
        return f"has {len(seeds)} seeds, ranked rows need {MIN_SEEDS}"
    if lacking := of_table - seeds:
        return f"has no record of task seed {', '.join(map(str, sorted(lacking)))}"
    if Arm.parse(arm).has_target_labels:
        return "is trained on labels of the target"
    return ""


def _text(line: dict[str, str], name: str) -> str:
    """A field as it was before the CSV made formulas inert."""
    return line.get(name, "").removeprefix("'")


RULES = (pages, ranks)
