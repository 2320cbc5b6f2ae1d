"""*train*: train a task's model on the images of an arm, by the one loop of :mod:`bench.training.loop`.

The action key knows nothing of arms and refiners: it is made of the content digests of the columns that fill each
batch. Streams with equal content are one stream, so ``identity`` lands on ``source`` without anyone knowing its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.api import Described, Frozen, LabelSpace, ModelParams, Optimiser, Task
from bench.api.errors import DataError
from bench.api.imageset import Column, ImageSet
from bench.run.jobs.networks import save_network, save_state
from bench.run.jobs.work import Inputs, Work
from bench.run.seeds import seed_from
from bench.run.store import Entry
from bench.run.stored_sets import column_digests, load_set

if TYPE_CHECKING:
    from bench.training.batches import Phase, Stream

VERSION = 2

Pool = Literal["source", "refined", "source@2N", "labelled"]


class StreamSpec(Frozen):
    """Images that fill ``fraction`` of every batch; ``k`` draws that many labelled real ones (all if ``None``)."""

    pool: Pool
    fraction: float
    k: int | None = None


class PhaseSpec(Frozen):
    """``steps`` optimiser steps on the same mixture of streams."""

    steps: int
    streams: tuple[StreamSpec, ...]


class Spec(Frozen):
    """A training, whatever arm it serves."""

    task: Described
    model: Described
    space: LabelSpace
    recipe: Literal["plain", "strong"]
    phases: tuple[PhaseSpec, ...]
    batch_size: int
    seed: int
    subset_seed: int
    labels: tuple[str, ...]
    inputs: tuple[str, ...]
    optimiser: Optimiser
    ms_per_image: float
    checkpoints: int = 0
    """How many states to keep on the way, evenly spaced, the last one among them."""

    @property
    def checkpoint_steps(self) -> tuple[int, ...]:
        """Steps after which the network is kept."""
        n_steps = sum(phase.steps for phase in self.phases)
        return checkpoint_steps(n_steps, self.checkpoints)


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """Recipe, model, seed, and the content of the columns behind each stream."""
    return {
        "kind": "train",
        "version": VERSION,
        "task": spec.task.identity(),
        "model": spec.model.identity(),
        "space": spec.space.model_dump(),
        "recipe": spec.recipe,
        "batch_size": spec.batch_size,
        "optimiser": spec.optimiser.model_dump(),
        "seed": spec.seed,
        "phases": [[phase.steps, _merged(phase, spec, inputs)[1]] for phase in spec.phases],
        # Not a word without checkpoints: the keys of trainings that keep none are as they always were.
        **({"checkpoints": spec.checkpoints} if spec.checkpoints else {}),
    }


def checkpoint_steps(n_steps: int, n_checkpoints: int) -> tuple[int, ...]:
    """The ends of ``n_checkpoints`` equal parts of a training, each step once.

    >>> checkpoint_steps(500, 4)
    (125, 250, 375, 500)
    """
    ends = (n_steps * (part + 1) // n_checkpoints for part in range(n_checkpoints))
    return tuple(dict.fromkeys(end for end in ends if end))


def checkpoint_file(step: int) -> str:
    """The file of an entry that holds the weights after ``step``."""
    return f"checkpoint-{step:07d}.safetensors"


def _merged(phase: PhaseSpec, spec: Spec, inputs: Inputs) -> tuple[list[StreamSpec], list[Any]]:
    """Streams of equal content joined, their fractions added: ``(streams, [[fraction, content], …])``."""
    streams: list[StreamSpec] = []
    contents: list[Any] = []
    for stream in phase.streams:
        content = _content(stream, spec, inputs)
        if content in contents:
            position = contents.index(content)
            joined = streams[position].fraction + stream.fraction
            streams[position] = streams[position].model_copy(update={"fraction": joined})
        else:
            streams.append(stream)
            contents.append(content)
    return streams, [[stream.fraction, content] for stream, content in zip(streams, contents, strict=True)]


def _content(stream: StreamSpec, spec: Spec, inputs: Inputs) -> Any:
    if stream.pool == "labelled":
        digests = column_digests(inputs["target"], "target_train_labelled", (*spec.inputs, *spec.labels))
        return [digests, None if stream.k is None else [stream.k, spec.subset_seed]]
    columns = {
        split: column_digests(inputs["source"], split, (*spec.inputs, *spec.labels)) for split in _splits(stream)
    }
    if stream.pool == "refined":
        refined = inputs["refined"]
        columns["source_train"] |= column_digests(refined, "source_train", spec.inputs)
        return [columns, refined.meta["views"]]
    return [columns, 1]


def _splits(stream: StreamSpec) -> tuple[str, ...]:
    return ("source_train", "source_extra") if stream.pool == "source@2N" else ("source_train",)


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Train and write ``weights.safetensors`` as they are after the last step."""
    import torch

    from bench.training.batches import Phase
    from bench.training.loop import train

    task = work.registry.rebuild(Task, spec.task)
    mixtures = [_merged(phase, spec, inputs)[0] for phase in spec.phases]
    phases = tuple(
        Phase(tuple(_stream(stream, spec, inputs) for stream in mixture), phase.steps)
        for mixture, phase in zip(mixtures, spec.phases, strict=True)
    )
    generator = torch.Generator().manual_seed(seed_from("initial weights", spec.seed))
    network = task.build(spec.model.name, ModelParams(**spec.model.params), spec.space, generator)
    kept = frozenset(spec.checkpoint_steps)

    def keep(step: int) -> None:
        if step in kept:
            save_state(network.state_dict(), folder / checkpoint_file(step))

    result = train(
        task,
        network,
        phases,
        recipe=spec.recipe,
        optimiser=spec.optimiser,
        batch_size=spec.batch_size,
        seed=spec.seed,
        device=work.device,
        progress=work.progress,
        after_step=keep,
    )
    save_network(network, folder)
    return {
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "images_seen": result.images_seen,
        "final_loss": result.final_loss,
        "loss_curve": result.loss_curve,
        "n_images": _pool_sizes(mixtures, phases),
    }


def _pool_sizes(mixtures: list[list[StreamSpec]], phases: tuple[Phase, ...]) -> dict[str, int]:
    return {
        stream_spec.pool: sum(part.n_images for part in stream.parts)
        for mixture, phase in zip(mixtures, phases, strict=True)
        for stream_spec, stream in zip(mixture, phase.streams, strict=True)
    }


def _stream(stream: StreamSpec, spec: Spec, inputs: Inputs) -> Stream:
    from bench.training.batches import Stream

    columns = (*spec.inputs, *spec.labels)
    if stream.pool == "labelled":
        labelled = _columns(load_set(inputs["target"], "target_train_labelled"), columns)
        if stream.k is not None:
            if stream.k > labelled.n_images:
                raise DataError(f"{stream.k} labelled real images were asked for; the pair has {labelled.n_images}")
            order = labelled_order(labelled, spec.labels, spec.subset_seed)
            labelled = labelled.select(order[: stream.k])
        return Stream((labelled,), stream.fraction)
    parts = [_columns(load_set(inputs["source"], split), columns) for split in _splits(stream)]
    if stream.pool == "refined":
        parts = [_with_images(parts[0], inputs["refined"])]
    return Stream(tuple(parts), stream.fraction)


def _columns(images: ImageSet, names: tuple[str, ...]) -> ImageSet:
    return ImageSet({name: images.columns[name] for name in names}, images.assets)


def _with_images(source: ImageSet, refined: Entry) -> ImageSet:
    """The source with refined inputs in place of its own: one row for each view, its label by reference."""
    views = refined.meta["views"]
    rows = np.tile(np.arange(source.n_images), views)
    columns: dict[str, Column] = {name: column.through(rows) for name, column in source.columns.items()}
    columns.update(load_set(refined, "source_train").columns)
    return ImageSet(columns, source.assets)


def labelled_order(labelled: ImageSet, labels: tuple[str, ...], subset_seed: int) -> np.ndarray:
    """The order in which labelled real images are drawn: its first k are the subset of size k.

    Nested by construction, the same for every arm of a task seed, and stratified by ``class_id`` where that is a label:
    every prefix holds the classes in nearly the proportions of the whole: to within two images of each class.
    """
    rng = np.random.default_rng(subset_seed)
    shuffled = rng.permutation(labelled.n_images)
    if "class_id" not in labels:
        return shuffled
    class_id = labelled.columns["class_id"].take(shuffled)
    position = np.empty(len(shuffled))
    for value in np.unique(class_id):
        members = np.flatnonzero(class_id == value)
        position[members] = (np.arange(len(members)) + rng.random()) / len(members)
    return shuffled[np.argsort(position, kind="stable")]


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """Steps × batch × the model's prior; a megabyte of weights."""
    n_images = sum(phase.steps for phase in spec.phases) * spec.batch_size
    return n_images * spec.ms_per_image / 1000 * (1.3 if spec.recipe == "strong" else 1.0), 1_000_000
