"""Histogram matching (Gonzalez & Woods, *Digital Image Processing*, histogram specification).

Each colour channel of each image goes through the monotone map that gives it the target's distribution of levels:

    x' = F_t⁻¹(F_s(x)),    F(v) = share of pixels with level ≤ v  (inclusive),

F_s of the one source image, F_t averaged over N target images, so that no single photograph decides. F_t⁻¹ is
linear between the levels that the target has. With one reference image the result is that of scikit-image's
``match_histograms`` on floats.

Layout: ``image`` float32 (B, 3, H, W) on the 256 levels k/255; state ``cdf`` (3, 256) float64 and ``n_images`` ().

What to know. F is inclusive, so a constant channel (F_s = 1) becomes the target's highest level. Few source levels
stay few: a flat render is posterised. ``dither`` adds up to half a level of uniform noise to each x', which makes the
rounding of its fractional levels unbiased; it does not spread a level over others.

How it is quick: F_s takes one of the H·W + 1 values k/(H·W), so F_t⁻¹ is tabulated at those once; then one count
over (image, channel, level) and two look-ups do all images of a batch together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from bench.api import Budget, FitContext, Frozen, RefineBatch, Refiner
from bench.api.imageset import ImageSet, UnlabelledImages

N_LEVELS = 256
TWO_TO_23 = torch.tensor(2.0**23)


class Params(Frozen):
    """``n_images``: target images whose CDFs are averaged (all where fewer exist).

    ``dither``: add uniform noise of up to half a level.
    """

    n_images: int = Field(default=256, ge=1)
    dither: bool = False


class Histogram(Refiner):
    """Per-channel CDF matching to the mean CDF of N target images."""

    name: ClassVar[str] = "histogram"
    version: ClassVar[int] = 1
    Params: ClassVar[type[Frozen]] = Params

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Average the CDFs of ``n_images`` target images drawn by ``context.generator``."""
        rows = torch.randperm(target.n_images, generator=context.generator)[: self.params.n_images].sort().values
        cdfs = [channel_cdf(target.images(rows[i : i + 1].numpy())[0]) for i in range(len(rows))]
        self._set(np.mean(cdfs, axis=0), len(rows))

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """Match every image and channel of the batch."""
        image = batch.inputs["image"]
        matched = match_ranks(image, self._inverse(image.shape[2] * image.shape[3]))
        if self.params.dither:
            noise = torch.stack([torch.rand(image.shape[1:], generator=generator) for generator in generators])
            matched = (matched + (noise - 0.5) / (N_LEVELS - 1)).clamp_(0, 1)
        return {**batch.inputs, "image": matched}

    def state_dict(self) -> dict[str, Tensor]:
        """``cdf`` (3, 256) float64, and ``n_images`` () int64, the number that was averaged."""
        return {"cdf": torch.from_numpy(self.cdf), "n_images": torch.tensor(self.n_images)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore the mean CDF."""
        self._set(state["cdf"].numpy(), int(state["n_images"]))

    def _set(self, cdf: np.ndarray, n_images: int) -> None:
        self.cdf, self.n_images = cdf, n_images
        self._table = torch.empty(3, 0)

    def _inverse(self, n_pixels: int) -> Tensor:
        """:func:`inverse_cdf` of the target, kept while images stay at one size."""
        if self._table.shape[1] != n_pixels + 1:
            self._table = inverse_cdf(self.cdf, n_pixels)
        return self._table


def channel_cdf(image: np.ndarray) -> np.ndarray:
    """Inclusive CDF of each channel: (H, W, 3) uint8 → (3, 256) float64, non-decreasing to 1."""
    counts = [np.bincount(image[..., c].ravel(), minlength=N_LEVELS) for c in range(3)]
    return np.cumsum(counts, axis=1) / image[..., 0].size


def inverse_cdf(cdf: np.ndarray, n_pixels: int) -> Tensor:
    """F⁻¹(k / n_pixels) for k = 0 … n_pixels: (3, 256) float64 → (3, n_pixels + 1) float32 in [0, 1].

    Linear between the levels that occur; below the share of the lowest one, that level.
    """
    shares = np.arange(n_pixels + 1) / n_pixels
    table = np.empty((3, n_pixels + 1), np.float32)
    for channel, values in enumerate(cdf):
        occurs = np.diff(values, prepend=0.0) > 0
        table[channel] = np.interp(shares, values[occurs], np.flatnonzero(occurs) / (N_LEVELS - 1))
    return torch.from_numpy(table)


def match_ranks(images: Tensor, inverse: Tensor) -> Tensor:
    """Replace each pixel by ``inverse[c, rank]``, rank = pixels of its image and channel with its level or a lower one.

    ``images`` (B, 3, H, W) float32 on the levels k/255; ``inverse`` (3, H·W + 1); returns (B, 3, H, W) float32.
    """
    n_batch, n_channels = images.shape[:2]
    n_histograms = n_batch * n_channels
    # int32 and in place, as this is bound by memory traffic. In one pass: a float32 2²³ + v has the integer nearest
    # to v in its low bits, above which stand the bits of 2²³ itself.
    first = torch.arange(0, n_histograms * N_LEVELS, N_LEVELS, dtype=torch.int32) - TWO_TO_23.view(torch.int32)
    index = torch.add(TWO_TO_23, images, alpha=N_LEVELS - 1).view(torch.int32).reshape(n_histograms, -1)
    index = index.add_(first[:, None]).view(-1)
    counts = torch.bincount(index, minlength=n_histograms * N_LEVELS).view(n_batch, n_channels, N_LEVELS)
    ranks = counts.cumsum(-1, dtype=torch.int32)
    ranks += torch.arange(n_channels, dtype=torch.int32)[:, None] * inverse.shape[1]
    levels = inverse.view(-1).index_select(0, ranks.view(-1))
    return levels.index_select(0, index).view(images.shape)
