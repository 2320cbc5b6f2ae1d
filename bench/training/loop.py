"""The one training loop. Every arm of every table goes through here.

A run is a tuple of *phases*; a phase has *streams* that each fill a fixed fraction of every batch, in shuffled epochs
without replacement. Arms differ in their streams and in nothing else: same steps, batch, optimiser and augmentation.

    recipe    the model's optimiser (bench.api.Optimiser; by default AdamW, weight decay 0.01, a rate that climbs
              linearly to 3e-3 over the first tenth of all steps and falls to zero along half a cosine), gradient norm
              clipped to 1; `strong` adds bench.training.augment, `plain` nothing
    scored    the weights after the last step: no validation set, no early stopping, no averaging
    images    uint8 (N, H, W, 3) in the set → float32 (B, 3, H, W) in [0, 1], channels last in memory, in the network

It seeds no worker, sets no thread count, and writes no file. On CUDA the forward pass runs in bfloat16.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from bench.api import Optimiser, Task, UserError
from bench.training.augment import NoisePool, augment
from bench.training.batches import Phase, check_phases, draw_batches, input_columns, stream_counts, tensors
from bench.training.state import mode, place, seeded

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
    inputs = input_columns(task, phases[0].streams[0].parts[0])
    names = inputs + task.labels
    counts = [stream_counts(phase, batch_size) for phase in phases]
    check_phases(phases, names, getattr(network, "n_classes", None))
    place(network, device)
    n_steps = sum(phase.steps for phase in phases)
    with mode(network, training=True), seeded(seed, device):
        generator = torch.Generator(device).manual_seed(seed)
        batches = draw_batches(phases, counts, names, np.random.default_rng(seed))
        stepper, scales = _stepper(network, optimiser)
        losses, pool = _Losses(n_steps), None
        start = shown = time.perf_counter()
        for step, columns in enumerate(batches, start=1):
            batch = tensors(columns, device)
            if recipe == "strong":
                if pool is None and "noise" in task.augmentations:
                    pool = NoisePool(batch["image"][0].numel(), generator)
                batch = augment(batch, task.augmentations, generator, pool)
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
