"""SceneNet RGB-D (McCormac et al., ICCV 2017): ``val/0/223/photo/0.jpg``, ``val/0/223/depth/0.png``; so ``train``.

320×240 pixels, field of view 60° × 45°, frames 0, 25, …, 7475 of each trajectory. Depth: 16-bit PNG in *millimetres
along the ray*, which becomes depth along the view axis with fx = 160 / tan 30°, fy = 120 / tan 22.5°.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.data.formats import of_images
from bench.data.image_files import read_depth
from bench.data.listing import Listing
from bench.data.sets import refuse_missing
from bench.data.sets.hypersim import along_axis

NAME, TITLE = "scenenet", "SceneNet RGB-D"
LICENCE = "GPL scripts; data for research"
CITATION = "J. McCormac, A. Handa, S. Leutenegger, A. J. Davison. SceneNet RGB-D. ICCV 2017."
EXPECTED = ("*/*/*/photo/*.jpg", "*/*/*/depth/*.png")
METRES_PER_STEP = 1e-3


def splits(root: Path) -> tuple[str, ...]:
    """``train`` and ``val``, where they are there: each is an archive of its own, and the first one is large."""
    return tuple(split for split in ("train", "val") if next((root / split).glob("*/*/photo"), None))


def listing(root: Path, split: str = "val") -> Listing:
    """One split with ``depth_m`` and ``intrinsics``."""
    found = sorted((root / split).glob("*/*/photo/*.jpg"), key=lambda path: (*path.parts[:-2], int(path.stem)))
    images = tuple(path.relative_to(root) for path in found)
    paths = [path.parent.parent / "depth" / f"{path.stem}.png" for path in found]
    refuse_missing(root, paths, "unpack the archive again")
    plain = of_images(TITLE, root, images, images)

    def depth_m(i: int) -> np.ndarray:
        distance_m = read_depth(paths[i], METRES_PER_STEP)
        return along_axis(distance_m, *focal_lengths(distance_m.shape[1], distance_m.shape[0]))

    camera = [(*focal_lengths(*size), size[0] / 2, size[1] / 2) for size in map(plain.size, range(len(images)))]
    return replace(
        plain,
        pixels={**plain.pixels, "depth_m": depth_m},
        arrays={"intrinsics": np.array(camera, np.float32).reshape(-1, 4)},
    )


def focal_lengths(width: int, height: int) -> tuple[float, float]:
    """fx, fy in pixels of a field of view of 60° × 45°."""
    return width / 2 / math.tan(math.radians(30)), height / 2 / math.tan(math.radians(22.5))
