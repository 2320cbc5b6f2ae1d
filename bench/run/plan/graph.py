"""The graph of a plan: jobs with their inputs, the cells that they serve, and what each table adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from bench.api import Frozen
from bench.results.record import Cell
from bench.run.code.digest import Roots
from bench.run.outputs.product import Product
from bench.suites.resolve import ResolvedSuite, ResolvedTable


@dataclass(frozen=True)
class Job:
    """A node of the graph.

    Attributes
    ----------
    inputs: (role, recipe id) pairs.
    seconds, n_bytes: prior estimates.
    roots, code: where the code that determines its result begins, and the digest of all that it reaches.
    """

    id: str
    kind: str
    label: str
    spec: Frozen
    inputs: tuple[tuple[str, str], ...]
    seconds: float
    n_bytes: int
    roots: Roots
    code: str

    @property
    def signature(self) -> str:
        """Jobs whose time grows alike with their work on one machine: what measured times are remembered by."""
        spec = self.spec.model_dump(mode="json")
        owner = next((spec[part]["name"] for part in ("refiner", "model", "pair") if spec.get(part)), "")
        space = spec.get("space") or {}
        size = spec.get("size") or ([space["width"], space["height"]] if space else [])
        shape = "x".join(map(str, size))
        return ":".join([self.kind, owner, str(spec.get("side", "")), str(spec.get("recipe", "")), shape])


@dataclass(frozen=True)
class PlannedCell:
    """A cell, the table that it stands in, and its jobs by role (``train``, ``score``, ``refine`` …)."""

    cell: Cell
    table: ResolvedTable
    jobs: dict[str, str]
    seeds: dict[str, int]


@dataclass(frozen=True)
class Plan:
    """Jobs in an order in which inputs come first, the cells, and what else the run will leave (:mod:`.products`)."""

    suite: ResolvedSuite
    jobs: dict[str, Job]
    cells: tuple[PlannedCell, ...]
    products: tuple[Product, ...] = ()

    @cached_property
    def dependants(self) -> dict[str, list[str]]:
        """For each job, the jobs that take it as an input."""
        dependants: dict[str, list[str]] = {job_id: [] for job_id in self.jobs}
        for job in self.jobs.values():
            for _, needed in job.inputs:
                dependants[needed].append(job.id)
        return dependants


@dataclass(frozen=True)
class TableWork:
    """What one table adds to a plan: its jobs that no table before it has, and the core seconds that it may cost."""

    title: str
    jobs: tuple[Job, ...]
    n_cells: int
    core_seconds: float | None


def work_by_table(plan: Plan) -> list[TableWork]:
    """The plan's jobs, each under the first table that needs it; the two recipes of a table are one."""
    owners: dict[str, tuple[str, ...]] = {}
    needs: list[tuple[tuple[str, ...], Mapping[str, str]]] = [(p.cell.table, p.jobs) for p in plan.cells]
    needs += [(product.awaited_by, product.jobs) for product in plan.products if product.awaited_by]
    for table, jobs in needs:
        pending = list(jobs.values())
        while pending:
            job_id = pending.pop()
            if job_id not in owners:
                owners[job_id] = table
                pending += [needed for _, needed in plan.jobs[job_id].inputs]
    cells: dict[tuple[str, ...], list[PlannedCell]] = {}
    for planned in plan.cells:
        cells.setdefault(planned.cell.table, []).append(planned)
    return [
        TableWork(
            " · ".join(table),
            tuple(job for job in plan.jobs.values() if owners.get(job.id) == table),
            len(of_table),
            next((p.table.core_seconds for p in of_table if p.table.core_seconds is not None), None),
        )
        for table, of_table in cells.items()
    ]


def versions_of(table: ResolvedTable, variant: str) -> dict[str, str]:
    """Versions of pair and task, and of a refiner of the table (``""``: none), for records and measurements."""
    versions = {"pair": str(table.pair_described.version), "task": str(table.task_described.version)}
    for _, refiner in table.rows:
        if refiner is not None and refiner.variant == variant:
            versions["refiner"] = str(refiner.described.version)
            if refiner.described.digest:
                versions["refiner_source"] = refiner.described.digest
    return versions
