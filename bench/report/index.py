"""``README.md`` of a folder of results: every published leaderboard below it, one line per finding, as Markdown.

Made of the records alone, as leaderboards are: ``python -m bench report --index results`` writes it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.api import UserError
from bench.report import suite_of, tables_of
from bench.report.headline import headline, summary, verdict
from bench.report.markdown import code, escape, prose, row_line
from bench.report.notes import run_command
from bench.report.table import Table
from bench.report.text import SIGNS, kind_of_target
from bench.results.documents import has_records
from bench.results.measurement import read_measurements
from bench.results.record import read_records

HEAD = """# Published leaderboards

Each folder holds one suite, as `python -m bench run SUITE` made it and `python -m bench publish results/local/SUITE
results/SUITE` packed it:

| file | what is in it |
| --- | --- |
| `leaderboard.md` | the tables |
| `leaderboard.html` | the tables with figures and pictures; download and open it, it needs no network |
| `leaderboard.csv`, `cells.csv` | one row per row of the tables; one row per cell |
| `suite.yaml` | the suite as it was run |
| `records.jsonl.xz` | one JSON document per cell: seeds, digests, versions, cost, per-image statistics |
| `measurements.jsonl.xz` | label preservation and domain gap |
| `gallery.zip` | pictures, where the images may be redistributed |

`pandas.read_json(path, lines=True)` reads the packed files. `python -m bench report results/SUITE` builds the
leaderboards again from the records, `python -m bench check results/SUITE` looks for objections, and
`python -m bench report --index results` writes this page.

Rows of learned refiners in `camvid-jpeg88`, `cards`, `digits`, `kitchen` and `linemod` were made with version 1 of
these refiners: shorter light fits, some with wrong gradients of instance normalisation on CPUs (CHANGELOG.md, 0.2.0).
`python -m bench check results/SUITE` lists them. They say little about the methods and will be run again.

▲ a refiner gains detectably over the same synthetic images unrefined, ▼ every refiner loses, ○ no gain is resolved.
How to read a leaderboard: [docs/reading.md](../docs/reading.md); why it is so: [docs/protocol.md](../docs/protocol.md).
"""


def results_index(folder: Path) -> str:
    """The index of every ``folder/SUITE`` that has records, suites in the order of their names.

    Raises
    ------
    UserError: no such folder below.
    """
    suites = sorted(path for path in folder.glob("*") if has_records(path))
    if not suites:
        raise UserError(f"no results below {folder}: expected folders with records, as in {folder}/SUITE")
    return "\n".join([HEAD, *(line for suite in suites for line in _section(suite))])


def _section(suite: Path) -> Iterator[str]:
    tables = tables_of(read_records(suite), read_measurements(suite))
    title, _ = suite_of(suite)
    yield f"## [{escape(suite.name)}]({suite.name}/leaderboard.md)"
    yield ""
    yield escape(f"{title}. {summary(tables)}." if title else f"{summary(tables)}.")
    out = f"results/{suite.name}"
    yield f"Run: {code(run_command(tables[0].suites[0], out))}"
    yield ""
    yield from ("| | task | target | finding |", "| --- | --- | --- | --- |")
    for table in tables:
        yield row_line([SIGNS[verdict(table)], _task(table), kind_of_target(table), prose(headline(table))])
    yield ""


def _task(table: Table) -> str:
    return escape(f"{table.pair} · {table.task} · {table.model}, {table.recipe}")
