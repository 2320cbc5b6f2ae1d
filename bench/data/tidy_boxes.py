"""Boxes that renderers and tools write and no trainer takes: left out or cut at the border, counted, and said.

    left out      no width or height (objects behind others, or a click), or wholly outside the image
    cut           reaches beyond the border: objects that the image shows in part
    refused       more than a tenth of all boxes lie wholly outside, or half of all are cut to less than half: labels of
                  another size or another image, which no cutting mends

A box may leave the image by :data:`~bench.data.listing.BOX_TOLERANCE_PX` without being counted, since tools differ in
where it ends.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.api.errors import DataError
from bench.data.listing import BOX_TOLERANCE_PX, Listing

OUTSIDE_SHARE = 0.1
CUT_SHARE = 0.5
SMALLEST_PX = 1e-3
"""Narrower than any label that is meant: shares of YOLO are rounded to about this."""


def tidy_boxes(listing: Listing) -> Listing:
    """The listing with boxes that have an area inside their image; reads the sizes of all images with boxes.

    Raises
    ------
    DataError
        So many boxes lie outside that the labels must be another image's; names the first.
    """
    if listing.boxes is None or listing.box_class is None:
        return listing
    boxes, classes = [], []
    n_empty = n_outside = n_cut = n_halved = n_all = 0
    first_empty = first_wrong = ""
    for i, ids in enumerate(listing.box_class):
        rows = listing.boxes(i)
        if not len(rows):
            boxes.append(rows)
            classes.append(ids)
            continue
        size = listing.size(i)
        inside = rows.clip(0, np.array(size * 2, np.float32))
        empty = ~((rows[:, 2:] - rows[:, :2]) > SMALLEST_PX).all(axis=1)
        outside = ~empty & ~((inside[:, 2:] - inside[:, :2]) > SMALLEST_PX).all(axis=1)
        cut = ~empty & ~outside & (np.abs(inside - rows) > BOX_TOLERANCE_PX).any(axis=1)
        halved = cut & (_areas(inside) < _areas(rows) / 2)
        n_all, n_empty, n_outside = n_all + len(rows), n_empty + int(empty.sum()), n_outside + int(outside.sum())
        n_cut, n_halved = n_cut + int(cut.sum()), n_halved + int(halved.sum())
        if empty.any() and not first_empty:
            first_empty = listing.names[i]
        if (outside | halved).any() and not first_wrong:
            first_wrong = _described(listing, i, rows, int(np.argmax(outside | halved)), size)
        kept = ~(empty | outside)
        boxes.append(inside[kept])
        classes.append(ids[kept])
    if n_outside > OUTSIDE_SHARE * n_all or n_halved > CUT_SHARE * n_all:
        n_wrong = n_outside + n_halved
        raise DataError(
            f"{first_wrong} ({n_wrong} of {n_all} boxes are so); the labels are of images of another size, most "
            "likely: correct them, or give the images that size"
        )
    notes = list(listing.notes)
    if n_empty:
        notes.append(f"{_boxes(n_empty)} without area left out, the first of {first_empty}")
    if n_outside:
        notes.append(f"{_boxes(n_outside)} outside the image left out")
    if n_cut:
        notes.append(f"{_boxes(n_cut)} cut at the image's border")
    return replace(listing, boxes=boxes.__getitem__, box_class=classes, notes=tuple(notes))


def _areas(boxes: np.ndarray) -> np.ndarray:
    """``(n,)`` of left, top, right, bottom."""
    areas: np.ndarray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas


def _boxes(n: int) -> str:
    return f"{n} box{'es' if n > 1 else ''}"


def _described(listing: Listing, i: int, rows: np.ndarray, slot: int, size: tuple[int, int]) -> str:
    box = ", ".join(f"{edge:.5g}" for edge in rows[slot])
    return (
        f"{listing.names[i]}: box {slot + 1} of its {listing.format} labels (left, top, right, bottom: {box}) leaves "
        f"the image of {size[0]}×{size[1]} pixels"
    )
