"""No refinement: every image as it came, ``x' = x``.

The control of every table: the harness stores ``round(255 x')``, which gives back the source's own bytes, so the row
``identity`` trains on the same data as the arm ``source``, finds the same action key, and trains nothing. Another
score there means that storing a refined set costs something.

Layout: ``image`` float32 (B, 3, H, W) in [0, 1], returned as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from bench.api import Budget, FitContext, RefineBatch, Refiner
from bench.api.imageset import ImageSet, UnlabelledImages


class Identity(Refiner):
    """Returns its input; learns nothing, draws nothing, has no parameters."""

    name: ClassVar[str] = "identity"
    version: ClassVar[int] = 1

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Nothing to learn."""

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """The batch's inputs."""
        return dict(batch.inputs)
