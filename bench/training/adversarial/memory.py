"""Fakes of earlier rounds, which a discriminator is shown again."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Memory:
    """Fakes of earlier steps, at most ``capacity`` of them, ``(C, H, W)`` each, in the networks' memory ``layout``."""

    layout = torch.channels_last

    def __init__(self, capacity: int, generator: torch.Generator) -> None:
        self._capacity, self._generator = capacity, generator
        self._stored: list[Tensor] = []

    def state(self) -> dict[str, Tensor]:
        return {"images": torch.stack([image.cpu() for image in self._stored])} if self._stored else {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """In the layout of the networks' outputs; on the CPU, until they are shown."""
        if "images" in state:
            self._stored = list(state["images"].contiguous(memory_format=self.layout))


class ImagePool(Memory):
    """CycleGAN's memory of fakes (Shrivastava et al. 2017 in Zhu et al.'s form): what a discriminator is shown.

    Until ``capacity`` images are stored each one is stored and returned. From then on, with probability ½, a random
    stored image is returned and the new one takes its place; otherwise the new one is returned and not stored.
    """

    def exchange(self, images: Tensor) -> Tensor:
        """``(B, C, H, W)`` new fakes → as many, new or old."""
        shown = []
        for image in images:
            if len(self._stored) < self._capacity:
                self._stored.append(image.clone())
                shown.append(image)
            elif float(torch.rand((), generator=self._generator)) < 0.5:
                place = int(torch.randint(self._capacity, (), generator=self._generator))
                shown.append(self._stored[place].to(image.device))
                self._stored[place] = image.clone()
            else:
                shown.append(image)
        return torch.stack(shown) if shown else images
