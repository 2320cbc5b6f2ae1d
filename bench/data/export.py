"""A pair's images as PNG files, named by row, for tools outside the project; ``names.csv`` lists what each row is."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from bench.api import Fit, Limits, Pair, SourceFile, UserError
from bench.api.names import unknown


def export_pair(pair: Pair, task_name: str | None, fit_of: Callable[[str], Fit], out: Path) -> dict[str, int]:
    """Write ``source_train``, ``source_val`` and ``target_train`` as ``out/SPLIT/000000.png`` …; returns their counts.

    Test images and target labels are never written. ``fit_of`` says how a task fits images to its working size.

    Raises
    ------
    UserError: ``out`` exists, an unknown task, or several tasks and none named.
    """
    if out.exists():
        raise UserError(f"--out {out} exists already; name a new folder")
    if task_name is None and len(pair.tasks) > 1:
        raise UserError(
            f"pair {pair.name!r} serves several tasks: name one with --task: {', '.join(sorted(pair.tasks))}"
        )
    chosen = task_name or next(iter(pair.tasks))
    if chosen not in pair.tasks:
        raise unknown("task", chosen, pair.tasks, f" of pair {pair.name!r}")
    size = pair.size(chosen, "light")
    fit = fit_of(chosen)
    source, target = pair.source(size, fit, Limits()), pair.target(size, fit, Limits())
    files = pair.source_files(size, fit, Limits())
    counts = {}
    for split, images in (("source_train", source.train), ("source_val", source.val), ("target_train", target.train)):
        folder = out / split
        folder.mkdir(parents=True)
        for row, image in enumerate(images.columns["image"].take(np.arange(images.n_images))):
            Image.fromarray(image).save(folder / f"{row:06d}.png")
        counts[split] = images.n_images
    if files:
        _list_names(out / "names.csv", files)
    return counts


def _list_names(path: Path, files: Mapping[str, Sequence[SourceFile]]) -> None:
    """Which file each row is, with the size of its picture: for translations that keep names, and to look rows up."""
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
        writer = csv.writer(stream)
        writer.writerow(["split", "row", "image", "file", "width", "height"])
        for split, those in files.items():
            for row, file in enumerate(those):
                writer.writerow([split, row, f"{split}/{row:06d}.png", file.path, *file.native_size])
