"""From the *gallery* jobs of a table or refiner to the strips and their index in the results folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.results.documents import GALLERY
from bench.results.files import write_atomically
from bench.results.gallery import (
    OF_REFINER,
    OF_TABLE,
    STRIPS,
    Gallery,
    Shown,
    Strip,
    file_names,
    may_show,
    stem,
    write_gallery,
)
from bench.run.outputs.product import Product
from bench.run.store import Entry


@dataclass(frozen=True)
class PlannedGallery(Product):
    """Pictures to come. ``jobs`` are by the part that each draws (:data:`bench.results.gallery.STRIPS`)."""

    folder: ClassVar[str] = GALLERY
    of: Shown
    jobs: Mapping[str, str]
    redistributable: bool

    @property
    def label(self) -> str:
        return f"pictures of {self.of.refiner or self.of.pair}"

    @property
    def files(self) -> tuple[str, ...]:
        return file_names(self.of)

    @property
    def awaited_by(self) -> None:
        return None

    def write(self, results: Path, entries: Mapping[str, Entry], failed: Mapping[str, str], suite: str) -> None:
        strips: list[Strip] = []
        change: list[float] = []
        reason, missing = "", {name: why for part, why in failed.items() for name in STRIPS[part]}
        if may_show(results, self.redistributable):
            for entry in (entries[part] for part in self.jobs if part in entries):
                change += entry.meta["change"]
                for name, about in entry.meta["strips"].items():
                    file = f"{stem(self.of)}-{name}.webp"
                    write_atomically(results / GALLERY / file, (entry.path / f"{name}.webp").read_bytes())
                    strips.append(Strip(name=name, file=file, **about))
        else:
            reason = f"images of pair {self.of.pair} may not be redistributed; results below a folder 'local' keep them"
        for file in {*self.files[1:]} - {strip.file for strip in strips}:
            (results / GALLERY / file).unlink(missing_ok=True)
        order = list(OF_REFINER if self.of.refiner else OF_TABLE)
        write_gallery(
            results,
            Gallery(
                suite=suite,
                of=self.of,
                redistributable=self.redistributable,
                reason=reason,
                strips=tuple(sorted(strips, key=lambda strip: order.index(strip.name))),
                missing={name: missing[name] for name in order if name in missing},
                change=tuple(change),
            ),
        )
