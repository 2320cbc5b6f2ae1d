"""CycleGAN with losses of foreground and background (Wang, Shi, Wang, Nan & Lian, "Data Generation and Detection for
Smart Vending Machines", arXiv 1904.12294, 2019).

Products are told by their colours, so a translation may change their light but not their hue. Masks of the source come
from the renderer; those of the target from the *background template*, the empty scene under the same fixed camera. With
x̂ = F(G(x)), ŷ = G(F(y)) (masked_target=cycle) or x̂ = G(x), ŷ = F(y) (masked_target=identity):

    L_G  = L_CycleGAN + λ_bg · L_bg + λ_fg · L_fg                                      (refiners/cyclegan.py, λ_id = 0)
    L_bg = mean over background pixels of x of |x̂ − x|  + the same of y                (all channels)
    L_fg = mean over foreground pixels of x of d(hue x̂, hue x)  + the same of y

Hue is HSV's, in turns in [0, 1), and d(a, b) = min(|a − b|, 1 − |a − b|), at most ½. Where saturation or value of
either pixel is not above ε hue is noise, or undefined, and the pixel does not count. Layout: ``image`` float32
(B, 3, H, W) in [0, 1], ``foreground`` bool (B, H, W); networks work in [−1, 1].

    m_fg(y) = max over channels of (3×3 mean of |y − template|) > τ,   τ = 0.1 of the range

A target without the asset ``background_template`` has no masks: then the terms of y are left out.

What is inferred, with reasons:

* Whether the paper compares the way there and back or the translation itself is not known. ``cycle``, the default, is
  what its formula says as it is cited; it binds F∘G and leaves G's hues free. ``identity`` binds G's.
* λ_bg = λ_fg = 10, as CycleGAN's λ: a hue wrong by a quarter turn then costs 2.5, more than fooling a discriminator
  can gain. Means are over the pixels of a mask, so that a small product counts as much as a large one.
* ε = 0.1, τ, and the 3×3 mean against sensor noise are ours. A product that turns grey has no hue and escapes L_fg.
* With a template, whose pixels belong to places, large images are learned from whole; without, in crops.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from bench.api import Budget, FitContext, Frozen, PluginError, Reads
from bench.api.imageset import UnlabelledImages
from bench.training.adversarial import Batch, Size
from bench.training.refine_images import to_float
from refiners import cyclegan

TEMPLATE = "background_template"
LEAST_SATURATION = 0.1
LEAST_DIFFERENCE = 0.1


class Params(cyclegan.Params):
    """``cyclegan``'s parameters without identity loss; ``background``, ``foreground``: λ_bg and λ_fg."""

    identity: float = Field(default=0.0, ge=0)
    background: float = Field(default=10.0, ge=0)
    foreground: float = Field(default=10.0, ge=0)
    masked_target: Literal["cycle", "identity"] = "cycle"


class ForegroundBackgroundCycleGAN(cyclegan.CycleGAN):
    """CycleGAN that holds the background, and the hue of the foreground."""

    name: ClassVar[str] = "fgbg_cyclegan"
    version: ClassVar[int] = 2
    fit_seconds: ClassVar[float] = 155
    reads: ClassVar[Reads] = Reads(required=frozenset({"foreground"}))
    Params: ClassVar[type[Frozen]] = Params

    def size_for(self, budget: Budget, target: UnlabelledImages) -> Size:
        """CycleGAN's; whole images where a template belongs to them."""
        size = super().size_for(budget, target)
        return replace(size, crop=0) if TEMPLATE in target.assets else size

    def game(self, networks: cyclegan.Networks, target: UnlabelledImages, context: FitContext) -> cyclegan.CycleGame:
        """CycleGAN's with the masked terms.

        Raises
        ------
        PluginError: the template is of another size than the target images.
        """
        template = None
        if TEMPLATE in target.assets:
            pixels, size = target.assets[TEMPLATE], target.columns["image"].array.shape[1:]
            if pixels.shape != size:
                raise PluginError(
                    f"the target's {TEMPLATE} has shape {pixels.shape}, its images {size}; give both one size"
                )
            template = to_float(pixels[None]).to(context.device) * 2 - 1
        return MaskedGame(networks, self.params, context.generator, template)


class MaskedGame(cyclegan.CycleGame):
    """L_G and L_D; ``template``: (1, 3, H, W) in [−1, 1], or none."""

    params: Params

    def __init__(
        self, networks: cyclegan.Networks, params: Params, random: torch.Generator, template: Tensor | None
    ) -> None:
        super().__init__(networks, params, random)
        self.template = template

    def further_loss(self, batch: Batch, made: cyclegan.Translations) -> Tensor:
        cycle = self.params.masked_target == "cycle"
        loss = self._masked_loss(made.back_x if cycle else made.fake_y, batch.source, batch.labels["foreground"])
        if self.template is not None:
            foreground = differs(batch.target, self.template)
            loss = loss + self._masked_loss(made.back_y if cycle else made.fake_x, batch.target, foreground)
        return loss

    def _masked_loss(self, made: Tensor, given: Tensor, foreground: Tensor) -> Tensor:
        background = mean_over((made - given).abs().mean(dim=1), ~foreground)
        return self.params.background * background + self.params.foreground * hue_loss(made, given, foreground)


def hue_loss(first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
    """Mean circular difference of hue in turns over the pixels of ``mask`` (B, H, W) where both images have a hue."""
    (hue_a, has_a), (hue_b, has_b) = hue(first), hue(second)
    apart = (hue_a - hue_b).abs()
    return mean_over(torch.minimum(apart, 1 - apart), mask & has_a & has_b)


def hue(images: Tensor) -> tuple[Tensor, Tensor]:
    """HSV's hue of RGB ``(B, 3, H, W)`` in [−1, 1], in turns ``(B, H, W)`` float32, and where it means anything."""
    red, green, blue = pixels = ((images.float() + 1) / 2).unbind(dim=1)
    value, largest = torch.stack(pixels, dim=1).max(dim=1)
    chroma = value - torch.stack(pixels, dim=1).amin(dim=1)
    divisor = chroma.clamp(min=LEAST_SATURATION**2)  # the least chroma that counts
    sixths = torch.stack([(green - blue) / divisor % 6, (blue - red) / divisor + 2, (red - green) / divisor + 4], dim=1)
    means_something = (chroma > LEAST_SATURATION * value) & (value > LEAST_SATURATION)
    return sixths.gather(1, largest[:, None])[:, 0] / 6, means_something


def differs(images: Tensor, template: Tensor) -> Tensor:
    """m_fg: where images ``(B, 3, H, W)`` in [−1, 1] are not the template; bool ``(B, H, W)``."""
    apart = (images - template).abs() / 2
    smooth = functional.avg_pool2d(apart, 3, stride=1, padding=1, count_include_pad=False)
    return smooth.amax(dim=1) > LEAST_DIFFERENCE


def mean_over(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``values`` where ``mask`` is set; 0 where it is nowhere set."""
    return (values * mask).sum() / mask.sum().clamp(min=1)
