"""Depth maps: for each image a file in a folder called ``depth``, or beside it as ``…_depth.png``.

    depth_m by ``--depth-unit`` (:mod:`bench.data.depth_units`) and the kind of file (:mod:`bench.data.depth_files`);
    0 and the largest value of 8, 16 or 24 bits = unknown

Nothing in a file of whole numbers says the unit, so it must be stated; floats are metres unless it is stated. Values
are depth along the view axis, not along the ray. Where a preview lies beside a float map (``0001.png`` and
``0001.exr``) the floats are read.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.depth_files import DEPTH_SUFFIXES, read_depth_m, read_steps
from bench.data.depth_units import ALLOWED, UNITS, unit_of
from bench.data.fitting import Size
from bench.data.folders import DEPTH_WORDS, images_among, key_of, label_images_among, paired, says
from bench.data.formats import Options, Resize, of_images
from bench.data.listing import Listing

NAME = "depth maps"


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """There are depth files in folders of their own or beside their pictures."""
    return bool(_depth_files(files)) and bool(images_among(files))


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; raises :class:`DataError` where a unit is needed and none is stated."""
    if not recognised(root, files):
        return None
    images, depths = images_among(files), _depth_files(files)
    floats = {key_of(file) for file in depths if file.suffix.lower() in DEPTH_SUFFIXES}
    kept = [file for file in depths if file.suffix.lower() in DEPTH_SUFFIXES or key_of(file) not in floats]
    paths = [root / str(depth) for depth in paired(root, images, kept, "depth map")]
    unit = unit_of(options.depth_unit)
    notes = []
    if n_previews := len(depths) - len(kept):
        notes.append(f"{n_previews} pictures of depth left out: there are float maps of the same names")
    if unit is None:
        if (steps := read_steps(paths[0])).kind != "float":
            reading = _readings(paths[0], steps.known())
            raise DataError(f"{root} holds depth of no stated unit: {reading}; say which with --depth-unit ({ALLOWED})")
        notes.append("floats are taken for metres (--depth-unit)")
    plain = of_images(NAME, root, images, files)
    return replace(
        plain,
        pixels={**plain.pixels, "depth_m": lambda i: read_depth_m(paths[i], unit)},
        notes=tuple(notes),
    )


def rescale(root: Path, file: Path, resize: Resize) -> bytes | None:
    """NPY, NPZ, PFM and EXR by nearest neighbour, the values as they were; images are anybody's label images."""
    suffix = file.suffix.lower()
    if suffix not in DEPTH_SUFFIXES or not says(file, DEPTH_WORDS):
        return None
    stream = io.BytesIO()
    values = nearest_rows(read_steps(root / file).values, resize.size)
    if suffix == ".npy":
        np.save(stream, values)
    elif suffix == ".npz":
        np.savez_compressed(stream, values)
    elif suffix == ".pfm":
        height, width = values.shape
        stream.write(f"Pf\n{width} {height}\n-1.0\n".encode() + values[::-1].astype("<f4").tobytes())
    else:
        return _exr(root / file, resize.size)
    return stream.getvalue()


def nearest_rows(array: np.ndarray, size: Size) -> np.ndarray:
    """``(H, W, …)`` at another size by nearest neighbour, of any type of numbers."""
    height, width = array.shape[:2]
    rows = ((np.arange(size[1]) + 0.5) * height / size[1]).astype(int)
    columns = ((np.arange(size[0]) + 0.5) * width / size[0]).astype(int)
    return np.ascontiguousarray(array[rows][:, columns])


def _exr(path: Path, size: Size) -> bytes:
    """All channels of an EXR file of one part at another size."""
    import tempfile

    import OpenEXR

    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = {name: nearest_rows(np.asarray(c.pixels), size) for name, c in file.channels().items()}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with tempfile.TemporaryDirectory() as folder:
        smaller = Path(folder) / "smaller.exr"
        OpenEXR.File(header, channels).write(str(smaller))
        return smaller.read_bytes()


def _depth_files(files: tuple[Path, ...]) -> tuple[Path, ...]:
    others = [file for file in files if file.suffix.lower() in DEPTH_SUFFIXES and says(file, DEPTH_WORDS)]
    return (*label_images_among(files, DEPTH_WORDS), *others)


def _readings(path: Path, steps: np.ndarray) -> str:
    """What the median of a file would be in each unit."""
    median = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    readings = ", ".join(f"{median * step:.3g} m if {unit}" for unit, step in UNITS.items())
    return f"the median of {path.name} is {median:g}, which is {readings}"
