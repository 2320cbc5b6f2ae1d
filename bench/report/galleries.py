"""The image grids of a table: strips of the results folder's gallery, put into the page as data.

Columns of a grid show the same rows. Pictures of a pair that may not be redistributed are shown in local results alone
(:func:`bench.results.gallery.may_show`), and a page carries no more than :data:`MOST_BYTES` of them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.report.reasons import plain
from bench.report.table import Table
from bench.report.text import kind_of_target
from bench.results.documents import picture
from bench.results.gallery import Gallery, Strip, StripName, may_show, read_galleries

MOST_BYTES = 4_000_000
"""As base64 text; with a dozen tables and their figures a page stays below 6 MB."""


@dataclass(frozen=True)
class Picture:
    """A column of a grid."""

    title: str
    alt: str
    width: int
    height: int
    src: str


@dataclass(frozen=True)
class Grid:
    """Columns side by side, and how to read them."""

    title: str
    caption: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Pictures:
    """The grids of a table, or why there are none (``reason``; empty where none were asked for).

    ``missing`` says, in a sentence each, which columns of the grids failed, and why.
    """

    grids: tuple[Grid, ...] = ()
    reason: str = ""
    missing: tuple[str, ...] = ()


def pictures(tables: Sequence[Table], folder: Path) -> list[Pictures]:
    """The grids of each table, in order, of the results in ``folder``."""
    galleries = read_galleries(folder)
    left = MOST_BYTES
    found = []
    for table in tables:
        of_table = _pictures(table, [g for g in galleries if _belongs(g, table)], folder)
        n_bytes = sum(len(picture.src) for grid in of_table.grids for picture in grid.pictures)
        if n_bytes > left:
            of_table = Pictures(
                reason="They would make the page too large; they are in the gallery of the results folder."
            )
        else:
            left -= n_bytes
        found.append(of_table)
    return found


def _belongs(gallery: Gallery, table: Table) -> bool:
    of = gallery.of
    return (of.pair, of.task, of.model, of.recipe, of.budget) == (
        table.pair,
        table.task,
        table.model,
        table.recipe,
        table.budget,
    )


def _pictures(table: Table, galleries: Sequence[Gallery], folder: Path) -> Pictures:
    own = next((gallery for gallery in galleries if not gallery.of.refiner), None)
    if own is None:
        return Pictures()
    permitted = own.redistributable and (table.pair_info is None or table.pair_info.redistributable)
    if not may_show(folder, permitted):
        return Pictures(reason=f"Images of pair {table.pair} may not be redistributed, so this page shows none.")
    if own.reason:
        return Pictures(reason=f"No picture was drawn: {plain(own.reason)}.")
    order = {row.refiner: place for place, row in reversed(list(enumerate(table.rows)))}
    of_refiners = sorted((g for g in galleries if g.of.refiner), key=lambda g: order.get(g.of.refiner, len(order)))
    grids = (_refined(own, of_refiners, table, folder), _predicted(own, of_refiners, table, folder))
    shown = tuple(grid for grid in (*grids, _changed(of_refiners, folder)) if grid.pictures)
    return Pictures(shown, missing=tuple(_missing([own, *of_refiners])))


def _missing(galleries: Sequence[Gallery]) -> Iterator[str]:
    """One sentence per reason."""
    found: dict[str, list[str]] = {}
    for gallery in galleries:
        for name, reason in gallery.missing.items():
            whose = f"`{gallery.of.refiner}`: {name}" if gallery.of.refiner else name
            found.setdefault(plain(reason), []).append(whose)
    for reason, names in found.items():
        yield f"Not drawn: {', '.join(names)}. Reason: {reason}."


def _refined(own: Gallery, of_refiners: Sequence[Gallery], table: Table, folder: Path) -> Grid:
    kind = kind_of_target(table)
    found = [*_picture(own, "source", folder, "source", "{n} source images, drawn at random")]
    for gallery in of_refiners:
        whose = gallery.of.refiner
        found += _picture(gallery, "refined", folder, whose, f"the same {{n}} images refined by {whose}")
    found += _picture(own, "nearest", folder, f"nearest {kind}", f"the {kind} test image nearest to each source image")
    nearest = (
        f" The last column is the {kind} test image nearest to the source image by features of an ImageNet encoder."
    )
    caption = "One row per image. Images are drawn at random and are the same for all refiners (first refiner seed)."
    return Grid("Source and refined", caption + (nearest if own.find("nearest") else ""), tuple(found))


def _predicted(own: Gallery, of_refiners: Sequence[Gallery], table: Table, folder: Path) -> Grid:
    kind = kind_of_target(table)
    predictions = [
        *_picture(own, "predicted", folder, "trained on source", "predictions after training on plain source")
    ]
    for gallery in of_refiners:
        whose = gallery.of.refiner
        alt = f"predictions after training on images refined by {whose}"
        predictions += _picture(gallery, "predicted", folder, f"trained on {whose}", alt)
    if not predictions:
        return Grid("", "", ())
    truth = [
        *_picture(own, "test", folder, f"{kind} image", f"{{n}} {kind} test images, drawn at random"),
        *_picture(own, "truth", folder, "truth", "the same images with their true labels"),
    ]
    caption = (
        f"One row per {kind} test image. Images are drawn at random and are the same for all models (first task seed)."
    )
    return Grid("Predictions on the same images", caption, (*truth, *predictions))


def _changed(of_refiners: Sequence[Gallery], folder: Path) -> Grid:
    found: list[Picture] = []
    for gallery in of_refiners:
        if not gallery.change or not gallery.change[0]:
            continue
        whose, levels = gallery.of.refiner, ", ".join(f"{change:.0f}" for change in gallery.change)
        alt = f"the {{n}} source images that {whose} changed most"
        found += _picture(gallery, "before", folder, f"{whose}: before", alt)
        found += _picture(
            gallery, "after", folder, "after", f"the same after {whose}: changed by {levels} levels of 255"
        )
    caption = "The source images that each refiner changed most (mean absolute difference), before and after."
    return Grid("Changed most", caption, tuple(found))


def _picture(gallery: Gallery, name: StripName, folder: Path, title: str, alt: str) -> Iterator[Picture]:
    """The strip as a picture, if the gallery has it and its file is there."""
    strip: Strip | None = gallery.find(name)
    found = picture(folder, strip.file) if strip else None
    if strip is None or found is None:
        return
    data = base64.b64encode(found).decode()
    alt = alt.format(n=len(strip.rows)) if "{n}" in alt else alt
    yield Picture(title, alt[0].upper() + alt[1:], strip.width, strip.height, f"data:image/webp;base64,{data}")
