"""A control that breaks labels: every image mirrored left to right, ``x'[i, j] = x[i, W − 1 − j]``.

Pixels keep their statistics, so no measure of looks minds; masks, depths, boxes and rotations no longer fit, and a 3 is
no 3 any more. A leaderboard that does not rank it below the arm ``source`` for such labels, or a measure of label
preservation that does not object, is not to be trusted. (Classes that survive a mirror are no case for it.)

Layout: ``image`` float32 (B, 3, H, W); other inputs (``sensor_depth_m``) stay as they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from bench.api import Budget, FitContext, RefineBatch, Refiner
from bench.api.imageset import ImageSet, UnlabelledImages


class Flip(Refiner):
    """Mirrors images and leaves their labels; learns nothing, draws nothing, has no parameters."""

    name: ClassVar[str] = "flip"
    version: ClassVar[int] = 1

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Nothing to learn."""

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """The images, mirrored."""
        return {**batch.inputs, "image": batch.inputs["image"].flip(3)}
