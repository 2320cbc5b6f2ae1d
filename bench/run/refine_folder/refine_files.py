"""*refine_files*: rewrite some image files of a folder at native size, each in the kind of file that it came as.

Every image is refined by itself. Networks get overlapping tiles of images that have more than :data:`TILE_PX`² pixels.
A refiner of several views writes its first. The entry holds one file per image, named by its place in the job:
``000``, ``001`` …; placing them in a folder is :mod:`bench.run.refine_folder`'s part.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.api import Described, Frozen, PluginError, Refiner
from bench.api.imageset import ImageSet
from bench.data.fitting import Size
from bench.data.rewriting import read_for_rewriting, rewritten
from bench.data.whole_folder import FolderSpec, read_again, same_size
from bench.run.jobs.work import Inputs, Work
from bench.run.refine_folder.crops import resized

VERSION = 1
TILE_PX = 1024
OVERLAP_PX = 128


class Spec(Frozen):
    """The images ``first`` to ``last`` (excluded) of a folder's listing, and the refiner; its state is an input."""

    refiner: Described
    seed: int
    reads: tuple[str, ...]
    folder: FolderSpec
    size: Size | None
    first: int
    last: int


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The refiner, its learned state and seed, and the folder by names, sizes and times of its files."""
    return {
        "kind": "refine_files",
        "version": VERSION,
        **spec.model_dump(exclude={"refiner", "folder"}),
        "refiner": spec.refiner.identity(),
        "state": inputs["fit"].files,
        "folder": spec.folder.digest,
    }


def file_name(place: int) -> str:
    """The file in the entry that holds a job's image."""
    return f"{place:03d}"


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Write the files; the meta counts by :data:`bench.data.rewriting.CHANGES` what could not be kept as it was."""
    from safetensors.torch import load_file

    refiner = work.registry.rebuild(Refiner, spec.refiner)
    refiner.load_state_dict(load_file(inputs["fit"].path / "state.safetensors"))
    given = read_again(spec.folder)
    labels = resized(given.pictures, spec.size) if spec.size is not None else given.pictures
    changed: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(range(spec.first, spec.last)):
        picture = read_for_rewriting(Path(given.pictures.names[row]), spec.size)
        height, width = picture.pixels.shape[:2]
        columns = {name: same_size(labels, name, row, height, width) for name in spec.reads}
        try:
            pixels = _refined(refiner, {"image": picture.pixels, **columns}, row, spec.seed)
        except (MemoryError, OSError):
            raise
        except Exception as error:
            if type(error).__name__ == "OutOfMemoryError":  # torch's, which this file does not import
                raise
            what = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
            raise PluginError(
                f"refiner {refiner.name!r}, {given.relative(row)} ({width}×{height} pixels): {what}"
            ) from error
        (folder / file_name(place)).write_bytes(rewritten(picture, pixels))
        for word in picture.changes:
            changed[word].append(row)
        work.progress(place + 1, spec.last - spec.first, float("nan"))
    return {"changed": changed}


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """A tenth of a second per megapixel, three of a network; a picture takes about two bytes per pixel."""
    n_pixels = (spec.last - spec.first) * counts["pixels"]
    return n_pixels * (3e-6 if counts["networks"] else 1e-7), 2 * n_pixels


def _refined(refiner: Refiner, columns: dict[str, np.ndarray], row: int, seed: int) -> np.ndarray:
    """``(H, W, 3) uint8``: the first view of one image, whole or from tiles."""
    height, width = columns["image"].shape[:2]
    if not refiner.tiles or height * width <= TILE_PX**2:
        return _refined_whole(refiner, columns, row, seed)
    total = np.zeros((height, width, 3), np.float32)
    weight = np.zeros((height, width, 1), np.float32)
    for top, bottom in tiles(height):
        for left, right in tiles(width):
            part = {name: array[top:bottom, left:right] for name, array in columns.items()}
            ramp = _ramp(bottom - top)[:, None, None] * _ramp(right - left)[None, :, None]
            total[top:bottom, left:right] += ramp * _refined_whole(refiner, part, row, seed)
            weight[top:bottom, left:right] += ramp
    return np.rint(total / weight).astype(np.uint8)


def _refined_whole(refiner: Refiner, columns: dict[str, np.ndarray], row: int, seed: int) -> np.ndarray:
    import torch

    from bench.training.refine_images import generators_for, make_batch, to_uint8, validate_refined

    images = ImageSet.from_arrays(None, **{name: array[None] for name, array in columns.items()})
    batch = make_batch(images, "source_train", np.arange(1), refiner.reads | frozenset())
    with torch.no_grad():
        outputs = refiner.refine(batch, generators_for(seed, "source_train", [row], 0))
    validate_refined(batch.inputs, outputs)
    return to_uint8(outputs["image"])[0]


def tiles(length: int) -> list[tuple[int, int]]:
    """First and last pixel of the tiles along one axis: of equal length, at most ``TILE_PX``, overlapping enough.

    >>> tiles(1000), tiles(1900)
    ([(0, 1000)], [(0, 1014), (886, 1900)])
    """
    if length <= TILE_PX:
        return [(0, length)]
    n_tiles = -(-(length - OVERLAP_PX) // (TILE_PX - OVERLAP_PX))
    side = -(-(length + (n_tiles - 1) * OVERLAP_PX) // n_tiles)
    starts = [round(i * (length - side) / (n_tiles - 1)) for i in range(n_tiles)]
    return [(start, start + side) for start in starts]


def _ramp(length: int) -> np.ndarray:
    """``(length,) float32`` weights that fall towards both ends, over the overlap, and never to zero."""
    distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
    ramp: np.ndarray = np.minimum(distance / OVERLAP_PX, 1).astype(np.float32)
    return ramp
