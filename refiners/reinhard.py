"""Colour transfer (Reinhard, Ashikhmin, Gooch & Shirley, "Color Transfer between Images", IEEE CG&A 2001).

Each channel of a decorrelated colour space gets the target's mean and standard deviation:

    x' = (x − μ_s) · σ_t / σ_s + μ_t,    back to RGB, clipped to [0, 1],

μ_s, σ_s over the pixels of the one source image; μ_t, σ_t over all pixels of N target images together
(``reference=dataset``), or over one of them, picked anew for each source image (``reference=image``).

Layout: ``image`` float32 (B, 3, H, W) sRGB in [0, 1]; state ``mean`` and ``std`` (R, 3) float32 in units of the space,
R = 1 or N.

Deviations, with reasons:

* The default space is CIELAB (D65), as common in later work; ``space=lalphabeta`` is the paper's lαβ: log₁₀ of cone
  responses taken from RGB as stored. It takes log₁₀ of 1/255 for anything darker, since log 0 has no value.
* A channel with σ_s below :data:`FLAT` (a grey or constant image) is moved and not scaled: σ_t / σ_s would
  amplify nothing but rounding noise.
* CIELAB's white is the RGB matrix's own image of (1, 1, 1), and the rows of the paper's LMS matrix (0.9973 to 0.9996
  by rounding) are scaled to sum to 1: greys then have a = b = 0 and α = β = 0, exactly up to float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from bench.api import Budget, FitContext, Frozen, RefineBatch, Refiner
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.training.refine_images import to_float

FLAT = {"lab": 1e-3, "lalphabeta": 1e-5}
"""Standard deviation under which a channel counts as constant: a hundred times the float32 noise of a grey image."""
FIT_BATCH = 4

RGB_TO_XYZ = torch.tensor(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    dtype=torch.float64,
)
"""Linear sRGB to CIE XYZ, white (1, 1, 1) at Y = 1 (IEC 61966-2-1, D65)."""
RGB_TO_WHITE_XYZ = RGB_TO_XYZ / RGB_TO_XYZ.sum(dim=1, keepdim=True)
"""The same, divided by the white point: (1, 1, 1) ↦ (1, 1, 1)."""
F_TO_LAB = torch.tensor([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]], dtype=torch.float64)
"""CIELAB from f(X/X_w), f(Y/Y_w), f(Z/Z_w), less 16 in L."""
DELTA = 6 / 29
"""CIE's δ: f(t) = t^(1/3) above δ³, and its tangent there below."""

PAPER_RGB_TO_LMS = torch.tensor(
    [[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]], dtype=torch.float64
)
RGB_TO_LMS = PAPER_RGB_TO_LMS / PAPER_RGB_TO_LMS.sum(dim=1, keepdim=True)
"""Cone responses from RGB as stored: (1, 1, 1) ↦ (1, 1, 1)."""
LMS_TO_LALPHABETA = torch.diag(torch.tensor([3.0, 6.0, 2.0], dtype=torch.float64).rsqrt()) @ torch.tensor(
    [[1.0, 1.0, 1.0], [1.0, 1.0, -2.0], [1.0, -1.0, 0.0]], dtype=torch.float64
)
"""The paper's lαβ from log₁₀ LMS; orthonormal, so its inverse is its transpose."""


class Params(Frozen):
    """``reference``: statistics of all reference images, or of a random one for each source image.

    ``space``: CIELAB or the paper's lαβ. ``n_images``: target images used (all where fewer exist).
    """

    reference: Literal["dataset", "image"] = "dataset"
    space: Literal["lab", "lalphabeta"] = "lab"
    n_images: int = Field(default=256, ge=1)


class Reinhard(Refiner):
    """Per-channel mean and standard deviation of the target, in CIELAB or lαβ."""

    name: ClassVar[str] = "reinhard"
    version: ClassVar[int] = 1
    Params: ClassVar[type[Frozen]] = Params

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Measure ``n_images`` target images drawn by ``context.generator``."""
        rows = torch.randperm(target.n_images, generator=context.generator)[: self.params.n_images].sort().values
        moments = []
        for part in rows.split(FIT_BATCH):
            images = to_float(target.images(part.numpy()))
            moments.append(torch.stack(channel_moments(self._encode(images))))
        mean, std = torch.cat(moments, dim=1)
        if self.params.reference == "dataset":
            # images of one size: the variance of all pixels is the mean variance plus the variance of the means
            variance = (std**2).mean(dim=0, keepdim=True) + mean.var(dim=0, correction=0, keepdim=True)
            mean, std = mean.mean(dim=0, keepdim=True), variance.sqrt()
        self.mean, self.std = mean, std

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """Give each image the reference statistics; with ``reference=image`` its generator picks whose."""
        image = batch.inputs["image"]
        picks = torch.zeros(len(image), dtype=torch.int64)
        if self.params.reference == "image":
            picks = torch.cat([torch.randint(len(self.mean), (1,), generator=g) for g in generators])
        values = transfer(self._encode(image), self.mean[picks], self.std[picks], FLAT[self.params.space])
        return {**batch.inputs, "image": self._decode(values).clamp_(0, 1)}

    def state_dict(self) -> dict[str, Tensor]:
        """``mean`` and ``std``, (1, 3) or (N, 3) float32."""
        return {"mean": self.mean, "std": self.std}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore the reference statistics."""
        self.mean, self.std = state["mean"], state["std"]

    def _encode(self, images: Tensor) -> Tensor:
        return srgb_to_lab(images) if self.params.space == "lab" else rgb_to_lalphabeta(images)

    def _decode(self, values: Tensor) -> Tensor:
        return lab_to_srgb(values) if self.params.space == "lab" else lalphabeta_to_rgb(values)


def channel_moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (divisor H·W) over the pixels: (B, 3, H, W) → two of (B, 3)."""
    mean = values.mean(dim=(2, 3), keepdim=True)
    variance = (values - mean).square_().mean(dim=(2, 3))
    return mean[..., 0, 0], variance.sqrt()


def transfer(values: Tensor, mean: Tensor, std: Tensor, flat: float) -> Tensor:
    """(x − μ_s) σ_t/σ_s + μ_t for values (B, 3, H, W), μ_t and σ_t (B, 3); scale 1 where σ_s < ``flat``."""
    own_mean, own_std = channel_moments(values)
    scale = torch.where(own_std < flat, 1.0, std / own_std.clamp(min=flat))
    shift = mean - own_mean * scale
    return torch.addcmul(shift[..., None, None], values, scale[..., None, None])


def srgb_to_lab(images: Tensor) -> Tensor:
    """sRGB in [0, 1] → CIELAB (D65), L in [0, 100]; (B, 3, H, W) float32 both."""
    # Each curve is a power with a straight foot: the power of what is above the knee plus the line of what is below.
    # In place, as memory traffic is most of the time.
    linear = _power_(images.clamp(min=0.04045).add_(0.055).div_(1.055), 2.4)
    linear += (images - 0.04045).clamp_(max=0).div_(12.92)
    xyz = _mix(RGB_TO_WHITE_XYZ, linear)
    f = _power_(xyz.clamp(min=DELTA**3), 1 / 3)
    f += xyz.sub_(DELTA**3).clamp_(max=0).div_(3 * DELTA**2)
    lab = _mix(F_TO_LAB, f)
    lab[:, 0] -= 16
    return lab


def lab_to_srgb(lab: Tensor) -> Tensor:
    """The inverse of :func:`srgb_to_lab`; colours outside sRGB give values outside [0, 1]."""
    shifted = lab.clone()
    shifted[:, 0] += 16
    f = _mix(torch.linalg.inv(F_TO_LAB), shifted)
    xyz = f.clamp(min=DELTA).pow_(3)
    xyz += f.sub_(DELTA).clamp_(max=0).mul_(3 * DELTA**2)
    linear = _mix(torch.linalg.inv(RGB_TO_WHITE_XYZ), xyz)
    images = _power_(linear.clamp(min=0.0031308), 1 / 2.4).mul_(1.055).sub_(0.055)
    images += linear.sub_(0.0031308).clamp_(max=0).mul_(12.92)
    return images


def rgb_to_lalphabeta(images: Tensor) -> Tensor:
    """RGB in [0, 1] → lαβ, cone responses below 1/255 counted as 1/255; (B, 3, H, W) float32 both."""
    return _mix(LMS_TO_LALPHABETA, _mix(RGB_TO_LMS, images).clamp(min=1 / 255).log10())


def lalphabeta_to_rgb(values: Tensor) -> Tensor:
    """The inverse of :func:`rgb_to_lalphabeta`, not clipped."""
    return _mix(torch.linalg.inv(RGB_TO_LMS), 10 ** _mix(LMS_TO_LALPHABETA.T, values))


def _power_(base: Tensor, exponent: float) -> Tensor:
    """``base ** exponent`` in place, for positive bases, to 1e-6; torch's own ``pow`` takes twice as long."""
    return base.log_().mul_(exponent).exp_()


def _mix(matrix: Tensor, channels: Tensor) -> Tensor:
    """``out[b, i] = Σ_j matrix[i, j] channels[b, j]`` for (B, 3, H, W), in the dtype of ``channels``."""
    flat = matrix.to(channels) @ channels.flatten(2)
    return flat.view(channels.shape)
