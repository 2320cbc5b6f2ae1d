"""*judge*: score a trained network on ``source_val`` as it was rendered, as it was refined, or in the target's look.

What *label_preservation* compares. The network is the ``oracle``, for reporting only, or the ``source`` model; labels
are the source's. Images of a training split and their labels are at the working size, which is the native size here.
Of several views of a refined set the first is judged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.api.imageset import Column, ImageSet
from bench.run.jobs import score
from bench.run.jobs.work import Inputs, Work
from bench.run.store import Entry
from bench.run.stored_sets import column_digests, load_set

VERSION = 1
SPLIT = "source_val"
Look = Literal["image", "in_target_look", "refined"]


class Spec(score.Spec):
    """What to judge: a column of the source, or, with an input ``refined``, the images of that."""

    look: Look


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The weights, the judged images by content, and the labels: ``identity`` is judged as the source is."""
    others = tuple(name for name in (*spec.inputs, *spec.labels, *spec.geometry) if name != "image")
    entry, column = _images_of(spec, inputs)
    return {
        "kind": "judge",
        "version": VERSION,
        "task": spec.task.identity(),
        "model": spec.model.identity(),
        "space": spec.space.model_dump(),
        "weights": inputs["weights"].files,
        "images": column_digests(entry, SPLIT, (column,))[column],
        "source": column_digests(inputs["source"], SPLIT, others),
    }


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Write ``predictions.npz`` and ``statistics.npz``, as *score* does."""
    source = load_set(inputs["source"], SPLIT)
    return score.score_images(spec, inputs["weights"], in_look(spec, inputs, source), folder, work)


def in_look(spec: Spec, inputs: Inputs, source: ImageSet) -> ImageSet:
    """The source's scenes and labels with the images of the look asked for."""
    entry, column = _images_of(spec, inputs)
    scenes = np.arange(source.n_images)
    columns = {**source.columns, "image": load_set(entry, SPLIT).columns[column].through(scenes)}
    if "native_size" in spec.geometry:
        columns["native_size"] = Column(np.tile(np.array(source.image_size, np.int64), (source.n_images, 1)))
    return ImageSet(columns, source.assets)


def _images_of(spec: Spec, inputs: Inputs) -> tuple[Entry, str]:
    return (inputs["refined"], "image") if spec.look == "refined" else (inputs["source"], spec.look)


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """A forward pass, a third of a training step, over the images; a class map of each."""
    n_images = counts[SPLIT]
    return n_images * spec.ms_per_image / 3000 + 0.05, n_images * (8 + counts["pixels"] // 4)
