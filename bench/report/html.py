"""Tables → one HTML file that opens from disk: no network, every text escaped by jinja2.

The page's style sheet, script and figures are inside it. Its content policy allows this one script and this one style
sheet by their SHA-256, and pictures that are data of the page; everything else is refused by the browser. Without the
script all is there and readable, unsorted and unfiltered.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report.answers import answers
from bench.report.columns import columns_of
from bench.report.formats import NAME, Column
from bench.report.galleries import Pictures
from bench.report.headline import best_refiner, headline, summary, verdict
from bench.report.notes import detail, notes, reproduce, warnings
from bench.report.provenance import Origin
from bench.report.table import BLOCKS, Row, Table
from bench.report.text import NOTHING, SIGNS, block_title, bracket, kind_of_target, number, points, spans, with_unit

if TYPE_CHECKING:
    from markupsafe import Markup

    from bench.report.figures.drawing import Figure

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Extras:
    """What a page shows beside the tables.

    Attributes
    ----------
    figures: those of each table, in the tables' order; empty without figures.
    origins: where each row comes from, in the tables' order.
    pictures: the image grids of each table, in the tables' order.
    ranks: the critical-difference diagram, or the sentence that says why there is none.
    title, suite_file: of the suite that was run, where its file lies beside the records.
    incomplete: sentences on what failed and what to do; the page begins with them.
    """

    figures: Sequence[Sequence[Figure]] = ()
    origins: Sequence[Sequence[Origin]] = ()
    pictures: Sequence[Pictures] = ()
    ranks: Figure | str = ""
    title: str = ""
    suite_file: str = ""
    incomplete: Sequence[str] = ()


@dataclass(frozen=True)
class Cell:
    """A table cell as the template prints it; ``sort`` is its unrounded value."""

    text: str
    sort: str
    style: str
    is_name: bool


@dataclass(frozen=True)
class Board:
    """One table of the page, and its card."""

    id: str
    table: Table
    figures: Sequence[Figure] = ()
    origins: Sequence[Origin] = ()
    pictures: Pictures = field(default_factory=Pictures)

    @property
    def name(self) -> str:
        return " · ".join([self.task, self.table.model])

    @property
    def task(self) -> str:
        return f"{self.table.pair} · {self.table.task}"

    @property
    def stand_in(self) -> bool:
        return kind_of_target(self.table) == "stand-in"

    @property
    def headline(self) -> str:
        return headline(self.table)

    @property
    def answers(self) -> list[tuple[str, str]]:
        return answers(self.table)

    @property
    def flagged(self) -> list[str]:
        """Refiners whose labels are flagged."""
        flagged = (row.refiner for row in self.table.rows if row.measured and row.measured.labels.flags)
        return list(dict.fromkeys(flagged))

    @property
    def warnings(self) -> list[str]:
        return warnings(self.table)

    @property
    def notes(self) -> list[str]:
        return [*notes(self.table), *reproduce(self.table)]

    @property
    def style(self) -> str:
        return verdict(self.table) if verdict(self.table) in ("gain", "loss") else ""

    @property
    def figure(self) -> str:
        """The number of the card: a resolved gain, else that there is none."""
        best = best_refiner(self.table)
        if best is None:
            return "no refiner tested" if self.table.block("ranked") else "nothing ranked"
        if verdict(self.table) == "not resolved":
            return "no gain resolved"
        figure = number(best[1].value, self.table.decimals, signed=True)
        return f"{SIGNS[verdict(self.table)]} {with_unit(figure, points(self.table.metric))}"

    @property
    def limits(self) -> str:
        best = best_refiner(self.table)
        if best is None or best[1].interval is None or verdict(self.table) == "not resolved":
            return ""
        return f"95 % {bracket(best[1].interval, self.table.decimals, signed=True)}"


@dataclass(frozen=True)
class Page:
    """All that the template reads."""

    boards: Sequence[Board]
    extras: Extras = field(default_factory=Extras)

    @property
    def tables(self) -> list[Table]:
        return [board.table for board in self.boards]

    @property
    def suites(self) -> list[str]:
        return sorted({suite for table in self.tables for suite in table.suites})

    @property
    def title(self) -> str:
        return self.extras.title

    @property
    def suite_file(self) -> str:
        return self.extras.suite_file

    @property
    def summary(self) -> str:
        return summary(self.tables)

    @property
    def targets(self) -> str:
        kinds = {"real": "real", "stand-in": "rendered stand-in"}
        return " and ".join(kinds[kind] for kind in kinds if kind in map(kind_of_target, self.tables))

    @property
    def ranks(self) -> Figure | None:
        return None if isinstance(self.extras.ranks, str) else self.extras.ranks

    @property
    def no_ranks(self) -> str:
        return self.extras.ranks if isinstance(self.extras.ranks, str) else ""

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(board.task for board in self.boards))

    @property
    def models(self) -> list[str]:
        return sorted({table.model for table in self.tables})

    @property
    def arms(self) -> list[str]:
        return list(dict.fromkeys(row.arm for table in self.tables for row in table.rows))

    @property
    def refiners(self) -> list[str]:
        return sorted({row.refiner for table in self.tables for row in table.rows if row.refiner})


def leaderboard_html(tables: Sequence[Table], extras: Extras | None = None) -> str:
    """The page ``leaderboard.html`` (template of the same name)."""
    import jinja2
    from markupsafe import Markup

    extras = extras or Extras()
    boards = [
        Board(
            f"table-{place}",
            table,
            extras.figures[place] if extras.figures else (),
            extras.origins[place] if extras.origins else (),
            extras.pictures[place] if extras.pictures else Pictures(),
        )
        for place, table in enumerate(tables)
    ]
    style, script = ((HERE / f"leaderboard.{kind}").read_text() for kind in ("css", "js"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": prose, "unbroken": unbroken}
    names: Mapping[str, object] = {
        "BLOCKS": BLOCKS,
        "block_title": block_title,
        "cell_of": cell_of,
        "columns_of": columns_of,
        "detail": detail,
    }
    environment.globals |= names
    return environment.get_template("leaderboard.html").render(
        page=Page(boards, extras), style=Markup(style), script=Markup(script), policy=policy(style, script)
    )


def policy(style: str, script: str) -> str:
    """The content policy that a page with this style sheet and script states."""
    allowed = [f"{what}-src 'sha256-{_sha256(text)}'" for what, text in (("style", style), ("script", script))]
    return "; ".join(["default-src 'none'", *allowed, "img-src data:", "base-uri 'none'", "form-action 'none'"])


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def cell_of(column: Column, row: Row, table: Table) -> Cell:
    """A cell; what has no value sorts by nothing."""
    text = column.text(row, table)
    value = next(iter(column.numbers(row).values()))
    sort = "" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)
    return Cell(text, sort, column.style(row), column.format is NAME and text != NOTHING)


def unbroken(heading: str) -> str:
    """A heading in which ``[95 %]`` stays on one line."""
    return heading.replace("95 %", "95\N{NO-BREAK SPACE}%")


def prose(text: str) -> Markup:
    """A sentence of :mod:`bench.report.headline`, escaped, with ``<code>`` for what stands between backticks."""
    from markupsafe import Markup

    pieces = (Markup("<code>{}</code>" if quoted else "{}").format(piece) for quoted, piece in spans(text))
    return Markup("").join(pieces)
