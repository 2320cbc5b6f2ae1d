"""*fit*: let a refiner learn from the labelled source and the unlabelled target, and store its state.

A joint refiner's fit leaves ``weights.safetensors`` too: the task network that it trained, which *score* takes as it
takes a trained one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api import Budget, Checkpoint, Described, FitContext, Frozen, LabelSpace, ModelParams, Need, Refiner, Task
from bench.run.jobs import checkpoint_files
from bench.run.jobs.networks import load_network, save_state
from bench.run.jobs.numbers import finite_number, whole_number
from bench.run.jobs.work import Inputs, Work
from bench.run.stored_sets import column_digests, files_seen, load_set, source_files

if TYPE_CHECKING:
    from torch import Tensor

VERSION = 2


class Spec(Frozen):
    """A refiner's variant and seed. ``task`` and ``model`` are set for refiners that need them, and only then."""

    refiner: Described
    seed: int
    budget: Budget
    reads: tuple[str, ...]
    needs: tuple[Need, ...] = ()
    task: Described | None = None
    model: Described | None = None
    space: LabelSpace | None = None
    joint: bool = False
    light_seconds: float


BUDGETS = {"light": 1.0, "standard": 10.0, "paper": 1000.0}
"""Times of a fit, relative to a light one's."""


class StoredCheckpoint(Checkpoint):
    """A checkpoint in a file of the store, with the seconds that the fit had taken by then.

    A damaged one is removed, which ``notice`` is told, and counts as none.
    """

    def __init__(self, file: Path, notice: Callable[[str], None]) -> None:
        self._file, self._notice = file, notice
        self._started = time.perf_counter()
        self.seconds_before = 0.0

    def load(self) -> dict[str, Tensor] | None:
        try:
            found = checkpoint_files.read(self._file)
        except checkpoint_files.Damaged as error:
            self._file.unlink()
            self._notice(f"the checkpoint of an unfinished fit was damaged ({error}); the fit starts again")
            return None
        if found is None:
            return None
        tensors, self.seconds_before = found
        return tensors

    def save(self, state: Mapping[str, Tensor]) -> None:
        seconds = self.seconds_before + time.perf_counter() - self._started
        checkpoint_files.write(self._file, state, seconds)


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The refiner, its seed and budget, and the content of every column that it sees."""
    columns = ("image", "sensor_depth_m", *spec.reads)
    return {
        "kind": "fit",
        "version": VERSION,
        "refiner": spec.refiner.identity(),
        "seed": spec.seed,
        "budget": spec.budget.model_dump(exclude_none=True),
        "source": column_digests(inputs["source"], _seen(inputs, "source"), columns),
        "target": column_digests(inputs["target"], _seen(inputs, "target"), columns),
        "task": spec.task.identity() if spec.task else None,
        "model": spec.model.identity() if spec.model else None,
        "joint": spec.joint,
        "space": spec.space.model_dump() if spec.space else None,
        "source_model": inputs["source_model"].files if "source_model" in inputs else None,
        **files_seen(spec.refiner, inputs["source"]),
    }


def _seen(inputs: Inputs, side: str) -> str:
    """The split that a fit learns from."""
    return f"{side}_fit" if f"{side}_fit" in inputs[side].meta["sets"] else f"{side}_train"


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Fit and write ``state.safetensors``."""
    import torch

    from bench.training.state import seeded

    refiner = work.registry.rebuild(Refiner, spec.refiner)
    source = load_set(inputs["source"], _seen(inputs, "source")).only(frozenset(spec.reads))
    target = load_set(inputs["target"], _seen(inputs, "target")).unlabelled()
    if files := source_files(inputs["source"]):
        refiner.see_files(files)
    generator = torch.Generator().manual_seed(spec.seed)
    stated = f"refiner {spec.refiner.name!r}: context.progress:"
    last: dict[str, Any] = {"steps": 0, "final_loss": 0.0}

    def progress(step: int, n_steps: int, loss: float) -> None:
        step, n_steps = whole_number(step, f"{stated} step"), whole_number(n_steps, f"{stated} n_steps")
        loss = finite_number(loss, f"{stated} loss at step {step}")
        last.update(steps=step, final_loss=loss)
        work.progress(step, n_steps, loss)

    checkpoint = StoredCheckpoint(work.unfinished, work.notice)
    context = _context(spec, inputs, generator, replace(work, progress=progress), checkpoint)
    with seeded(spec.seed, work.device):
        refiner.fit(source, target, spec.budget, context)
    images_seen = whole_number(refiner.images_seen, f"refiner {spec.refiner.name!r}: images_seen")
    state = refiner.state_dict()
    save_state(state, folder / "state.safetensors")
    if spec.joint:
        save_state(refiner.predictor(), folder / "weights.safetensors")
    n_parameters = sum(t.numel() for t in state.values() if t.is_floating_point())
    return {
        "n_parameters": n_parameters,
        "images_seen": images_seen,
        "seconds_before": checkpoint.seconds_before,
        **last,
    }


def _context(spec: Spec, inputs: Inputs, generator: Any, work: Work, checkpoint: Checkpoint) -> FitContext:
    if spec.task is None or spec.model is None or spec.space is None:
        return FitContext(generator, work.device, work.progress, checkpoint=checkpoint)
    task, model, space = work.registry.rebuild(Task, spec.task), spec.model, spec.space
    source_model = None
    if Need.SOURCE_MODEL in spec.needs:
        source_model = load_network(inputs["source_model"], task, model, space, work.device)
    return FitContext(
        generator,
        work.device,
        work.progress,
        build=lambda: task.build(model.name, ModelParams(**model.params), space, generator),
        loss=task.loss,
        predict=task.predict,
        source_model=source_model,
        space=space,
        checkpoint=checkpoint,
    )


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """The refiner's own prior, by budget and size of image; better known once it has run here."""
    return spec.light_seconds * BUDGETS[spec.budget.name] * (counts["pixels"] / 64**2) ** 0.8, 1_000_000
