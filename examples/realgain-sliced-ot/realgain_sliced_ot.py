"""Sliced optimal transport of colours (Pitié, Kokaram & Dahyot, "Automated colour grading using colour distribution
transfer", CVIU 2007; sliced: Rabin, Peyré, Delon & Bernot, "Wasserstein Barycenter and Its Application to Texture
Mixing", SSVM 2011).

The pixels of an image are a cloud of points x in RGB. Along one direction, optimal transport is a sort: values go to
the target's values of the same rank. Rotations R_1 … R_K, orthonormal and random, are taken one after the other:

    x ← x + R_kᵀ (T_k(R_k x) − R_k x),    T_k,j = G_k,j⁻¹ ∘ F_k,j    for each of the three rows j of R_k,

F_k,j the distribution function of the image's own values along row j, G_k,j that of the target's pixels.

Layout: ``image`` float32 (B, 3, H, W) in [0, 1]; state ``rotations`` (K, 3, 3), ``quantiles`` (K, 3, LEVELS) float32.

Deviations, with reasons:

* Equal values have the mean of their ranks. A plain background is one colour and stays one; broken ties would paint
  a gradient over it that depends on where its pixels lie.
* One cloud of target pixels from many images replaces the one reference image, as there is no natural match.
* ``strength`` < 1 goes a part of the way, from the image to its transported version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.api import Budget, FitContext, Frozen, ImageSet, RefineBatch, Refiner, UnlabelledImages
from bench.training.refine_images import to_float

LEVELS = 256
MAX_PIXELS = 100_000
"""Target pixels that the quantiles rest on; a quantile's standard error is then below 0.2 % of the ranks."""


class Params(Frozen):
    """``steps``: rotations K. ``n_images``: target images used. ``strength``: part of the way, 0 to 1."""

    steps: int = Field(default=8, ge=1)
    n_images: int = Field(default=256, ge=1)
    strength: float = Field(default=1.0, ge=0, le=1)


class SlicedTransport(Refiner):
    """Sliced optimal transport of each image's colours to those of the target."""

    name: ClassVar[str] = "sliced_ot"
    version: ClassVar[int] = 1
    Params: ClassVar[type[Frozen]] = Params

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Draw the rotations, and measure the target's quantiles along their rows."""
        generator = context.generator
        rows = torch.randperm(target.n_images, generator=generator)[: self.params.n_images]
        pixels = to_float(target.images(rows.numpy())).movedim(1, 0).flatten(1)
        pixels = pixels[:, torch.randperm(pixels.shape[1], generator=generator)[:MAX_PIXELS]]
        gaussian = torch.randn(self.params.steps, 3, 3, generator=generator)
        self.rotations = torch.linalg.qr(gaussian).Q.contiguous()
        ranks = (torch.arange(LEVELS) + 0.5) / LEVELS
        self.quantiles = torch.stack([torch.quantile(_rotate(r, pixels), ranks, dim=1).T for r in self.rotations])

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """Transport every image by itself; nothing is random here."""
        image = batch.inputs["image"]
        colours = image.movedim(1, 0).flatten(2)  # (3, B, H·W)
        for rotation, quantiles in zip(self.rotations, self.quantiles, strict=True):
            values = _rotate(rotation, colours)
            moves = torch.stack([transport(v, q) for v, q in zip(values, quantiles, strict=True)]) - values
            colours = colours + _rotate(rotation.T, moves)
        moved = colours.unflatten(2, image.shape[2:]).movedim(0, 1)
        return {**batch.inputs, "image": torch.lerp(image, moved, self.params.strength).clamp(0, 1)}

    def state_dict(self) -> dict[str, Tensor]:
        """Rotations and quantiles."""
        return {"rotations": self.rotations, "quantiles": self.quantiles}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore them."""
        self.rotations, self.quantiles = state["rotations"], state["quantiles"]


def transport(values: Tensor, quantiles: Tensor) -> Tensor:
    """G⁻¹(F(v)) for values (B, N), F the mid-rank distribution function of each row, G⁻¹ given at LEVELS mid-ranks."""
    ordered = values.sort(dim=1).values
    n_below = torch.searchsorted(ordered, values)
    n_up_to = torch.searchsorted(ordered, values, right=True)
    position = ((n_below + n_up_to) * (LEVELS / 2 / values.shape[1]) - 0.5).clamp(0, LEVELS - 1)
    low = position.long().clamp(max=LEVELS - 2)
    return torch.lerp(quantiles[low], quantiles[low + 1], position - low)


def _rotate(rotation: Tensor, colours: Tensor) -> Tensor:
    """``rotation`` (3, 3) times ``colours`` (3, …), element by element: a matrix product may part equal colours."""
    r, g, b = colours
    return torch.stack([row[0] * r + row[1] * g + row[2] * b for row in rotation])
