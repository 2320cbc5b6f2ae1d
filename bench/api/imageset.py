"""Labelled and unlabelled image sets as columns.

An :class:`ImageSet` is a bundle of equally long columns, one array each, never a list of sample objects.
Columns come in three kinds (docs/design.md, Data):

* *inputs*, what a model may see at test time: ``image`` ``(N, H, W, 3)`` uint8 RGB, ``sensor_depth_m``;
* *labels*, what it must predict: ``class_id``, ``foreground``, ``mask`` …;
* *geometry*, what relates pixels to the world: ``intrinsics`` …

Lists that differ in length from image to image (``boxes``) are stored padded: unused *slots* at the end hold the
column's ``padding``. Labels of training splits are at the size of the images; test labels stay at native size, in the
top left corner of arrays as large as the largest of them, and ``native_size`` says how much of each is real.

A refiner receives :class:`UnlabelledImages`, a type that has no labels to reach for. Arrays may be memory
maps: rows are gathered with :meth:`Column.take`, so a set larger than memory stays on disk.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from bench.api.errors import DataError

BLOCK_BYTES = 32 * 2**20
"""Of rows that are read at once from a set that may be larger than memory."""


@dataclass(frozen=True)
class ColumnSpec:
    """What a column of a given name must look like."""

    kind: Literal["input", "label", "geometry"]
    dtype: str
    row_shape: tuple[int | None, ...]
    meaning: str
    padding: int = 0


COLUMNS: dict[str, ColumnSpec] = {
    "image": ColumnSpec("input", "uint8", (None, None, 3), "RGB, 0..255"),
    "sensor_depth_m": ColumnSpec("input", "float32", (None, None), "metres along the view axis, 0 = unknown"),
    "class_id": ColumnSpec("label", "int64", (), "0..n_classes-1"),
    "quaternion": ColumnSpec("label", "float32", (4,), "w, x, y, z; unit norm"),
    "mask": ColumnSpec("label", "uint8", (None, None), "class ids, 255 = ignore", padding=255),
    "foreground": ColumnSpec("label", "bool", (None, None), "True where the object is"),
    "depth_m": ColumnSpec("label", "float32", (None, None), "metres along the view axis, 0 = unknown"),
    "in_target_look": ColumnSpec("label", "uint8", (None, None, 3), "RGB of the same scene, drawn as the target is"),
    "boxes": ColumnSpec("label", "float32", (None, 4), "left, top, right, bottom in pixels; zeros in empty slots"),
    "box_class": ColumnSpec("label", "int64", (None,), "0..n_classes-1; -1 = empty slot", padding=-1),
    "free_distance_m": ColumnSpec("label", "float32", (None,), "metres to the next obstacle by column bin, 0 = none"),
    "intrinsics": ColumnSpec("geometry", "float32", (4,), "fx, fy, cx, cy in pixels"),
    "native_size": ColumnSpec("geometry", "int64", (2,), "width, height in pixels"),
    "camera_height_m": ColumnSpec("geometry", "float32", (), "metres above the ground"),
    "up": ColumnSpec("geometry", "float32", (3,), "the world's up in camera axes (right, down, forward); unit norm"),
}


def concatenate(name: str, parts: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays of one column, or of predictions, row after row; shorter rows are padded at their ends.

    >>> concatenate("box_class", [np.array([[3, 1]]), np.array([[2]])])
    array([[ 3,  1],
           [ 2, -1]])
    """
    if len({part.shape[1:] for part in parts}) == 1:
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    largest = tuple(max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True))
    padding = COLUMNS[name].padding if name in COLUMNS else 0
    joined = np.full((sum(map(len, parts)), *largest), padding, parts[0].dtype)
    first = 0
    for part in parts:
        joined[(slice(first, first + len(part)), *map(slice, part.shape[1:]))] = part
        first += len(part)
    return joined


def array_digest(array: np.ndarray) -> str:
    """SHA-256 (hex) of dtype, shape and C-order bytes: equal pixels, equal digest."""
    array = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


class Rows(Protocol):
    """What a column needs of an array: a NumPy array, a memory map, or files that are decoded when rows are taken."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: np.ndarray) -> Any: ...


@dataclass(frozen=True)
class Column:
    """One array, optionally seen through a row map (``rows[i]`` is the array row of sample ``i``).

    Row maps let a labelled subset share the images of its superset, and let several refined views of one
    source image share its label, with nothing copied.
    """

    array: Rows
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.array) if self.rows is None else len(self.rows)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Rows ``indices`` ``(B,) int64`` as a new array ``(B, …)`` of the column's dtype."""
        return np.asarray(self.array[indices if self.rows is None else self.rows[indices]])

    def blocks(self, n_bytes: int = BLOCK_BYTES) -> Iterator[np.ndarray]:
        """Row numbers ``(b,) int64`` of blocks of about ``n_bytes``, in order: what to take at once of a large set."""
        row_bytes = max(1, self.array.dtype.itemsize * math.prod(self.array.shape[1:]))
        step = max(1, n_bytes // row_bytes)
        for first in range(0, len(self), step):
            yield np.arange(first, min(first + step, len(self)))

    def through(self, rows: np.ndarray) -> Column:
        """The same array seen through ``rows`` (composed with the map that is already there)."""
        return Column(self.array, rows if self.rows is None else self.rows[rows])


@dataclass(frozen=True)
class UnlabelledImages:
    """Inputs and assets without labels: all that a refiner may know of the target domain.

    Parameters
    ----------
    columns: input columns by name (``image`` always there).
    assets: arrays of the whole set, e.g. ``background_template`` ``(H, W, 3)`` uint8.

    Raises
    ------
    DataError: a column that is not an input, of the wrong dtype or shape, or of another length.
    """

    columns: Mapping[str, Column]
    assets: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self.columns, allowed=("input",))

    @property
    def n_images(self) -> int:
        return len(self.columns["image"])

    def images(self, indices: np.ndarray | None = None) -> np.ndarray:
        """Images ``indices`` (all by default), ``(B, H, W, 3)`` uint8 RGB."""
        indices = np.arange(self.n_images) if indices is None else indices
        return self.columns["image"].take(indices)


@dataclass(frozen=True)
class ImageSet:
    """Inputs, labels and geometry of one split; see the module's docstring for the columns.

    ``files`` names the file behind each row, where there are files: for the messages of
    :func:`bench.data.labels.check_labels`.

    Raises
    ------
    DataError: no image, an unknown column, a wrong dtype or shape, or columns of different length.
    """

    columns: Mapping[str, Column]
    assets: Mapping[str, np.ndarray] = field(default_factory=dict)
    files: Sequence[str] = ()

    def __post_init__(self) -> None:
        _check(self.columns, allowed=("input", "label", "geometry"))
        if self.files and len(self.files) != self.n_images:
            raise DataError(f"{len(self.files)} file names were given for {self.n_images} images; name each or none")

    @classmethod
    def from_arrays(cls, assets: Mapping[str, np.ndarray] | None = None, **arrays: np.ndarray) -> ImageSet:
        """A set of plain arrays: ``ImageSet.from_arrays(image=…, class_id=…)``."""
        return cls({name: Column(array) for name, array in arrays.items()}, assets or {})

    @property
    def n_images(self) -> int:
        return len(self.columns["image"])

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.columns["image"].array.shape[1:3]
        return width, height

    def names(self, kind: str) -> tuple[str, ...]:
        """Names of the columns of a kind: ``input``, ``label`` or ``geometry``."""
        return tuple(name for name in self.columns if COLUMNS[name].kind == kind)

    def take(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """All columns at rows ``indices`` ``(B,) int64``."""
        return {name: column.take(indices) for name, column in self.columns.items()}

    def select(self, rows: np.ndarray) -> ImageSet:
        """The subset at ``rows``, sharing this set's arrays."""
        files = [self.files[row] for row in rows] if self.files else ()
        return ImageSet({name: column.through(rows) for name, column in self.columns.items()}, self.assets, files)

    def only(self, names: frozenset[str]) -> ImageSet:
        """Inputs plus those of ``names`` that are here: what a refiner may read."""
        keep = {n: c for n, c in self.columns.items() if COLUMNS[n].kind == "input" or n in names}
        return ImageSet(keep, self.assets)

    def unlabelled(self) -> UnlabelledImages:
        """The view a refiner gets of the target domain."""
        return UnlabelledImages({n: self.columns[n] for n in self.names("input")}, self.assets)


def _check(columns: Mapping[str, Column], allowed: tuple[str, ...]) -> None:
    if "image" not in columns:
        raise DataError(f"an image set needs the column 'image'; found {sorted(columns) or 'no column'}")
    n_images = len(columns["image"])
    if n_images == 0:
        raise DataError("an image set needs at least one image; found none")
    for name, column in columns.items():
        spec = COLUMNS.get(name)
        if spec is None or spec.kind not in allowed:
            known = sorted(n for n, s in COLUMNS.items() if s.kind in allowed)
            raise DataError(f"column {name!r} is not allowed here; allowed: {', '.join(known)}")
        shape = column.array.shape[1:]
        fits = len(shape) == len(spec.row_shape) and all(
            want is None or want == have for want, have in zip(spec.row_shape, shape, strict=True)
        )
        if column.array.dtype != np.dtype(spec.dtype) or not fits:
            raise DataError(
                f"column {name!r} is {column.array.dtype} with rows of shape {shape}; "
                f"expected {spec.dtype} with rows of shape {spec.row_shape} ({spec.meaning})"
            )
        if len(column) != n_images:
            raise DataError(f"column {name!r} has {len(column)} rows, but there are {n_images} images")
