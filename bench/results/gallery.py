"""Pictures of a run: strips of images in ``results/SUITE/gallery``, with an index for each refiner and table.

A *strip* is a WebP file with a picture below the other, all ``CELL_PX`` wide; strips of a group show the same rows and
are as high, so that a page sets them side by side. The index (JSON) says what they show. Imports no torch.

Which pictures may be kept: those of a pair that may be redistributed, anywhere; those of another pair only in *local*
results, below a folder called ``local`` (as ``results/local``, which git ignores). :func:`may_show` is asked when a run
writes its pictures and again when a page is built, so that neither a published page nor its folder carries them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from bench.api import UserError
from bench.api.plain_text import name_part
from bench.results.documents import GALLERY, documents
from bench.results.files import Strict, write_atomically
from bench.results.record import first_problem

SCHEMA = 1
LOCAL = "local"

StripName = Literal["source", "nearest", "refined", "before", "after", "test", "truth", "predicted"]
Part = Literal["source", "nearest", "test", "refined", "predicted"]
STRIPS: dict[str, tuple[StripName, ...]] = {
    "source": ("source",),
    "nearest": ("nearest",),
    "test": ("test", "truth"),
    "refined": ("refined", "before", "after"),
    "predicted": ("predicted",),
}
"""What each part of a gallery draws. Each part is a separate job, so that a failed part does not stop the others."""
OF_TABLE: tuple[StripName, ...] = ("source", "nearest", "test", "truth", "predicted")
OF_REFINER: tuple[StripName, ...] = ("refined", "before", "after", "predicted")


class Shown(Strict):
    """Whose pictures these are: a table's own (``refiner`` empty), or a refiner's in it."""

    pair: str
    task: str
    model: str
    recipe: Literal["plain", "strong"]
    budget: str
    refiner: str = ""


class Strip(Strict):
    """One file: ``width`` and ``height`` in pixels, ``rows`` of the split that it shows, from top to bottom."""

    name: StripName
    file: str
    width: int
    height: int
    rows: tuple[int, ...]


class Gallery(Strict):
    """An index. ``reason`` says why a folder holds none of the pictures; ``missing`` why single strips failed."""

    schema_version: int = SCHEMA
    suite: str
    of: Shown
    redistributable: bool
    reason: str = ""
    strips: tuple[Strip, ...] = ()
    missing: dict[StripName, str] = Field(default_factory=dict)
    change: tuple[float, ...] = Field(default=())
    """Mean absolute change of the images in ``before`` and ``after``, in grey levels of 255."""

    def find(self, name: StripName) -> Strip | None:
        return next((strip for strip in self.strips if strip.name == name), None)


def may_show(results: Path, redistributable: bool) -> bool:
    """Whether a results folder may hold pictures of a pair; see the module's docstring."""
    return redistributable or LOCAL in results.resolve().parts


def stem(of: Shown) -> str:
    """Start of the names of a gallery's files: readable, and unique by a hash of all fields."""
    words = [of.pair, of.task, of.model, of.recipe, of.refiner]
    readable = name_part("-".join(word.replace("-", "_") for word in words if word), 100)
    return f"{readable}-{hashlib.sha256(json.dumps(of.model_dump(), sort_keys=True).encode()).hexdigest()[:10]}"


def file_names(of: Shown) -> tuple[str, ...]:
    """Index and every strip that there may be."""
    strips = OF_REFINER if of.refiner else OF_TABLE
    return (f"{stem(of)}.json", *(f"{stem(of)}-{name}.webp" for name in strips))


def write_gallery(results: Path, gallery: Gallery) -> Path:
    """Store the index; returns its path."""
    path = results / GALLERY / file_names(gallery.of)[0]
    write_atomically(path, (gallery.model_dump_json(indent=1) + "\n").encode())
    return path


def read_galleries(results: Path) -> list[Gallery]:
    """The indices of a results folder, of either form, sorted by name; none where no pictures were made.

    Raises
    ------
    UserError: a document that is not an index of this schema (named).
    """
    found = []
    for place, data in documents(results, GALLERY):
        try:
            found.append(Gallery.model_validate_json(data))
        except ValidationError as error:
            what = f"is not a gallery of schema {SCHEMA}: {first_problem(error)}"
            raise UserError(f"{results / place} {what}; delete it and run the suite again") from None
        except ValueError as error:
            raise UserError(f"{results / place} {error}; delete it and run the suite again") from None
    return found
