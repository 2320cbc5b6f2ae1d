"""Depth in files of any kind, as the numbers that are stored there, and as metres.

    PNG, TIFF …     16 or 8 bits in one channel, or 24 bits in R, G, B (CARLA); TIFF also 32-bit float
    NPY, NPZ        one array ``(H, W)`` or ``(H, W, 1)``
    EXR             the channel Z, V, Y or R, whatever layer it is in
    PFM             one channel

The largest value of 8, 16 or 24 bits is where a sensor or an encoder gave up, and so is a float of 65,504 (the largest
of 16 bits) or more: unknown, as 0 is, and what is infinite or no number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from bench.api.errors import DataError
from bench.data.depth_units import ALLOWED, CARLA_STEPS, METRES, DepthUnit
from bench.data.image_files import opened

DEPTH_SUFFIXES = frozenset({".exr", ".npy", ".npz", ".pfm"})
"""Of depth files that are no images."""
FLOAT_LIMIT = 65504.0
DEPTH_ARRAYS = frozenset({"depth", "depth_m", "depths", "depth_map"})
"""What depth is called in an NPZ file of several arrays."""
CHANNELS = ("Z", "V", "Y", "R")
Kind = Literal["float", "integer", "16 bits", "8 bits", "24 bits"]
LARGEST: dict[Kind, float] = {"float": FLOAT_LIMIT, "16 bits": 65535, "8 bits": 255, "24 bits": CARLA_STEPS}


@dataclass(frozen=True)
class Steps:
    """``(H, W)`` numbers of a depth file, and how they are stored."""

    values: np.ndarray
    kind: Kind

    def known(self) -> np.ndarray:
        """``(H, W) float64``; what is saturated or no number is 0."""
        values = self.values.astype(np.float64)
        limit = LARGEST.get(self.kind, np.inf)
        with np.errstate(invalid="ignore"):
            return np.where(np.isfinite(values) & (values < limit), values, 0.0)


def read_steps(path: Path, *, carla: bool = False) -> Steps:
    """The numbers of a depth file.

    Parameters
    ----------
    carla : bool
        Three channels are one number also where they are equal everywhere.

    Raises
    ------
    DataError
        It cannot be read, or holds no map of one value per pixel.
    """
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        return _of_array(path, _read_numpy(path))
    if suffix == ".exr":
        return _of_array(path, _read_exr(path))
    if suffix == ".pfm":
        return _of_array(path, _read_pfm(path))
    with opened(path) as image:
        raw, mode = np.asarray(image), image.mode
    if mode.startswith(("I", "F")):
        return Steps(raw, "float" if mode == "F" else "16 bits")
    if raw.ndim == 3 and raw.shape[2] >= 3 and (carla or not (raw[..., 1:3] == raw[..., :1]).all()):
        red, green, blue = (raw[..., channel].astype(np.int64) for channel in range(3))
        return Steps(red | green << 8 | blue << 16, "24 bits")
    return Steps(raw if raw.ndim == 2 else raw[..., 0], "8 bits")


def read_depth_m(path: Path, unit: DepthUnit | None) -> np.ndarray:
    """``(H, W) float32`` metres, 0 where unknown.

    Parameters
    ----------
    unit : DepthUnit or None
        What a step is; floats are metres where it is not stated.

    Raises
    ------
    DataError
        As of :func:`read_steps`; or the unit is not stated and not known, or does not fit the file.
    """
    steps = read_steps(path, carla=unit is not None and unit.kind == "carla")
    if steps.kind == "float" and unit is None:
        unit = METRES
    if unit is None:
        raise DataError(f"{path} holds {steps.kind} of no stated unit; state it with --depth-unit: {ALLOWED}")
    if (steps.kind == "24 bits") != (unit.kind == "carla"):
        remedy = "has one channel, and CARLA's depth three: state another --depth-unit"
        if steps.kind == "24 bits":
            remedy = (
                "has three channels that differ: state --depth-unit carla if they are CARLA's 24 bits; if they are "
                "false colours, no depth can be read from them: export depth in one channel"
            )
        raise DataError(f"{path} {remedy}")
    return unit.metres(steps.known())


def read_float_depth(path: Path) -> np.ndarray:
    """``(H, W) float32`` metres of a file that holds metres as floats.

    Raises
    ------
    DataError
        As of :func:`read_steps`, or the file holds whole numbers.
    """
    return read_depth_m(path, None)


def _of_array(path: Path, array: np.ndarray) -> Steps:
    flat = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if flat.ndim != 2 or flat.dtype.kind not in "fiu":
        raise DataError(
            f"{path} holds an array of {'×'.join(map(str, array.shape))} {array.dtype}; depth is one number per pixel"
        )
    if flat.dtype.kind == "f":
        return Steps(flat, "float")
    kinds: dict[int, Kind] = {1: "8 bits", 2: "16 bits"}
    return Steps(flat, kinds.get(flat.dtype.itemsize, "integer"))


def _read_numpy(path: Path) -> np.ndarray:
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            named = [name for name in found.files if name.lower() in DEPTH_ARRAYS] or found.files
            if len(named) != 1:
                raise DataError(
                    f"{path} holds {len(found.files)} arrays ({', '.join(found.files)}); one is read: call it depth"
                )
            array: np.ndarray = found[named[0]]
            return array
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; add the file, or remove what refers to it") from None
    except (ValueError, OSError, EOFError) as error:
        reason = str(error).split("\n")[0]
        raise DataError(f"{path} is no NumPy array of numbers ({reason}); write it again, or remove it") from None


def _read_exr(path: Path) -> np.ndarray:
    import OpenEXR

    if not path.is_file():
        raise DataError(f"{path} does not exist; add the file, or remove what refers to it")
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = {name: channel.pixels for part in file.parts for name, channel in part.channels.items()}
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).split("\n")[0]
        raise DataError(f"{path} is no EXR file that can be read ({reason}); write it again, or remove it") from None
    for wanted in CHANNELS:
        for name, pixels in channels.items():
            if name.rpartition(".")[2].upper() == wanted:
                return np.asarray(pixels)
    if len(channels) == 1:
        return np.asarray(next(iter(channels.values())))
    raise DataError(f"{path} has the channels {', '.join(sorted(channels))}; depth is read from Z, V, Y or R")


def _read_pfm(path: Path) -> np.ndarray:
    content = path.read_bytes()
    header = re.match(rb"P([fF])\s+(\d+)\s+(\d+)\s+(-?\d+\.?\d*(?:[eE][-+]?\d+)?)\s", content)
    if header is None:
        raise DataError(f"{path} is no PFM file; write it again, or remove it")
    if header[1] == b"F":
        raise DataError(f"{path} is a PFM file of three channels; depth is read from one (Pf): write it so")
    width, height = int(header[2]), int(header[3])
    order = "<" if header[4].startswith(b"-") else ">"
    if len(content) - header.end() != 4 * width * height:
        raise DataError(f"{path} is truncated: {width}×{height} floats were expected; write it again, or remove it")
    rows = np.frombuffer(content, f"{order}f4", offset=header.end()).reshape(height, width)
    return rows[::-1].astype(np.float32)  # PFM begins with the lowest row
