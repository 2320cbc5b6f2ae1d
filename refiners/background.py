"""Backgrounds pasted behind the source's objects, the plainest domain randomisation:

    x' = m ∘ x + (1 − m) ∘ b,   m the object's mask, b drawn for each image and view

Random backgrounds alone recovered most of what PixelDA gained in classification on Cropped LineMod (Bousmalis et al.,
CVPR 2017, their table on background sensitivity): a learned refiner has to beat this row. What b is decides the table,
so there are three variants, named by ``fill``:

==========  ====================================================================================================
target      a window of a random unlabelled target image: half to all of either side, at a random place, mirrored
            half of the time, scaled to the image by bilinear interpolation. It may hold parts of target objects
procedural  clouds: five octaves of smooth noise, each of 0.4 to 0.8 times the amplitude of the one before, blending
            two random colours
noise       every channel of every pixel uniform in [0, 1]
==========  ====================================================================================================

Edges are hard: the mask is 0 or 1 at every pixel, and a renderer's mixed edge pixels keep what they mix. Depth inputs
(``sensor_depth_m``) stay as they came, and so know the old background. At most ``n_images`` target images, drawn by the
refiner's seed, are kept in the state. Layout: ``image`` float32 (B, 3, H, W) in [0, 1]; ``foreground`` bool (B, H, W).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from bench.api import Budget, FitContext, Frozen, Reads, RefineBatch, Refiner
from bench.api.imageset import ImageSet, UnlabelledImages

SMALLEST_WINDOW = 0.5
"""Of either side of a target image."""
OCTAVES = 5
ROUGHNESS = 0.4, 0.8


class Params(Frozen):
    """``fill``: what backgrounds are made of. ``views``: samples stored of each source image.

    ``n_images``: target images to take windows from (``fill=target``).
    """

    fill: Literal["target", "procedural", "noise"] = "target"
    views: int = Field(default=1, ge=1)
    n_images: int = Field(default=256, ge=1, le=256)


class Background(Refiner):
    """Cuts objects out by their masks and pastes them onto other backgrounds."""

    name: ClassVar[str] = "background"
    version: ClassVar[int] = 1
    reads: ClassVar[Reads] = Reads(required=frozenset({"foreground"}))
    Params: ClassVar[type[Frozen]] = Params

    def __init__(self, params: Frozen | None = None) -> None:
        super().__init__(params)
        self.views = self.params.views
        self.targets: Tensor | None = None

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Keep target images to cut windows from, if that is what the variant does."""
        if self.params.fill == "target":
            rows = torch.randperm(target.n_images, generator=context.generator)[: self.params.n_images].sort().values
            self.targets = torch.from_numpy(target.images(rows.numpy())).permute(0, 3, 1, 2).contiguous()

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """A background of its own for each image."""
        image = batch.inputs["image"]
        height, width = image.shape[2:]
        behind = torch.stack([self._background(height, width, generator) for generator in generators])
        return {**batch.inputs, "image": torch.where(batch.labels["foreground"][:, None], image, behind)}

    def state_dict(self) -> dict[str, Tensor]:
        """``targets`` (N, 3, H, W) uint8, where windows are cut from them."""
        return {} if self.targets is None else {"targets": self.targets}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore the target images."""
        self.targets = state.get("targets")

    def _background(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        if self.targets is not None:
            return window(self.targets, height, width, generator)
        if self.params.fill == "procedural":
            return clouds(height, width, generator)
        return torch.rand(3, height, width, generator=generator)


def window(images: Tensor, height: int, width: int, generator: torch.Generator) -> Tensor:
    """A random window of one of ``images`` (N, 3, H, W) uint8, scaled; (3, height, width) float32 in [0, 1]."""
    pick = int(torch.randint(len(images), (), generator=generator))
    share, down, right, mirror = torch.rand(4, generator=generator).tolist()
    sides = images.shape[2:]
    high, wide = (max(1, round(side * (SMALLEST_WINDOW + (1 - SMALLEST_WINDOW) * share))) for side in sides)
    top, left = round(down * (sides[0] - high)), round(right * (sides[1] - wide))
    cut = images[pick, :, top : top + high, left : left + wide].float() / 255
    scaled = functional.interpolate(cut[None], (height, width), mode="bilinear", align_corners=False)[0]
    return scaled.flip(2) if mirror < 0.5 else scaled


def clouds(height: int, width: int, generator: torch.Generator) -> Tensor:
    """Fractal value noise between two random colours, (3, height, width) float32 in [0, 1]."""
    first, second = torch.rand(2, 3, 1, 1, generator=generator)
    low, high = ROUGHNESS
    roughness = low + (high - low) * float(torch.rand((), generator=generator))
    density = torch.zeros(height, width)
    for octave in range(OCTAVES):
        cells = 2 ** (octave + 1)
        grid = torch.rand(1, 1, cells, cells, generator=generator)
        smooth = functional.interpolate(grid, (height, width), mode="bilinear", align_corners=True)[0, 0]
        density += roughness**octave * smooth
    density = (density - density.min()) / (density.max() - density.min()).clamp(min=1e-6)
    return (first + (second - first) * density).clamp(0, 1)
