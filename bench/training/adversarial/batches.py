"""Images of both domains for an adversarial fit: shuffled epochs, random crops, values in [−1, 1]."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from bench.api import FitContext
from bench.api.imageset import COLUMNS, ImageSet, UnlabelledImages
from bench.training.adversarial.game import Batch
from bench.training.refine_images import to_float

CHANNELS_LAST_PIXELS = 128 * 128
"""Larger images are slower with channels last than without, on a CPU: a twentieth of CycleGAN's step at 256×256."""


class Batches:
    """Images of both domains in shuffled epochs; ``layout`` is the memory format that suits their size."""

    def __init__(self, source: ImageSet, target: UnlabelledImages, crop: int, context: FitContext) -> None:
        self._source, self._target, self._context = source, target, context
        self._crop = crop if all(COLUMNS[name].row_shape[:2] == (None, None) for name in source.columns) else 0
        self._waiting = {"source": torch.empty(0, dtype=torch.int64), "target": torch.empty(0, dtype=torch.int64)}
        self.n_drawn = 0
        width, height = source.image_size
        seen_pixels = min(width, self._crop or width) * min(height, self._crop or height)
        large = context.device.type == "cpu" and seen_pixels > CHANNELS_LAST_PIXELS
        self.layout = torch.contiguous_format if large else torch.channels_last

    def draw(self, n_images: int) -> Batch:
        self.n_drawn += n_images
        source = self._cut(self._source.take(self._rows("source", self._source.n_images, n_images)))
        target = self._cut({"image": self._target.images(self._rows("target", self._target.n_images, n_images))})
        image = source.pop("image")
        others = {name: torch.from_numpy(array).to(self._context.device) for name, array in source.items()}
        inputs = {name: others.pop(name) for name in self._source.names("input") if name != "image"}
        return Batch(self._signed(image), self._signed(target["image"]), others, inputs)

    def state(self) -> dict[str, Tensor]:
        return {**self._waiting, "n_drawn": torch.tensor(self.n_drawn)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._waiting = {domain: state[domain] for domain in self._waiting}
        self.n_drawn = int(state["n_drawn"])

    def _rows(self, domain: str, n_of_domain: int, n_images: int) -> np.ndarray:
        waiting = self._waiting[domain]
        while len(waiting) < n_images:
            waiting = torch.cat([waiting, torch.randperm(n_of_domain, generator=self._context.generator)])
        self._waiting[domain] = waiting[n_images:]
        return waiting[:n_images].numpy()

    def _cut(self, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Every image at a random place of its own, all its columns alike."""
        n_images, height, width = columns["image"].shape[:3]
        if not self._crop or max(height, width) <= self._crop:
            return columns
        high, wide = min(height, self._crop), min(width, self._crop)
        tops, lefts = (
            torch.randint(room + 1, (n_images,), generator=self._context.generator).tolist()
            for room in (height - high, width - wide)
        )
        return {
            name: np.stack([row[y : y + high, x : x + wide] for row, y, x in zip(rows, tops, lefts, strict=True)])
            for name, rows in columns.items()
        }

    def _signed(self, images: np.ndarray) -> Tensor:
        signed = to_float(images).to(self._context.device) * 2 - 1
        return signed.contiguous(memory_format=self.layout)
