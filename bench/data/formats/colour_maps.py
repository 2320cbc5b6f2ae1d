"""Label maps as coloured pictures whose colours a JSON file explains, as Unity and Replicator write them.

The same class may have another colour in every image; the background is black unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.formats import Options
from bench.data.formats.objects import IGNORED_NAMES, Annotated, Labels, listing_of
from bench.data.formats.outlines import background_of, with_background
from bench.data.image_files import read_colours
from bench.data.listing import IGNORE, Listing

Colour = tuple[int, ...]
BLACK = (0, 0, 0)


@dataclass(frozen=True)
class ColourMap:
    """A picture of classes, and what its colours mean."""

    path: Path
    colours: Mapping[Colour, str]


def masks_of(
    title: str, root: Path, rows: Sequence[Annotated], maps: Sequence[ColourMap | None], files: tuple[Path, ...]
) -> Listing | None:
    """The listing of images with a map each, ``None`` where no image has one.

    Raises
    ------
    DataError
        Some images have a map and others have none; later, when masks are read: a colour that has no name.
    """
    if not any(maps):
        return None
    if bare := [row.image for row, found in zip(rows, maps, strict=True) if found is None]:
        raise DataError(
            f"{root}: {len(bare)} of {len(rows)} images have no label map, as {bare[0]}; add the maps, or remove the "
            "images"
        )
    present = [found for found in maps if found is not None]
    names = sorted({name for found in present for name in found.colours.values()})
    class_names, _ = with_background([name for name in names if name.lower() not in IGNORED_NAMES])
    background = background_of(class_names)
    ids = {name: class_names.index(name) if name in class_names else IGNORE for name in names}

    def mask(i: int) -> np.ndarray:
        return _ids(present[i], ids, background)

    bare_rows = [replace(row, objects=()) for row in rows]
    plain = listing_of(title, root, Labels(bare_rows), files, Options("detection"))
    assert plain is not None  # boxes are never missing
    return replace(plain, pixels={**plain.pixels, "mask": mask}, class_names=class_names, boxes=None, box_class=None)


def _ids(colour_map: ColourMap, ids: Mapping[str, int], background: int) -> np.ndarray:
    """``(H, W) uint8`` class ids of a map."""
    colours = read_colours(colour_map.path).astype(np.int64)
    packed = colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]
    mask = np.full(packed.shape, background, np.uint8)
    known = packed == 0
    for (red, green, blue, *_), name in colour_map.colours.items():
        found = packed == (red << 16 | green << 8 | blue)
        mask[found] = ids[name]
        known |= found
    if not known.all():
        value = int(packed[~known][0])
        raise DataError(
            f"{colour_map.path}: colour ({value >> 16}, {value >> 8 & 255}, {value & 255}) is in "
            f"{int((~known).sum())} pixels and has no name in its JSON file; export the image again"
        )
    return mask
