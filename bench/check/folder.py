"""A results folder as read for checking: records by file name, the suite as it was run, and its plan made anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bench.api import UserError
from bench.plugins.registry import Registry
from bench.results.documents import RECORDS, documents, has_records, is_published
from bench.results.record import SCHEMA, Record, parse_record
from bench.run.plan import make_plan
from bench.run.plan.graph import Job, Plan, PlannedCell
from bench.suites.load import Suite, load_suite
from bench.suites.resolve import resolve

RUN_AGAIN = "run the suite again"
SHOWN_FILES = 1
"""Files that a line names where an objection holds for more."""


@dataclass(frozen=True)
class Finding:
    """One objection: ``where`` (a file of the folder, or a table), ``what`` is wrong, what to ``do``."""

    where: str
    what: str
    do: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.do}"


@dataclass(frozen=True)
class Results:
    """``records`` are the readable ones by file name; ``plan`` is ``None`` where the suite cannot be planned here."""

    folder: Path
    records: dict[str, Record]
    suite: Suite | None
    plan: Plan | None
    unreadable: tuple[Finding, ...]
    unchecked: list[str] = field(default_factory=list)

    @cached_property
    def scored(self) -> dict[str, Record]:
        """The records that have a score, by file name."""
        return {name: record for name, record in self.records.items() if record.status == "ok"}

    @property
    def jobs(self) -> dict[str, Job]:
        """The plan's jobs by recipe id."""
        return self.plan.jobs if self.plan else {}

    @cached_property
    def planned(self) -> dict[str, PlannedCell]:
        """The plan's cells by the file name of their record."""
        return {f"{planned.cell.id}.json": planned for planned in self.plan.cells} if self.plan else {}

    def tables(self) -> dict[str, dict[str, Record]]:
        """The scored records by what one leaderboard shares: both recipes of a (pair, task, model, budget)."""
        found: dict[str, dict[str, Record]] = {}
        for name, record in self.scored.items():
            found.setdefault(" · ".join(record.cell.table), {})[name] = record
        return found


def read_results(folder: Path, registry: Registry) -> Results:
    """Read the records, in either form, and ``suite.yaml``; what cannot be read becomes a finding.

    Raises
    ------
    UserError: no such folder, or no record in it.
    """
    if not has_records(folder):
        raise UserError(f"no records in {folder}: name a results folder, such as results/local/quick")
    records, findings = {}, []
    for place, data in documents(folder, RECORDS):
        try:
            record = parse_record(data)
        except ValueError as error:
            findings.append(Finding(place, str(error), f"delete it and {RUN_AGAIN}"))
            continue
        name = f"{record.cell.id}.json" if is_published(folder) else Path(place).name
        records[name] = record
        if record.schema_version != SCHEMA:
            what = f"is of schema {record.schema_version}, the code at hand writes {SCHEMA}"
            findings.append(Finding(place, what, RUN_AGAIN))
        if name != f"{record.cell.id}.json":
            what = f"holds the cell {record.cell.id}"
            findings.append(Finding(place, what, "give the file the cell's name, or delete it"))
    suite, plan = None, None
    try:
        if not (folder / "suite.yaml").is_file():
            raise UserError("no such file")
        suite = load_suite(str(folder / "suite.yaml"))
        plan = make_plan(resolve(suite, registry))
    except UserError as error:
        what = f"cannot be planned with the code at hand: {error}"
        findings.append(Finding("suite.yaml", what, f"name its plug-ins with --plugin, or {RUN_AGAIN} as it should be"))
    return Results(folder, records, suite, plan, tuple(findings))


def joined(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings that say the same of several places as one, in the order in which they came."""
    places: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        places.setdefault((finding.what, finding.do), []).append(finding.where)
    return tuple(Finding(_listed(list(dict.fromkeys(where))), what, do) for (what, do), where in places.items())


def _listed(places: list[str]) -> str:
    more = len(places) - SHOWN_FILES
    return places[0] if more < 1 else f"{places[0]} and {more} more"
