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

* Images are used whole, neither scaled up and cropped nor mirrored: mirrored digits and poses are other ones.
* G(x) and G(y) are one call on both; with instance norm that is the same mathematics.
* Nine blocks from 256 pixels on and six below, as the paper has it; the discriminator has fewer layers below 64 pixels,
  where 70×70 patches would be the whole image.
* Budgets ``light`` and ``standard`` are smaller and faster than the paper in all that :data:`SIZES` lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.adversarial import Batch, Game, ImagePool, Optimisation, Phase, Size, least_squares, play, rounds_of
from bench.api import Budget, FitContext, Frozen, RefineBatch, Refiner
from bench.data.imageset import ImageSet, UnlabelledImages
from refiners.networks.build import drawn, ready, restored, stored, translated
from refiners.networks.patchgan import PatchGAN, layers_for
from refiners.networks.resnet import ResNetGenerator

SIZES = {
    "light": Size(width=12, n_blocks=3, discriminator_width=16, batch_size=1, rounds=450, learning_rate=1e-3),
    "standard": Size(width=24, n_blocks=4, discriminator_width=32, batch_size=1, rounds=2_500, learning_rate=5e-4),
    "paper": Size(width=64, n_blocks=9, discriminator_width=64, batch_size=1, epochs=200),
}


class Params(Frozen):
    """``cycle``: λ. ``identity``: λ_id, a factor of λ; 0 frees G to recolour. ``pool``: images kept of each domain."""

    cycle: float = Field(default=10.0, ge=0)
    identity: float = Field(default=0.5, ge=0)
    pool: int = Field(default=50, ge=1)


class CycleGAN(Refiner):
    """Translates source images into the target's look, such that they can be translated back."""

    name: ClassVar[str] = "cyclegan"
    version: ClassVar[int] = 1
    Params: ClassVar[type[Frozen]] = Params

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Play both translations against their discriminators; keep the one to the target."""
        size = SIZES[budget.name]
        width, height = source.image_size
        n_blocks = min(size.n_blocks, 9 if min(width, height) >= 256 else 6)
        game = self._game(size, n_blocks, layers_for(height, width), context)
        n_rounds = rounds_of(size, budget, source, target)
        optimisation = Optimisation(size.learning_rate)
        play(game, source, target, [Phase(n_rounds)], size.batch_size, optimisation, context)
        self.generator = ready(game.to_target)
        self.sizes = torch.tensor([size.width, n_blocks, n_rounds, size.batch_size])

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

    def _game(self, size: Size, n_blocks: int, n_layers: int, context: FitContext) -> CycleGame:
        def networks(make: Callable[[], nn.Module]) -> tuple[nn.Module, nn.Module]:
            return drawn(make, "normal", context.generator), drawn(make, "normal", context.generator)

        return CycleGame(
            networks(lambda: ResNetGenerator(size.width, n_blocks)),
            networks(lambda: PatchGAN(size.discriminator_width, n_layers)),
            self.params,
            context.generator,
        )


class CycleGame(Game):
    """L_G and L_D; ``generators`` are (G, F), ``discriminators`` (D_Y, D_X)."""

    chance = 0.5  # both discriminators at D = ½: 2 · ½ (¼ + ¼)

    def __init__(
        self,
        generators: tuple[nn.Module, nn.Module],
        discriminators: tuple[nn.Module, nn.Module],
        params: Params,
        random: torch.Generator,
    ) -> None:
        self.generator, self.discriminator = nn.ModuleList(generators), nn.ModuleList(discriminators)
        self.to_target, self.to_source = generators
        self.of_target, self.of_source = discriminators
        self.params = params
        self.pools = [ImagePool(params.pool, random) for _ in range(2)]

    def fakes(self, batch: Batch) -> tuple[Tensor, ...]:
        return self.to_target(batch.source), self.to_source(batch.target)

    def generator_loss(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        x, y = batch.source, batch.target
        if self.params.identity:
            fake_y, same_y = self.to_target(torch.cat([x, y])).chunk(2)
            fake_x, same_x = self.to_source(torch.cat([y, x])).chunk(2)
            same = l1(same_y, y) + l1(same_x, x)
        else:
            (fake_y, fake_x), same = self.fakes(batch), x.new_zeros(())
        fooled = least_squares(self.of_target(fake_y), 1) + least_squares(self.of_source(fake_x), 1)
        back = l1(self.to_source(fake_y), x) + l1(self.to_target(fake_x), y)
        return fooled + self.params.cycle * (back + self.params.identity * same), (fake_y, fake_x)

    def discriminator_loss(self, batch: Batch, fakes: tuple[Tensor, ...]) -> Tensor:
        fake_y, fake_x = (pool.exchange(fake) for pool, fake in zip(self.pools, fakes, strict=True))
        of_target = least_squares(self.of_target(batch.target), 1) + least_squares(self.of_target(fake_y), 0)
        of_source = least_squares(self.of_source(batch.source), 1) + least_squares(self.of_source(fake_x), 0)
        return 0.5 * (of_target + of_source)


def l1(first: Tensor, second: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (first - second).abs().mean()
