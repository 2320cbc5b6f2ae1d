"""Suite → jobs: a pure function from a resolved suite to a graph of jobs, and the cells and products that they serve.

A job's *recipe id* is the hash of all that determines it by description: kind, names, parameters, versions, digests of
plug-in files and named folders, budget, seeds, the ids of its inputs, and the code that it runs
(:mod:`bench.run.code.digest`). Of data, nothing is read, made or trained here.
"""

from __future__ import annotations

from bench.run.code.digest import installed
from bench.run.outputs.product import Product
from bench.run.plan.cells import TableBuilder
from bench.run.plan.graph import Job, Plan, PlannedCell
from bench.run.plan.outputs import TableProducts
from bench.suites.resolve import ResolvedSuite


def make_plan(suite: ResolvedSuite) -> Plan:
    """The graph of all that the suite needs; equal jobs of several tables are one job."""
    jobs: dict[str, Job] = {}
    cells: dict[str, PlannedCell] = {}
    products: list[Product] = []
    for table in suite.tables:
        builder = TableBuilder(table, jobs)
        for planned in builder.cells():
            cells.setdefault(planned.cell.id, planned)
        if table.measures:
            products += TableProducts(builder).measures()
        if table.pictures:
            products += TableProducts(builder).galleries()
    installed().save()
    return Plan(suite, jobs, tuple(cells.values()), tuple(products))
