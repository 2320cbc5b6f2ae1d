"""Class folders: ``ROOT/CLASS/…/image.png``; the first folder's name is the class.

Where the first folders are all parts of a split (``train/CLASS/…``, ``val/CLASS/…``), the second one's is, and the
parts are read as one set.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.data.folders import IMAGE_WORDS, SPLIT_WORDS, all_images_among, images_among
from bench.data.formats import Options, of_images
from bench.data.listing import Listing

NAME = "class folders"


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """All images lie in folders, at least two of which hold some."""
    images = _images(files)
    depth = _depth(images)
    return all(len(image.parts) > depth + 1 for image in images) and len({image.parts[depth] for image in images}) > 1


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; ``class_id`` by the sorted names of the folders."""
    if not recognised(root, files):
        return None
    images = _images(files)
    depth = _depth(images)
    class_names = tuple(sorted({image.parts[depth] for image in images}))
    class_id = np.array([class_names.index(image.parts[depth]) for image in images], np.int64)
    plain = of_images(NAME, root, images, files)
    parts = ", ".join(sorted({image.parts[0] for image in images})) if depth else ""
    notes = (f"{parts} are read as one set",) if depth else ()
    return replace(plain, class_names=class_names, arrays={"class_id": class_id}, notes=notes)


def _images(files: tuple[Path, ...]) -> tuple[Path, ...]:
    """All images, since a class may be called ``with_mask``, unless a folder says that others hold labels."""
    images = all_images_among(files)
    return images_among(files) if any(image.parts[0].lower() in IMAGE_WORDS for image in images) else images


def _depth(images: tuple[Path, ...]) -> int:
    """Which of an image's folders is its class."""
    return int(bool(images) and all(len(i.parts) > 2 and i.parts[0].lower() in SPLIT_WORDS for i in images))
