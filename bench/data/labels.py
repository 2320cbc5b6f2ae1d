"""Labels that no task could learn from are refused before anything is trained on them, by file and row.

    class_id          0..n_classes-1
    quaternion        norm within 1 ± 1e-3
    mask              0..n_classes-1, or 255 = ignore
    depth_m           finite, ≥ 0; the median of known depths inside the pair's range (another unit would not be)
    boxes, box_class  finite, left < right, top < bottom, inside the image; 0..n_classes-1, or -1 = empty slot
    free_distance_m   finite, ≥ 0; the median as of depths

Sets are read in blocks, so that a large one does not fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.api.errors import DataError
from bench.api.imageset import COLUMNS, ImageSet

NORM_TOLERANCE = 1e-3
BOX_TOLERANCE_PX = 0.5
"""Annotation tools round box corners; half a pixel beyond the border is no mistake."""


def check_labels(images: ImageSet, split: str, n_classes: int, depth_range_m: tuple[float, float] | None) -> None:
    """Check every label column of a split.

    Raises
    ------
    DataError: the first wrong row: split, row, file where known, what was found, what is allowed.
    """
    for name in images.names("label"):
        if name not in _CHECKS:
            continue
        known: list[np.ndarray] = []
        for rows in images.columns[name].blocks():
            values = images.columns[name].take(rows)
            wrong, why = _CHECKS[name](values, images, rows, n_classes)
            if wrong.any():
                first = int(np.argmax(wrong))
                raise DataError(f"{_where(images, split, int(rows[first]))}, column {name!r}: {why(first)}")
            if name in ("depth_m", "free_distance_m"):
                known.append(values[values > 0][:: 1 + values.size // 10_000])
        _check_median(name, known, split, depth_range_m)


def _where(images: ImageSet, split: str, row: int) -> str:
    return f"{split}, row {row}" + (f" ({images.files[row]})" if images.files else "")


Found = tuple[np.ndarray, Callable[[int], str]]


def _class_id(values: np.ndarray, images: ImageSet, rows: np.ndarray, n_classes: int) -> Found:
    return (values < 0) | (values >= n_classes), lambda i: f"class {values[i]}; allowed: 0..{n_classes - 1}"


def _quaternion(values: np.ndarray, images: ImageSet, rows: np.ndarray, n_classes: int) -> Found:
    norms = np.linalg.norm(values, axis=1)
    # Not-a-number compares as false and so is wrong too.
    wrong: np.ndarray = ~(np.abs(norms - 1) <= NORM_TOLERANCE)
    return wrong, lambda i: f"a quaternion of norm {norms[i]:.4g}; unit quaternions (w, x, y, z) are needed"


def _mask(values: np.ndarray, images: ImageSet, rows: np.ndarray, n_classes: int) -> Found:
    outside = (values >= n_classes) & (values != COLUMNS["mask"].padding)
    allowed = f"0..{n_classes - 1}, or 255 to ignore"
    return outside.any(axis=(1, 2)), lambda i: f"class {values[i][outside[i]][0]} in the mask; allowed: {allowed}"


def _metres(values: np.ndarray, images: ImageSet, rows: np.ndarray, n_classes: int) -> Found:
    flat = values.reshape(len(values), -1)
    wrong = ~(np.isfinite(flat) & (flat >= 0))
    return wrong.any(axis=1), lambda i: f"{flat[i][wrong[i]][0]} m; allowed: finite metres from 0 (0 = unknown)"


def _boxes(values: np.ndarray, images: ImageSet, rows: np.ndarray, n_classes: int) -> Found:
    used = images.columns["box_class"].take(rows) >= 0
    if "native_size" in images.columns:
        size = images.columns["native_size"].take(rows)
    else:
        size = np.broadcast_to(images.image_size, (len(rows), 2))
    width, height = size[:, 0, None] + BOX_TOLERANCE_PX, size[:, 1, None] + BOX_TOLERANCE_PX
    left, top, right, bottom = np.moveaxis(values, 2, 0)
    # Not-a-number compares as false and so is wrong too.
    right_order = (left < right) & (top < bottom)
    inside = (left >= -BOX_TOLERANCE_PX) & (top >= -BOX_TOLERANCE_PX) & (right <= width) & (bottom <= height)
    wrong = used & ~(right_order & inside)

    def why(i: int) -> str:
        slot = int(np.argmax(wrong[i]))
        box = ", ".join(f"{edge:.4g}" for edge in values[i, slot])
        return (
            f"box {slot} ({box}) has no area or leaves the image of {size[i, 0]} × {size[i, 1]} pixels; "
            "allowed: left < right, top < bottom, inside the image"
        )

    return wrong.any(axis=1), why


def _box_class(values: np.ndarray, images: ImageSet, rows: np.ndarray, n_classes: int) -> Found:
    wrong: np.ndarray = (values < -1) | (values >= n_classes)
    return np.any(wrong, axis=1), lambda i: f"class {values[i][wrong[i]][0]} of a box; allowed: 0..{n_classes - 1}"


_CHECKS: dict[str, Callable[[np.ndarray, ImageSet, np.ndarray, int], Found]] = {
    "class_id": _class_id,
    "quaternion": _quaternion,
    "mask": _mask,
    "depth_m": _metres,
    "boxes": _boxes,
    "box_class": _box_class,
    "free_distance_m": _metres,
}


def _check_median(name: str, parts: list[np.ndarray], split: str, allowed: tuple[float, float] | None) -> None:
    known = np.concatenate(parts) if parts else np.empty(0)
    if allowed is None or not len(known):
        return
    median = float(np.median(known))
    if not allowed[0] <= median <= allowed[1]:
        raise DataError(
            f"{split}, column {name!r}: the median is {median:.4g} m, and the pair states {allowed[0]:g} to "
            f"{allowed[1]:g} m; give depths in metres (divide millimetres by 1000)"
        )
