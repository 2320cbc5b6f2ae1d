"""Cityscapes (Cordts et al., CVPR 2016): ``leftImg8bit/SPLIT/CITY/CITY_SEQ_FRAME_leftImg8bit.png`` and
``gtFine/SPLIT/CITY/CITY_SEQ_FRAME_gtFine_labelIds.png``.

2,975 / 500 / 1,525 images of 2048×1024; the test labels are withheld, so papers report ``val``. ``labelIds`` are read
and mapped by :mod:`bench.data.sets.classes`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.data.formats import of_images
from bench.data.image_files import read_ids
from bench.data.listing import Listing
from bench.data.sets import refuse_missing
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
    paths = [root / "gtFine" / Path(*image.parts[1:3]) / _label_of(image) for image in images]
    refuse_missing(root, paths, "unpack gtFine_trainvaltest.zip there")
    table = id_table(CITYSCAPES_IDS)
    plain = of_images(TITLE, root, images, images)
    # License plates are −1 in the JSON files and 255 in these.
    return replace(
        plain,
        pixels={**plain.pixels, "mask": lambda i: table[read_ids(paths[i]).clip(0, 255)]},
        class_names=class_names(),
    )


def _label_of(image: Path) -> str:
    return image.name.removesuffix(IMAGE_END) + "_gtFine_labelIds.png"
