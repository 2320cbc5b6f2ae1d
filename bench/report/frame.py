"""Records → one tidy pandas frame with one row per cell: every table, CSV and page is computed from it.

Columns
-------
``suite`` and the fields of :class:`bench.results.record.Cell`; ``target_labels``, labelled target images that the
arm trains on; ``status``, ``reason``; ``metric``, ``metric_label``, ``unit``, ``higher_is_better`` and ``scale`` of the
primary metric; ``score``, the primary metric in its printed unit; the fields of :class:`bench.results.cost.Cost`;
``steps``, ``batch_size``; ``training_digest``, equal for cells that share a training; ``weights_digest``,
``pair_digest``.

Columns that hold objects: ``metrics`` (printed value by ``name [unit]``), ``contributions`` and ``groups`` (arrays, one
entry a test image), ``per_image`` (statistics by name, packed), ``pair_info``, ``seeds`` (as text: they have 64 bits),
``versions`` (of plug-ins, and of the code that made it), ``environment`` and ``selection`` (of checkpoints, where a
suite asks for it). A failed cell has none of the results.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.api import UserError
from bench.results.record import Array, PairInfo, Record, label_of
from bench.results.table_key import TableKey
from bench.suites.arms import Arm

TABLE = list(TableKey._fields)
"""The frame's columns of the :class:`bench.results.table_key.TableKey`."""
OBJECTS = [
    "metrics",
    "contributions",
    "groups",
    "per_image",
    "pair_info",
    "seeds",
    "versions",
    "environment",
    "selection",
]


def cell_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row for each record, sorted by cell; the columns are those of the module's docstring.

    Raises
    ------
    UserError: no record; two of one cell; a scored one without metric, pair or readable finite contributions;
        records of one table and its recipes made from different versions of the pair, or ranked by different metrics.
    """
    if not records:
        raise UserError("no records to report: run `python -m bench run` first")
    frame = pd.DataFrame([_row(record) for record in records])
    by_cell = [*TABLE, "arm", "refiner", "refiner_seed", "task_seed"]
    twice = frame[frame.duplicated(by_cell)]
    if len(twice):
        cell = " ".join(str(twice.iloc[0][name]) for name in by_cell)
        raise UserError(f"two records of one cell ({cell}): a cell has one score; report each results folder by itself")
    for key, cells in frame[frame.status == "ok"].groupby(["pair", "task", "model", "budget"]):
        _check_comparable(" ".join(map(str, key)), cells)
    return frame.sort_values(by_cell, ignore_index=True)


def target_labels(arm: str, pair: PairInfo | None) -> int | None:
    """Labelled target images that an arm trains on; ``None`` where only a scored record would tell (a failed oracle).

    Raises
    ------
    UserError: an arm that the report does not know.
    """
    parsed = Arm.parse(arm)
    if not parsed.has_target_labels:
        return 0
    if parsed.k is not None:
        return parsed.k
    return pair.n_target_labelled if pair else None


def _row(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {
        "suite": record.suite,
        **record.cell.model_dump(),
        "target_labels": target_labels(record.cell.arm, record.pair),
        "status": record.status,
        "reason": record.reason,
        "metric": None,
        "metric_label": None,
        "unit": None,
        "higher_is_better": None,
        "scale": np.nan,
        "score": np.nan,
        **dict.fromkeys(type(record.cost).model_fields),
        "steps": None,
        "batch_size": None,
        "training_digest": "",
        "weights_digest": "",
        "pair_digest": "",
        **dict.fromkeys(OBJECTS),
        "seeds": {name: str(seed) for name, seed in record.seeds.items()},
        "versions": record.versions | {name: digest[:12] for name, digest in record.code.items()},
        "environment": record.environment,
    }
    if record.status == "failed":
        return row
    if not record.metrics or record.pair is None or record.contributions is None:
        raise UserError(
            f"record {record.cell.id} has a score but lacks metric, pair or contributions: run its cell again"
        )
    primary = record.primary
    row |= {
        "metric": primary.name,
        "metric_label": label_of(primary.name, primary.label),
        "unit": primary.unit,
        "higher_is_better": primary.higher_is_better,
        "scale": primary.scale,
        "score": primary.value * primary.scale,
        **record.cost.model_dump(),
        "steps": record.training.get("steps"),
        "batch_size": record.training.get("batch_size"),
        "training_digest": record.digests.get("training", ""),
        "weights_digest": record.digests.get("weights", ""),
        "pair_digest": record.pair.digest,
        "metrics": {f"{m.name} [{m.unit}]" if m.unit else m.name: m.value * m.scale for m in record.metrics},
        "contributions": _array(record, record.contributions, "contributions").astype(np.float64),
        "groups": None if record.groups is None else _array(record, record.groups, "groups"),
        "per_image": record.per_image,
        "pair_info": record.pair,
        "selection": record.selection,
    }
    return row


def _array(record: Record, packed: Array, name: str) -> np.ndarray:
    """A packed per-image array ``(N_test,)``, checked."""
    problem = ""
    try:
        array = packed.unpack()
    except (ValueError, TypeError, zlib.error) as error:
        problem = f"are unreadable ({error})"
    else:
        if array.ndim != 1 or len(array) == 0:
            problem = f"have shape {array.shape}, expected one number per test image"
        elif not np.isfinite(array).all():
            problem = "are not all finite"
    if problem:
        raise UserError(f"record {record.cell.id}: its {name} {problem}; delete it and run the suite again")
    return array


def _check_comparable(table: str, cells: pd.DataFrame) -> None:
    for column, what in (("pair_digest", "versions of the pair"), ("metric", "primary metrics")):
        counts = cells[column].value_counts(sort=False)
        if len(counts) > 1:
            found = ", ".join(f"{str(value)[:12]} ({n} cells)" for value, n in counts.items())
            raise UserError(
                f"records of {table} mix {what}: {found}; scores of one table must share one: "
                "run the suite again, or report the versions from separate folders"
            )
    n_images = cells.contributions.map(len).unique()
    if len(n_images) > 1:
        found = ", ".join(str(n) for n in sorted(n_images))
        raise UserError(
            f"records of {table} are scored on different numbers of test images: {found}; run the suite again"
        )
