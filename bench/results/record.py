"""Records: one JSON file for each cell, the only thing a leaderboard is made of.

A record states what was asked (:class:`Cell`), what came out (metrics and per-image statistics), and all that a
sceptic needs to place it: seeds, digests, versions, environment, cost. Arrays travel inside the JSON as
``{"dtype", "shape", "zlib64"}``. This file imports no torch: a leaderboard can be rebuilt on a laptop.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from bench.api import UserError
from bench.api.bounds import ARRAY_BYTES
from bench.api.plain_text import name_part, without_controls
from bench.results.cost import Cost
from bench.results.documents import RECORDS, documents
from bench.results.files import Strict, write_atomically

SCHEMA = 1
DELETE = "delete it and run the suite again"


class Cell(Strict):
    """What one score is the score of. ``refiner`` is a variant such as ``fda:beta=0.05``, or empty."""

    pair: str
    task: str
    model: str
    recipe: Literal["plain", "strong"]
    budget: str
    arm: str
    refiner: str = ""
    refiner_seed: int = 0
    task_seed: int

    @property
    def table(self) -> tuple[str, ...]:
        """What cells of one leaderboard share: both recipes of a (pair, task, model, budget)."""
        return self.pair, self.task, self.model, self.budget

    @property
    def id(self) -> str:
        """File name of the record: readable, and unique by a hash of all fields."""
        text = json.dumps(self.model_dump(), sort_keys=True)
        words = [self.pair, self.task, self.model, self.recipe, self.arm, self.refiner]
        readable = name_part("-".join(word.replace("-", "_") for word in words if word))
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        return f"{readable}-r{self.refiner_seed}-s{self.task_seed}-{digest}"


LABELS = {
    "abs_rel": "AbsRel",
    "ap": "AP",
    "ap50": "AP50",
    "collision_free_rate": "collision-free rate",
    "miou": "mIoU",
    "rmse_log": "log RMSE",
    "rmse_m": "RMSE",
    "sq_rel": "SqRel",
    **{f"delta{n}": f"δ{n}" for n in (1, 2, 3)},
}
"""What pages call metrics of records that were made before metrics had labels; other names lose their underscores."""


def label_of(name: str, label: str = "") -> str:
    """What pages call a metric: its label, or what is known of an old record's metric by its name."""
    return label or LABELS.get(name) or name.replace("_", " ")


class MetricInfo(Strict):
    """How to read a metric: printed value = stored value × ``scale``, in ``unit``; pages call it ``label``."""

    name: str
    value: float
    higher_is_better: bool
    unit: str
    scale: float
    label: str = ""


class Array(Strict):
    """A NumPy array inside JSON."""

    dtype: str
    shape: tuple[int, ...]
    zlib64: str

    @classmethod
    def pack(cls, array: np.ndarray) -> Array:
        array = np.ascontiguousarray(array)
        data = base64.b64encode(zlib.compress(array.tobytes(), 6)).decode()
        return cls(dtype=array.dtype.str, shape=array.shape, zlib64=data)

    def unpack(self) -> np.ndarray:
        """The array; unpacks no more bytes than dtype and shape state.

        Raises
        ------
        ValueError: no numbers or text, more than :data:`bench.api.bounds.ARRAY_BYTES`, or bytes that do not fit the
        shape.
        """
        try:
            dtype = np.dtype(self.dtype)
        except (TypeError, SyntaxError) as error:
            raise ValueError(f"no dtype {self.dtype[:40]!r}") from error
        if dtype.kind not in "biufU":
            raise ValueError(f"dtype {self.dtype[:40]!r} holds neither numbers nor text")
        if min(self.shape, default=0) < 0:
            raise ValueError(f"a negative length in its shape {self.shape}")
        n_bytes = math.prod(self.shape) * dtype.itemsize
        if n_bytes > ARRAY_BYTES:
            raise ValueError(f"{n_bytes / 1e6:.0f} MB, more than {ARRAY_BYTES / 1e6:.0f} MB")
        unpacker = zlib.decompressobj()
        try:
            raw = unpacker.decompress(base64.b64decode(self.zlib64), n_bytes + 1)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        if len(raw) != n_bytes:
            found = f"more than {n_bytes}" if len(raw) > n_bytes else str(len(raw))
            raise ValueError(f"{found} bytes, where dtype and shape ask for {n_bytes}")
        return np.frombuffer(raw, dtype).reshape(self.shape)


class Checkpoint(Strict):
    """A state of the network during its training: scores of the primary metric, stored values, and what needs no label.

    ``entropy`` and ``density`` (:mod:`bench.metrics.selection`) are those on the unlabelled target images; ``None``
    where :attr:`Selection.problem` says why.
    """

    step: int
    source_score: float
    target_score: float
    entropy: float | None
    density: float | None


class Selection(Strict):
    """What could be chosen by without target labels; the score of the cell stays that of the last step."""

    checkpoints: tuple[Checkpoint, ...]
    problem: str = ""


class PairInfo(Strict):
    """What a page must say of the pair."""

    title: str
    stand_in: bool
    redistributable: bool
    licence: str
    digest: str
    """SHA-256 over the pixels and labels of all splits: another digest is another version, never mixed in a table."""
    n_source: int
    n_target_train: int
    n_target_labelled: int
    n_target_test: int
    class_names: tuple[str, ...]
    tuned: str = ""
    """Which defaults were chosen with its target labels in sight (:class:`bench.api.Pair`)."""


class Record(Strict):
    """One cell's result, or its failure with the reason.

    ``metrics`` lists the primary metric first. ``per_image`` holds the task's sufficient statistics by name;
    ``contributions`` is ``(N_test,)`` and its mean is the primary metric's stored value; ``groups`` names the capture
    sequence of each test image where neighbours are not independent.
    """

    schema_version: int = SCHEMA
    suite: str
    cell: Cell
    status: Literal["ok", "failed"]
    reason: str = ""
    pair: PairInfo | None = None
    metrics: tuple[MetricInfo, ...] = ()
    contributions: Array | None = None
    per_image: dict[str, Array] = Field(default_factory=dict)
    groups: Array | None = None
    seeds: dict[str, int] = Field(default_factory=dict)
    digests: dict[str, str] = Field(default_factory=dict)
    """``training`` (of what the training was asked to do: equal for cells that share one), ``weights``, ``test``; and
    of the code that made it: ``code of train``, ``code of score``, ``code of fit``, ``code of refine``."""
    versions: dict[str, str] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    cost: Cost = Cost()
    training: dict[str, Any] = Field(default_factory=dict)
    """``steps``, ``batch_size``, ``real_fraction``, ``n_images`` by stream, ``final_loss``, ``loss_curve``."""
    selection: Selection | None = None

    @property
    def code(self) -> dict[str, str]:
        """Digests of the code that made it, by ``code of …``; empty for records that name none."""
        return {name: digest for name, digest in self.digests.items() if name.startswith("code of ")}

    @property
    def primary(self) -> MetricInfo:
        """The metric that ranks."""
        return self.metrics[0]


def write_record(results: Path, record: Record) -> Path:
    """Store a record as ``results/records/<cell id>.json``; returns the path."""
    path = results / RECORDS / f"{record.cell.id}.json"
    write_atomically(path, (record.model_dump_json(indent=1) + "\n").encode())
    return path


def read_records(results: Path) -> list[Record]:
    """All records of a results folder, as a run wrote it or as it was published, sorted by name.

    Raises
    ------
    UserError: no such folder, no record in it, or a document that is not a record of this schema (named).
    """
    records, unreadable = readable_records(results)
    if unreadable:
        raise UserError(f"{results}/{' '.join(unreadable[0])}; {DELETE}")
    return records


def readable_records(results: Path) -> tuple[list[Record], list[tuple[str, str]]]:
    """The records that can be read, and for each other document its place below ``results`` and what is wrong with it.

    Raises
    ------
    UserError: no such folder, or no readable record in it.
    """
    records: list[Record] = []
    unreadable: list[tuple[str, str]] = []
    for place, data in documents(results, RECORDS):
        try:
            records.append(parse_record(data))
        except ValueError as error:
            unreadable.append((without_controls(place), str(error)))
    if not records and unreadable:
        raise UserError(f"{results}/{' '.join(unreadable[0])}; {DELETE}")
    if not records:
        raise UserError(
            f"no records in {results}: run `python -m bench run` first, or name a results folder that has them"
        )
    return records, unreadable


def parse_record(data: bytes) -> Record:
    """One record, each of whose values a report can compute with.

    Raises
    ------
    ValueError: it is no such record; the message goes on after the document's place.
    """
    try:
        record = Record.model_validate_json(data)
    except ValidationError as error:
        raise ValueError(f"is not a record of schema {SCHEMA}: {first_problem(error)}") from None
    if problem := _problem(record):
        raise ValueError(f"is a record that cannot be used: {problem}")
    return record


def first_problem(error: ValidationError) -> str:
    """Where a validation failed first and why, on one line."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part)[:80] for part in first["loc"]) or "the file"
    return without_controls(f"{where}: {' '.join(first['msg'].split())}")


def _problem(record: Record) -> str:
    """What a report could not compute with; empty where there is nothing."""
    for name, value in record.cost.model_dump().items():
        if value is not None and not (math.isfinite(value) and value >= 0):
            return f"cost.{name} is {value}; expected a finite number, 0 or more"
    for name in ("steps", "batch_size"):
        value = record.training.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            return f"training.{name} is {str(value)[:40]!r}; expected a whole number, 0 or more"
    for number, checkpoint in enumerate(record.selection.checkpoints if record.selection else ()):
        for name, value in checkpoint.model_dump().items():
            if value is not None and not math.isfinite(value):
                return f"selection.checkpoints.{number}.{name} is {value}; expected a finite number"
    arrays = {f"per_image.{name}": (array, "biuf") for name, array in record.per_image.items()}
    arrays |= {"contributions": (record.contributions, "biuf")} if record.contributions else {}
    arrays |= {"groups": (record.groups, "biufU")} if record.groups else {}
    for name, (array, kinds) in arrays.items():
        try:
            kind = array.unpack().dtype.kind
        except ValueError as error:
            return f"{name}: unreadable ({error})"
        if kind not in kinds:
            return f"{name} is of dtype {array.dtype}; expected numbers"
    return ""
