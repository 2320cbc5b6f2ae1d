"""Tables → one HTML file that opens from disk: no script, no network, every text escaped by jinja2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report.columns import NAME, NOTHING, columns_of
from bench.report.leaderboard import BLOCKS, Table
from bench.report.words import block_title, headline, notes, reproduce, spans, warnings

if TYPE_CHECKING:
    from markupsafe import Markup


def leaderboard_html(tables: Sequence[Table]) -> str:
    """The page ``leaderboard.html`` (template of the same name)."""
    import jinja2

    folder = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=folder, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["prose"] = prose
    environment.globals |= {
        "BLOCKS": BLOCKS,
        "block_title": block_title,
        "NAME": NAME,
        "NOTHING": NOTHING,
        "columns_of": columns_of,
        "headline": headline,
        "notes": notes,
        "reproduce": reproduce,
        "warnings": warnings,
    }
    return environment.get_template("leaderboard.html").render(tables=tables)


def prose(text: str) -> Markup:
    """A sentence of :mod:`bench.report.words`, escaped, with ``<code>`` for what stands between backticks."""
    from markupsafe import Markup

    pieces = (Markup("<code>{}</code>" if quoted else "{}").format(piece) for quoted, piece in spans(text))
    return Markup("").join(pieces)
