"""From a finished *gallery* job to the strips and their index in the results folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.results.documents import GALLERY
from bench.results.files import write_atomically
from bench.results.gallery import Gallery, Shown, Strip, file_names, may_show, stem, write_gallery
from bench.run.outputs.product import Product
from bench.run.store import Entry


@dataclass(frozen=True)
class PlannedGallery(Product):
    """Pictures to come. ``jobs`` has the role ``gallery``."""

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

    def write(self, results: Path, entries: Mapping[str, Entry], suite: str) -> None:
        if not may_show(results, self.redistributable):
            said = f"images of pair {self.of.pair} may not be redistributed; results below a folder 'local' keep them"
            self.write_failure(results, said, suite)
            return
        entry = entries["gallery"]
        strips = []
        for name, about in entry.meta["strips"].items():
            file = f"{stem(self.of)}-{name}.webp"
            write_atomically(results / GALLERY / file, (entry.path / f"{name}.webp").read_bytes())
            strips.append(Strip(name=name, file=file, **about))
        write_gallery(
            results,
            Gallery(
                suite=suite,
                of=self.of,
                redistributable=self.redistributable,
                strips=tuple(strips),
                change=tuple(entry.meta["change"]),
            ),
        )

    def write_failure(self, results: Path, reason: str, suite: str) -> None:
        for file in self.files[1:]:
            (results / GALLERY / file).unlink(missing_ok=True)
        write_gallery(results, Gallery(suite=suite, of=self.of, redistributable=self.redistributable, reason=reason))
