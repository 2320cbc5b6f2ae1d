"""CUT (Park, Efros, Zhang & Zhu, "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020,
arXiv 2007.15651).

One generator G: source → target, one discriminator, no way back. Content is kept by contrast: a patch of G(x) should
resemble the patch of x at its place more than x's other patches. z = E_l(·)_s is the encoder's feature of layer l at
place s, through a two-layer map of layer l and of unit length; x source, y target:

    NCE(x, x') = mean over l, s of  −log  exp(q_s·k_s/τ) / [exp(q_s·k_s/τ) + Σ_{r≠s} exp(q_s·k_r/τ)],
                 q = z(x'), k = z(x) without gradient
    L_G = (D(G(x)) − 1)² + λ · ½ [NCE(x, G(x)) + NCE(y, G(y))]          (identity=true)
    L_G = (D(G(x)) − 1)² + λ · NCE(x, G(x))                             (identity=false)
    L_D = ½ [(D(y) − 1)² + D(G(x))²]

τ = 0.07, 256 places drawn for each layer and step, λ = 1 with identity. The diagonal of q·k is the positive; among the
negatives it is set to −10, which leaves it out. ``flip`` (FastCUT): with probability ½ G sees x mirrored, and q is
mirrored back before it is compared. Adam 2e-4, β (0.5, 0.999), batch 1, half of the fit at that rate and half falling
linearly to 0, no pool, Xavier weights of gain 0.02, ResNet generator with anti-aliased sampling, PatchGAN.
Layout: ``image`` float32 (B, 3, H, W) in [0, 1]; networks work in [−1, 1].

Deviations, with reasons:

* The first compared layer is the image itself, not the image with its reflected border: the border repeats places.
* ``light`` learns from four images a step and stores an average of G's weights over about fifty steps.
* Images are not mirrored; crops, and networks that shrink with images and budgets, are as in ``cyclegan``.
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
    Batch,
    Game,
    Optimisation,
    Phase,
    Size,
    constant_then_linear,
    least_squares,
    play,
    rounds_of,
)
from refiners.networks.build import drawn, ready, restored, stored, translated
from refiners.networks.patchgan import PatchGAN, layers_for
from refiners.networks.projector import Projector
from refiners.networks.resnet import ResNetGenerator

TEMPERATURE = 0.07
LEFT_OUT = -10.0
"""Cosine that stands on the diagonal of the negatives."""
N_PLACES = 256

SIZES = {
    "light": Size(
        width=16, n_blocks=3, discriminator_width=16, batch_size=4, rounds=450, learning_rate=1e-3, average=0.98
    ),
    "standard": Size(
        width=24, n_blocks=4, discriminator_width=32, batch_size=1, rounds=2_500, learning_rate=5e-4, crop=256
    ),
    "paper": Size(width=64, n_blocks=9, discriminator_width=64, batch_size=1, epochs=400, crop=256),
}
DIMS = {"light": 64, "standard": 128, "paper": 256}
"""Of the projections."""


class Params(Frozen):
    """``contrast``: λ. ``identity``: contrast on target images too. ``flip``: mirror G's input half of the time.

    ``constant``: share of the fit at the full learning rate.
    """

    contrast: float = Field(default=1.0, ge=0)
    identity: bool = True
    flip: bool = False
    constant: float = Field(default=0.5, ge=0, le=1)


class CUT(Refiner):
    """Translates source images into the target's look, keeping each patch recognisable by its place."""

    name: ClassVar[str] = "cut"
    version: ClassVar[int] = 2
    fit_seconds: ClassVar[float] = 170
    Params: ClassVar[type[Frozen]] = Params
    tiles: ClassVar[bool] = True
    sizes_of: ClassVar[Mapping[str, Size]] = SIZES

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Play the translation against its discriminator; keep the generator."""
        size = self.sizes_of[budget.name]
        width, height = size.seen(source)
        n_blocks = min(size.n_blocks, 9 if min(width, height) >= 256 else 6)
        n_rounds = rounds_of(size, budget, source, target)
        random = context.generator
        translator = drawn(lambda: ResNetGenerator(size.width, n_blocks, antialias=True), "xavier", random)
        channels = (3, *(factor * size.width for factor in (2, 4, 4, 4)))
        projector = drawn(lambda: Projector(channels, DIMS[budget.name]), "xavier", random)
        critic = drawn(lambda: PatchGAN(size.discriminator_width, layers_for(height, width)), "xavier", random)
        game = ContrastiveGame(translator, projector, critic, self.params, random)
        schedule = constant_then_linear(self.params.constant)
        optimisation = Optimisation(size.learning_rate, schedule=schedule, average=size.average)
        self.images_seen = play(
            game, source, target, [Phase(n_rounds)], size.batch_size, optimisation, context, crop=size.crop
        )
        self.generator = ready(translator)
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
        self.generator = restored(lambda: ResNetGenerator(width, n_blocks, antialias=True), weights)


class ContrastiveGame(Game):
    """L_G and L_D."""

    chance = 0.25  # D = ½ everywhere: ½ (¼ + ¼)

    def __init__(
        self,
        translator: ResNetGenerator,
        projector: Projector,
        critic: nn.Module,
        params: Params,
        random: torch.Generator,
    ) -> None:
        self.translator, self.projector = translator, projector
        self.generator, self.discriminator = nn.ModuleList([translator, projector]), critic
        self.params, self.random = params, random

    def fakes(self, batch: Batch) -> tuple[Tensor, ...]:
        return (self.translator(batch.source),)

    def generator_loss(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        given = torch.cat([batch.source, batch.target]) if self.params.identity else batch.source
        mirrored = self.params.flip and float(torch.rand((), generator=self.random)) < 0.5
        made = self.translator(given.flip(3) if mirrored else given)
        fake = made[: len(batch.source)]
        fooled = least_squares(self.discriminator(fake), 1)
        return fooled + self.params.contrast * self._contrast(given, made, mirrored), (fake,)

    def discriminator_loss(self, batch: Batch, fakes: tuple[Tensor, ...]) -> Tensor:
        real, fake = self.discriminator(batch.target), self.discriminator(fakes[0])
        return 0.5 * (least_squares(real, 1) + least_squares(fake, 0))

    def _contrast(self, given: Tensor, made: Tensor, mirrored: bool) -> Tensor:
        """Mean over images and layers, so that x and y count half each."""
        queries = self.translator.features(made)
        if mirrored:
            queries = [feature.flip(3) for feature in queries]
        with torch.no_grad():
            keys = self.translator.features(given)
        places = [self._draw(feature.shape[2] * feature.shape[3]).to(given.device) for feature in keys]
        with torch.no_grad():
            keys = self.projector(keys, places)
        pairs = zip(self.projector(queries, places), keys, strict=True)
        return torch.stack([patch_nce(query, key) for query, key in pairs]).mean()

    def _draw(self, n_places: int) -> Tensor:
        return torch.randperm(n_places, generator=self.random)[:N_PLACES]


def patch_nce(query: Tensor, key: Tensor) -> Tensor:
    """Mean cross-entropy of finding each query's own place among all: two ``(B, S, dim)`` of unit length → scalar."""
    similarity = query @ key.mT
    positive = similarity.diagonal(dim1=1, dim2=2)[..., None]
    diagonal = torch.eye(query.shape[1], dtype=torch.bool, device=query.device)
    logits = torch.cat([positive, similarity.masked_fill(diagonal, LEFT_OUT)], dim=2) / TEMPERATURE
    wanted = torch.zeros(logits.shape[:2].numel(), dtype=torch.int64, device=query.device)
    return functional.cross_entropy(logits.flatten(0, 1), wanted)
