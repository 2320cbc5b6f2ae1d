"""Class folders: ``ROOT/CLASS/…/image.png``; the first folder's name is the class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.data.folders import images_among
from bench.data.formats import Options, of_images
from bench.data.listing import Listing

NAME = "class folders"


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """All images lie in folders, at least two of which hold some."""
    images = images_among(files)
    return all(len(image.parts) > 1 for image in images) and len({image.parts[0] for image in images}) > 1


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; ``class_id`` by the sorted names of the folders."""
    if not recognised(root, files):
        return None
    images = images_among(files)
    class_names = tuple(sorted({image.parts[0] for image in images}))
    class_id = np.array([class_names.index(image.parts[0]) for image in images], np.int64)
    plain = of_images(NAME, root, images, files)
    return replace(plain, class_names=class_names, arrays={"class_id": class_id})
