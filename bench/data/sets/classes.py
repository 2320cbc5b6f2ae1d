"""Cityscapes' classes, which GTA5 shares and SYNTHIA is mapped to: ids in the files → training ids.

All ids that are not listed are ignored (255). SYNTHIA has no terrain, truck and train: with it 16 classes count, or 13
without wall, fence and pole too.
"""

from __future__ import annotations

import numpy as np

IGNORE = 255
CLASSES = [
    "road",
    "sidewalk",
    "building",
    "wall",
    "fence",
    "pole",
    "traffic_light",
    "traffic_sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "train",
    "motorcycle",
    "bicycle",
]
CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
SYNTHIA_IDS = (3, 4, 2, 21, 5, 7, 15, 9, 6, 16, 1, 10, 17, 8, 18, 19, 20, 12, 11)
"""Of SYNTHIA-RAND-CITYSCAPES, in the order of :data:`CLASSES`."""
LEFT_OUT = {19: (), 16: ("terrain", "truck", "train"), 13: ("terrain", "truck", "train", "wall", "fence", "pole")}


def class_names(n_classes: int = 19) -> tuple[str, ...]:
    """The 19, 16 or 13 classes, in Cityscapes' order."""
    return tuple(name for name in CLASSES if name not in LEFT_OUT[n_classes])


def id_table(ids: tuple[int, ...]) -> np.ndarray:
    """``(256,) uint8``: 0..18 by the ids of a set's files."""
    table = np.full(256, IGNORE, np.uint8)
    table[list(ids)] = np.arange(len(ids))
    return table
