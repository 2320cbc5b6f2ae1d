"""A table beside published figures: what papers report for its pair and task, and the rows here that come nearest.

The figures stand in ``literature.yaml``, next to what differs between a paper's experiment and this one. They select
nothing and rank nothing: sizes, data, steps and choices differ, so gains over each side's own unrefined training say
more than scores do.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.report.table import Heading, Section, label
from bench.report.text import NOTHING, points, with_bracket

if TYPE_CHECKING:
    from bench.report.table import Row, Table

CSV = "literature.csv"
FIGURES = Path(__file__).with_name("literature.yaml")
COLUMNS = (
    *("study", "setting", "published", "published_gain", "row"),
    *("here", "here_low", "here_high", "here_gain", "here_gain_low", "here_gain_high"),
)


@cache
def studies() -> tuple[dict[str, Any], ...]:
    """The entries of ``literature.yaml``."""
    import yaml

    return tuple(yaml.safe_load(FIGURES.read_text(encoding="utf-8")))


def literature_frame(table: Table) -> pd.DataFrame:
    """A row for each published figure of the table's pair and task, and each row here beside it.

    Columns: ``study``, ``setting``; ``published`` and ``published_gain`` over the paper's unrefined training, + better;
    ``row`` as suites write it, empty where none comes near; ``here`` and ``here_gain``, each with its 95 % ``_low`` and
    ``_high`` for the row by itself, empty where that row was not run.
    """
    task = table.task.split(":")[0]
    sign = 1.0 if table.metric.higher_is_better else -1.0
    rows = {label(row.arm, row.refiner): row for row in table.rows}
    found: list[dict[str, Any]] = []
    for study in studies():
        if table.pair.split(":")[0] not in study["pairs"]:
            continue
        for figure in study["figures"]:
            if task not in figure:
                continue
            published = {
                "study": study["study"],
                "setting": figure["setting"],
                "published": figure[task],
                "published_gain": sign * (figure[task] - study["unrefined"][task]),
            }
            found += [published | {"row": name, **_here(rows.get(name))} for name in figure["rows"]] or [published]
    return pd.DataFrame(found, columns=COLUMNS)


def section(table: Table, cells: pd.DataFrame) -> Section | None:
    """Published figures beside the table's own."""
    frame = literature_frame(table)
    if frame.empty:
        return None
    metric = f"{table.metric.title}, {table.metric.unit}".rstrip(", ")
    headings = (
        Heading("published", right=False),
        Heading(metric),
        Heading(f"gain, {points(table.metric)}"),
        Heading("nearest row here", right=False),
        Heading(f"{metric} [95 %]"),
        Heading(f"gain, {points(table.metric)} [95 %]"),
    )
    names = list(dict.fromkeys(frame.study))
    differs = [text for study in studies() if study["study"] in names for text in study["differs"]]
    size = table.pair_info
    here = f"Here {size.n_source:,} synthetic images, {size.n_target_test:,} test images" if size else "Here"
    steps = " or ".join(f"{n:,}" for n in table.steps)
    notes = (
        *differs,
        f"{here}; model `{table.model}`, recipe `{table.recipe}`, budget `{table.budget}`, {steps} steps.",
        "Gains are over each side's own training on unrefined images. The figures select and rank nothing.",
    )
    return Section(
        "Beside the literature", _finding(frame, names), headings, tuple(_texts(frame, table)), notes, CSV, frame
    )


def _here(row: Row | None) -> dict[str, float]:
    """A row's score and gain with their intervals; empty for a row that was not run."""
    said: dict[str, float] = {}
    for name, estimate in (("here", row and row.score), ("here_gain", row and row.gain)):
        if estimate:
            said[name] = estimate.value
            if limits := estimate.alone or estimate.interval:
                said |= {f"{name}_low": limits.low, f"{name}_high": limits.high}
    return said


def _finding(frame: pd.DataFrame, names: list[str]) -> str:
    """The span of the gains that were published, ``oracle`` apart, and of those here."""
    of_refiners = frame[(frame.published_gain != 0) & (frame.row != "oracle")]
    there, here = of_refiners.published_gain, of_refiners.here_gain.dropna()
    said = f"{'; '.join(names)}: gains of {there.min():+.2f} to {there.max():+.2f} over unrefined images."
    if here.empty:
        return f"{said} None of those rows was run here."
    return f"{said} The nearest rows here: {here.min():+.1f} to {here.max():+.1f}."


def _texts(frame: pd.DataFrame, table: Table) -> Iterator[tuple[str, ...]]:
    rows = {label(row.arm, row.refiner): row for row in table.rows}
    for row in frame.to_dict("records"):
        gain, name = row["published_gain"], row["row"]
        here = rows.get(name)
        yield (
            row["setting"],
            f"{row['published']:g}",
            f"{gain:+.2f}" if gain else NOTHING,
            f"`{name}`" if pd.notna(name) else "none",
            with_bracket(here.score, table.decimals)
            if here and here.score
            else ("not run" if pd.notna(name) else NOTHING),
            with_bracket(here.gain, table.decimals, signed=True) if here and here.gain else NOTHING,
        )
