"""GTA5 (Richter et al., "Playing for Data", ECCV 2016): ``images/00001.png`` … and ``labels/00001.png`` …

24,966 frames of 1914×1052. Labels are palette PNGs whose *indices* are Cityscapes ids; their colours are not read. A
few labels are of another size than their image: they are brought to it by nearest neighbour.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.data import fitting
from bench.data.folders import files_below, paired
from bench.data.formats import of_images
from bench.data.image_files import read_ids
from bench.data.listing import Listing
from bench.data.sets.classes import CITYSCAPES_IDS, class_names, id_table

NAME, TITLE = "gta5", "GTA5 (Playing for Data)"
LICENCE = "research and education only; the game's content may not be redistributed"
CITATION = (
    "S. R. Richter, V. Vineet, S. Roth, V. Koltun. Playing for Data: Ground Truth from Computer Games. ECCV 2016."
)
EXPECTED = ("images/*.png", "labels/*.png")
SPLITS = ("all",)


def listing(root: Path, split: str = "all") -> Listing:
    """All frames, ``mask`` in Cityscapes' 19 classes."""
    files = files_below(root)
    images = tuple(f for f in files if f.parts[0] == "images" and f.suffix == ".png")
    labels = [f for f in files if f.parts[0] == "labels" and f.suffix == ".png"]
    paths = [root / str(label) for label in paired(root, images, labels, "label")]
    table = id_table(CITYSCAPES_IDS)
    plain = of_images(TITLE, root, images, files)

    def mask(i: int) -> np.ndarray:
        ids = table[read_ids(paths[i])]
        return fitting.fit_mask(ids, plain.size(i), "resize")

    return replace(plain, pixels={**plain.pixels, "mask": mask}, class_names=class_names())
