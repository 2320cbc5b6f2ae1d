"""Fourier domain adaptation (Yang & Soatto, "FDA: Fourier Domain Adaptation for Semantic Segmentation", CVPR 2020).

Low-frequency amplitudes are taken from a target image, phases are kept, for each RGB channel:

    x' = clip(F⁻¹[ M ∘ |F(t)| + (1 − M) ∘ |F(x)|,  ∠F(x) ])

M is the (2b + 1)² window of frequencies centred on DC, b = floor(β · min(H, W)); t is one random target image per
source image, among N whose window amplitudes are kept. The paper's variants are β = 0.01, 0.05 and 0.09
(:data:`PAPER_BETAS`). Small images make small windows: at 32 pixels these give b = 0, 1, 2, and b = 0 replaces
DC alone, that is each channel's mean; at 256 pixels b = 2, 12, 23.

Layout: ``image`` float32 (B, 3, H, W) in [0, 1]; a window's spectrum is (…, R, b + 1): rows u = −b … b, columns
v = 0 … b, the other columns being conjugates; unit: mean over the pixels, so the DC entry is the channel's mean.

Deviations from the authors' code, with reasons:

* They have two windows: NumPy as above; Torch with frequencies −b … b − 1, which is not symmetric, so its result is
  not real, and which is empty at b = 0. Ours is the first; x' is real by construction.
* A coefficient that is zero up to rounding has no phase; it stays, where NumPy's angle(0) = 0 would draw a pattern
  fixed to the image's corner into every flat render. DC is always replaced: its phase is 0.
* The unit does not depend on an image's size, so images of other sizes than those of the fit get the same amplitudes;
  their window is at most the fit's.
* They train three networks and average them; here each β is a variant of its own. No entropy loss: that is the task's.

Only the window's coefficients change, so only these are computed, by products with rows of the DFT matrix:
x' = x + F⁻¹[M ∘ (|F(t)| − |F(x)|) e^{i∠F(x)}]. That is exact, and quicker than a full FFT by more, the smaller b is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.api import Budget, FitContext, Frozen, RefineBatch, Refiner
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.training.refine_images import to_float

PAPER_BETAS = (0.01, 0.05, 0.09)
NO_PHASE = 1e-6
"""Amplitude per pixel below which a phase is rounding noise; one level in one pixel of a 32×32 image makes 4e-6."""
FIT_BATCH = 4


class Params(Frozen):
    """``beta``: half-width of the window as a fraction of min(H, W). ``n_images``: target images to draw from."""

    beta: float = Field(default=0.01, gt=0, le=0.5)
    n_images: int = Field(default=256, ge=1)


class FDA(Refiner):
    """Low-frequency amplitudes of a random target image, phases of the source."""

    name: ClassVar[str] = "fda"
    version: ClassVar[int] = 1
    Params: ClassVar[type[Frozen]] = Params

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Keep the window amplitudes of ``n_images`` target images drawn by ``context.generator``."""
        rows = torch.randperm(target.n_images, generator=context.generator)[: self.params.n_images].sort().values
        height, width = target.images(rows[:1].numpy()).shape[1:3]
        self.window = Window(height, width, self.params.beta)
        self.amplitudes = torch.cat(
            [self.window.spectrum(to_float(target.images(part.numpy()))).abs() for part in rows.split(FIT_BATCH)]
        )

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """Give each image the low-frequency amplitudes of the target image that its generator picks."""
        image = batch.inputs["image"]
        window = self._window_of(*image.shape[2:])
        picks = torch.cat([torch.randint(len(self.amplitudes), (1,), generator=g) for g in generators])
        amplitudes = window.part_of(self.amplitudes[picks], self.window)
        return {**batch.inputs, "image": replace_amplitudes(image, amplitudes, window)}

    def _window_of(self, height: int, width: int) -> Window:
        if (height, width) == (self.window.height, self.window.width):
            return self.window
        return Window(height, width, self.params.beta, most=self.window.dc[0])

    def state_dict(self) -> dict[str, Tensor]:
        """``amplitudes`` (N, 3, R, b + 1) float32 per pixel, and ``size`` (2,) int64: height, width."""
        return {"amplitudes": self.amplitudes, "size": torch.tensor([self.window.height, self.window.width])}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore the target's window amplitudes."""
        self.amplitudes = state["amplitudes"]
        height, width = state["size"].tolist()
        self.window = Window(height, width, self.params.beta)


class Window:
    """The low-frequency window of images of one size, with the rows of the DFT matrix that it needs.

    At β = 0.5 and an even size, −b and b are one frequency (Nyquist), which is kept once.
    """

    def __init__(self, height: int, width: int, beta: float, most: int | None = None) -> None:
        self.height, self.width = height, width
        b = math.floor(beta * min(height, width))
        b = b if most is None else min(b, most)
        first = 1 - b if 2 * b == height else -b
        u, v = torch.arange(first, b + 1), torch.arange(b + 1)
        self.dc = (-first, 0)
        angle_u = _angles(u, height)
        self.rows = torch.polar(torch.ones_like(angle_u), -angle_u).to(torch.complex64)
        angle_v = _angles(v, width)
        # cosines and sines side by side: products with real images stay real, and so does the way back
        self.columns = torch.stack([angle_v.cos(), -angle_v.sin()], dim=1).flatten(0, 1).float()
        self.weight = torch.where((v == 0) | (2 * v == width), 1.0, 2.0)

    def spectrum(self, images: Tensor) -> Tensor:
        """F(x) / (H·W) in the window: (B, 3, H, W) float32 → (B, 3, R, b + 1) complex64."""
        columns = (images @ self.columns.T).unflatten(-1, (-1, 2))
        return self.rows @ torch.view_as_complex(columns) / (self.height * self.width)

    def part_of(self, amplitudes: Tensor, larger: Window) -> Tensor:
        """What of another window's amplitudes (B, 3, R, b + 1) lies in this one, which is no larger."""
        first = larger.dc[0] - self.dc[0]
        return amplitudes[:, :, first : first + len(self.rows), : len(self.weight)]

    def image(self, spectrum: Tensor) -> Tensor:
        """The real image with this spectrum and nothing outside the window: the inverse of :meth:`spectrum`."""
        columns = self.rows.mH @ (spectrum * self.weight)
        return torch.view_as_real(columns).flatten(-2) @ self.columns


def _angles(frequencies: Tensor, size: int) -> Tensor:
    """2π k y / size for y = 0 … size − 1, (K, size) float64; the product is reduced first, which keeps it exact."""
    return (frequencies[:, None] * torch.arange(size) % size).double() * (2 * math.pi / size)


def replace_amplitudes(images: Tensor, amplitudes: Tensor, window: Window) -> Tensor:
    """x' for images (B, 3, H, W) in [0, 1] and amplitudes (B, 3, R, b + 1) per pixel; clipped to [0, 1]."""
    spectrum = window.spectrum(images)
    own = spectrum.abs()
    change = spectrum * ((amplitudes - own) / own.clamp(min=NO_PHASE)) * (own > NO_PHASE)
    dc = (..., *window.dc)
    change[dc] = (amplitudes[dc] - own[dc]).to(change.dtype)
    return (images + window.image(change)).clamp_(0, 1)
