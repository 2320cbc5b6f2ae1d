"""What a folder holds, known from names, headers and label files alone: no picture is decoded to list it.

A :class:`Listing` is what every format's reader returns (:mod:`bench.data.formats`, :mod:`bench.data.sets`): for each
image a name, a way to read its pixels, and its labels in the units of :data:`bench.api.imageset.COLUMNS`. Class ids
count along the listing's own ``class_names``; :func:`with_classes` brings them to another order.

:func:`working_set` turns one into an :class:`~bench.api.imageset.ImageSet` at the working size. Its pixel columns are
:class:`Decoded`: files are decoded when rows are taken, by as many threads as there are cores, so that a set larger
than memory is written to disk block by block and never held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.api.errors import DataError
from bench.api.imageset import COLUMNS, Column, ImageSet
from bench.api.terms import Fit
from bench.data import fitting
from bench.data.fitting import Size
from bench.data.parallel import for_each

IGNORE = 255
BOX_TOLERANCE_PX = 1.5
"""Tools differ by a pixel in where a box ends; what reaches farther out is a mistake."""

Reader = Callable[[int], np.ndarray]
_FIT: Mapping[str, Callable[[np.ndarray, Size, Fit], np.ndarray]] = {
    "image": fitting.fit_image,
    "mask": fitting.fit_mask,
    "foreground": fitting.fit_mask,
    "depth_m": fitting.fit_depth,
    "sensor_depth_m": fitting.fit_depth,
}


@dataclass(frozen=True)
class Listing:
    """Images and labels of a folder, unread.

    Attributes
    ----------
    format: as printed, e.g. ``COCO``.
    names: the file behind each image, relative to the root.
    size: ``size(i)`` is the native (width, height) of image ``i``, from its header.
    pixels: readers by column: ``pixels["image"](i)`` is ``(H, W, 3) uint8`` RGB; ``mask`` uint8 class ids,
        ``depth_m`` float32 metres, ``foreground`` bool, all of native size.
    arrays: ``class_id``, ``quaternion``, ``intrinsics`` …, a row an image.
    boxes, box_class: ``boxes(i)`` is ``(n, 4) float32`` left, top, right, bottom in native pixels, ``box_class[i]``
        ``(n,) int64``.
    notes: what a user should know of how the folder was read.
    """

    format: str
    names: Sequence[str]
    size: Callable[[int], Size]
    pixels: Mapping[str, Reader]
    class_names: tuple[str, ...] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    boxes: Reader | None = None
    box_class: Sequence[np.ndarray] | None = None
    notes: tuple[str, ...] = ()

    @property
    def n_images(self) -> int:
        return len(self.names)

    @property
    def labels(self) -> frozenset[str]:
        """Label columns that the images have."""
        named = [name for name in (*self.pixels, *self.arrays) if COLUMNS[name].kind == "label"]
        return frozenset(named + (["boxes", "box_class"] if self.boxes is not None else []))

    def select(self, rows: np.ndarray) -> Listing:
        """The images at ``rows``, in that order."""
        chosen = [int(row) for row in rows]

        def through(read: Reader) -> Reader:
            return lambda i: read(chosen[i])

        return replace(
            self,
            names=[self.names[row] for row in chosen],
            size=lambda i: self.size(chosen[i]),
            pixels={name: through(read) for name, read in self.pixels.items()},
            arrays={name: array[rows] for name, array in self.arrays.items()},
            boxes=None if self.boxes is None else through(self.boxes),
            box_class=None if self.box_class is None else [self.box_class[row] for row in chosen],
        )

    def unlabelled(self) -> Listing:
        """The images alone."""
        image = {name: read for name, read in self.pixels.items() if COLUMNS[name].kind == "input"}
        arrays = {name: array for name, array in self.arrays.items() if COLUMNS[name].kind != "label"}
        return replace(self, pixels=image, arrays=arrays, boxes=None, box_class=None)


class Decoded:
    """An array of decoded files, ``(N, …)``, read when rows are taken; equal rows at every reading.

    Rows of other shapes than ``row_shape`` are laid into its top left corner, the rest filled with ``padding``.
    """

    def __init__(self, read: Reader, n_rows: int, row_shape: tuple[int, ...], dtype: str, padding: int = 0) -> None:
        self._read, self._padding = read, padding
        self.shape = (n_rows, *row_shape)
        self.dtype = np.dtype(dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        taken = np.full((len(rows), *self.shape[1:]), self._padding, self.dtype)

        def fill(place: int) -> None:
            row = self._read(int(rows[place]))
            corner: tuple[int | slice, ...] = (place, *(slice(side) for side in row.shape))
            taken[corner] = row

        for_each(fill, len(rows))
        return taken


def working_set(listing: Listing, size: Size, fit: Fit, *, native_labels: bool = False) -> ImageSet:
    """The listing as columns at the working size; with ``native_labels`` labels and geometry keep theirs (tests).

    Raises
    ------
    DataError: from the readers, naming the file; a box outside its image; labels of another size than their image.
    """
    n_images = listing.n_images
    sizes = [listing.size(i) for i in range(n_images)]
    columns: dict[str, Column] = {}
    for name, read in listing.pixels.items():
        kept = native_labels and name not in ("image", "sensor_depth_m")
        spec = COLUMNS[name]
        shape: tuple[int, ...] = (size[1], size[0])
        if kept:
            shape = (max(height for _, height in sizes), max(width for width, _ in sizes))
        shape += (3,) if name == "image" else ()
        reader = _fitted(name, read, listing, sizes, None if kept else (size, fit))
        columns[name] = Column(Decoded(reader, n_images, shape, spec.dtype, spec.padding))
    for name, array in listing.arrays.items():
        if name == "intrinsics" and not native_labels:
            rows = [fitting.fit_intrinsics(row, native, size, fit) for row, native in zip(array, sizes, strict=True)]
            array = np.stack(rows)
        columns[name] = Column(array)
    if listing.boxes is not None and listing.box_class is not None:
        boxes = _inside(listing, [listing.boxes(i) for i in range(n_images)], sizes)
        if not native_labels:
            boxes = [
                fitting.fit_boxes(rows, native, size, fit) if len(rows) else rows
                for rows, native in zip(boxes, sizes, strict=True)
            ]
        columns["boxes"], columns["box_class"] = _padded(boxes, listing.box_class)
    if native_labels:
        columns["native_size"] = Column(np.array(sizes, np.int64))
    return ImageSet(columns, files=list(listing.names))


def _fitted(name: str, read: Reader, listing: Listing, sizes: Sequence[Size], to: tuple[Size, Fit] | None) -> Reader:
    """The reader of a pixel column: native size checked, then brought to the working size."""

    def fitted(i: int) -> np.ndarray:
        array = read(i)
        found = (array.shape[1], array.shape[0])
        if found != sizes[i]:
            raise DataError(
                f"{listing.names[i]}: the image has {sizes[i][0]}×{sizes[i][1]} pixels and its {name} "
                f"{found[0]}×{found[1]}; give both one size, or remove the image"
            )
        return array if to is None else _FIT[name](array, *to)

    return fitted


def _inside(listing: Listing, boxes: Sequence[np.ndarray], sizes: Sequence[Size]) -> list[np.ndarray]:
    """The boxes of all images, cut at their borders; what is outside by more than tools differ is an error."""
    cut = [rows.clip(0, np.array(size * 2, np.float32)) for rows, size in zip(boxes, sizes, strict=True)]
    wrong = [
        (np.abs(inside - rows) > BOX_TOLERANCE_PX).any(axis=1) | ~(inside[:, :2] < inside[:, 2:]).all(axis=1)
        for inside, rows in zip(cut, boxes, strict=True)
    ]
    if not (images := [i for i, flags in enumerate(wrong) if flags.any()]):
        return cut
    first, (width, height) = images[0], sizes[images[0]]
    slot, n_wrong = int(np.argmax(wrong[first])), sum(int(flags.sum()) for flags in wrong)
    box = ", ".join(f"{edge:.5g}" for edge in boxes[first][slot])
    others = f" ({n_wrong} boxes of {len(images)} images are so)" if n_wrong > 1 else ""
    raise DataError(
        f"{listing.names[first]}: box {slot + 1} of its {listing.format} labels (left, top, right, bottom: {box}) has "
        f"no area or leaves the image of {width}×{height} pixels{others}; correct the label, or remove the image"
    )


def _padded(boxes: Sequence[np.ndarray], box_class: Sequence[np.ndarray]) -> tuple[Column, Column]:
    slots = max(1, *map(len, boxes)) if len(boxes) > 1 else max(1, len(boxes[0]))
    all_boxes = np.zeros((len(boxes), slots, 4), np.float32)
    all_classes = np.full((len(boxes), slots), COLUMNS["box_class"].padding, np.int64)
    for row, (own_boxes, own_classes) in enumerate(zip(boxes, box_class, strict=True)):
        all_boxes[row, : len(own_boxes)] = own_boxes
        all_classes[row, : len(own_classes)] = own_classes
    return Column(all_boxes), Column(all_classes)


def with_classes(listing: Listing, class_names: tuple[str, ...], ids: np.ndarray) -> Listing:
    """The listing with its class ``i`` counted as ``ids[i]`` of ``class_names``; −1 leaves a class out.

    Left out are images of that class, its boxes, and its pixels (255, ignored).
    """
    if class_names == listing.class_names and np.array_equal(ids, np.arange(len(class_names))):
        return listing
    changed = replace(listing, class_names=class_names)
    if (read := listing.pixels.get("mask")) is not None:
        table = np.full(256, IGNORE, np.uint8)
        table[: len(ids)] = np.where(ids < 0, IGNORE, ids)
        changed = replace(changed, pixels={**listing.pixels, "mask": lambda i: table[read(i)]})
    if listing.boxes is not None and listing.box_class is not None:
        kept, boxes = [ids[classes] >= 0 for classes in listing.box_class], listing.boxes
        changed = replace(
            changed,
            boxes=lambda i: boxes(i)[kept[i]],
            box_class=[ids[classes][keep] for classes, keep in zip(listing.box_class, kept, strict=True)],
        )
    if (class_id := listing.arrays.get("class_id")) is not None:
        changed = replace(changed, arrays={**listing.arrays, "class_id": ids[class_id]})
        changed = changed.select(np.flatnonzero(ids[class_id] >= 0))
    return changed
