"""Records: one JSON file for each cell, the only thing a leaderboard is made of.

A record states what was asked (:class:`Cell`), what came out (metrics and per-image statistics), and all that a
sceptic needs to place it: seeds, digests, versions, environment, cost. Arrays travel inside the JSON as
``{"dtype", "shape", "zlib64"}``. This file imports no torch: a leaderboard can be rebuilt on a laptop.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from bench.api import UserError
from bench.results.cost import Cost
from bench.results.documents import RECORDS, documents
from bench.results.files import Strict, write_atomically

SCHEMA = 1


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
        readable = "-".join("".join(c if c.isalnum() or c in "@.=_" else "_" for c in w) for w in words if w)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        return f"{readable[:120]}-r{self.refiner_seed}-s{self.task_seed}-{digest}"


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
        """The array; raises ``ValueError`` where bytes and shape do not fit."""
        raw = zlib.decompress(base64.b64decode(self.zlib64))
        return np.frombuffer(raw, np.dtype(self.dtype)).reshape(self.shape)


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
    records = []
    for place, data in documents(results, RECORDS):
        try:
            records.append(Record.model_validate_json(data))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise UserError(
                f"{results / place} is not a record of schema {SCHEMA}: {where}: {first['msg']}; delete it and run the "
                "suite again"
            ) from None
    if not records:
        raise UserError(
            f"no records in {results}: run `python -m bench run` first, or name a results folder that has them"
        )
    return records
