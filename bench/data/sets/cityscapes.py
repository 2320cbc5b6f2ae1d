"""Cityscapes (Cordts et al., CVPR 2016): ``leftImg8bit/SPLIT/CITY/CITY_SEQ_FRAME_leftImg8bit.png`` and
``gtFine/SPLIT/CITY/CITY_SEQ_FRAME_gtFine_labelIds.png``.

2,975 / 500 / 1,525 images of 2048×1024; the test labels are withheld, so papers report ``val``. ``labelIds`` are read
and mapped by :mod:`bench.data.sets.classes`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.data.formats import of_images
from bench.data.imageset import DataError
from bench.data.listing import Listing
from bench.data.pictures import read_ids
from bench.data.sets.classes import CITYSCAPES_IDS, class_names, id_table

NAME, TITLE = "cityscapes", "Cityscapes"
LICENCE = "Cityscapes' own terms: non-commercial, registration, no redistribution"
CITATION = "M. Cordts et al. The Cityscapes Dataset for Semantic Urban Scene Understanding. CVPR 2016."
EXPECTED = ("leftImg8bit/train/*/*_leftImg8bit.png", "gtFine/val/*/*_gtFine_labelIds.png")
SPLITS = ("train", "val")
IMAGE_END = "_leftImg8bit.png"


def listing(root: Path, split: str) -> Listing:
    """One split, ``mask`` in 19 classes; an image without a label file is an error."""
    images = tuple(path.relative_to(root) for path in sorted((root / "leftImg8bit" / split).glob(f"*/*{IMAGE_END}")))
    paths = [_beside(root, image, "labelIds") for image in images]
    table = id_table(CITYSCAPES_IDS)
    plain = of_images(TITLE, root, images, images)
    # License plates are −1 in the JSON files and 255 in these.
    return replace(
        plain,
        pixels={**plain.pixels, "mask": lambda i: table[read_ids(paths[i]).clip(0, 255)]},
        class_names=class_names(),
    )


def _beside(root: Path, image: Path, kind: str) -> Path:
    name = image.name.removesuffix(IMAGE_END) + f"_gtFine_{kind}.png"
    path = root / "gtFine" / image.parts[1] / image.parts[2] / name
    if not path.is_file():
        raise DataError(f"{path} is missing; unpack gtFine_trainvaltest.zip into {root}")
    return path
