"""What a refiner's fit sees when a folder is refined at native size: crops for networks, whole images for others.

A network that learned the texture of small pictures would paint it too coarse on large ones, so it learns from crops of
native pixels. Other refiners learn statistics of whole images. Photographs are brought to the source's scale: their
longer side gets as many pixels as the source's median longer side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.api.imageset import COLUMNS, Column, ImageSet
from bench.data import fitting
from bench.data.fitting import Size
from bench.data.listing import Decoded, Listing
from bench.run.seeds import seed_from

CROP_PX = {"light": 96, "standard": 384, "paper": 512}
N_CROPS = {"light": 300, "standard": 1_500, "paper": 6_000}
"""Of each domain. Networks of the budgets standard and paper cut crops of 256 from these at random."""
LARGE, SMALL = 0.95, 0.1
"""Of the images in order of size: where the one stands whose size whole images get, and up to where they are too small
to cut crops from. A single huge image, or a thumbnail, does not decide."""
WHOLE_BYTES = 2 * 2**30
"""Of whole images of each domain: what is learned from them is a mean or a few spectra."""


def fit_sets(
    source: Listing, target: Listing, reads: tuple[str, ...], budget: str, *, networks: bool
) -> dict[str, ImageSet]:
    """``source_train`` and ``target_train`` of a fit: crops for networks, whole images for others.

    Photographs are scaled so that their longer side is the source's median longer side; nothing is scaled up to fill a
    crop: crops are as small as all but the smallest tenth of the images of either side demand, and that tenth is left
    out. Where the source's images have several sizes, whole images are brought to one of the largest of them.
    """
    sizes = [source.size(i) for i in _spread(source.n_images)]
    width, height = (int(side) for side in np.median(sizes, axis=0))
    if not networks:
        size = sorted(sizes, key=lambda size: (min(size), max(size)))[int(LARGE * (len(sizes) - 1))]
        n_most = max(1, WHOLE_BYTES // (3 * size[0] * size[1]))
        return {
            "source_train": _whole(source, ("image", *reads), size, n_most),
            "target_train": _whole(target, ("image",), size, n_most),
        }
    scaled = _scaled(target, max(width, height))
    of_source, of_target = _shorter_sides(source), _shorter_sides(scaled)
    crop = min(CROP_PX[budget], *(int(np.quantile(px, SMALL, method="lower")) for px in (of_source, of_target)))
    large_source, large_target = (
        listing.select(np.flatnonzero(px >= crop)) for listing, px in ((source, of_source), (scaled, of_target))
    )
    return {
        "source_train": _crops(large_source, ("image", *reads), crop, N_CROPS[budget]),
        "target_train": _crops(large_target, ("image",), crop, N_CROPS[budget]),
    }


def _shorter_sides(listing: Listing) -> np.ndarray:
    return np.array([min(listing.size(i)) for i in range(listing.n_images)])


def _spread(n_images: int, n: int = 64) -> list[int]:
    return np.unique(np.linspace(0, n_images - 1, min(n, n_images)).round().astype(int)).tolist()


def _whole(listing: Listing, names: tuple[str, ...], size: Size, n_most: int) -> ImageSet:
    chosen = _spread(listing.n_images, n_most)
    return _decoded(names, len(chosen), size, lambda name, i: _fit(name, listing.pixels[name](chosen[i]), size))


def _crops(listing: Listing, names: tuple[str, ...], side: int, n_crops: int) -> ImageSet:
    """About ``n_crops`` square crops, as many of each image, at places drawn from its name."""
    each = max(1, -(-n_crops // listing.n_images))
    images = _spread(listing.n_images, n_crops)

    def cut(name: str, i: int) -> np.ndarray:
        image, turn = images[i // each], i % each
        array = listing.pixels[name](image)
        random = np.random.default_rng(seed_from("crop", _utf8(Path(listing.names[image]).name), turn))
        top, left = (int(random.integers(room + 1)) for room in (array.shape[0] - side, array.shape[1] - side))
        return array[top : top + side, left : left + side]

    return _decoded(names, len(images) * each, (side, side), cut)


def _utf8(name: str) -> str:
    """A file's name as text that can be hashed: bytes that are no UTF-8 are written out."""
    return name.encode("utf-8", "backslashreplace").decode()


def _decoded(names: tuple[str, ...], n_rows: int, size: Size, read: Callable[[str, int], np.ndarray]) -> ImageSet:
    columns = {}
    for name in names:
        shape = (size[1], size[0], 3) if name == "image" else (size[1], size[0])
        columns[name] = Column(Decoded(partial(read, name), n_rows, shape, COLUMNS[name].dtype))
    return ImageSet(columns)


def _fit(name: str, array: np.ndarray, size: Size) -> np.ndarray:
    if name == "image":
        return fitting.fit_image(array, size, "resize")
    return fitting.fit_depth(array, size, "resize") if name.endswith("_m") else fitting.fit_mask(array, size, "resize")


def resized(listing: Listing, size: Size) -> Listing:
    """The listing with all its images at one size."""
    return _with_sizes(listing, lambda i: size)


def _scaled(listing: Listing, longest: int) -> Listing:
    """The listing with images whose longer side is ``longest``."""

    def size(i: int) -> Size:
        width, height = listing.size(i)
        factor = longest / max(width, height)
        return max(1, round(width * factor)), max(1, round(height * factor))

    return _with_sizes(listing, size)


def _with_sizes(listing: Listing, size: Callable[[int], Size]) -> Listing:
    pixels = {
        name: lambda i, name=name, read=read: _fit(name, read(i), size(i)) for name, read in listing.pixels.items()
    }
    return replace(listing, size=size, pixels=pixels, boxes=None, box_class=None)
