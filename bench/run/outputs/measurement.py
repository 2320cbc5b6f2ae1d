"""From finished jobs to a measurement in the results folder.

The job of role ``measure`` has the answer: its meta holds ``values``, ``about`` and ``flags``, and its file
``per_image.npz``, if there is one, the arrays. What determines it stands beside: digests, versions, environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.results.documents import MEASUREMENTS
from bench.results.measurement import Kind, Measurement, Quantity, Subject, file_name, write_measurement
from bench.results.record import Array
from bench.run.outputs.product import Product
from bench.run.store import Entry
from bench.run.stored_sets import pair_digest

SHARED = frozenset({"source", "target", "fit", "refine", "train"})
"""Roles of jobs that cells need too: their time is no measurement's."""


@dataclass(frozen=True)
class PlannedMeasure(Product):
    """A measurement to come. ``jobs`` has the roles ``source``, ``target`` (the pair), ``refine`` and ``measure``."""

    folder: ClassVar[str] = MEASUREMENTS
    kind: Kind
    of: Subject
    jobs: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def label(self) -> str:
        return f"{self.kind} of {self.of.refiner}"

    @property
    def files(self) -> tuple[str, ...]:
        return (file_name(self.kind, self.of),)

    @property
    def awaited_by(self) -> tuple[str, ...]:
        return self.of.table

    def write(self, results: Path, entries: Mapping[str, Entry], failed: Mapping[str, str], suite: str) -> None:
        if failed:
            self._write_failure(results, next(iter(failed.values())), suite)
            return
        measure = entries["measure"]
        arrays = measure.path / "per_image.npz"
        per_image = {}
        if arrays.name in measure.files:
            with np.load(arrays, allow_pickle=False) as stored:
                per_image = {name: Array.pack(stored[name]) for name in stored.files}
        write_measurement(
            results,
            Measurement(
                suite=suite,
                kind=self.kind,
                of=self.of,
                status="ok",
                values={name: Quantity(**value) for name, value in measure.meta["values"].items()},
                about=measure.meta["about"],
                flags=tuple(measure.meta["flags"]),
                per_image=per_image,
                digests={
                    "pair": pair_digest(entries["source"], entries["target"]),
                    "refined": entries["refine"].key,
                    "measure": measure.key,
                },
                versions=dict(self.versions),
                environment=measure.meta["environment"],
                seconds=float(sum(entry.meta["seconds"] for role, entry in entries.items() if role not in SHARED)),
            ),
        )

    def _write_failure(self, results: Path, reason: str, suite: str) -> None:
        failed = Measurement(
            suite=suite, kind=self.kind, of=self.of, status="failed", reason=reason, versions=dict(self.versions)
        )
        write_measurement(results, failed)
