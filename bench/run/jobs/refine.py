"""*refine*: rewrite ``source_train`` and ``source_val`` and store the images; labels stay the source's, by reference.

With several views a split's rows are all of view 0, then all of view 1, …; ``meta["views"]`` says how many.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.api import Described, Frozen, Refiner
from bench.run.jobs.work import Inputs, Work
from bench.run.stored_sets import column_digests, files_seen, load_set, save_blocks, source_files

VERSION = 1
BATCH = 64
SPLITS = ("source_train", "source_val")


class Spec(Frozen):
    """The refiner to apply; its state is an input."""

    refiner: Described
    seed: int
    views: int
    reads: tuple[str, ...]


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The refiner, its learned state, its seed, and the source columns that it reads."""
    columns = ("image", "sensor_depth_m", *spec.reads)
    return {
        "kind": "refine",
        "version": VERSION,
        "refiner": spec.refiner.identity(),
        "state": inputs["fit"].files,
        "seed": spec.seed,
        "views": spec.views,
        "source": {split: column_digests(inputs["source"], split, columns) for split in SPLITS},
        **files_seen(spec.refiner, inputs["source"]),
    }


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Write one image column for each split; every batch is checked against the contract."""
    from safetensors.torch import load_file

    from bench.training.refine_images import refine_images

    refiner = work.registry.rebuild(Refiner, spec.refiner)
    refiner.load_state_dict(load_file(inputs["fit"].path / "state.safetensors"))
    if files := source_files(inputs["source"]):
        refiner.see_files(files)
    sources = {split: load_set(inputs["source"], split).only(frozenset(spec.reads)) for split in SPLITS}
    n_total = sum(images.n_images for images in sources.values()) * spec.views
    n_before = 0

    def progress(n_done: int, _: int) -> None:
        work.progress(n_before + n_done, n_total, float("nan"))

    sets: dict[str, Any] = {}
    for split, images in sources.items():
        width, height = images.image_size
        blocks = refine_images(refiner, images, split, spec.seed, BATCH, progress)
        shape = (images.n_images * spec.views, height, width, 3)
        file = save_blocks(folder / f"{split}.image.npy", shape, blocks)
        n_before += images.n_images * spec.views
        sets[split] = {"columns": {"image": {"file": file, "rows": None}}, "assets": {}}
    return {"sets": sets, "views": spec.views}


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """A quarter of a millisecond an image; three bytes a pixel."""
    n_images = sum(counts[split] for split in SPLITS) * spec.views
    return n_images * 2.5e-4, n_images * counts["pixels"] * 3
