"""Unity Perception, the format of SynthDet (Borkman et al. 2021): ``Dataset<id>/captures_000.json`` …

A capture names its image (``filename``, relative to the root) and its annotations; the 2D boxes are those whose
``values`` have ``x``, ``y``, ``width`` and ``height`` in pixels. Class names come with them (``label_name``), or from
``annotation_definitions.json`` beside the captures.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.api.errors import DataError
from bench.data.formats import of_images
from bench.data.listing import Listing
from bench.data.sets.groceries_real import class_names, read_json

NAME, TITLE = "synthdet", "SynthDet (Unity Perception)"
LICENCE = "Apache-2.0 code; images as their publisher says"
CITATION = "S. Borkman et al. Unity Perception: Generate Synthetic Data for Computer Vision. arXiv 2107.04259."
EXPECTED = ("Dataset*/captures_*.json",)
SPLITS = ("all",)
BOX_KEYS = frozenset({"label_id", "x", "y", "width", "height"})


def listing(root: Path, split: str = "all") -> Listing:
    """All captures with ``boxes`` and ``box_class``."""
    captures: list[dict[str, Any]] = []
    for file in sorted(root.glob(EXPECTED[0])):
        captures += read_json(file)["captures"]
    values = [_boxes(capture) for capture in captures]
    named = {int(v["label_id"]): str(v["label_name"]) for row in values for v in row if "label_name" in v}
    for file in sorted(root.glob("Dataset*/annotation_definitions.json")):
        named |= class_names(read_json(file))
    named = dict(sorted(named.items()))
    ids = {label_id: i for i, label_id in enumerate(named)}
    unnamed = {int(v["label_id"]) for row in values for v in row} - ids.keys()
    if unnamed:
        raise DataError(f"{root}: label {min(unnamed)} has no name in the captures nor in annotation_definitions.json")
    boxes = [_corners(row) for row in values]
    images = tuple(Path(capture["filename"]) for capture in captures)
    return replace(
        of_images(TITLE, root, images, images),
        class_names=tuple(named.values()),
        boxes=boxes.__getitem__,
        box_class=[np.array([ids[int(v["label_id"])] for v in row], np.int64) for row in values],
    )


def _boxes(capture: dict[str, Any]) -> list[dict[str, Any]]:
    values = [value for annotation in capture["annotations"] for value in annotation.get("values") or ()]
    return [value for value in values if value.keys() >= BOX_KEYS]


def _corners(values: list[dict[str, Any]]) -> np.ndarray:
    rows = [(v["x"], v["y"], v["x"] + v["width"], v["y"] + v["height"]) for v in values]
    return np.array(rows, np.float32).reshape(-1, 4)
