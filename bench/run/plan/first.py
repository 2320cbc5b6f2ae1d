"""Which cells a run does first: those of its first finding, so that there is something to read within a minute.

Of the first table in the suite that has seeds enough to rank a row: ``source``, and the row of arm ``refined`` that
costs least. The order of jobs changes no result.
"""

from __future__ import annotations

from collections.abc import Iterable

from bench.run.plan.graph import Plan, PlannedCell

LEAST_SEEDS = 3
"""As :data:`bench.report.leaderboard.MIN_SEEDS`: with fewer a row is not ranked, and finds nothing."""


def first_finding(plan: Plan) -> tuple[PlannedCell, ...]:
    """The cells of the first finding; none where no table has seeds enough."""
    tables: dict[tuple[str, ...], dict[str, list[PlannedCell]]] = {}
    for planned in plan.cells:
        rows = tables.setdefault((*planned.cell.table, planned.cell.recipe), {})
        if planned.cell.arm in ("source", "refined"):
            rows.setdefault(planned.cell.refiner, []).append(planned)
    for rows in tables.values():
        source = rows.pop("", [])
        rivals = [row for row in rows.values() if len({planned.cell.task_seed for planned in row}) >= LEAST_SEEDS]
        if len(source) >= LEAST_SEEDS and rivals:
            return (*source, *min(rivals, key=lambda row: _seconds(plan, row)))
    return ()


def jobs_of(plan: Plan, cells: Iterable[PlannedCell]) -> set[str]:
    """The jobs of the cells and all that they need, by recipe id."""
    pending = [job_id for planned in cells for job_id in planned.jobs.values()]
    found: set[str] = set()
    while pending:
        job_id = pending.pop()
        if job_id not in found:
            found.add(job_id)
            pending += [needed for _, needed in plan.jobs[job_id].inputs]
    return found


def _seconds(plan: Plan, cells: Iterable[PlannedCell]) -> float:
    return sum(plan.jobs[job_id].seconds for job_id in jobs_of(plan, cells))
