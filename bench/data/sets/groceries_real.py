"""UnityGroceries-Real (Borkman et al. 2021): ``images/*.JPG``, ``annotations.json``, ``annotation_definitions.json``.

1,267 photographs of 5184×3456, 63 products; the split files ``groceries_real_{train,val,test}.txt`` are one line of
indices into ``annotations.json``: 760 / 253 / 254. A ``bbox`` is left, top, width, height in pixels.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.api.errors import DataError
from bench.data.formats import of_images
from bench.data.listing import Listing

NAME, TITLE = "groceries-real", "UnityGroceries-Real"
LICENCE = "code Apache-2.0; photographs as their publisher says"
CITATION = "S. Borkman et al. Unity Perception: Generate Synthetic Data for Computer Vision. arXiv 2107.04259."
EXPECTED = ("images/*", "annotations.json", "annotation_definitions.json", "groceries_real_train.txt")
SPLITS = ("train", "val", "test")


def listing(root: Path, split: str) -> Listing:
    """One split with ``boxes`` and ``box_class``; classes in the order of the definitions' ids."""
    records = read_json(root / "annotations.json")
    named = class_names(read_json(root / "annotation_definitions.json"))
    ids = {label_id: i for i, label_id in enumerate(named)}
    split_file = root / f"groceries_real_{split}.txt"
    if not split_file.is_file():
        raise DataError(f"{split_file} is missing, the indices of the split's images; unpack the archive again")
    indices = [int(word) for word in split_file.read_text().split()]
    if indices and max(indices) >= len(records):
        raise DataError(
            f"{split_file} names image {max(indices)}, and annotations.json has {len(records)}; "
            "unpack the archive again"
        )
    chosen = [records[i] for i in indices]
    images = tuple(Path("images") / record["file_name"] for record in chosen)
    boxes = [_corners(record) for record in chosen]
    return replace(
        of_images(TITLE, root, images, images),
        class_names=tuple(named.values()),
        boxes=boxes.__getitem__,
        box_class=[np.array([ids[label["label_id"]] for label in r["annotations"]], np.int64) for r in chosen],
    )


def class_names(definitions: dict[str, Any]) -> dict[int, str]:
    """Names by label id, sorted by id."""
    specs = definitions["annotation_definitions"][0]["spec"]
    return dict(sorted((int(spec["label_id"]), str(spec["label_name"])) for spec in specs))


def read_json(path: Path) -> Any:
    """A JSON file of the set; raises :class:`DataError` where it is missing or broken."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path} is missing; unpack the archive again") from None
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}); unpack the archive again") from None


def _corners(record: dict[str, Any]) -> np.ndarray:
    boxes = np.array([label["bbox"] for label in record["annotations"]], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes
