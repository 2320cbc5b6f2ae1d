"""Noise and dropout for discriminators, read from a pool that is drawn once per fit.

Drawing fresh normals took half of PixelDA's fit. A pool holds :data:`POOL_SIZE` normals and as many factors of dropout;
a batch reads a contiguous piece of each, starting at a random place:

    disturbed = hidden ∘ keep / (1 − p) + σ · normal,    keep ~ Bernoulli(1 − p), normal ~ N(0, 1)

Images of one batch read neighbouring, disjoint pieces. Two reads start at the same place once in millions of reads; at
different places, their values are uncorrelated even where the pieces overlap. Pieces are laid out channels last,
whatever the layout of ``hidden`` is, so that a value does not depend on the layout.

The pool follows from the fit's seed, and a checkpoint need not hold it. The places come from torch's global generator,
which :mod:`bench.training.adversarial` seeds and keeps in its checkpoints: a fit that was killed reads on where it was.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

POOL_SIZE = 2**22
"""Values, 16 MiB of float32; larger reads are put together from several pieces."""


class Disturbance(nn.Module):
    """Dropout followed by Gaussian noise, while training; several layers may share one instance."""

    def __init__(self, dropout: float, sigma: float, seed: int) -> None:
        super().__init__()
        self.dropout, self.sigma, self.seed = dropout, sigma, seed
        self._pools: tuple[Tensor, Tensor] | None = None

    def forward(self, hidden: Tensor) -> Tensor:
        """``(B, C, H, W)`` → the same shape."""
        if not self.training:
            return hidden
        keep, noise = self._pools_like(hidden)
        return torch.addcmul(read(noise, hidden.shape), hidden, read(keep, hidden.shape))

    def _pools_like(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Factors 0 or 1 / (1 − p), and normals times σ, in the type and on the device of ``hidden``."""
        if self._pools is None or self._pools[0].dtype != hidden.dtype or self._pools[0].device != hidden.device:
            generator = torch.Generator().manual_seed(self.seed)
            keep = (torch.rand(POOL_SIZE, generator=generator) >= self.dropout) / (1 - self.dropout)
            noise = torch.randn(POOL_SIZE, generator=generator) * self.sigma
            self._pools = keep.to(hidden.device, hidden.dtype), noise.to(hidden.device, hidden.dtype)
        return self._pools


def read(pool: Tensor, shape: torch.Size) -> Tensor:
    """Values of the pool as ``shape`` ``(B, C, H, W)``, channels last, from a place that torch's global generator
    draws."""
    n_images, n_channels, height, width = shape
    n_values = shape.numel()
    if 2 * n_values <= len(pool):
        values = _piece(pool, n_values)
    else:
        longest = len(pool) // 2
        starts = range(0, n_values, longest)
        values = torch.cat([_piece(pool, min(longest, n_values - start)) for start in starts])
    return values.view(n_images, height, width, n_channels).permute(0, 3, 1, 2)


def _piece(pool: Tensor, n_values: int) -> Tensor:
    start = int(torch.randint(len(pool) - n_values + 1, ()))
    return pool[start : start + n_values]
