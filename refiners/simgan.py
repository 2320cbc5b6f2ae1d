"""SimGAN (Shrivastava, Pfister, Tuzel, Susskind, Wang & Webb, "Learning from Simulated and Unsupervised Images through
Adversarial Training", CVPR 2017, arXiv 1612.07828).

A refiner R adds realism and is held near its input; a local discriminator D gives P(refined) for every patch. Source
images x, target images y; sums over patches, and over pixels and channels; means over the batch:

    L_R = Σ −log(1 − D(R(x))) + λ ‖R(x) − x‖₁
    L_D = Σ −log D(R(x)) + Σ −log(1 − D(y))

1. R alone learns λ ‖R(x) − x‖₁; 2. D alone learns L_D; 3. rounds of two R steps and one D step. Half of the refined
images of each D step come from a history of earlier ones (:class:`History`).

λ = 0.5, pixels in [−1, 1]. Networks: refiners/networks/simgan.py. Layout: ``image`` float32 (B, 3, H, W) in [0, 1].

Deviations, with reasons:

* Adam (2e-4, β 0.5, 0.999; ``light`` 1e-3) instead of SGD at 1e-3: the losses are sums, so SGD's step would grow with
  the image. Wider networks than ``light``'s were seen to die at Adam's 1e-3.
* ``light`` lets the rate fall linearly to 0 over its second half and stores an average of R's weights: after a few
  hundred rounds, single rounds still differ by more than the fit has learned.
* RGB instead of grey: three channels in and out. The paper states neither λ for its data, nor the batch, nor the size
  of the history: 0.5, and 50 batches, are those of a widely read reimplementation.
* Its 1,000 and 200 steps of phases 1 and 2 are a tenth and a fiftieth of 10,000 rounds; other budgets keep the shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from bench.api import Budget, FitContext, Frozen, RefineBatch, Refiner
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.training.adversarial import (
    HALF_CONSTANT,
    Batch,
    Game,
    Memory,
    Optimisation,
    Phase,
    Size,
    constant_then_linear,
    play,
    rounds_of,
)
from refiners.networks.build import drawn, ready, restored, stored, translated
from refiners.networks.simgan import LocalDiscriminator, SimGANRefiner

SIZES = {
    "light": Size(
        width=16, n_blocks=3, discriminator_width=48, batch_size=8, rounds=450, learning_rate=1e-3, average=0.99
    ),
    "standard": Size(
        width=32, n_blocks=4, discriminator_width=96, batch_size=8, rounds=800, learning_rate=2e-4, crop=256
    ),
    "paper": Size(
        width=64, n_blocks=4, discriminator_width=96, batch_size=512, rounds=10_000, learning_rate=2e-4, crop=256
    ),
}
SCHEDULES = {
    "light": HALF_CONSTANT,
    "standard": constant_then_linear(1.0),
    "paper": constant_then_linear(1.0),
}
WARM_UP = 0.1, 0.02
"""Steps of phases 1 and 2 as shares of the rounds of phase 3."""
HISTORY_BATCHES = 50
REFINED, REAL = 0, 1


class Params(Frozen):
    """``similarity``: λ, the weight of staying near the input."""

    similarity: float = Field(default=0.5, ge=0)


class SimGAN(Refiner):
    """Adds local realism to source images and keeps them near what they were."""

    name: ClassVar[str] = "simgan"
    version: ClassVar[int] = 2
    fit_seconds: ClassVar[float] = 25
    Params: ClassVar[type[Frozen]] = Params
    tiles: ClassVar[bool] = True

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Three phases: R alone, D alone, both; keep R."""
        size = SIZES[budget.name]
        n_rounds = rounds_of(size, budget, source, target)
        random = context.generator
        refiner = drawn(lambda: SimGANRefiner(size.width, size.n_blocks), "kaiming", random)
        critic = drawn(lambda: LocalDiscriminator(size.discriminator_width), "kaiming", random)
        game = LocalGame(refiner, critic, self.params, History(HISTORY_BATCHES * size.batch_size, random))
        alone, critic_alone = (max(1, round(share * n_rounds)) for share in WARM_UP)
        phases = [Phase(alone, d_steps=0), Phase(critic_alone, g_steps=0), Phase(n_rounds, g_steps=2)]
        optimisation = Optimisation(size.learning_rate, schedule=SCHEDULES[budget.name], average=size.average)
        self.images_seen = play(game, source, target, phases, size.batch_size, optimisation, context, crop=size.crop)
        self.refiner = ready(refiner)
        self.sizes = torch.tensor([size.width, size.n_blocks, n_rounds, size.batch_size])

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """R(x); nothing is drawn."""
        return {**batch.inputs, "image": translated(self.refiner, batch.inputs["image"])}

    def state_dict(self) -> dict[str, Tensor]:
        """R's weights, and ``sizes`` (4,) int64: its width and blocks, the rounds and the batch size of the fit."""
        return {**stored(self.refiner), "sizes": self.sizes}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore R."""
        weights = dict(state)
        self.sizes = weights.pop("sizes")
        width, n_blocks = self.sizes[:2].tolist()
        self.refiner = restored(lambda: SimGANRefiner(width, n_blocks), weights)


class History(Memory):
    """Refined images of earlier steps: half of what D is shown, so that R does not return to old artefacts.

    Each call stores ⌊B/2⌋ of its new images: beside the others until there are ``capacity``, then in place of random
    ones. A batch of one image has no half, and no history.
    """

    def mix(self, images: Tensor) -> Tensor:
        """``(B, C, H, W)`` new images → the first ⌈B/2⌉ of them, and ⌊B/2⌋ old ones as soon as there are that many."""
        n_old = len(images) // 2
        new, replaced = images[: len(images) - n_old], images[len(images) - n_old :]
        if len(self._stored) >= n_old > 0:
            places = torch.randperm(len(self._stored), generator=self._generator)[:n_old].tolist()
            replaced = torch.stack([self._stored[place].to(images.device) for place in places])
        for image in new[:n_old]:
            if len(self._stored) < self._capacity:
                self._stored.append(image.clone())
            else:
                self._stored[int(torch.randint(self._capacity, (), generator=self._generator))] = image.clone()
        return torch.cat([new, replaced])


class LocalGame(Game):
    """L_R and L_D, both divided by the number of patches, so that their size does not depend on the image's."""

    chance = 2 * 0.6931  # two cross-entropies of ln 2

    def __init__(self, refiner: nn.Module, critic: nn.Module, params: Params, history: History) -> None:
        self.generator, self.discriminator = refiner, critic
        self.params, self.history = params, history
        self.memories = (history,)

    def fakes(self, batch: Batch) -> tuple[Tensor, ...]:
        return (self.generator(batch.source),)

    def solo_loss(self, batch: Batch) -> Tensor:
        return self._similarity(batch.source, self.generator(batch.source))

    def generator_loss(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        refined = self.generator(batch.source)
        logits = self.discriminator(refined)
        n_patches = logits.shape[2] * logits.shape[3]
        similarity = self._similarity(batch.source, refined)
        return cross_entropy(logits, REAL) + similarity / n_patches, (refined,)

    def discriminator_loss(self, batch: Batch, fakes: tuple[Tensor, ...]) -> Tensor:
        refined = self.discriminator(self.history.mix(fakes[0]))
        return cross_entropy(refined, REFINED) + cross_entropy(self.discriminator(batch.target), REAL)

    def _similarity(self, given: Tensor, refined: Tensor) -> Tensor:
        """λ ‖R(x) − x‖₁: summed over pixels and channels, mean over the batch."""
        return self.params.similarity * (refined - given).abs().sum(dim=(1, 2, 3)).mean()


def cross_entropy(logits: Tensor, wanted: int) -> Tensor:
    """−log P(wanted), mean over patches and batch: ``(B, 2, h, w)`` → scalar."""
    return -functional.log_softmax(logits, dim=1)[:, wanted].mean()
