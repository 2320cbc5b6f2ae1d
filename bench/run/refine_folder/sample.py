"""*sample*: what a refiner's fit sees of two folders when files are refined at native size.

:mod:`bench.run.refine_folder.crops` cuts it.
The entry holds ``source_train`` and ``target_train``, and so is both inputs of a *fit*.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from bench.api import Frozen
from bench.data.fitting import Size
from bench.data.whole_folder import FolderSpec, photographs_again, read_again
from bench.run.jobs.work import Inputs, Work
from bench.run.refine_folder.crops import CROP_PX, N_CROPS, WHOLE_BYTES, fit_sets, resized
from bench.run.stored_sets import save_set

VERSION = 1


class Spec(Frozen):
    """Two folders, and what of them a refiner learns from.

    Attributes
    ----------
    size: width and height to which the source's images are brought first; native if ``None``.
    reads: label columns of the source that the refiner reads.
    networks: crops, otherwise whole images.
    """

    source: FolderSpec
    target: FolderSpec
    size: Size | None
    reads: tuple[str, ...]
    budget: Literal["light", "standard", "paper"]
    networks: bool


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """Folders count by the names, sizes and times of their files, wherever they lie."""
    described = spec.model_dump(exclude={"source", "target"})
    folders = {"source": spec.source.digest, "target": spec.target.digest}
    return {"kind": "sample", "version": VERSION, **described, **folders}


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Cut and write both sets."""
    source, target = read_again(spec.source).pictures, photographs_again(spec.target).pictures
    if spec.size is not None:
        source = resized(source, spec.size)
    sets = fit_sets(source, target, spec.reads, spec.budget, networks=spec.networks)
    return {"sets": {split: save_set(folder, split, images, tuple(images.columns)) for split, images in sets.items()}}


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """Fifty milliseconds per image; crops of three bytes per pixel, or whole images up to a limit."""
    n_images = counts["source"] + counts["target"]
    if spec.networks:
        n_bytes = 2 * N_CROPS[spec.budget] * 3 * CROP_PX[spec.budget] ** 2
    else:
        n_bytes = min(n_images * 3 * counts["pixels"], 2 * WHOLE_BYTES)
    return n_images * 0.05, n_bytes
