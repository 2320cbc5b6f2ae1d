"""``README.md`` of a folder of results: every published leaderboard below it, a line a finding, as Markdown.

Made of the records alone, as leaderboards are: ``python -m bench report --index results`` writes it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.api import UserError
from bench.report import suite_of, tables_of
from bench.report.headline import headline, summary, verdict
from bench.report.markdown import code, escape, prose
from bench.report.notes import run_command
from bench.report.table import Table
from bench.report.text import kind_of_target
from bench.results.measurement import read_measurements
from bench.results.record import read_records

MARKS = {"gain": "▲", "loss": "▼", "not resolved": "○", "": "–"}
HEAD = """# Published leaderboards

Each folder holds what one command wrote: `leaderboard.md`, the same as a page with figures (`leaderboard.html`:
download and open it, it needs no network), the tables as `leaderboard.csv`, every cell as `cells.csv`, the suite as it
was run (`suite.yaml`), and `records/`, one JSON a cell with seeds, digests, versions, environment, cost and per-image
statistics. `python -m bench report results/SUITE` builds the leaderboards again from the records, and
`python -m bench report --index results` this page.

▲ a refiner gains detectably over the same synthetic images unrefined, ▼ every refiner loses, ○ no gain is resolved.
How to read a leaderboard: [docs/reading.md](../docs/reading.md); why it is so: [docs/protocol.md](../docs/protocol.md).
"""


def results_index(folder: Path) -> str:
    """The index of every ``folder/SUITE`` that has records, suites in the order of their names.

    Raises
    ------
    UserError: no such folder below.
    """
    suites = sorted(path.parent for path in folder.glob("*/records") if path.is_dir())
    if not suites:
        raise UserError(f"no results below {folder}: expected folders with records, as in {folder}/SUITE/records")
    return "\n".join([HEAD, *(line for suite in suites for line in _section(suite))])


def _section(suite: Path) -> Iterator[str]:
    tables = tables_of(read_records(suite / "records"), read_measurements(suite))
    title, _ = suite_of(suite)
    yield f"## [{escape(suite.name)}]({suite.name}/leaderboard.md)"
    yield ""
    yield escape(f"{title}. {summary(tables)}." if title else f"{summary(tables)}.")
    out = f"results/{suite.name}"
    yield f"Run: {code(f'{run_command(tables[0].suites[0], out)} --out {out}')}"
    yield ""
    yield "| | task | target | finding |"
    yield "| --- | --- | --- | --- |"
    for table in tables:
        cells = [MARKS[verdict(table)], _task(table), kind_of_target(table), prose(headline(table))]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _task(table: Table) -> str:
    return escape(f"{table.pair} · {table.task} · {table.model}, {table.recipe}")
