"""PixelDA (Bousmalis, Silberman, Dohan, Erhan & Krishnan, "Unsupervised Pixel-Level Domain Adaptation with Generative
Adversarial Networks", CVPR 2017, arXiv 1612.05424), and what its official code does.

A generator G makes of a source image x and noise z ~ U(−1, 1)¹⁰ one in the target's look, a discriminator D of whole
images gives the odds that one is real, and the task network T learns from raw and adapted images alike. Target images
y, labels l of the source, L_T the task's own loss, all means over the batch:

    L_D = w_d (CE(D(y), real) + CE(D(G(x, z)), fake)) + L_T(T'(x), l) + L_T(T(G(x, z)), l)      trains D, T and T'
    L_G = w_a CE(D(G(x, z)), real) + w_t L_T(T(G(x, z)), l) + w_s PMSE(x, G(x, z))              trains G
    PMSE = mean d² − (mean d)²,  d = (x − G(x, z)) ∘ m;  means over all pixels and channels, m = 1 on the foreground

T and T' are two networks of the task with one set of weights but for their first convolution: the paper's two private
layers, convolution and pooling. T' sees raw source, T adapted source and, at test time, the target: it is the
predictor. One D step and one G step a round; Adam 1e-3, β (0.5, 0.999), times 0.95 every 20,000 rounds; weight decay
1e-5; gradients clipped to norm 5; weights N(0, 0.02²). Networks: refiners/networks/pixelda.py, private_layers.py.

m is the column ``foreground``, else where ``sensor_depth_m`` is known, else the whole image. Layout: ``image`` float32
(B, 3, H, W) in [0, 1]; G and D work in [−1, 1]; T gets [0, 1]. w_d = w_a = w_t = 1 are the code's defaults; its
run for MNIST-M is ``pixelda:similarity=0,domain=0.135603587834,adversarial=0.0113173311334,task=0.0100959947002``; the
weights for LineMod, with PMSE, are unpublished.

Deviations, with reasons:

* w_s = 20 where the code's default is 0. Without PMSE nothing ties G(x, z) to x but T, which learns along: a light fit
  in six exchanged classes and fooled both networks. ``similarity=0`` is the code's.
* ``light`` lets the rate fall linearly to 0 over its second half.
* PMSE is the paper's formula. Its code sums over the batch what TensorFlow returns, 2·B times as much; and means over
  all pixels, as both have it, make a shift of the foreground alone by c cost c²(p − p²), p its share.
* G rewrites colour alone: depth that a sensor measured reaches T as it is, since refined sets store images only.
* Raw and adapted images have one weight in L_D; the code's raw quaternion loss weighs double.
* The weights of T are as ``context.build`` draws them; its running statistics, the paper's towers have none, are those
  of adapted images (private_layers.py).
* Budgets ``light`` and ``standard`` are smaller in all that :data:`SIZES` lists; their G starts from N(0, 2/fan_in),
  since 0.02 fades in narrow layers: G would start grey, and end so after few rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from bench.api import Budget, FitContext, Frozen, Need, PluginError, Reads, RefineBatch, Refiner
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.training.adversarial import HALF_CONSTANT, Batch, Game, Optimisation, Phase, Size, play, rounds_of
from refiners.networks.build import Scheme, drawn, ready, restored, stored
from refiners.networks.pixelda import NOISE_DIMS, ImageDiscriminator, PixelDAGenerator
from refiners.networks.private_layers import share_weights

SIZES = {
    "light": Size(width=16, n_blocks=2, discriminator_width=16, batch_size=16, rounds=330, learning_rate=1e-3),
    "standard": Size(width=32, n_blocks=4, discriminator_width=32, batch_size=32, rounds=5_000, learning_rate=1e-3),
    # The published MNIST-M run's 16,000,000 training examples in batches of 32, at any size of image.
    "paper": Size(width=64, n_blocks=6, discriminator_width=64, batch_size=32, rounds=500_000, learning_rate=1e-3),
}
DECAY, DECAY_ROUNDS = 0.95, 20_000
SIMILARITY = 20.0
"""Without it, one light fit in six gave every class another one's look: T learns along, and goes along. With 10, one in
three still did on a toy; with 20, none."""
TaskLoss = Callable[[nn.Module, dict[str, Tensor], dict[str, Tensor]], Tensor]


class Params(Frozen):
    """``adversarial``, ``task``, ``similarity``: w_a, w_t, w_s, weights of L_G. ``domain``: w_d, of L_D. ``private``:
    convolutions that T and T' have each for itself. ``views``: samples of z, and refined images, of a source image."""

    adversarial: float = Field(default=1.0, ge=0)
    task: float = Field(default=1.0, ge=0)
    similarity: float = Field(default=SIMILARITY, ge=0)
    domain: float = Field(default=1.0, gt=0)
    private: int = Field(default=1, ge=0)
    views: int = Field(default=1, ge=1)


class PixelDA(Refiner):
    """Makes of source image and noise what a discriminator takes for real and the task network still recognises."""

    name: ClassVar[str] = "pixelda"
    version: ClassVar[int] = 3
    fit_seconds: ClassVar[float] = 60
    reads: ClassVar[Reads] = Reads(optional=frozenset({"foreground"}))
    needs: ClassVar[frozenset[Need]] = frozenset({Need.TASK_LOSS})
    Params: ClassVar[type[Frozen]] = Params
    joint = True

    def __init__(self, params: Frozen | None = None) -> None:
        super().__init__(params)
        self.views = self.params.views

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Train G against D, and the task network with both; keep G, and T for the arm ``end_to_end``."""
        if context.build is None or context.loss is None:
            raise PluginError("refiner 'pixelda' needs the task's build and loss in its context; they are None")
        size, random = SIZES[budget.name], context.generator
        width, height = source.image_size
        n_rounds = rounds_of(size, budget, source, target)
        scheme: Scheme = "normal" if budget.name == "paper" else "kaiming"
        generator = drawn(lambda: PixelDAGenerator(width, height, size.width, size.n_blocks), scheme, random)
        seed = random.initial_seed()
        critic = drawn(lambda: ImageDiscriminator(width, height, size.discriminator_width, seed=seed), "normal", random)
        of_adapted, of_raw = context.build(), context.build()
        share_weights(of_adapted, of_raw, self.params.private)
        game = PixelGame(generator, critic, (of_adapted, of_raw), context.loss, self.params, random)
        schedule = HALF_CONSTANT if budget.name == "light" else staircase
        optimisation = Optimisation(size.learning_rate, weight_decay=1e-5, schedule=schedule, max_gradient_norm=5.0)
        self.images_seen = play(game, source, target, [Phase(n_rounds)], size.batch_size, optimisation, context)
        self.generator = ready(generator)
        self.task_network = of_adapted
        self.sizes = torch.tensor([width, height, size.width, size.n_blocks, n_rounds, size.batch_size])

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """G(x, z); z of an image is drawn from its own generator."""
        noise = torch.stack([torch.rand(NOISE_DIMS, generator=generator) for generator in generators]) * 2 - 1
        signed = (batch.inputs["image"] * 2 - 1).contiguous(memory_format=torch.channels_last)
        made = (self.generator(signed, noise) + 1) / 2
        return {**batch.inputs, "image": made.clamp(0, 1).contiguous()}

    def predictor(self) -> Mapping[str, Tensor]:
        """T's state: weights and running statistics of the copy that saw adapted images."""
        return {name: tensor.detach().cpu().contiguous() for name, tensor in self.task_network.state_dict().items()}

    def state_dict(self) -> dict[str, Tensor]:
        """G's weights, and ``sizes`` (6,) int64: width and height of images, width and blocks of G, the rounds and the
        batch size of the fit."""
        return {**stored(self.generator), "sizes": self.sizes}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore G."""
        weights = dict(state)
        self.sizes = weights.pop("sizes")
        sizes = self.sizes[:4].tolist()
        self.generator = restored(lambda: PixelDAGenerator(*sizes), weights)


class PixelGame(Game):
    """L_G and L_D; ``task_networks`` are (T, T')."""

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        task_networks: tuple[nn.Module, nn.Module],
        task_loss: TaskLoss,
        params: Params,
        random: torch.Generator,
    ) -> None:
        self.generator, self.discriminator = generator, nn.ModuleList([critic, *task_networks])
        self.critic, (self.of_adapted, self.of_raw) = critic, task_networks
        self.task_loss, self.params, self.random = task_loss, params, random
        self.chance = params.domain * 2 * math.log(2)

    def fakes(self, batch: Batch) -> tuple[Tensor, ...]:
        noise = torch.rand(len(batch.source), NOISE_DIMS, generator=self.random) * 2 - 1
        return (self.generator(batch.source, noise.to(batch.source.device)),)

    def generator_loss(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        (made,) = self.fakes(batch)
        loss = self.params.adversarial * odds(self.critic(made), 1)
        if self.params.task:
            loss = loss + self.params.task * self._task_loss(self.of_adapted, made, batch)
        if self.params.similarity:
            loss = loss + self.params.similarity * pairwise_error(batch.source, made.float(), foreground_of(batch))
        return loss, (made,)

    def discriminator_loss(self, batch: Batch, fakes: tuple[Tensor, ...]) -> Tensor:
        return self.params.domain * (odds(self.critic(fakes[0]), 0) + odds(self.critic(batch.target), 1))

    def companion_loss(self, batch: Batch, fakes: tuple[Tensor, ...]) -> Tensor:
        raw = self._task_loss(self.of_raw, batch.source, batch)
        return raw + self._task_loss(self.of_adapted, fakes[0], batch)

    def _task_loss(self, network: nn.Module, images: Tensor, batch: Batch) -> Tensor:
        return self.task_loss(network, {**batch.inputs, "image": (images + 1) / 2}, dict(batch.labels))


def staircase(played: int, n_rounds: int) -> float:
    """0.95 for every full 20,000 rounds before this one."""
    return DECAY ** ((played - 1) // DECAY_ROUNDS)


def odds(logits: Tensor, wanted: float) -> Tensor:
    """Mean cross-entropy of D's logits, 1 for real and 0 for fake."""
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, wanted))


def foreground_of(batch: Batch) -> Tensor | None:
    """``(B, H, W)`` bool of what PMSE looks at, ``None`` for everything."""
    if "foreground" in batch.labels:
        return batch.labels["foreground"]
    return batch.inputs["sensor_depth_m"] > 0 if "sensor_depth_m" in batch.inputs else None


def pairwise_error(source: Tensor, made: Tensor, foreground: Tensor | None) -> Tensor:
    """PMSE, mean over images.

    Parameters
    ----------
    source, made: ``(B, C, H, W)``.
    foreground: ``(B, H, W)`` bool, m; ``None``: m = 1 everywhere.
    """
    difference = source - made if foreground is None else (source - made) * foreground[:, None]
    return difference.flatten(1).var(dim=1, correction=0).mean()
