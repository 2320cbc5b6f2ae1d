"""*score*: predict the real test images, and keep predictions, per-image statistics and metrics.

Metrics are computed from the statistics alone, so a score can be computed again without the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.api import PluginError, Task
from bench.data.imageset import ImageSet
from bench.data.stored import column_digests, load_set
from bench.jobs.train import load_network
from bench.jobs.work import Inputs, NetworkSpec, Work

VERSION = 1


class Spec(NetworkSpec):
    """What to score; weights and target are inputs."""

    labels: tuple[str, ...]


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The weights, the test images and their labels, and the task that compares."""
    return {
        "kind": "score",
        "version": VERSION,
        "task": spec.task.identity(),
        "model": spec.model.identity(),
        "space": spec.space.model_dump(),
        "weights": inputs["weights"].files,
        "target": column_digests(inputs["target"], "target_test", (*spec.inputs, *spec.labels)),
    }


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Write ``predictions.npz`` and ``statistics.npz``; metrics go into the meta."""
    from bench.training import predict

    task = work.registry.rebuild(Task, spec.task)
    network = load_network(inputs["weights"], task, spec.model, spec.space, work.device)
    test = load_set(inputs["target"], "target_test")
    seen = ImageSet({name: test.columns[name] for name in spec.inputs}, test.assets)
    predictions = predict(task, network, seen, batch_size=spec.batch_size, device=work.device, progress=work.progress)
    labels = {name: test.columns[name].take(np.arange(test.n_images)) for name in spec.labels}
    statistics = task.statistics(predictions, labels, spec.space)
    contributions = task.contributions(statistics, spec.space)
    metrics = task.score(statistics, spec.space)
    _check(task, metrics, contributions, test.n_images)
    np.savez_compressed(folder / "predictions.npz", **predictions)  # type: ignore[arg-type]
    np.savez_compressed(folder / "statistics.npz", contributions=contributions, **statistics)  # type: ignore[arg-type]
    return {"metrics": metrics, "n_images": test.n_images}


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
    """One forward pass over the test images."""
    return counts["target_test"] * 2e-4 + 0.05, counts["target_test"] * 8
