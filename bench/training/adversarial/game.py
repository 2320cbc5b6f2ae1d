"""What a method brings to the adversarial loop: networks and losses (:class:`Game`), how they learn, how much of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from bench.api import Budget, PluginError
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.training.adversarial.memory import Memory


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
    ``crop`` are learned from in crops of that side; 0: whole. ``average`` is :class:`Optimisation`'s.
    """

    width: int
    n_blocks: int
    discriminator_width: int
    batch_size: int
    rounds: int = 0
    epochs: int = 0
    learning_rate: float = 2e-4
    crop: int = 0
    average: float | None = None

    def seen(self, images: ImageSet) -> tuple[int, int]:
        """Width and height of what the networks learn from."""
        width, height = images.image_size
        return (min(width, self.crop), min(height, self.crop)) if self.crop else (width, height)


def rounds_of(size: Size, budget: Budget, source: ImageSet, target: UnlabelledImages) -> int:
    """Rounds of a fit.

    Rounds fall with the fifth root of the number of pixels: a fit at 64×64 takes 3 times as long as at 32×32, not 4.
    ``budget.fit_steps`` caps them; how long a task trains does not.
    """
    if size.epochs:
        n_rounds = math.ceil(size.epochs * max(source.n_images, target.n_images) / size.batch_size)
    else:
        width, height = size.seen(source)
        n_rounds = math.ceil(size.rounds * min(1.0, 32 * 32 / (width * height)) ** 0.2)
    return budget.fit_at_most(n_rounds)


def least_squares(scores: Tensor, wanted: float) -> Tensor:
    """LSGAN (Mao et al. 2017): mean (D − wanted)², 1 for real and 0 for fake."""
    return (scores.float() - wanted).square().mean()
