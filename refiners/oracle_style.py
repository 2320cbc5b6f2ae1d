"""The control at the other end: the same layouts, drawn in the target's look, ``x' = look_t(scene(x))``.

Rendered pairs can draw each source scene once more as their target is drawn; where one ships that, its source splits
have the column ``in_target_look``, and this refiner returns it. Labels hold to the pixel and the look is the target's
own: no refiner that keeps the scenes can be expected to do better, and what remains between its row and ``oracle`` is
the scenes, not the look. Pairs without the column are refused at planning.

Layout: ``in_target_look`` uint8 (B, H, W, 3) → ``image`` float32 (B, 3, H, W) in [0, 1], so that storing loses nothing.
Other inputs stay as they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from bench.api import Budget, FitContext, Reads, RefineBatch, Refiner
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.training.refine_images import to_float


class OracleStyle(Refiner):
    """Returns what a perfect refiner would; learns nothing, draws nothing, has no parameters."""

    name: ClassVar[str] = "oracle_style"
    version: ClassVar[int] = 1
    reads: ClassVar[Reads] = Reads(required=frozenset({"in_target_look"}))

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Nothing to learn."""

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """The source's scenes in the target's look."""
        return {**batch.inputs, "image": to_float(batch.labels["in_target_look"].numpy())}
