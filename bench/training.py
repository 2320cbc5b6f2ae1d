"""The one training loop, its prediction loop, and AdaBN. Every arm of every table goes through here.

A run is a tuple of *phases*; a phase has *streams* that each fill a fixed fraction of every batch, in shuffled epochs
without replacement. Arms differ in their streams and in nothing else: same steps, batch, optimiser and augmentation.

    recipe    the model's optimiser (bench.api.Optimiser; by default AdamW, weight decay 0.01, a rate that climbs
              linearly to 3e-3 over the first tenth of all steps and falls to zero along half a cosine), gradient norm
              clipped to 1; `strong` adds bench.augment, `plain` nothing
    scored    the weights after the last step: no validation set, no early stopping, no averaging
    images    uint8 (N, H, W, 3) in the set → float32 (B, 3, H, W) in [0, 1], channels last in memory, in the network

It seeds no worker, sets no thread count, and writes no file. On CUDA the forward pass runs in bfloat16.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.api import Optimiser, PluginError, Task, UserError
from bench.augment import augment
from bench.data.imageset import Column, DataError, ImageSet, UnlabelledImages, concatenate

MAX_GRADIENT_NORM = 1.0
POLY_POWER = 0.9

CHECK_EVERY = 10
"""Steps between looks at the losses: on a GPU each look waits for the device."""
PROGRESS_SECONDS = 0.05
CURVE_POINTS = 50

Progress = Callable[[int, int, float], None]


class TrainingError(Exception):
    """A training that went wrong by its numbers: ``loss is nan at step 37 of 400``."""


@dataclass(frozen=True)
class Stream:
    """A pool of images, the concatenation of ``parts``, that fills ``fraction`` of every batch."""

    parts: tuple[ImageSet, ...]
    fraction: float

    @property
    def n_images(self) -> int:
        return sum(part.n_images for part in self.parts)


@dataclass(frozen=True)
class Phase:
    """``steps`` optimiser steps on batches mixed from ``streams``.

    Raises
    ------
    UserError: no step, or fractions that are not positive or do not add up to 1.
    """

    streams: tuple[Stream, ...]
    steps: int

    def __post_init__(self) -> None:
        fractions = [stream.fraction for stream in self.streams]
        if self.steps < 1:
            raise UserError(f"a training phase of {self.steps} steps was asked for; at least 1 is needed")
        if min(fractions, default=0.0) <= 0 or abs(sum(fractions) - 1) > 1e-9:
            raise UserError(
                f"batch fractions {fractions} must be positive and add up to 1; they add up to {sum(fractions):g}"
            )


@dataclass(frozen=True)
class TrainResult:
    """What a training leaves beside the weights.

    Attributes
    ----------
    final_loss: the last point of the curve.
    loss_curve: at most 50 points ``(steps done, mean loss since the point before)``.
    images_seen: steps × batch size.
    seconds: wall time of the loop.
    n_images: size of each stream's pool, phase by phase.
    """

    final_loss: float
    loss_curve: list[tuple[int, float]]
    images_seen: int
    seconds: float
    n_images: tuple[int, ...]


def train(
    task: Task,
    network: nn.Module,
    phases: Sequence[Phase],
    *,
    recipe: Literal["plain", "strong"],
    optimiser: Optimiser,
    batch_size: int,
    seed: int,
    device: torch.device | str,
    progress: Progress,
    after_step: Callable[[int], None] = lambda step: None,
) -> TrainResult:
    """Train ``network`` in place, on ``device``, for exactly the steps of ``phases``.

    ``seed`` determines the order of images, the augmentations and the network's own randomness (dropout): on a CPU,
    equal seeds give bit-equal weights, whatever ``progress`` does in between. The global random states of Python,
    NumPy and torch, and the network's mode, are left as found. Class ids are checked against ``network.n_classes``
    where the network has that attribute.

    Parameters
    ----------
    progress: called as ``progress(step, n_steps, loss)`` at most every 50 ms, and after the last step.
    after_step: called with every step that has been taken; it may read the network, and must not change it.

    Raises
    ------
    UserError: an unknown recipe, or a batch too small for one of the fractions.
    DataError: a missing column, images of different sizes, or a label outside its range; before the first step.
    TrainingError: a loss or a final weight that is not finite.
    """
    if recipe not in ("plain", "strong"):
        raise UserError(f"unknown recipe {recipe!r}; allowed: plain, strong")
    device = torch.device(device)
    inputs = _inputs(task, phases[0].streams[0].parts[0])
    names = inputs + task.labels
    counts = [_counts(phase, batch_size) for phase in phases]
    _check(phases, names, getattr(network, "n_classes", None))
    _place(network, device)
    n_steps = sum(phase.steps for phase in phases)
    with _mode(network, training=True), seeded(seed, device):
        generator = torch.Generator(device).manual_seed(seed)
        batches = _batches(phases, counts, names, np.random.default_rng(seed))
        stepper, scales = _stepper(network, optimiser)
        losses = _Losses(n_steps)
        start = shown = time.perf_counter()
        for step, columns in enumerate(batches, start=1):
            batch = _tensors(columns, device)
            if recipe == "strong":
                batch = augment(batch, task.augmentations, generator)
            rate = optimiser.learning_rate * schedule(step, n_steps, optimiser)
            for group, scale in zip(stepper.param_groups, scales, strict=True):
                group["lr"] = rate * scale
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = task.loss(network, {n: batch[n] for n in inputs}, {n: batch[n] for n in task.labels})
            stepper.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT_NORM)
            stepper.step()
            after_step(step)
            losses.append(loss.detach())
            if (now := time.perf_counter()) - shown >= PROGRESS_SECONDS or step == n_steps:
                progress(step, n_steps, loss.item())
                shown = now
        seconds = time.perf_counter() - start
    curve = losses.curve()
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        raise TrainingError(f"weights are not finite after step {n_steps} of {n_steps}")
    return TrainResult(
        final_loss=curve[-1][1],
        loss_curve=curve,
        images_seen=n_steps * batch_size,
        seconds=seconds,
        n_images=tuple(stream.n_images for phase in phases for stream in phase.streams),
    )


def predict(
    task: Task,
    network: nn.Module,
    images: ImageSet,
    *,
    batch_size: int,
    device: torch.device | str,
    progress: Progress = lambda step, n_steps, loss: None,
) -> dict[str, np.ndarray]:
    """``task.predict`` over a whole set, one row an image, in its order; independent of ``batch_size``."""
    columns = (*_inputs(task, images), *task.geometry)
    found = []
    for rows, predicted in predict_batches(task, network, images, columns, batch_size=batch_size, device=device):
        found.append(predicted)
        progress(int(rows[-1]) + 1, images.n_images, float("nan"))
    return {name: concatenate(name, [part[name] for part in found]) for name in found[0]}


def predict_batches(
    task: Task,
    network: nn.Module,
    images: ImageSet,
    columns: Sequence[str],
    *,
    batch_size: int,
    device: torch.device | str,
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Rows and ``task.predict`` of them, batch by batch through a set; the network sees ``columns`` and no others.

    Runs in eval and inference mode, in float32, and leaves the network in the mode it was in.
    """
    _place(network, torch.device(device))
    with _mode(network, training=False):
        for rows, batch in tensor_batches(images, columns, batch_size=batch_size, device=device):
            with torch.inference_mode():
                predicted = task.predict(network, batch)
            yield rows, predicted


def tensor_batches(
    images: ImageSet, columns: Sequence[str], *, batch_size: int, device: torch.device | str
) -> Iterator[tuple[np.ndarray, dict[str, Tensor]]]:
    """Rows and columns of a set as a network gets them, batch by batch in the set's order."""
    for first in range(0, images.n_images, batch_size):
        rows = np.arange(first, min(first + batch_size, images.n_images))
        yield rows, _tensors({name: images.columns[name].take(rows) for name in columns}, torch.device(device))


def reestimate_batch_norm(
    network: nn.Module, images: UnlabelledImages, *, batch_size: int, device: torch.device | str
) -> None:
    """AdaBN (Li et al. 2016, arXiv 1603.04779): batch-norm statistics of the target instead of the source's.

    Running means and variances become averages of the batch statistics over ``images``, each batch weighted by its
    size; weights stay, and dropout is off. Batches of at most ``batch_size`` are strided through the set, so that they
    are of equal size within 1 and a set sorted by class still gives mixed ones.

    Raises
    ------
    PluginError: the network has no batch normalisation with running statistics.
    """
    layers = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not layers:
        raise PluginError(
            "arm 'adabn' needs a network with batch normalisation; this one has none; "
            "leave the arm out of the suite or choose another model"
        )
    device = torch.device(device)
    _place(network, device)
    n_batches = -(-images.n_images // batch_size)
    momenta = [layer.momentum for layer in layers]
    n_seen = 0
    with _mode(network, training=False), torch.no_grad():
        for layer in layers:
            layer.train()
        for first in range(n_batches):
            rows = np.arange(first, images.n_images, n_batches)
            n_seen += len(rows)
            for layer in layers:
                layer.momentum = len(rows) / n_seen
            network(_tensors({name: column.take(rows) for name, column in images.columns.items()}, device))
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def schedule(step: int, n_steps: int, optimiser: Optimiser) -> float:
    """Learning rate of ``step`` (1..n_steps) as a fraction of its peak: linear warm-up, then a fall towards 0."""
    warm_up = max(1, round(optimiser.warm_up * n_steps))
    if step <= warm_up:
        return step / warm_up
    done = (step - warm_up) / (n_steps - warm_up + 1)
    return (1 - done) ** POLY_POWER if optimiser.schedule == "poly" else 0.5 + 0.5 * float(np.cos(np.pi * done))


def _stepper(network: nn.Module, optimiser: Optimiser) -> tuple[torch.optim.Optimizer, list[float]]:
    """The torch optimiser over the network's parameter groups, and the factor of each group's rate."""
    of_network: Any = getattr(network, "parameter_groups", lambda: [{"params": network.parameters()}])
    stated = [dict(group) for group in of_network()]
    scales = [float(group.pop("lr_scale", 1.0)) for group in stated]
    if optimiser.kind == "sgd":
        sgd = torch.optim.SGD(
            stated, lr=optimiser.learning_rate, momentum=optimiser.momentum, weight_decay=optimiser.weight_decay
        )
        return sgd, scales
    return torch.optim.AdamW(stated, weight_decay=optimiser.weight_decay, fused=True), scales


def _inputs(task: Task, images: ImageSet) -> tuple[str, ...]:
    """The input columns of ``task`` that a set has: all required ones, and its optional ones."""
    return (*task.inputs, *(name for name in task.optional_inputs if name in images.columns))


def split_batch(fractions: Sequence[float], batch_size: int) -> tuple[int, ...]:
    """Whole numbers nearest to ``fractions × batch_size`` that add up to ``batch_size`` (largest remainder).

    >>> split_batch([0.5, 0.25, 0.25], 10)
    (5, 3, 2)
    """
    shares = np.asarray(fractions) * batch_size
    counts = np.floor(shares + 1e-9).astype(int)
    by_remainder = np.argsort(counts - shares, kind="stable")
    counts[by_remainder[: batch_size - counts.sum()]] += 1
    return tuple(counts.tolist())


def _counts(phase: Phase, batch_size: int) -> tuple[int, ...]:
    fractions = [stream.fraction for stream in phase.streams]
    counts = split_batch(fractions, batch_size)
    if 0 in counts:
        raise UserError(
            f"batches of {batch_size} split as {fractions} give a stream no image ({counts}); "
            f"enlarge the batch or the fraction"
        )
    return counts


class _Losses:
    """Losses of all steps; kept on their device between looks, so that no step waits for the one before."""

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps
        self._known: list[float] = []
        self._pending: list[Tensor] = []

    def append(self, loss: Tensor) -> None:
        self._pending.append(loss)
        if len(self._pending) == CHECK_EVERY or len(self._known) + len(self._pending) == self._n_steps:
            for value in torch.stack(self._pending).tolist():
                self._known.append(value)
                if not np.isfinite(value):
                    raise TrainingError(f"loss is {value} at step {len(self._known)} of {self._n_steps}")
            self._pending.clear()

    def curve(self) -> list[tuple[int, float]]:
        n_points = min(CURVE_POINTS, self._n_steps)
        ends = [self._n_steps * (point + 1) // n_points for point in range(n_points)]
        return [(end, float(np.mean(self._known[begin:end]))) for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


class _Sampler:
    """Rows of one stream, in shuffled epochs without replacement; a small stream simply cycles."""

    def __init__(self, stream: Stream, names: Sequence[str], rng: np.random.Generator) -> None:
        self._columns = {name: [part.columns[name] for part in stream.parts] for name in names}
        self._first = np.cumsum([0, *(part.n_images for part in stream.parts)])
        self._rng = rng
        self._waiting = np.empty(0, np.int64)

    def draw(self, n_images: int) -> dict[str, np.ndarray]:
        """The next ``n_images`` images, every column ``(n_images, …)``."""
        while len(self._waiting) < n_images:
            self._waiting = np.concatenate([self._waiting, self._rng.permutation(self._first[-1])])
        rows, self._waiting = self._waiting[:n_images], self._waiting[n_images:]
        return {name: self._gather(name, columns, rows) for name, columns in self._columns.items()}

    def _gather(self, name: str, columns: list[Column], rows: np.ndarray) -> np.ndarray:
        if len(columns) == 1:
            return columns[0].take(rows)
        part = np.searchsorted(self._first, rows, side="right") - 1
        taken = [column.take(rows[part == index] - self._first[index]) for index, column in enumerate(columns)]
        # Row i of the batch is at rank i among the rows sorted by part.
        return concatenate(name, taken)[np.argsort(np.argsort(part, kind="stable"), kind="stable")]


def _batches(
    phases: Sequence[Phase], counts: Sequence[Sequence[int]], names: Sequence[str], rng: np.random.Generator
) -> Iterator[dict[str, np.ndarray]]:
    """Every batch of the run, phase after phase, streams side by side."""
    for phase, of_stream in zip(phases, counts, strict=True):
        samplers = [_Sampler(stream, names, rng) for stream in phase.streams]
        for _ in range(phase.steps):
            drawn = [sampler.draw(count) for sampler, count in zip(samplers, of_stream, strict=True)]
            yield {name: concatenate(name, [columns[name] for columns in drawn]) for name in names}


def _tensors(columns: Mapping[str, np.ndarray], device: torch.device) -> dict[str, Tensor]:
    """Columns as tensors on ``device``; ``image`` becomes float32 ``(B, 3, H, W)`` in [0, 1]."""
    batch = {name: torch.from_numpy(array).to(device, non_blocking=True) for name, array in columns.items()}
    return batch | {"image": batch["image"].permute(0, 3, 1, 2).float().div_(255)}


def _check(phases: Sequence[Phase], names: Sequence[str], n_classes: int | None) -> None:
    """Refuse, before the first step, what would fail in the middle of training or, worse, not fail at all."""
    parts = [part for phase in phases for stream in phase.streams for part in stream.parts]
    for part in parts:
        if missing := [name for name in names if name not in part.columns]:
            raise DataError(f"training needs the column {missing[0]!r}; the set has {', '.join(sorted(part.columns))}")
        if part.image_size != parts[0].image_size:
            raise DataError(
                f"images of one training must be of one size; found {parts[0].image_size} and {part.image_size}"
            )
        if "class_id" in names:
            class_id = part.columns["class_id"].take(np.arange(part.n_images))
            wrong = (class_id < 0) | (class_id >= (np.inf if n_classes is None else n_classes))
            if wrong.any():
                row = int(np.argmax(wrong))
                allowed = "0 and above" if n_classes is None else f"0..{n_classes - 1}"
                raise DataError(
                    f"column 'class_id', row {row}: class {class_id[row]} is not allowed; allowed: {allowed}"
                )


def _place(network: nn.Module, device: torch.device) -> None:
    """On its device, channels last: the order images are stored in, and the faster one on CPUs too."""
    network.to(device)
    network.to(memory_format=torch.channels_last)


@contextmanager
def _mode(network: nn.Module, *, training: bool) -> Iterator[None]:
    """Train or eval mode throughout, then for every module the mode it was in."""
    found = [(module, module.training) for module in network.modules()]
    network.train(training)
    try:
        yield
    finally:
        for module, mode in found:
            module.training = mode


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Global generators seeded inside, and back in their old states outside."""
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 (plug-ins may use it)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
