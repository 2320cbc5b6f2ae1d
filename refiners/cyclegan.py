"""CycleGAN (Zhu, Park, Isola & Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks", ICCV 2017, arXiv 1703.10593).

Two generators, G: source → target and F: target → source, with a discriminator of each domain. For source images x and
target images y, all means over pixels, channels and patches:

    L_G = (D_Y(G(x)) − 1)² + (D_X(F(y)) − 1)²
          + λ ‖F(G(x)) − x‖₁ + λ ‖G(F(y)) − y‖₁  + λ λ_id (‖G(y) − y‖₁ + ‖F(x) − x‖₁)
    L_D = ½ [(D_Y(y) − 1)² + D_Y(G(x))²] + ½ [(D_X(x) − 1)² + D_X(F(y))²]

λ = 10, λ_id = 0.5; fakes reach the discriminators through pools of 50; Adam 2e-4, β (0.5, 0.999), one image a step,
half of the fit at that rate and half falling linearly to 0. ResNet generators, PatchGAN discriminators, both in
refiners/networks. Only G is kept. Layout: ``image`` float32 (B, 3, H, W) in [0, 1]; networks work in [−1, 1].

Deviations, with reasons:

* Images are not mirrored: mirrored digits and poses are other ones. Nor are they scaled up to be cropped: those larger
  than 256 pixels are learned from in random crops of 256 (budgets ``standard`` and ``paper``), others whole, and G
  refines whole images.
* G(x) and G(y) are one call on both; with instance norm that is the same mathematics.
* Nine blocks from 256 pixels on and six below, as the paper has it; the discriminator has fewer layers below 64 pixels,
  where 70×70 patches would be the whole image.
* Budgets ``light`` and ``standard`` are smaller and faster than the paper in all that :data:`SIZES` lists. ``light``
  learns from four images a step and stores an average of G's weights over about fifty steps: its few hundred steps of
  one image each left some seeds untaught.

``genesis_rt``, ``fgbg_cyclegan`` and ``cycada`` are this refiner with a further loss: a :class:`CycleGame` of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.api import Budget, FitContext, Frozen, RefineBatch, Refiner
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.training.adversarial import Batch, Game, ImagePool, Optimisation, Phase, Size, least_squares, play, rounds_of
from refiners.networks.build import drawn, ready, restored, stored, translated
from refiners.networks.patchgan import PatchGAN, layers_for
from refiners.networks.resnet import ResNetGenerator

SIZES = {
    "light": Size(
        width=16, n_blocks=3, discriminator_width=16, batch_size=4, rounds=450, learning_rate=1e-3, average=0.98
    ),
    "standard": Size(
        width=24, n_blocks=4, discriminator_width=32, batch_size=1, rounds=2_500, learning_rate=5e-4, crop=256
    ),
    "paper": Size(width=64, n_blocks=9, discriminator_width=64, batch_size=1, epochs=200, crop=256),
}


@dataclass(frozen=True)
class Networks:
    """``generators`` are (G, F), ``discriminators`` (D_Y, D_X)."""

    generators: tuple[nn.Module, nn.Module]
    discriminators: tuple[nn.Module, nn.Module]


class Params(Frozen):
    """``cycle``: λ. ``identity``: λ_id, a factor of λ; 0 frees G to recolour. ``pool``: images kept of each domain."""

    cycle: float = Field(default=10.0, ge=0)
    identity: float = Field(default=0.5, ge=0)
    pool: int = Field(default=50, ge=1)


class CycleGAN(Refiner):
    """Translates source images into the target's look, such that they can be translated back."""

    name: ClassVar[str] = "cyclegan"
    version: ClassVar[int] = 2
    fit_seconds: ClassVar[float] = 150
    Params: ClassVar[type[Frozen]] = Params
    tiles: ClassVar[bool] = True

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Play both translations against their discriminators; keep the one to the target."""
        size = self.size_for(budget, target)
        width, height = size.seen(source)
        n_blocks = min(size.n_blocks, 9 if min(width, height) >= 256 else 6)
        networks = _drawn_networks(size, n_blocks, layers_for(height, width), context.generator)
        game = self.game(networks, target, context)
        n_rounds = rounds_of(size, budget, source, target)
        optimisation = Optimisation(size.learning_rate, average=size.average)
        self.images_seen = play(
            game, source, target, [Phase(n_rounds)], size.batch_size, optimisation, context, crop=size.crop
        )
        self.generator = ready(game.to_target)
        self.sizes = torch.tensor([size.width, n_blocks, n_rounds, size.batch_size])

    def size_for(self, budget: Budget, target: UnlabelledImages) -> Size:
        """What the budget buys."""
        return SIZES[budget.name]

    def game(self, networks: Networks, target: UnlabelledImages, context: FitContext) -> CycleGame:
        """The losses to play with."""
        return CycleGame(networks, self.params, context.generator)

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """G(x); nothing is drawn."""
        return {**batch.inputs, "image": translated(self.generator, batch.inputs["image"])}

    def state_dict(self) -> dict[str, Tensor]:
        """G's weights, and ``sizes`` (4,) int64: its width and blocks, the rounds and the batch size of the fit."""
        return {**stored(self.generator), "sizes": self.sizes}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore G."""
        weights = dict(state)
        self.sizes = weights.pop("sizes")
        width, n_blocks = self.sizes[:2].tolist()
        self.generator = restored(lambda: ResNetGenerator(width, n_blocks), weights)


def _drawn_networks(size: Size, n_blocks: int, n_layers: int, random: torch.Generator) -> Networks:
    def pair(make: Callable[[], nn.Module]) -> tuple[nn.Module, nn.Module]:
        return drawn(make, "normal", random), drawn(make, "normal", random)

    return Networks(
        pair(lambda: ResNetGenerator(size.width, n_blocks)),
        pair(lambda: PatchGAN(size.discriminator_width, n_layers)),
    )


JOINED_NUMEL = 3 * 128 * 128
"""Larger batches go through a generator one domain after the other on a CPU, whose caches do not hold both."""


@dataclass(frozen=True)
class Translations:
    """What both generators make of a batch: G(x), F(y); F(G(x)), G(F(y)); and G(y), F(x) where they are asked for."""

    fake_y: Tensor
    fake_x: Tensor
    back_x: Tensor
    back_y: Tensor
    same_y: Tensor | None
    same_x: Tensor | None


class CycleGame(Game):
    """L_G and L_D."""

    chance = 0.5  # both discriminators at D = ½: 2 · ½ (¼ + ¼)

    def __init__(self, networks: Networks, params: Params, random: torch.Generator) -> None:
        self.generator, self.discriminator = nn.ModuleList(networks.generators), nn.ModuleList(networks.discriminators)
        self.to_target, self.to_source = networks.generators
        self.of_target, self.of_source = networks.discriminators
        self.params = params
        self.memories = self.pools = [ImagePool(params.pool, random) for _ in range(2)]

    def fakes(self, batch: Batch) -> tuple[Tensor, ...]:
        return self.to_target(batch.source), self.to_source(batch.target)

    def generator_loss(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        made = self.translations(batch)
        loss = self.cyclegan_loss(batch, made) + self.further_loss(batch, made)
        return loss, (made.fake_y, made.fake_x)

    def translations(self, batch: Batch) -> Translations:
        x, y = batch.source, batch.target
        same_y = same_x = None
        if not self.params.identity:
            fake_y, fake_x = self.fakes(batch)
        elif x.device.type == "cpu" and x.numel() > JOINED_NUMEL:
            (fake_y, same_y), (fake_x, same_x) = map(self.to_target, (x, y)), map(self.to_source, (y, x))
        else:
            fake_y, same_y = self.to_target(torch.cat([x, y])).chunk(2)
            fake_x, same_x = self.to_source(torch.cat([y, x])).chunk(2)
        return Translations(fake_y, fake_x, self.to_source(fake_y), self.to_target(fake_x), same_y, same_x)

    def cyclegan_loss(self, batch: Batch, made: Translations) -> Tensor:
        """L_G of the paper."""
        x, y = batch.source, batch.target
        fooled = least_squares(self.of_target(made.fake_y), 1) + least_squares(self.of_source(made.fake_x), 1)
        kept = l1(made.back_x, x) + l1(made.back_y, y)
        if made.same_y is not None and made.same_x is not None:
            kept = kept + self.params.identity * (l1(made.same_y, y) + l1(made.same_x, x))
        return fooled + self.params.cycle * kept

    def further_loss(self, batch: Batch, made: Translations) -> Tensor:
        """What a method adds to L_G; nothing here."""
        return batch.source.new_zeros(())

    def discriminator_loss(self, batch: Batch, fakes: tuple[Tensor, ...]) -> Tensor:
        fake_y, fake_x = (pool.exchange(fake) for pool, fake in zip(self.pools, fakes, strict=True))
        of_target = least_squares(self.of_target(batch.target), 1) + least_squares(self.of_target(fake_y), 0)
        of_source = least_squares(self.of_source(batch.source), 1) + least_squares(self.of_source(fake_x), 0)
        return 0.5 * (of_target + of_source)


def l1(first: Tensor, second: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (first - second).abs().mean()
