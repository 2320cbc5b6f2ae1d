"""The one adversarial training loop. Every learned refiner goes through here; a refiner's file holds its losses.

A method is a :class:`Game`: a generator, a discriminator, and a loss for each. The loop plays *rounds*:

    round       g_steps × [draw a batch; generator loss; Adam], then d_steps × [discriminator loss; Adam]
    fakes       the first discriminator step sees what the last generator step made, as it was before that step's
                update; further ones, and rounds without generator steps, make their own
    images      uint8 (N, H, W, 3) in the sets → float32 (B, 3, H, W) in [−1, 1], channels last in memory
    order       shuffled epochs of either domain, drawn independently; a small domain simply cycles
    crops       images larger than ``crop`` are cut at random places, and the pixel columns of the source with them
    CUDA        losses run in bfloat16 under autocast, what they compare and all weights stay float32
    checkpoint  at most every :data:`CHECKPOINTS` seconds, so that all of them take 1 % of the time at most

All randomness comes from ``context.generator``, and from torch's global generator, which is seeded like it for the
time of the fit (dropout draws there): on a CPU, equal seeds give bit-equal weights, and a fit that was killed goes on
from its checkpoint to the same. A loss that is not finite, a discriminator that has won, and a generator that makes
everything alike end the fit with a reason (:mod:`bench.adversarial_watch`).

Not here: any look at what the images are of.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from bench.adversarial_watch import Watch, inspect
from bench.api import Budget, Checkpoint, FitContext, PluginError
from bench.data.imageset import COLUMNS, ImageSet, UnlabelledImages
from bench.refining import to_float
from bench.training import seeded

CHECKPOINTS = 30.0, 0.01
"""Seconds between two checkpoints at least, and the share of a fit's time that saving them may take."""
N_INSPECTED = 64
FULL_FIT = 100
"""Training steps below which a budget is a test's or a smoke run's."""


# --------------------------------------------------------------------------------------------- what is played


@dataclass(frozen=True)
class Batch:
    """``source``, ``target``: ``(B, 3, H, W)`` float32 in [−1, 1]; the source's other columns, ``(B, …)``, as they are
    stored: ``labels``, and ``inputs`` beside the image (``sensor_depth_m``)."""

    source: Tensor
    target: Tensor
    labels: Mapping[str, Tensor]
    inputs: Mapping[str, Tensor] = field(default_factory=dict)


class Game(ABC):
    """What a method brings to the loop.

    Attributes
    ----------
    generator: all that generator steps train.
    discriminator: all that discriminator steps train; frozen during generator steps.
    chance: the discriminator loss of one that cannot tell fakes from real images.
    memories: fakes of earlier rounds that the losses look at; checkpoints keep them.
    """

    generator: nn.Module
    discriminator: nn.Module
    chance: float
    memories: Sequence[Memory] = ()

    @abstractmethod
    def fakes(self, batch: Batch) -> tuple[Tensor, ...]:
        """What discriminators are to unmask; first ``batch.source`` in the target's look."""

    @abstractmethod
    def generator_loss(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Scalar loss, and the fakes made on the way (attached or not; the loop detaches them)."""

    @abstractmethod
    def discriminator_loss(self, batch: Batch, fakes: tuple[Tensor, ...]) -> Tensor:
        """Scalar loss; ``fakes`` carry no gradient."""

    def companion_loss(self, batch: Batch, fakes: tuple[Tensor, ...]) -> Tensor | None:
        """What discriminator steps minimise beside :meth:`discriminator_loss`: a task network's loss, which says
        nothing about who is winning."""
        return None

    def solo_loss(self, batch: Batch) -> Tensor:
        """What the generator learns in phases without discriminator steps."""
        raise PluginError(f"{type(self).__name__} has no loss for a phase without discriminator steps")

    def discriminator_stepped(self) -> None:  # noqa: B027 (most have nothing to do)
        """Called after each discriminator step: the place to clamp weights."""


@dataclass(frozen=True)
class Phase:
    """``rounds`` of so many generator steps and, in every ``d_every``-th round of the fit, discriminator steps."""

    rounds: int
    g_steps: int = 1
    d_steps: int = 1
    d_every: int = 1


def constant_then_linear(constant: float) -> Callable[[int, int], float]:
    """Rate of a round in 1..n as a fraction of the first: 1 for ``constant`` of all rounds, then linearly towards 0."""

    def rate(step: int, n_steps: int) -> float:
        n_constant = round(constant * n_steps)
        return 1 - max(0, step - n_constant) / (n_steps - n_constant + 1)

    return rate


HALF_CONSTANT = constant_then_linear(0.5)
"""CycleGAN's."""


@dataclass(frozen=True)
class Adam:
    """Adam's settings for one network."""

    learning_rate: float
    betas: tuple[float, float]


@dataclass(frozen=True)
class Optimisation:
    """How both players learn.

    Attributes
    ----------
    learning_rate, betas: Adam's.
    weight_decay: L2, added to the gradients.
    own: networks with other settings, by the name of the game's attribute: ``{"task": Adam(1e-4, (0.95, 0.999))}``.
    schedule: ``schedule(round, n_rounds)``, a factor of the learning rates.
    max_gradient_norm: gradients of each player are clipped to this norm; ``None`` leaves them.
    average: decay of an exponential moving average of the generator's weights, which then replaces them; ``None``:
        the weights after the last round.
    """

    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 0.0
    own: Mapping[str, Adam] = field(default_factory=dict)
    schedule: Callable[[int, int], float] = HALF_CONSTANT
    max_gradient_norm: float | None = None
    average: float | None = None


@dataclass(frozen=True)
class Size:
    """What one budget buys a refiner.

    ``rounds`` are those at 32×32 pixels and below; larger images get fewer (:func:`rounds_of`). ``epochs``, where it is
    set, replaces them by so many passes over the larger domain, whatever the size of the images. Larger images than
    ``crop`` are learned from in crops of that side; 0: whole.
    """

    width: int
    n_blocks: int
    discriminator_width: int
    batch_size: int
    rounds: int = 0
    epochs: int = 0
    learning_rate: float = 2e-4
    crop: int = 0

    def seen(self, images: ImageSet) -> tuple[int, int]:
        """Width and height of what the networks learn from."""
        width, height = images.image_size
        return (min(width, self.crop), min(height, self.crop)) if self.crop else (width, height)


def rounds_of(size: Size, budget: Budget, source: ImageSet, target: UnlabelledImages) -> int:
    """Rounds of a fit.

    Rounds fall with the fifth root of the number of pixels: a fit at 64×64 takes 3 times as long as at 32×32, not 4.
    A budget of fewer than :data:`FULL_FIT` training steps is a test's or a smoke run's: no more rounds than steps.
    """
    if size.epochs:
        n_rounds = math.ceil(size.epochs * max(source.n_images, target.n_images) / size.batch_size)
    else:
        width, height = size.seen(source)
        n_rounds = math.ceil(size.rounds * min(1.0, 32 * 32 / (width * height)) ** 0.2)
    return min(n_rounds, budget.train_steps) if budget.train_steps < FULL_FIT else n_rounds


# ------------------------------------------------------------------------------------------------- the loop


def play(
    game: Game,
    source: ImageSet,
    target: UnlabelledImages,
    phases: Sequence[Phase],
    batch_size: int,
    optimisation: Optimisation,
    context: FitContext,
    *,
    crop: int = 0,
) -> int:
    """Train both players of ``game`` in place, on ``context.device``, for exactly the rounds of ``phases``.

    A fit plays once: its checkpoint is this call's.

    Parameters
    ----------
    source: columns that are no input reach the game as ``Batch.labels``.
    context: its generator orders the images; its progress hears (round, rounds in all, generator loss).
    crop: side of the crops of larger images; 0: whole. A source with columns that no crop can be cut from (a class,
        boxes: they may name what was cut away) is used whole.

    Returns
    -------
    The number of source images drawn, with repetition: what ``Refiner.images_seen`` is.

    Raises
    ------
    PluginError: a loss is not finite; the discriminator has won; the generator's outputs are all alike.
    """
    device = context.device
    for player in (game.generator, game.discriminator):
        player.to(device).to(memory_format=torch.channels_last)
        player.train()
    generator = _Learner(game, game.generator, optimisation)
    discriminator = _Learner(game, game.discriminator, optimisation)
    batches = _Batches(source, target, crop, context)
    average = None if optimisation.average is None else _Average(game.generator, optimisation.average)
    n_rounds = sum(phase.rounds for phase in phases)
    watch = Watch(game.chance, n_rounds, context.progress, device)
    parts: dict[str, _Part] = {"generator": generator, "discriminator": discriminator, "batches": batches}
    parts |= {"watch": watch, "random": _Random(context)}
    parts |= {f"memory{number}": memory for number, memory in enumerate(game.memories)}
    if average is not None:
        parts["average"] = average
    with seeded(context.generator.initial_seed(), device):
        checkpoints = _Checkpoints(context.checkpoint, parts)
        rounds = chain.from_iterable(repeat(phase, phase.rounds) for phase in phases)
        for played, phase in enumerate(islice(rounds, watch.n_seen, None), start=watch.n_seen + 1):
            factor = optimisation.schedule(played, n_rounds)
            batch, fakes = batches.draw(batch_size), None
            g_loss, d_loss = torch.zeros((), device=device), None
            discriminator.learn(False)
            for step in range(phase.g_steps):
                if step > 0:
                    batch = batches.draw(batch_size)
                with _autocast(device):
                    g_loss, fakes = game.generator_loss(batch) if phase.d_steps else (game.solo_loss(batch), None)
                generator.step(g_loss, factor)
                if average is not None:
                    average.update()
            discriminator.learn(True)
            for step in range(phase.d_steps if played % phase.d_every == 0 else 0):
                if step > 0:
                    batch, fakes = batches.draw(batch_size), None
                with _autocast(device):
                    if fakes is None:
                        with torch.no_grad():
                            fakes = game.fakes(batch)
                    fakes = tuple(fake.detach().float() for fake in fakes)
                    d_loss = game.discriminator_loss(batch, fakes)
                    companion = game.companion_loss(batch, fakes)
                discriminator.step(d_loss if companion is None else d_loss + companion, factor)
                game.discriminator_stepped()
            if watch.see(g_loss, d_loss, contested=phase.g_steps > 0 and phase.d_steps > 0):
                checkpoints.save_if_due()
        n_drawn = batches.n_drawn
        if average is not None:
            average.install()
        inspect(game, batches.draw(N_INSPECTED))
    return n_drawn


def _autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


class _Part(Protocol):
    """What a checkpoint holds of one part of a fit."""

    def state(self) -> dict[str, Tensor]: ...

    def restore(self, state: Mapping[str, Tensor]) -> None: ...


class _Checkpoints:
    """Resumes all parts from the checkpoint, and saves them to it where enough time has passed."""

    def __init__(self, checkpoint: Checkpoint, parts: Mapping[str, _Part]) -> None:
        self._checkpoint, self._parts = checkpoint, parts
        if (saved := checkpoint.load()) is not None:
            for name, part in parts.items():
                start = f"{name}."
                part.restore({key.removeprefix(start): saved[key] for key in saved if key.startswith(start)})
        self._saved_at, self._seconds = time.monotonic(), 0.0

    def save_if_due(self) -> None:
        at_least, share = CHECKPOINTS
        began = time.monotonic()
        if began - self._saved_at >= max(at_least, self._seconds / share):
            states = {name: part.state() for name, part in self._parts.items()}
            self._checkpoint.save({f"{name}.{key}": states[name][key] for name in states for key in states[name]})
            self._saved_at = time.monotonic()
            self._seconds = self._saved_at - began


class _Random:
    """The states of the generators that a fit draws from."""

    def __init__(self, context: FitContext) -> None:
        self._generator, self._device = context.generator, context.device

    def state(self) -> dict[str, Tensor]:
        states = {"fit": self._generator.get_state(), "global": torch.get_rng_state()}
        return states | ({"device": torch.cuda.get_rng_state(self._device)} if self._device.type == "cuda" else {})

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._generator.set_state(state["fit"])
        torch.set_rng_state(state["global"])
        if "device" in state:
            torch.cuda.set_rng_state(state["device"], self._device)


class _Batches:
    """Images of both domains in shuffled epochs."""

    def __init__(self, source: ImageSet, target: UnlabelledImages, crop: int, context: FitContext) -> None:
        self._source, self._target, self._context = source, target, context
        self._crop = crop if all(COLUMNS[name].row_shape[:2] == (None, None) for name in source.columns) else 0
        self._waiting = {"source": torch.empty(0, dtype=torch.int64), "target": torch.empty(0, dtype=torch.int64)}
        self.n_drawn = 0

    def draw(self, n_images: int) -> Batch:
        self.n_drawn += n_images
        source = self._cut(self._source.take(self._rows("source", self._source.n_images, n_images)))
        target = self._cut({"image": self._target.images(self._rows("target", self._target.n_images, n_images))})
        image = source.pop("image")
        others = {name: torch.from_numpy(array).to(self._context.device) for name, array in source.items()}
        inputs = {name: others.pop(name) for name in self._source.names("input") if name != "image"}
        return Batch(self._signed(image), self._signed(target["image"]), others, inputs)

    def state(self) -> dict[str, Tensor]:
        return {**self._waiting, "n_drawn": torch.tensor(self.n_drawn)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._waiting = {domain: state[domain] for domain in self._waiting}
        self.n_drawn = int(state["n_drawn"])

    def _rows(self, domain: str, n_of_domain: int, n_images: int) -> np.ndarray:
        waiting = self._waiting[domain]
        while len(waiting) < n_images:
            waiting = torch.cat([waiting, torch.randperm(n_of_domain, generator=self._context.generator)])
        self._waiting[domain] = waiting[n_images:]
        return waiting[:n_images].numpy()

    def _cut(self, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Every image at a random place of its own, all its columns alike."""
        n_images, height, width = columns["image"].shape[:3]
        if not self._crop or max(height, width) <= self._crop:
            return columns
        high, wide = min(height, self._crop), min(width, self._crop)
        tops, lefts = (
            torch.randint(room + 1, (n_images,), generator=self._context.generator).tolist()
            for room in (height - high, width - wide)
        )
        return {
            name: np.stack([row[y : y + high, x : x + wide] for row, y, x in zip(rows, tops, lefts, strict=True)])
            for name, rows in columns.items()
        }

    def _signed(self, images: np.ndarray) -> Tensor:
        signed = to_float(images).to(self._context.device) * 2 - 1
        return signed.contiguous(memory_format=torch.channels_last)


class _Learner:
    """A player's weights and its Adam, with clipping."""

    def __init__(self, game: Game, player: nn.Module, optimisation: Optimisation) -> None:
        self._player, self._parameters = player, [p for p in player.parameters() if p.requires_grad]
        own = {name: set(getattr(game, name).parameters()) for name in optimisation.own}
        shared = [p for p in self._parameters if not any(p in members for members in own.values())]
        groups: list[dict[str, Any]] = [{"params": shared, "rate": optimisation.learning_rate}]
        for name, adam in optimisation.own.items():
            members = [p for p in self._parameters if p in own[name]]
            groups.append({"params": members, "rate": adam.learning_rate, "betas": adam.betas})
        self._adam = torch.optim.Adam(
            [group for group in groups if group["params"]],
            betas=optimisation.betas,
            weight_decay=optimisation.weight_decay,
            fused=True,
        )
        self._max_norm = optimisation.max_gradient_norm

    def learn(self, learns: bool) -> None:
        """Whether gradients reach the weights; what a network keeps fixed stays so."""
        for parameter in self._parameters:
            parameter.requires_grad_(learns)

    def step(self, loss: Tensor, factor: float) -> None:
        for group in self._adam.param_groups:
            group["lr"] = group["rate"] * factor
        self._adam.zero_grad()
        loss.backward()
        if self._max_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._max_norm)
        self._adam.step()

    def state(self) -> dict[str, Tensor]:
        weights = {f"weights.{name}": tensor for name, tensor in self._player.state_dict().items()}
        return weights | {
            f"adam.{number}.{name}": tensor
            for number, parameter in enumerate(self._parameters)
            for name, tensor in self._adam.state.get(parameter, {}).items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Values are copied into tensors of the parameters' own memory layout, which fused Adam relies on."""
        weights = {key.removeprefix("weights."): state[key] for key in state if key.startswith("weights.")}
        self._player.load_state_dict(weights)
        for key in state.keys() - {f"weights.{name}" for name in weights}:
            _, number, name = key.split(".")
            parameter = self._parameters[int(number)]
            like = torch.empty_like(parameter, requires_grad=False)
            of_parameter = self._adam.state[parameter]
            of_parameter[name] = state[key].to(like.device) if name == "step" else like.copy_(state[key])


class _Average:
    """Exponential moving average of a network's parameters; running statistics stay the network's own."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._parameters = list(network.parameters())
        self._averages = [parameter.detach().clone() for parameter in self._parameters]
        self._decay = decay

    def update(self) -> None:
        for average, parameter in zip(self._averages, self._parameters, strict=True):
            average.lerp_(parameter.detach(), 1 - self._decay)

    def install(self) -> None:
        with torch.no_grad():
            for average, parameter in zip(self._averages, self._parameters, strict=True):
                parameter.copy_(average)

    def state(self) -> dict[str, Tensor]:
        return {str(number): average for number, average in enumerate(self._averages)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        for number, average in enumerate(self._averages):
            average.copy_(state[str(number)])


# ------------------------------------------------------------------------------------ losses and memories


def least_squares(scores: Tensor, wanted: float) -> Tensor:
    """LSGAN (Mao et al. 2017): mean (D − wanted)², 1 for real and 0 for fake."""
    return (scores.float() - wanted).square().mean()


class Memory:
    """Fakes of earlier steps, at most ``capacity`` of them, ``(C, H, W)`` each."""

    def __init__(self, capacity: int, generator: torch.Generator) -> None:
        self._capacity, self._generator = capacity, generator
        self._stored: list[Tensor] = []

    def state(self) -> dict[str, Tensor]:
        return {"images": torch.stack([image.cpu() for image in self._stored])} if self._stored else {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Channels last, as the networks' outputs are; on the CPU, until they are shown."""
        if "images" in state:
            self._stored = list(state["images"].contiguous(memory_format=torch.channels_last))


class ImagePool(Memory):
    """CycleGAN's memory of fakes (Shrivastava et al. 2017 in Zhu et al.'s form): what a discriminator is shown.

    Until ``capacity`` images are stored each one is stored and returned. From then on, with probability ½, a random
    stored image is returned and the new one takes its place; otherwise the new one is returned and not stored.
    """

    def exchange(self, images: Tensor) -> Tensor:
        """``(B, C, H, W)`` new fakes → as many, new or old."""
        shown = []
        for image in images:
            if len(self._stored) < self._capacity:
                self._stored.append(image.clone())
                shown.append(image)
            elif float(torch.rand((), generator=self._generator)) < 0.5:
                place = int(torch.randint(self._capacity, (), generator=self._generator))
                shown.append(self._stored[place].to(image.device))
                self._stored[place] = image.clone()
            else:
                shown.append(image)
        return torch.stack(shown) if shown else images
