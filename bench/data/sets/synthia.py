"""SYNTHIA-RAND-CITYSCAPES (Ros et al., CVPR 2016): ``RGB/0000000.png`` … and ``GT/LABELS/0000000.png`` …

9,400 frames of 1280×760. A label is a PNG of 16 bits and three channels: the class id is the red one, an instance id
the green one. Pillow reads 8 bits of a value, and is told which.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.folders import files_below, paired
from bench.data.formats import of_images
from bench.data.image_files import opened
from bench.data.listing import Listing
from bench.data.sets.classes import SYNTHIA_IDS, class_names, id_table

NAME, TITLE = "synthia", "SYNTHIA-RAND-CITYSCAPES"
LICENCE = "CC BY-NC-SA 3.0"
CITATION = "G. Ros, L. Sellart, J. Materzynska, D. Vazquez, A. M. Lopez. The SYNTHIA Dataset. CVPR 2016."
EXPECTED = ("RGB/*.png", "GT/LABELS/*.png")
SPLITS = ("all",)


def listing(root: Path, split: str = "all") -> Listing:
    """All frames, ``mask`` in Cityscapes' 19 classes, three of which do not occur."""
    files = files_below(root)
    images = tuple(f for f in files if f.parts[0] == "RGB" and f.suffix == ".png")
    labels = [f for f in files if f.parts[:2] == ("GT", "LABELS") and f.suffix == ".png"]
    paths = [root / str(label) for label in paired(root, images, labels, "label")]
    table = id_table(SYNTHIA_IDS)
    plain = of_images(TITLE, root, images, files)
    return replace(
        plain,
        pixels={**plain.pixels, "mask": lambda i: table[read_classes(paths[i])]},
        class_names=class_names(),
    )


def read_classes(path: Path) -> np.ndarray:
    """``(H, W) uint8``: the class ids, low bytes of the red channel.

    Raises
    ------
    DataError: no PNG of 16 bits and three channels, or a damaged one.
    """
    with opened(path) as image:
        layouts = {part.args for part in image.tile}
        if layouts != {"RGB;16B"}:
            raise DataError(
                f"{path} is stored as {', '.join(map(str, layouts))}; a label has three channels of 16 bits"
            )
        # Pillow keeps the first byte of each big-endian value; told that they are little-endian, it keeps the other.
        image.tile = [part._replace(args="RGB;16L") for part in image.tile]
        return np.asarray(image)[..., 0]
