"""GeneSIS-RT (Stein & Roy, "GeneSIS-RT: Generating Synthetic Images for Training Secondary Real-world Tasks",
ICRA 2018, arXiv 1710.04280).

CycleGAN for robots: what it translates trains segmentation and obstacle avoidance, so an obstacle's edge must stay
where it is. A structural term is added to CycleGAN's objective (refiners/cyclegan.py):

    L_G = L_CycleGAN + λ · (1 − SSIM(grey(x), grey(G(x))))

SSIM (Wang, Bovik, Sheikh & Simoncelli, IEEE TIP 2004) is a mean over places of

    (2 μ_a μ_b + C₁)(2 σ_ab + C₂) / ((μ_a² + μ_b² + C₁)(σ_a² + σ_b² + C₂)),   C₁ = (0.01 L)², C₂ = (0.03 L)²

with means, variances and covariance under an 11×11 Gaussian window of σ = 1.5 that lies within the image, which must
therefore be of 11 pixels at least. Grey is BT.601 luma in [0, 1], L = 1. Layout: ``image`` float32 (B, 3, H, W) in
[0, 1]; networks work in [−1, 1].

What is inferred, with reasons:

* The paper's structural term and its weight could not be verified; the form above, on the way to the target alone, is
  ours. λ = 5: 1 − SSIM is about 1 for unrelated images, whose mean |difference| in [−1, 1] is about ½, so that losing
  the structure costs as much as losing the content at CycleGAN's 10.
* Grey alone is compared, so colours are free. SSIM is negative where light and dark are exchanged: that is forbidden
  more firmly than a loss of contrast, and a target of the other polarity (``digits``) is out of reach.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from bench.api import FitContext, Frozen
from bench.api.imageset import UnlabelledImages
from bench.training.adversarial import Batch
from refiners import cyclegan

LUMA = (0.299, 0.587, 0.114)
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


class Params(cyclegan.Params):
    """``cyclegan``'s parameters, and ``structure``: λ."""

    structure: float = Field(default=5.0, ge=0)


class GenesisRT(cyclegan.CycleGAN):
    """CycleGAN that keeps edges in their places."""

    name: ClassVar[str] = "genesis_rt"
    version: ClassVar[int] = 2
    fit_seconds: ClassVar[float] = 155
    Params: ClassVar[type[Frozen]] = Params

    def game(self, networks: cyclegan.Networks, target: UnlabelledImages, context: FitContext) -> cyclegan.CycleGame:
        """CycleGAN's with the structural term."""
        return StructureGame(networks, self.params, context.generator)


class StructureGame(cyclegan.CycleGame):
    """L_G and L_D."""

    params: Params

    def further_loss(self, batch: Batch, made: cyclegan.Translations) -> Tensor:
        return self.params.structure * (1 - ssim(grey(batch.source), grey(made.fake_y)))


def grey(images: Tensor) -> Tensor:
    """Luma of RGB in [−1, 1]: ``(B, 3, H, W)`` → ``(B, 1, H, W)`` float32 in [0, 1]."""
    weights = torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)
    return ((images.float() + 1) / 2 * weights).sum(dim=1, keepdim=True)


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Mean SSIM of two ``(B, 1, H, W)`` float32 in [0, 1]; scalar in [−1, 1]."""
    offsets = torch.arange(WINDOW, device=first.device) - WINDOW // 2
    line = torch.exp(-offsets.square() / (2 * SIGMA**2))
    line = (line / line.sum()).view(1, 1, WINDOW, 1)
    given = torch.cat([first, second, first * first, second * second, first * second])
    with torch.autocast(first.device.type, enabled=False):  # differences of near equals need float32
        means = functional.conv2d(functional.conv2d(given, line), line.mT)
    mean_a, mean_b, square_a, square_b, product = means.chunk(5)
    variances = square_a - mean_a.square() + square_b - mean_b.square()
    covariance = product - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a.square() + mean_b.square() + C1)
    return (luminance * (2 * covariance + C2) / (variances + C2)).mean()
