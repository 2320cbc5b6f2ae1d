"""T2Net (Zheng, Cham & Cai, "T2Net: Synthetic-to-Realistic Translation for Solving Single-Image Depth Estimation
Tasks", ECCV 2018, arXiv 1808.01454), with the weights and the order of its official code.

A translator S makes source images look real and leaves real images alone; the depth network T learns from translated
images, and through them its loss reaches S. Source images x with depth, target images y, φ T's bottleneck, d_i(y) T's
maps of a raw target image, i = 0 the coarsest; means over pixels, channels, patches and images:

    L_S  = λ_adv (D(S(x)) − 1)² + λ_id ‖S(y) − y‖₁                                            trains S
    L_ST = λ_task L_T(T(S(x))) + λ_f (D_f(φ(S(x))) − 1)²                                      trains S and T
    L_R  = λ_s Σ_i 2⁻ⁱ (mean |∂u d_i(y)| exp(−mean_c |∂u y|) + the same along v)              trains T
    L_D  = ½ [(D(y) − 1)² + D(S(x))²] + ½ [(D_f(φ(y)) − 1)² + D_f(φ(S(x)))²]

λ_adv = 1, λ_id = 100, λ_task = 100, λ_f = 0.1, λ_s = 0.1. L_T is the task's loss: L1 over all scales of depth in
[−1, 1]. A round is one step on L_S + L_ST + L_R; every fifth has one on L_D, after which the weights of D_f are clamped
to ±0.01. D sees fakes through a pool of 20. Adam: S and the critics 5e-5, β (0.5, 0.9); T 1e-4, β (0.95, 0.999); 6
epochs of 10 at that rate, then linearly to 0. At test time T sees the raw image. Networks: refiners/networks/t2net.py
and the task's ``t2net_depth``. Layout: ``image`` float32 (B, 3, H, W) in [0, 1]; S, D and φ's images are in [−1, 1].

``t2net:separate=true`` is the paper's separate training, for which the code has flags and no path: S by L_S alone;
then, S standing still, T on S(x) by λ_task L_T + L_R; as many rounds of each.

Deviations, with reasons:

* The code sends each loss to its networks by freezing the others. One sum does the same: L_S does not depend on T, L_R
  not on S, and the critics stand still in both.
* L_T takes known depth alone (tasks/models/depth_network.py); the code's takes unknown depth for a place. Depth is
  scaled as the task scales it, and is not quantised.
* For L_R, images are brought to the size of a map by means over its cells; how the code shrinks them, and whether its
  clamp spares biases and slopes, was not verified: here it takes all of D_f.
* The pool takes the fakes of rounds with a step on L_D alone: the code also stores those of rounds that it discards.
* Images are neither mirrored nor turned.
* Budgets ``light`` and ``standard`` are smaller and faster in all that :data:`SIZES` lists; T is the model asked for.
  ``light`` has a step on L_D in every round: a fifth of its few hundred taught the critics too little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from bench.api import Budget, FitContext, Frozen, Need, PluginError, Reads, RefineBatch, Refiner, UserError
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.training.adversarial import (
    Adam,
    Batch,
    Game,
    ImagePool,
    Optimisation,
    Phase,
    Size,
    constant_then_linear,
    least_squares,
    play,
    rounds_of,
)
from refiners.networks.build import drawn, ready, restored, stored, translated
from refiners.networks.patchgan import layers_for
from refiners.networks.t2net import FeatureCritic, ImageCritic, Translator

SIZES = {
    "light": Size(width=4, n_blocks=2, discriminator_width=8, batch_size=4, rounds=400, learning_rate=1e-3),
    "standard": Size(width=16, n_blocks=4, discriminator_width=32, batch_size=6, rounds=5_000, learning_rate=2e-4),
    "paper": Size(width=64, n_blocks=7, discriminator_width=64, batch_size=6, epochs=10, learning_rate=5e-5),
}
FEATURE_WIDTHS = {"light": 32, "standard": 128, "paper": 512}
TASK_RATE = 2.0
"""T's learning rate over that of the others."""
D_EVERY = {"light": 1, "standard": 5, "paper": 5}
"""Rounds from one step on L_D to the next."""
CLAMP = 0.01
POOL = 20
DECAY = constant_then_linear(0.6)
TaskLoss = Callable[[nn.Module, dict[str, Tensor], dict[str, Tensor]], Tensor]


class Params(Frozen):
    """``adversarial``, ``identity``, ``task``, ``feature``, ``smoothness``: λ_adv, λ_id, λ_task, λ_f, λ_s."""

    adversarial: float = Field(default=1.0, ge=0)
    identity: float = Field(default=100.0, ge=0)
    task: float = Field(default=100.0, gt=0)
    feature: float = Field(default=0.1, ge=0)
    smoothness: float = Field(default=0.1, ge=0)
    separate: bool = False


class T2Net(Refiner):
    """Translates source images into real ones together with the depth network that learns from them."""

    name: ClassVar[str] = "t2net"
    version: ClassVar[int] = 2
    fit_seconds: ClassVar[float] = 60
    reads: ClassVar[Reads] = Reads(required=frozenset({"depth_m"}))
    needs: ClassVar[frozenset[Need]] = frozenset({Need.TASK_LOSS})
    Params: ClassVar[type[Frozen]] = Params
    joint = True

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Train S and T against both critics; keep S, and T for the arm ``end_to_end``.

        Raises
        ------
        UserError: the task's network has no bottleneck to look at.
        """
        if context.build is None or context.loss is None:
            raise PluginError("refiner 't2net' needs the task's build and loss in its context; they are None")
        size, random = SIZES[budget.name], context.generator
        width, height = source.image_size
        translator = drawn(lambda: Translator(size.width, size.n_blocks), "kaiming", random)
        layers = layers_for(height, width)
        critic = drawn(lambda: ImageCritic(size.discriminator_width, layers), "kaiming", random)
        task = context.build()
        features = Features(task)
        n_features = features.number(width, height)
        feature_critic = drawn(lambda: FeatureCritic(n_features, FEATURE_WIDTHS[budget.name]), "kaiming", random)
        pool = ImagePool(POOL, random)
        game = DepthGame(translator, task, features, (critic, feature_critic), pool, context.loss, self.params)
        n_rounds = rounds_of(size, budget, source, target)
        phases = [Phase(n_rounds, d_every=D_EVERY[budget.name])]
        if self.params.separate:
            phases.append(Phase(n_rounds, d_steps=0))
        optimisation = Optimisation(
            size.learning_rate,
            betas=(0.5, 0.9),
            own={"task": Adam(TASK_RATE * size.learning_rate, (0.95, 0.999))},
            schedule=lambda played, _: DECAY((played - 1) % n_rounds + 1, n_rounds),
        )
        self.images_seen = play(game, source, target, phases, size.batch_size, optimisation, context)
        self.translator = ready(translator)
        self.task_network = task
        self.sizes = torch.tensor([size.width, size.n_blocks, n_rounds, size.batch_size])

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """S(x); nothing is drawn."""
        return {**batch.inputs, "image": translated(self.translator, batch.inputs["image"])}

    def predictor(self) -> Mapping[str, Tensor]:
        """T's state."""
        return {name: tensor.detach().cpu().contiguous() for name, tensor in self.task_network.state_dict().items()}

    def state_dict(self) -> dict[str, Tensor]:
        """S's weights, and ``sizes`` (4,) int64: its width and blocks, the rounds and the batch size of the fit."""
        return {**stored(self.translator), "sizes": self.sizes}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore S."""
        weights = dict(state)
        self.sizes = weights.pop("sizes")
        width, n_blocks = self.sizes[:2].tolist()
        self.translator = restored(lambda: Translator(width, n_blocks), weights)


class Features:
    """What the bottleneck of a depth network saw in its last call: φ ``(B, C, h, w)``."""

    def __init__(self, network: nn.Module) -> None:
        bottleneck = getattr(getattr(network, "body", None), "bottleneck", None)
        if not isinstance(bottleneck, nn.Module):
            raise UserError(
                f"refiner 't2net' got a {type(network).__name__} without a bottleneck; it looks at a depth network's "
                f"features; run it on task depth with model t2net_depth_light, t2net_depth or unet"
            )
        self._network = network
        bottleneck.register_forward_hook(self._keep)

    def number(self, width: int, height: int) -> int:
        """C·h·w of an image of this size."""
        parameter = next(self._network.parameters())
        training = self._network.training
        with torch.no_grad():
            self._network.eval()({"image": torch.zeros(1, 3, height, width, device=parameter.device)})
        self._network.train(training)
        return self.last.numel()

    def _keep(self, module: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        self.last = made


class DepthGame(Game):
    """L_S + L_ST + L_R and L_D; separate: L_S and D's half of L_D, then T's loss on its own."""

    def __init__(
        self,
        translator: nn.Module,
        task: nn.Module,
        features: Features,
        critics: tuple[nn.Module, nn.Module],
        pool: ImagePool,
        task_loss: TaskLoss,
        params: Params,
    ) -> None:
        self.translator, self.task, self.features = translator, task, features
        self.generator, self.discriminator = nn.ModuleList([translator, task]), nn.ModuleList(critics)
        self.critic, self.feature_critic = critics
        self.pool, self.memories = pool, (pool,)
        self.task_loss, self.params = task_loss, params
        self.chance = 0.25 if params.separate else 0.5  # ½ (¼ + ¼) for each critic at ½

    def fakes(self, batch: Batch) -> tuple[Tensor, ...]:
        return (self.translator(batch.source),)

    def generator_loss(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        made, same = self.translator(torch.cat([batch.source, batch.target])).chunk(2)
        loss = self.params.adversarial * least_squares(self.critic(made), 1)
        loss = loss + self.params.identity * (same.float() - batch.target).abs().mean()
        if self.params.separate:
            return loss, (made,)
        loss = loss + self.params.task * self._task_loss(made, batch)
        of_made = self.features.last
        loss = loss + self.params.feature * least_squares(self.feature_critic(of_made), 1)
        loss = loss + self.params.smoothness * self._smoothness(batch)
        return loss, (made, of_made, self.features.last)

    def solo_loss(self, batch: Batch) -> Tensor:
        self.translator.eval()
        with torch.no_grad():
            made = self.translator(batch.source)
        return self.params.task * self._task_loss(made, batch) + self.params.smoothness * self._smoothness(batch)

    def discriminator_loss(self, batch: Batch, fakes: tuple[Tensor, ...]) -> Tensor:
        loss = two_sided(self.critic, batch.target, self.pool.exchange(fakes[0]))
        if not self.params.separate:
            _, of_made, of_target = fakes
            loss = loss + two_sided(self.feature_critic, of_target, of_made)
        return loss

    def discriminator_stepped(self) -> None:
        with torch.no_grad():
            for parameter in self.feature_critic.parameters():
                parameter.clamp_(-CLAMP, CLAMP)

    def _task_loss(self, images: Tensor, batch: Batch) -> Tensor:
        return self.task_loss(self.task, {**batch.inputs, "image": (images + 1) / 2}, dict(batch.labels))

    def _smoothness(self, batch: Batch) -> Tensor:
        return smoothness(self.task({"image": (batch.target + 1) / 2}), batch.target)


def two_sided(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """½ [(D(real) − 1)² + D(fake)²]."""
    return 0.5 * (least_squares(critic(real), 1) + least_squares(critic(fake), 0))


def smoothness(maps: Sequence[Tensor], images: Tensor) -> Tensor:
    """Σ_i 2⁻ⁱ (mean |∂x d_i| exp(−mean_c |∂x y|) + the same along y), differences of neighbouring cells.

    Parameters
    ----------
    maps: d_i ``(B, h, w)``, the coarsest first: it weighs 1, the finest of four ⅛.
    images: y ``(B, 3, H, W)`` in [−1, 1]; means of cells at each map's size.
    """
    total = images.new_zeros(())
    for level, depth in enumerate(maps):
        shrunk = functional.adaptive_avg_pool2d(images, (depth.shape[1], depth.shape[2]))
        for axis in (-1, -2):
            edges = shrunk.diff(dim=axis).abs().mean(dim=1)
            total = total + 0.5**level * (depth.float().diff(dim=axis).abs() * (-edges).exp()).mean()
    return total
