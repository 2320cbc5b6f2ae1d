"""CyCADA's translation (Hoffman, Tzeng, Park, Zhu, Isola, Saenko, Efros & Darrell, "CyCADA: Cycle-Consistent
Adversarial Domain Adaptation", ICML 2018, arXiv 1711.03213).

CycleGAN may exchange one class for another and still find its way back. A task network f_S, trained on the source and
frozen, must therefore recognise in G(x) what x shows:

    L_G = L_CycleGAN + λ_sem · L_task(f_S(G(x)), labels of x)                          (refiners/cyclegan.py, λ_id = 0)

L_task is the loss of the task at hand, so this works for every task: cross-entropy, depth, boxes. λ = 10 and
λ_sem = 1. Layout: ``image`` float32 (B, 3, H, W) in [0, 1]; networks work in [−1, 1], f_S gets [0, 1].

Deviations, with reasons:

* The true labels instead of f_S's own guesses at x, which the paper writes: they are there, and the authors' code for
  digits uses them too.
* No term for the way back, L_task(f_S(F(y)), f_S's guess at y). Guesses come as the arrays that a task scores, not as
  labels: at native size, which unlabelled images do not tell, and with boxes of any confidence. Only classes could be
  turned back, and one refiner for all tasks was wanted.
* λ = 10 is CycleGAN's, so that L_sem is all that differs from the row ``cyclegan:identity=0``; the authors' digits have
  1. λ_sem = 1 is theirs: f_S has seen no target, and is not to rule.
* f_S is trained before the fit begins, where the authors let it learn along and switch L_sem on once it is good. Its
  adaptation to target features, their second stage, is not a matter of images, and is left to the task.
* Images larger than 256 pixels are learned from in crops where all labels of the task lie on pixels (``mask``,
  ``depth_m``), whole where they do not; the authors left L_sem out there for want of memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.api import FitContext, Frozen, Need, PluginError
from bench.api.imageset import UnlabelledImages
from bench.training.adversarial import Batch
from refiners import cyclegan

TaskLoss = Callable[[nn.Module, dict[str, Tensor], dict[str, Tensor]], Tensor]


class Params(cyclegan.Params):
    """``cyclegan``'s parameters without identity loss, and ``semantic``: λ_sem."""

    identity: float = Field(default=0.0, ge=0)
    semantic: float = Field(default=1.0, ge=0)


class CyCADA(cyclegan.CycleGAN):
    """CycleGAN whose translations a network trained on the source still understands."""

    name: ClassVar[str] = "cycada"
    version: ClassVar[int] = 2
    fit_seconds: ClassVar[float] = 160
    needs: ClassVar[frozenset[Need]] = frozenset({Need.TASK_LOSS, Need.SOURCE_MODEL})
    Params: ClassVar[type[Frozen]] = Params

    def game(self, networks: cyclegan.Networks, target: UnlabelledImages, context: FitContext) -> cyclegan.CycleGame:
        """CycleGAN's with the semantic term."""
        if context.loss is None or context.source_model is None:
            raise PluginError("cycada got no task loss or no source model; both are among its needs")
        return SemanticGame(networks, self.params, context.generator, context.source_model, context.loss)


class SemanticGame(cyclegan.CycleGame):
    """L_G and L_D; ``source_model``: f_S."""

    params: Params

    def __init__(
        self,
        networks: cyclegan.Networks,
        params: Params,
        random: torch.Generator,
        source_model: nn.Module,
        task_loss: TaskLoss,
    ) -> None:
        super().__init__(networks, params, random)
        self.source_model = source_model.eval().requires_grad_(False)
        self.task_loss = task_loss

    def further_loss(self, batch: Batch, made: cyclegan.Translations) -> Tensor:
        inputs = {**batch.inputs, "image": (made.fake_y + 1) / 2}
        return self.params.semantic * self.task_loss(self.source_model, inputs, dict(batch.labels))
