"""16-bit depth PNGs: for each image a file in a folder called ``depth``, or beside it as ``…_depth.png``.

    depth_m = value × metres a step (``--depth-unit``: mm, cm, m, 1/256m);  0 and 65535 = unknown

Nothing in the file says the unit, so it must be stated. Values are depth along the view axis, not along the ray. The
largest value of 16 bits is where a sensor or an encoder gave up (a sky, a hole), whatever the unit.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.folders import DEPTH_WORDS, images_among, label_images_among, paired
from bench.data.formats import Options, of_images
from bench.data.image_files import read_depth
from bench.data.listing import Listing

NAME = "16-bit depth PNGs"
UNITS = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "1/256m": 1 / 256}
"""Metres of a step."""
SATURATED = 65535


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """There are depth files in folders of their own or beside their pictures."""
    return bool(label_images_among(files, DEPTH_WORDS))


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; raises :class:`DataError` where no unit is stated."""
    if not recognised(root, files):
        return None
    images, depths = images_among(files), label_images_among(files, DEPTH_WORDS)
    paths = [root / str(depth) for depth in paired(root, images, depths, "depth map")]
    step_m = options.metres_per_step
    if step_m is None:
        raise DataError(f"{root} holds depth of no stated unit: {_readings(paths[0])}; say which with --depth-unit")
    plain = of_images(NAME, root, images, files)
    return replace(plain, pixels={**plain.pixels, "depth_m": lambda i: _known(read_depth(paths[i], step_m), step_m)})


def _known(depth_m: np.ndarray, step_m: float) -> np.ndarray:
    """Saturated values as unknown."""
    return np.where(depth_m >= np.float32(SATURATED * step_m), np.float32(0), depth_m)


def _readings(path: Path) -> str:
    """What the median of a file would be in each unit."""
    raw = read_depth(path, 1.0)
    known = (raw > 0) & (raw < SATURATED)
    median = float(np.median(raw[known])) if known.any() else 0.0
    readings = ", ".join(f"{median * step:.3g} m if {unit}" for unit, step in UNITS.items())
    return f"the median of {path.name} is {median:g}, which is {readings}"
