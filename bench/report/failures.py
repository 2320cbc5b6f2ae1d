"""What failed in a results folder: cells, measures, pictures and parts of the report itself, counted, with reasons.

The end of a run and the head of its pages say the same, in the words of this file. Pictures that may not be
redistributed have not failed.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from bench.api import PluginError, UserError
from bench.api.errors import DataError
from bench.report.reasons import REINSTALL, counted, packages_missing
from bench.results.files import write_atomically
from bench.results.gallery import Gallery
from bench.results.measurement import Measurement
from bench.results.record import Record

Kind = Literal["cells", "measures", "pictures", "parts of the report", "files"]
KINDS: tuple[Kind, ...] = ("cells", "measures", "pictures", "parts of the report", "files")
FOLDER = "failures"
"""Of a results folder: tracebacks, one file each."""
SHOWN_FILES = 3
"""Unreadable files that a line names."""
Made = TypeVar("Made")


@dataclass(frozen=True)
class Failure:
    """One thing that is missing from the report: ``what`` it is called, and the recorded ``reason``."""

    kind: Kind
    what: str
    reason: str


@dataclass(frozen=True)
class Failures:
    """All failures of a results folder; ``n_of`` says out of how many, where that is known."""

    found: tuple[Failure, ...] = ()
    n_of: dict[Kind, int] | None = None

    def __bool__(self) -> bool:
        return bool(self.found)

    def lines(self) -> list[str]:
        """One line per kind: how many failed, the commonest reason, and how many others there are."""
        said = []
        for kind in KINDS:
            of_kind = [failure for failure in self.found if failure.kind == kind]
            if not of_kind:
                continue
            n_all = (self.n_of or {}).get(kind)
            of = f" of {n_all}" if n_all else ""
            names = sorted({failure.what for failure in of_kind})
            shown = names if kind == "parts of the report" else names[:SHOWN_FILES] if kind == "files" else []
            more = ", …" if kind == "files" and len(names) > SHOWN_FILES else ""
            which = f" ({', '.join(shown)}{more})" if shown else ""
            noun = kind if of or len(of_kind) > 1 else kind.replace("parts", "part").removesuffix("s")
            verb = "cannot be read" if kind == "files" else "failed"
            said.append(f"{len(of_kind)}{of} {noun} {verb}{which}: {counted(f.reason for f in of_kind)}")
        return said

    def next_step(self, again: str) -> str:
        """What to do; ``again`` is the command that runs the suite again."""
        first = f"install the missing packages with `{REINSTALL}`" if self._lacks_packages else "mend the cause"
        return f"Next: {first}, then run {again}; finished work is kept. Tracebacks are in the folder `{FOLDER}`."

    @property
    def _lacks_packages(self) -> bool:
        return packages_missing(failure.reason for failure in self.found)


def failures_of(
    records: Sequence[Record],
    measurements: Sequence[Measurement],
    galleries: Sequence[Gallery],
    unreadable: Sequence[tuple[str, str]] = (),
) -> Failures:
    """The failures that the files of a results folder record; ``unreadable`` are (place, reason) of the others."""
    found = [Failure("cells", record.cell.id, record.reason) for record in records if record.status == "failed"]
    found += [
        Failure("measures", f"{m.kind} of {m.of.refiner}", m.reason) for m in measurements if m.status == "failed"
    ]
    found += [Failure("files", place, f"{place}: {reason}") for place, reason in unreadable]
    n_pictures = 0
    for gallery in galleries:
        n_pictures += len(gallery.strips) + len(gallery.missing)
        whose = gallery.of.refiner or gallery.of.pair
        found += [Failure("pictures", f"{name} of {whose}", reason) for name, reason in gallery.missing.items()]
    return Failures(tuple(found), {"cells": len(records), "measures": len(measurements), "pictures": n_pictures})


class Attempts:
    """Makes the parts of a report one by one, so that a failed part does not stop the others.

    Parameters
    ----------
    folder: the results folder; the traceback of a part goes into its folder :data:`FOLDER`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.failed = folder, list[Failure]()

    def make(self, part: str, maker: Callable[[], Made], otherwise: Made) -> Made:
        """What ``maker`` gives; ``otherwise`` if it raises, which is noted as the failure of ``part``."""
        try:
            return maker()
        except Exception as error:
            worded = isinstance(error, UserError | DataError | PluginError)
            said = " ".join(str(error).split())
            reason = f"{part}: {said}" if worded else f"{part}: {type(error).__name__}: {said}"
            self.failed.append(Failure("parts of the report", part, reason))
            file = "".join(c if c.isalnum() else "-" for c in part)
            write_atomically(self.folder / FOLDER / f"report-{file}.txt", traceback.format_exc().encode())
            return otherwise
