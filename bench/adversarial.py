"""The one adversarial training loop. Every learned refiner goes through here; a refiner's file holds its losses.

A method is a :class:`Game`: a generator, a discriminator, and a loss for each. The loop plays *rounds*:

    round       g_steps × [draw a batch; generator loss; Adam], then d_steps × [discriminator loss; Adam]
    fakes       the first discriminator step sees what the last generator step made, as it was before that step's
                update; further ones, and rounds without generator steps, make their own
    images      uint8 (N, H, W, 3) in the sets → float32 (B, 3, H, W) in [−1, 1], channels last in memory
    order       shuffled epochs of either domain, drawn independently; a small domain simply cycles

All randomness comes from ``context.generator``: on a CPU, equal seeds give bit-equal weights. A loss that is not
finite, a discriminator that has won, and a generator that makes everything alike end the fit with a reason.

Not here: mixed precision; checkpoints (a fit that is killed starts again); any look at what the images are of.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bench.api import Budget, FitContext, PluginError
from bench.data.imageset import ImageSet, UnlabelledImages
from bench.refining import to_float

CHECK_EVERY = 20
"""Rounds between looks at the losses: on a GPU each look waits for the device."""
FLOOR = 0.01
"""A discriminator's loss is at its floor below this fraction of what one that cannot tell would have."""
PATIENCE = 0.25, 300
"""It has won after this fraction of all rounds at the floor without a break, and at least so many."""
ALIKE = 0.02
"""Outputs are alike if they vary by less than this fraction of what source and target images do."""
N_INSPECTED = 64
FULL_FIT = 100
"""Training steps below which a budget is a test's or a smoke run's."""


# --------------------------------------------------------------------------------------------- what is played


@dataclass(frozen=True)
class Batch:
    """``source``, ``target``: ``(B, 3, H, W)`` float32 in [−1, 1]; ``labels``: the source's columns, ``(B, …)``."""

    source: Tensor
    target: Tensor
    labels: Mapping[str, Tensor]


class Game(ABC):
    """What a method brings to the loop.

    Attributes
    ----------
    generator: all that generator steps train.
    discriminator: all that discriminator steps train; frozen during generator steps.
    chance: the discriminator loss of one that cannot tell fakes from real images.
    """

    generator: nn.Module
    discriminator: nn.Module
    chance: float

    @abstractmethod
    def fakes(self, batch: Batch) -> tuple[Tensor, ...]:
        """What discriminators are to unmask; first ``batch.source`` in the target's look."""

    @abstractmethod
    def generator_loss(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Scalar loss, and the fakes made on the way (attached or not; the loop detaches them)."""

    @abstractmethod
    def discriminator_loss(self, batch: Batch, fakes: tuple[Tensor, ...]) -> Tensor:
        """Scalar loss; ``fakes`` carry no gradient."""

    def solo_loss(self, batch: Batch) -> Tensor:
        """What the generator learns in phases without discriminator steps."""
        raise PluginError(f"{type(self).__name__} has no loss for a phase without discriminator steps")


@dataclass(frozen=True)
class Phase:
    """``rounds`` of so many generator and discriminator steps."""

    rounds: int
    g_steps: int = 1
    d_steps: int = 1


def constant_then_linear(constant: float) -> Callable[[int, int], float]:
    """Rate of a round in 1..n as a fraction of the first: 1 for ``constant`` of all rounds, then linearly towards 0."""

    def rate(step: int, n_steps: int) -> float:
        n_constant = round(constant * n_steps)
        return 1 - max(0, step - n_constant) / (n_steps - n_constant + 1)

    return rate


HALF_CONSTANT = constant_then_linear(0.5)
"""CycleGAN's."""


@dataclass(frozen=True)
class Optimisation:
    """How both players learn.

    Attributes
    ----------
    learning_rate, betas: Adam's.
    schedule: ``schedule(round, n_rounds)``, a factor of the learning rate.
    max_gradient_norm: gradients of each player are clipped to this norm; ``None`` leaves them.
    average: decay of an exponential moving average of the generator's weights, which then replaces them; ``None``:
        the weights after the last round.
    """

    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    schedule: Callable[[int, int], float] = HALF_CONSTANT
    max_gradient_norm: float | None = None
    average: float | None = None


@dataclass(frozen=True)
class Size:
    """What one budget buys a refiner.

    ``rounds`` are those at 32×32 pixels and below; larger images get fewer (:func:`rounds_of`). ``epochs``, where it is
    set, replaces them by so many passes over the larger domain, whatever the size of the images.
    """

    width: int
    n_blocks: int
    discriminator_width: int
    batch_size: int
    rounds: int = 0
    epochs: int = 0
    learning_rate: float = 2e-4


def rounds_of(size: Size, budget: Budget, source: ImageSet, target: UnlabelledImages) -> int:
    """Rounds of a fit.

    Rounds fall with the fifth root of the number of pixels: a fit at 64×64 takes 3 times as long as at 32×32, not 4.
    A budget of fewer than :data:`FULL_FIT` training steps is a test's or a smoke run's: no more rounds than steps.
    """
    if size.epochs:
        n_rounds = math.ceil(size.epochs * max(source.n_images, target.n_images) / size.batch_size)
    else:
        width, height = source.image_size
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
) -> None:
    """Train both players of ``game`` in place, on ``context.device``, for exactly the rounds of ``phases``.

    Parameters
    ----------
    source: columns that are no input reach the game as ``Batch.labels``.
    context: its generator orders the images; its progress hears (round, rounds in all, generator loss).

    Raises
    ------
    PluginError: a loss is not finite; the discriminator has won; the generator's outputs are all alike.
    """
    batches = _Batches(source, target, context)
    for player in (game.generator, game.discriminator):
        player.to(context.device).to(memory_format=torch.channels_last)
        player.train()
    generator = _Learner(game.generator, optimisation)
    discriminator = _Learner(game.discriminator, optimisation)
    average = None if optimisation.average is None else _Average(game.generator, optimisation.average)
    n_rounds = sum(phase.rounds for phase in phases)
    watch = _Watch(game.chance, n_rounds, context.progress)
    played = 0
    for phase in phases:
        for _ in range(phase.rounds):
            played += 1
            rate = optimisation.learning_rate * optimisation.schedule(played, n_rounds)
            batch, fakes = batches.draw(batch_size), None
            g_loss = d_loss = torch.zeros((), device=context.device)
            game.discriminator.requires_grad_(False)
            for step in range(phase.g_steps):
                if step > 0:
                    batch = batches.draw(batch_size)
                if phase.d_steps:
                    g_loss, fakes = game.generator_loss(batch)
                else:
                    g_loss = game.solo_loss(batch)
                generator.step(g_loss, rate)
                if average is not None:
                    average.update()
            game.discriminator.requires_grad_(True)
            for step in range(phase.d_steps):
                if step > 0:
                    batch, fakes = batches.draw(batch_size), None
                if fakes is None:
                    with torch.no_grad():
                        fakes = game.fakes(batch)
                d_loss = game.discriminator_loss(batch, tuple(fake.detach() for fake in fakes))
                discriminator.step(d_loss, rate)
            watch.see(g_loss.detach(), d_loss.detach(), contested=phase.g_steps > 0 and phase.d_steps > 0)
    if average is not None:
        average.install()
    _inspect(game, batches.draw(N_INSPECTED))


class _Batches:
    """Images of both domains in shuffled epochs."""

    def __init__(self, source: ImageSet, target: UnlabelledImages, context: FitContext) -> None:
        self._source, self._target, self._context = source, target, context
        self._waiting = {"source": torch.empty(0, dtype=torch.int64), "target": torch.empty(0, dtype=torch.int64)}

    def draw(self, n_images: int) -> Batch:
        columns = self._source.take(self._rows("source", self._source.n_images, n_images))
        images = {name: columns.pop(name) for name in self._source.names("input")}
        labels = {name: torch.from_numpy(array).to(self._context.device) for name, array in columns.items()}
        target = self._target.images(self._rows("target", self._target.n_images, n_images))
        return Batch(self._signed(images["image"]), self._signed(target), labels)

    def _rows(self, domain: str, n_of_domain: int, n_images: int) -> np.ndarray:
        waiting = self._waiting[domain]
        while len(waiting) < n_images:
            waiting = torch.cat([waiting, torch.randperm(n_of_domain, generator=self._context.generator)])
        self._waiting[domain] = waiting[n_images:]
        return waiting[:n_images].numpy()

    def _signed(self, images: np.ndarray) -> Tensor:
        signed = to_float(images).to(self._context.device) * 2 - 1
        return signed.contiguous(memory_format=torch.channels_last)


class _Learner:
    """A player's Adam, with clipping."""

    def __init__(self, player: nn.Module, optimisation: Optimisation) -> None:
        self._parameters = list(player.parameters())
        self._adam = torch.optim.Adam(self._parameters, betas=optimisation.betas, fused=True)
        self._max_norm = optimisation.max_gradient_norm

    def step(self, loss: Tensor, rate: float) -> None:
        self._adam.param_groups[0]["lr"] = rate
        self._adam.zero_grad()
        loss.backward()
        if self._max_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._max_norm)
        self._adam.step()


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


class _Watch:
    """Looks at the losses every :data:`CHECK_EVERY` rounds: reports them, and ends what has gone wrong."""

    def __init__(self, chance: float, n_rounds: int, progress: Callable[[int, int, float], None]) -> None:
        self._floor, self._n_rounds, self._progress = FLOOR * chance, n_rounds, progress
        fraction, at_least = PATIENCE
        self._patience = max(at_least, round(fraction * n_rounds))
        self._seen = self._at_floor = 0
        self._pending: list[tuple[Tensor, Tensor, bool]] = []

    def see(self, g_loss: Tensor, d_loss: Tensor, *, contested: bool) -> None:
        self._pending.append((g_loss, d_loss, contested))
        if len(self._pending) == CHECK_EVERY or self._seen + len(self._pending) == self._n_rounds:
            losses = torch.stack([torch.stack(pair) for *pair, _ in self._pending]).tolist()
            for (of_generator, of_discriminator), (_, _, was_contested) in zip(losses, self._pending, strict=True):
                self._seen += 1
                self._judge(of_generator, of_discriminator, was_contested)
            self._pending.clear()
            self._progress(self._seen, self._n_rounds, losses[-1][0])

    def _judge(self, g_loss: float, d_loss: float, contested: bool) -> None:
        where = f"round {self._seen} of {self._n_rounds}"
        for player, loss in (("generator", g_loss), ("discriminator", d_loss)):
            if not math.isfinite(loss):
                raise PluginError(f"the {player}'s loss is {loss} at {where}; lower the learning rate or its weights")
        self._at_floor = self._at_floor + 1 if contested and d_loss < self._floor else 0
        if self._at_floor >= self._patience:
            raise PluginError(
                f"the discriminator has won: its loss stayed below {self._floor:.2g} for {self._at_floor} rounds, up "
                f"to {where}, and the generator learns nothing more; try another seed or smaller weights of its losses"
            )


def _inspect(game: Game, batch: Batch) -> None:
    """Refuse a generator whose outputs vary much less, within images or between them, than the data do."""
    game.generator.eval()
    with torch.no_grad():
        made = game.fakes(batch)[0]
    if not bool(torch.isfinite(made).all()):
        raise PluginError("the generator returns values that are not finite; lower the learning rate")
    for what, spread in (("within an image", _within), ("from image to image", _between)):
        found, wanted = spread(made), min(spread(batch.source), spread(batch.target))
        if found < ALIKE * wanted:
            raise PluginError(
                f"the generator has collapsed: its outputs have a standard deviation of {found:.2g} {what}, the data "
                f"{wanted:.2g} (of a range of 2); try another seed or a lower learning rate"
            )


def _within(images: Tensor) -> float:
    return float(images.std(dim=(2, 3), correction=0).mean())


def _between(images: Tensor) -> float:
    return float(images.std(dim=0, correction=0).mean())


# ------------------------------------------------------------------------------------ losses and memories


def least_squares(scores: Tensor, wanted: float) -> Tensor:
    """LSGAN (Mao et al. 2017): mean (D − wanted)², 1 for real and 0 for fake."""
    return (scores - wanted).square().mean()


class ImagePool:
    """CycleGAN's memory of fakes (Shrivastava et al. 2017 in Zhu et al.'s form): what a discriminator is shown.

    Until ``capacity`` images are stored each one is stored and returned. From then on, with probability ½, a random
    stored image is returned and the new one takes its place; otherwise the new one is returned and not stored.
    """

    def __init__(self, capacity: int, generator: torch.Generator) -> None:
        self._capacity, self._generator = capacity, generator
        self._stored: list[Tensor] = []

    def exchange(self, images: Tensor) -> Tensor:
        """``(B, C, H, W)`` new fakes → as many, new or old."""
        shown = []
        for image in images:
            if len(self._stored) < self._capacity:
                self._stored.append(image.clone())
                shown.append(image)
            elif float(torch.rand((), generator=self._generator)) < 0.5:
                place = int(torch.randint(self._capacity, (), generator=self._generator))
                shown.append(self._stored[place])
                self._stored[place] = image.clone()
            else:
                shown.append(image)
        return torch.stack(shown) if shown else images
