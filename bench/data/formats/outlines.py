"""Outlines of objects as class masks: polygons and run-length masks, drawn the larger first.

    polygon       [x1, y1, x2, y2, …] in pixels, x of the left edge of the first column being 0
    run lengths   COCO's: {"size": [height, width], "counts": numbers column by column, or their compressed text}

Small objects lie on large ones, whatever the order in a file. Which pixels a polygon covers is decided by the COCO
library (:mod:`faster_coco_eval`), so that masks and published scores agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.api.errors import DataError
from bench.data.fitting import Size
from bench.data.listing import IGNORE

BACKGROUND = "background"
FEWEST_NUMBERS = 6
"""Of a polygon: three points."""


@dataclass(frozen=True)
class Region:
    """An object's class (255: ignored), and its outline.

    The outline is polygons, run lengths, ``(H, W) bool``, or a function from the image's (width, height) to that.
    """

    class_id: int
    outline: Any

    def covers(self, size: Size) -> np.ndarray:
        """``(H, W) bool``: its pixels.

        Raises
        ------
        ValueError
            The outline is neither polygons nor run lengths of this size.
        """
        if isinstance(self.outline, np.ndarray):
            return self.outline
        if callable(self.outline):
            drawn: np.ndarray = self.outline(size)
            return drawn
        return decoded(self.outline, size)


def with_background(names: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Class names of masks, background first, and the id of the first object class among them.

    >>> with_background(["car", "person"])
    (('background', 'car', 'person'), 1)
    """
    if any(name.strip("_ ").lower() == BACKGROUND for name in names):
        return tuple(names), 0
    return (BACKGROUND, *names), 1


def background_of(names: Sequence[str]) -> int:
    """The id of the background among class names."""
    return next(i for i, name in enumerate(names) if name.strip("_ ").lower() == BACKGROUND)


def draw(regions: Sequence[Region], size: Size, background: int, where: str) -> np.ndarray:
    """``(H, W) uint8`` class ids.

    Parameters
    ----------
    regions : sequence of Region
        In any order.
    size : (width, height)
    background : int
        Class of the pixels of no region.
    where : str
        Names the image in errors.

    Raises
    ------
    DataError
        An outline that cannot be read.
    """
    mask = np.full(size[::-1], background, np.uint8)
    covered = []
    for number, region in enumerate(regions, 1):
        try:
            pixels = region.covers(size)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = str(error).split("\n")[0]
            raise DataError(
                f"{where}: the outline of object {number} cannot be read ({reason}); expected polygons "
                "[x1, y1, x2, y2, x3, y3, …], or run lengths of the image's size: correct it"
            ) from None
        covered.append((region.class_id == IGNORE, int(pixels.sum()), pixels, region.class_id))
    # Ignored regions are drawn first: they say nothing where an object is known.
    for _, _, pixels, class_id in sorted(covered, key=lambda item: (not item[0], -item[1])):
        mask[pixels] = class_id
    return mask


def decoded(outline: Any, size: Size) -> np.ndarray:
    """``(H, W) bool`` of polygons or run lengths; see :meth:`Region.covers`."""
    from faster_coco_eval.core import mask as coco_mask

    width, height = size
    if isinstance(outline, dict):
        if list(map(int, outline["size"])) != [height, width]:
            raise ValueError(f"run lengths of {outline['size'][1]}×{outline['size'][0]} pixels")
        counts = outline["counts"]
        if isinstance(counts, list):
            if sum(counts) != width * height:
                raise ValueError(f"run lengths of {sum(counts)} pixels in all")
            outline = coco_mask.frPyObjects(outline, height, width)
        return coco_mask.decode(outline).astype(bool)
    polygons = [[float(value) for value in polygon] for polygon in outline]
    if any(len(polygon) % 2 for polygon in polygons):
        raise ValueError("an odd number of coordinates")
    pixels = np.zeros((height, width), bool)
    for polygon in polygons:
        if len(polygon) >= FEWEST_NUMBERS:
            pixels |= coco_mask.decode(coco_mask.frPyObjects([polygon], height, width))[..., 0].astype(bool)
    return pixels


def scale_outlines(outline: Any, factors: tuple[float, float], size: Size) -> Any:
    """Polygons or run lengths of an image whose width and height change by ``factors``, to ``size``."""
    if isinstance(outline, dict):
        from PIL import Image

        height, width = map(int, outline["size"])
        smaller = Image.fromarray(decoded(outline, (width, height))).resize(size, Image.Resampling.NEAREST)
        return {"size": [size[1], size[0]], "counts": run_lengths(np.asarray(smaller))}
    return [(np.array(polygon, float).reshape(-1, 2) * factors).ravel().tolist() for polygon in outline]


def run_lengths(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed run lengths of ``(H, W) bool``: columns first, beginning with the empty ones.

    >>> run_lengths(np.array([[False, True], [True, True]]))
    [1, 3]
    """
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], changes, [len(flat)]])
    lengths = np.diff(edges).tolist()
    return [0, *lengths] if flat[0] else lengths
