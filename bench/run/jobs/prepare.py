"""*prepare*: render or read one side of a pair and store its splits as columns.

Target labels stay apart from what a refiner may load: ``target_train`` holds inputs alone, ``target_train_labelled``
the labels with a row map into it. ``source_fit`` and ``target_fit``, where a pair has them, are what refiners may learn
from. Splits are checked as they lie in the store, so that the files of a large set are decoded once.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.api import Described, Frozen, Limits, Pair
from bench.api.imageset import ImageSet
from bench.api.terms import Fit
from bench.data.labels import check_labels
from bench.data.splits import REMEDY, check_disjoint
from bench.run.jobs.work import Inputs, Work
from bench.run.stored_sets import open_set, save_array, save_set

VERSION = 3
BYTES_PER_PIXEL = 12
"""An image, the same in the target's look, a mask, a foreground and a depth: what the richest embedded pairs store."""


class Spec(Frozen):
    """One side of a pair at a working size."""

    pair: Described
    side: Literal["source", "target"]
    size: tuple[int, int]
    fit: Fit
    limits: Limits


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """Data come from their description alone."""
    return {"kind": "prepare", "version": VERSION, **spec.model_dump(), "pair": spec.pair.identity()}


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Check the labels and write the splits of one side."""
    pair = work.registry.rebuild(Pair, spec.pair)
    sets = _source(pair, spec, folder) if spec.side == "source" else _target(pair, spec, folder)
    counts = {split: described.pop("n_images") for split, described in sets.items()}
    notes = list(pair.notes) if spec.side == "target" else []
    if spec.side == "source":
        for split, files in pair.source_files(spec.size, spec.fit, spec.limits).items():
            sets[split]["files"] = [asdict(file) for file in files]
    return {"sets": sets, "counts": counts, "notes": notes}


def _source(pair: Pair, spec: Spec, folder: Path) -> dict[str, Any]:
    splits = pair.source(spec.size, spec.fit, spec.limits)
    named = {"source_train": splits.train, "source_val": splits.val}
    if splits.extra is not None:
        named["source_extra"] = splits.extra
    sets = {split: _save(folder, split, images, tuple(images.columns)) for split, images in named.items()}
    _check(pair, {split: open_set(folder, sets[split], images.files) for split, images in named.items()})
    if splits.fit_rows is not None:
        sets["source_fit"] = _through(folder, "source_fit", sets["source_train"], splits.fit_rows)
    return sets


def _target(pair: Pair, spec: Spec, folder: Path) -> dict[str, Any]:
    splits = pair.target(spec.size, spec.fit, spec.limits)
    labelled = {"target_train_labelled": splits.train.select(splits.labelled_rows)} if len(splits.labelled_rows) else {}
    sets = {
        "target_train": _save(folder, "target_train", splits.train, splits.train.names("input")),
        "target_test": _save(folder, "target_test", splits.test, tuple(splits.test.columns)),
    }
    if splits.groups is not None:
        sets["target_test"]["groups"] = save_array(folder / "target_test.groups.npy", splits.groups)
    for split, images in labelled.items():
        others = [name for name in images.columns if name not in images.names("input")]
        described = _save(folder, split, images, others)
        inputs = _through(folder, split, sets["target_train"], splits.labelled_rows)
        described["columns"] |= inputs["columns"]
        sets[split] = described
    files = {"target_train": splits.train.files, "target_test": splits.test.files}
    files |= {split: images.files for split, images in labelled.items()}
    stored = {split: open_set(folder, described, files[split]) for split, described in sets.items()}
    disjoint = {split: stored[split] for split in ("target_train", "target_test")}
    check_disjoint(disjoint, remedy=pair.overlap_remedy or REMEDY)
    _check(pair, {split: images for split, images in stored.items() if split != "target_train"})
    if splits.fit_rows is not None:
        sets["target_fit"] = _through(folder, "target_fit", sets["target_train"], splits.fit_rows)
    return sets


def _through(folder: Path, split: str, whole: dict[str, Any], rows: np.ndarray) -> dict[str, Any]:
    """A set that is some rows of one that is stored: a row map beside the same files."""
    file = save_array(folder / f"{split}.rows.npy", rows.astype(np.int64))
    columns = {name: {**column, "rows": file} for name, column in whole["columns"].items()}
    return {"columns": columns, "assets": whole["assets"], "n_images": len(rows)}


def _check(pair: Pair, splits: dict[str, ImageSet]) -> None:
    for split, images in splits.items():
        check_labels(images, split, len(pair.class_names), pair.depth_range_m)


def _save(folder: Path, split: str, images: ImageSet, columns: Any) -> dict[str, Any]:
    return {**save_set(folder, split, images, columns), "n_images": images.n_images}


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """A few seconds for thousands of small images; bytes of the stored columns."""
    n_images = sum(n for split, n in counts.items() if split.startswith(spec.side) and not split.endswith("labelled"))
    width, height = spec.size
    return n_images * 1e-3, n_images * width * height * BYTES_PER_PIXEL
