"""*score*: predict the real test images, and keep predictions, per-image statistics and metrics.

Metrics are computed from the statistics alone, so a score can be computed again without the model. Test labels of
native size are read batch by batch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.api import PluginError, Task
from bench.api.imageset import ImageSet, concatenate
from bench.run.jobs.networks import load_network
from bench.run.jobs.work import Inputs, NetworkSpec, Work
from bench.run.store import Entry
from bench.run.stored_sets import column_digests, load_set

VERSION = 2


class Spec(NetworkSpec):
    """What to score; weights and target are inputs."""

    labels: tuple[str, ...]
    geometry: tuple[str, ...]


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The weights, the test images and their labels, and the task that compares."""
    columns = (*spec.inputs, *spec.labels, *spec.geometry)
    return {
        "kind": "score",
        "version": VERSION,
        "task": spec.task.identity(),
        "model": spec.model.identity(),
        "space": spec.space.model_dump(),
        "weights": inputs["weights"].files,
        "target": column_digests(inputs["target"], "target_test", columns),
    }


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Write ``predictions.npz`` and ``statistics.npz``; metrics go into the meta."""
    return score_images(spec, inputs["weights"], load_set(inputs["target"], "target_test"), folder, work)


def score_images(spec: Spec, weights: Entry, images: ImageSet, folder: Path, work: Work) -> dict[str, Any]:
    """Predict a labelled set with trained weights, and write and return what :func:`run` does."""
    from bench.training.prediction import predict_batches

    task = work.registry.rebuild(Task, spec.task)
    network = load_network(weights, task, spec.model, spec.space, work.device)
    seen, compared = (*spec.inputs, *spec.geometry), (*spec.labels, *spec.geometry)
    predictions, found = [], []
    for rows, predicted in predict_batches(task, network, images, seen, batch_size=spec.batch_size, device=work.device):
        labels = {name: images.columns[name].take(rows) for name in compared}
        predictions.append(predicted)
        found.append(task.statistics(predicted, labels, spec.space))
        work.progress(int(rows[-1]) + 1, images.n_images, float("nan"))
    statistics = _joined(found)
    contributions = task.contributions(statistics, spec.space)
    metrics = task.score(statistics, spec.space)
    _check(task, metrics, contributions, images.n_images)
    np.savez_compressed(folder / "predictions.npz", **_joined(predictions))  # type: ignore[arg-type]
    np.savez_compressed(folder / "statistics.npz", contributions=contributions, **statistics)  # type: ignore[arg-type]
    return {"metrics": metrics, "n_images": images.n_images}


def _joined(batches: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: concatenate(name, [batch[name] for batch in batches]) for name in batches[0]}


def _check(task: Task, metrics: dict[str, float], contributions: np.ndarray, n_images: int) -> None:
    """A score that no table could hold fails here, alone."""
    missing = [metric.name for metric in task.metrics if not np.isfinite(metrics.get(metric.name, np.nan))]
    if missing:
        raise PluginError(f"task {task.name!r} gives no finite {missing[0]!r}; score returned {metrics}")
    if contributions.shape != (n_images,) or not np.isfinite(contributions).all():
        raise PluginError(
            f"task {task.name!r}: contributions of shape {contributions.shape}; one finite number for each of "
            f"{n_images} test images is needed"
        )


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """A forward pass, a third of a training step, over the test images; a class map of each."""
    seconds = counts["target_test"] * spec.ms_per_image / 3000 + 0.05
    return seconds, counts["target_test"] * (8 + counts["pixels"] // 4)
