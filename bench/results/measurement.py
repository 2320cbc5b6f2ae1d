"""Measurements of refined sets: one JSON file each in ``results/SUITE/measurements``, beside the records.

A measurement says of one refiner in one table what a score cannot: whether the labels still fit its images
(``label_preservation``) and how far from the target they look (``domain_gap``). None of it ranks a row. What cannot be
measured is a :class:`Quantity` with a reason and no value, never a blank. Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from bench.api import UserError
from bench.api.plain_text import name_part, without_controls
from bench.results.documents import MEASUREMENTS, documents
from bench.results.files import Strict, write_atomically
from bench.results.record import Array, first_problem
from bench.results.table_key import TableKey

SCHEMA = 1
CONFOUNDED = "confounded by realism"
"""Said of a judge that was trained on source images alone: it may fail on perfect images because they look real."""

Kind = Literal["label_preservation", "domain_gap"]


class Quantity(Strict):
    """A number with its 95 % interval where there is one; or no number, and why."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    reason: str = ""

    @classmethod
    def not_measurable(cls, reason: str) -> Quantity:
        return cls(reason=reason)

    @property
    def measurable(self) -> bool:
        return self.value is not None

    def __str__(self) -> str:
        return f"not measurable: {self.reason}" if self.value is None else f"{self.value:.4g} {self.unit}".strip()


class Subject(Strict):
    """What was measured: the images of one fit of a refiner, and the table that they are trained in.

    ``width`` and ``height`` are the images' in pixels. A domain gap is the same for all tables that share the images.
    """

    pair: str
    task: str
    model: str
    recipe: Literal["plain", "strong"]
    budget: str
    refiner: str
    refiner_seed: int = 0
    width: int
    height: int

    @property
    def table(self) -> tuple[str, ...]:
        """As :attr:`bench.results.record.Cell.table`."""
        return self.pair, self.task, self.model, self.budget

    @property
    def key(self) -> TableKey:
        """Of the leaderboard's table."""
        return TableKey(self.pair, self.task, self.model, self.recipe, self.budget)


class Measurement(Strict):
    """One result, or its failure with the reason.

    Attributes
    ----------
    values: quantities by name; :mod:`bench.run.jobs.domain_gap` and :mod:`bench.run.jobs.label_preservation` list them.
    about: what the values rest on, in words: the judge and its reference; the encoder, its weights' SHA-256, sizes.
    flags: objections that a table must show: ``score`` or ``edges``, what says that labels are damaged.
    per_image: arrays for re-use, one entry per image: scores, ``rows`` of the set, ``changed_most`` (rows).
    digests: ``pair`` as in the records, and SHA-256 of what was measured.
    seconds: of work done for this measurement, work shared with others included.
    """

    schema_version: int = SCHEMA
    suite: str
    kind: Kind
    of: Subject
    status: Literal["ok", "failed"]
    reason: str = ""
    values: dict[str, Quantity] = Field(default_factory=dict)
    about: dict[str, str] = Field(default_factory=dict)
    flags: tuple[str, ...] = ()
    per_image: dict[str, Array] = Field(default_factory=dict)
    digests: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    seconds: float = 0.0

    def value(self, name: str) -> Quantity:
        """The quantity ``name``; not measurable where the measurement failed or has none of that name."""
        return self.values.get(name) or Quantity.not_measurable(self.reason or f"{self.kind} has no {name}")


def file_name(kind: Kind, of: Subject) -> str:
    """Readable, and unique by a hash of all fields."""
    words = [kind, of.pair, of.task, of.model, of.recipe, of.refiner]
    readable = name_part("-".join(word.replace("-", "_") for word in words))
    digest = hashlib.sha256(json.dumps([kind, of.model_dump()], sort_keys=True).encode()).hexdigest()[:10]
    return f"{readable}-r{of.refiner_seed}-{digest}.json"


def write_measurement(results: Path, measurement: Measurement) -> Path:
    """Store as ``results/measurements/<kind, table, refiner>.json``; returns the path."""
    path = results / MEASUREMENTS / file_name(measurement.kind, measurement.of)
    write_atomically(path, (measurement.model_dump_json(indent=1) + "\n").encode())
    return path


def parse_measurement(data: bytes, place: Path) -> Measurement:
    """One document; ``place`` is named in the error.

    Raises
    ------
    UserError: it is not a measurement of this schema.
    """
    try:
        return Measurement.model_validate_json(data)
    except ValidationError as error:
        what = f"is not a measurement of schema {SCHEMA}: {first_problem(error)}"
        raise UserError(f"{place} {what}; delete it and run the suite again") from None
    except ValueError as error:
        raise UserError(f"{place} {error}; delete it and run the suite again") from None


def read_measurements(results: Path) -> list[Measurement]:
    """All measurements of a results folder, of either form, sorted by name; none where nothing was measured.

    Raises
    ------
    UserError: a document that is not a measurement of this schema (named).
    """
    measurements, unreadable = readable_measurements(results)
    if unreadable:
        raise UserError(f"{results}/{unreadable[0][1]}")
    return measurements


def readable_measurements(results: Path) -> tuple[list[Measurement], list[tuple[str, str]]]:
    """The measurements that can be read, and for each other document its place and what is wrong with it."""
    measurements: list[Measurement] = []
    unreadable: list[tuple[str, str]] = []
    for place, data in documents(results, MEASUREMENTS):
        try:
            measurements.append(parse_measurement(data, Path(place)))
        except UserError as error:
            unreadable.append((without_controls(place), str(error)))
    return measurements, unreadable
