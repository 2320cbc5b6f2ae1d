"""*adapt*: AdaBN (Li et al. 2016), batch-norm statistics of a trained network re-estimated on unlabelled target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.api import Task
from bench.run.jobs.networks import load_network, save_network
from bench.run.jobs.work import Inputs, NetworkSpec, Work
from bench.run.stored_sets import column_digests, load_set

VERSION = 1


Spec = NetworkSpec


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The weights, the unlabelled images, and the batches whose statistics are averaged."""
    return {
        "kind": "adapt",
        "version": VERSION,
        "task": spec.task.identity(),
        "model": spec.model.identity(),
        "batch_size": spec.batch_size,
        "space": spec.space.model_dump(),
        "weights": inputs["train"].files,
        "target": column_digests(inputs["target"], "target_train", spec.inputs),
    }


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Re-estimate and write ``weights.safetensors``."""
    from bench.training.prediction import reestimate_batch_norm

    task = work.registry.rebuild(Task, spec.task)
    network = load_network(inputs["train"], task, spec.model, spec.space, work.device)
    target = load_set(inputs["target"], "target_train").unlabelled()
    reestimate_batch_norm(network, target, batch_size=spec.batch_size, device=work.device)
    save_network(network, folder)
    return {}


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """A forward pass, a third of a training step, over the target images."""
    return counts["target_train"] * spec.ms_per_image / 3000, 1_000_000
