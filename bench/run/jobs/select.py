"""*select*: of every checkpoint of a training, what a practitioner could choose by, and what the choice was worth.

On unlabelled ``target_train``: prediction entropy and soft neighbourhood density (:mod:`bench.metrics.selection`). On
``source_val``: the score. On ``target_test``, for reporting only: the score that nobody may choose by. The network that
is scored anywhere else stays that of the last step.

Of maps of probabilities, as many pixels as ``POINTS`` allow enter, evenly spaced; of images all, for the density every
n-th up to ``POINTS``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.api import Task
from bench.api.imageset import Column, ImageSet, concatenate
from bench.metrics.selection import prediction_entropy, soft_neighbourhood_density
from bench.run.jobs.networks import load_network
from bench.run.jobs.score import Spec as ScoreSpec
from bench.run.jobs.train import checkpoint_file
from bench.run.jobs.work import Inputs, Work
from bench.run.stored_sets import column_digests, load_set

if TYPE_CHECKING:
    from torch import nn

VERSION = 1
POINTS = 2000
"""Rows of probabilities that the density compares, all with all."""
SPLITS = (("source", "source_val"), ("target", "target_train"), ("target", "target_test"))


class Spec(ScoreSpec):
    """The checkpoints of a training, as its steps; weights, source and target are inputs."""

    steps: tuple[int, ...]


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The weights of all checkpoints, and the images and labels that they are seen on."""
    columns = (*spec.inputs, *spec.labels, *spec.geometry)
    return {
        "kind": "select",
        "version": VERSION,
        "task": spec.task.identity(),
        "model": spec.model.identity(),
        "space": spec.space.model_dump(),
        "steps": spec.steps,
        "weights": inputs["train"].files,
        "images": [column_digests(inputs[side], split, columns) for side, split in SPLITS],
    }


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Everything goes into the meta: ``checkpoints``, and ``problem`` where a statistic has none."""
    task = work.registry.rebuild(Task, spec.task)
    target, test = load_set(inputs["target"], "target_train"), load_set(inputs["target"], "target_test")
    held_out = _at_native_size(load_set(inputs["source"], "source_val"), spec)
    found, known = [], True
    for place, step in enumerate(spec.steps):
        network = load_network(inputs["train"], task, spec.model, spec.space, work.device, checkpoint_file(step))
        p = _probabilities(task, network, target, spec, work)
        known = p is not None
        found.append(
            {
                "step": step,
                "source_score": _score(task, network, held_out, spec, work),
                "target_score": _score(task, network, test, spec, work),
                "entropy": None if p is None else prediction_entropy(p),
                "density": None if p is None else soft_neighbourhood_density(p[:: -(-len(p) // POINTS)]),
            }
        )
        work.progress(place + 1, len(spec.steps), float("nan"))
    problem = "" if known else f"task {task.name!r} predicts no class probabilities"
    return {"checkpoints": found, "problem": problem}


def _score(task: Task, network: nn.Module, images: ImageSet, spec: Spec, work: Work) -> float:
    """The primary metric's stored value."""
    from bench.training.prediction import predict_batches

    seen, compared = (*spec.inputs, *spec.geometry), (*spec.labels, *spec.geometry)
    found = []
    for rows, predicted in predict_batches(task, network, images, seen, batch_size=spec.batch_size, device=work.device):
        labels = {name: images.columns[name].take(rows) for name in compared}
        found.append(task.statistics(predicted, labels, spec.space))
    joined = {name: concatenate(name, [part[name] for part in found]) for name in found[0]}
    return task.score(joined, spec.space)[task.metrics[0].name]


def _probabilities(task: Task, network: nn.Module, images: ImageSet, spec: Spec, work: Work) -> np.ndarray | None:
    """``(N, C)`` of images or of evenly spaced pixels; ``None`` where the task predicts no classes."""
    import torch

    from bench.training.prediction import tensor_batches

    found = []
    with torch.inference_mode():
        for _, batch in tensor_batches(images, spec.inputs, batch_size=spec.batch_size, device=work.device):
            probabilities = task.probabilities(network, batch)
            if probabilities is None:
                return None
            pixels = (
                probabilities.float().flatten(2).transpose(1, 2) if probabilities.ndim > 2 else probabilities[:, None]
            )
            n_pixels = pixels.shape[1]
            stride = min(n_pixels, max(1, n_pixels * images.n_images // POINTS))
            found.append(pixels[:, stride // 2 :: stride].flatten(0, 1).double().cpu().numpy())
    return np.concatenate(found)


def _at_native_size(images: ImageSet, spec: Spec) -> ImageSet:
    """A training split's images and labels are at the working size, which is its native size."""
    if "native_size" not in spec.geometry or "native_size" in images.columns:
        return images
    size = np.tile(np.array(images.image_size, np.int64), (images.n_images, 1))
    return ImageSet({**images.columns, "native_size": Column(size)}, images.assets)


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """A forward pass, a third of a training step, over three splits for each checkpoint; a few numbers."""
    n_images = sum(counts[split] for _, split in SPLITS)
    return len(spec.steps) * (n_images * spec.ms_per_image / 3000 + 0.2), 10_000
