"""What ends an adversarial fit that has gone wrong, with a reason instead of grey images.

    losses      not finite; a discriminator's at its floor for so long that the generator has nothing left to learn from
    outputs     not finite; alike within an image or from image to image, where the data are not

:mod:`bench.training.adversarial.loop` calls :class:`Watch` every round and :func:`inspect` at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bench.api import PluginError

if TYPE_CHECKING:
    from bench.training.adversarial import Batch, Game

CHECK_EVERY = 20
"""Rounds between looks at the losses: on a GPU each look waits for the device."""
FLOOR = 0.01
"""A discriminator's loss is at its floor below this fraction of what one that cannot tell would have."""
PATIENCE = 0.25, 300
"""It has won after this fraction of all rounds at the floor without a break, and at least so many."""
ALIKE = 0.02
"""Outputs are alike if they vary by less than this fraction of what source and target images do."""


class Watch:
    """Looks at the losses every :data:`CHECK_EVERY` rounds: reports them, and ends what has gone wrong."""

    def __init__(
        self, chance: float, n_rounds: int, progress: Callable[[int, int, float], None], device: torch.device
    ) -> None:
        self._floor, self._n_rounds, self._progress = FLOOR * chance, n_rounds, progress
        fraction, at_least = PATIENCE
        self._patience = max(at_least, round(fraction * n_rounds))
        self.n_seen = self._at_floor = 0
        self._d_loss = torch.tensor(chance, device=device)
        self._pending: list[tuple[Tensor, Tensor, bool]] = []

    def see(self, g_loss: Tensor, d_loss: Tensor | None, *, contested: bool) -> bool:
        """Losses of a round; without a discriminator step (``None``) its last one holds. Returns whether it looked."""
        if d_loss is not None:
            self._d_loss = d_loss.detach()
        self._pending.append((g_loss.detach(), self._d_loss, contested))
        looks = len(self._pending) == CHECK_EVERY or self.n_seen + len(self._pending) == self._n_rounds
        if looks:
            losses = torch.stack([torch.stack(pair) for *pair, _ in self._pending]).tolist()
            for (of_generator, of_discriminator), (_, _, was_contested) in zip(losses, self._pending, strict=True):
                self.n_seen += 1
                self._judge(of_generator, of_discriminator, was_contested)
            self._pending.clear()
            self._progress(self.n_seen, self._n_rounds, losses[-1][0])
        return looks

    def state(self) -> dict[str, Tensor]:
        """Between looks there is more to keep than this."""
        return {"counts": torch.tensor([self.n_seen, self._at_floor]), "d_loss": self._d_loss}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.n_seen, self._at_floor = state["counts"].tolist()
        self._d_loss = state["d_loss"].to(self._d_loss.device)

    def _judge(self, g_loss: float, d_loss: float, contested: bool) -> None:
        where = f"round {self.n_seen} of {self._n_rounds}"
        for player, loss in (("generator", g_loss), ("discriminator", d_loss)):
            if not math.isfinite(loss):
                raise PluginError(f"the {player}'s loss is {loss} at {where}; lower the learning rate or its weights")
        self._at_floor = self._at_floor + 1 if contested and d_loss < self._floor else 0
        if self._at_floor >= self._patience:
            raise PluginError(
                f"the discriminator has won: its loss stayed below {self._floor:.2g} for {self._at_floor} rounds, up "
                f"to {where}, and the generator learns nothing more; try another seed or smaller weights of its losses"
            )


def inspect(game: Game, batch: Batch) -> None:
    """Refuse a generator whose outputs vary much less, within images or between them, than the data do."""
    game.generator.eval()
    with torch.no_grad():
        made = game.fakes(batch)[0]
    if not bool(torch.isfinite(made).all()):
        raise PluginError("the generator returns values that are not finite; lower the learning rate")
    for what, spread in (("within an image", _within), ("from image to image", _between)):
        found, wanted = spread(made), min(spread(batch.source), spread(batch.target))
        if found < ALIKE * wanted:
            raise PluginError(
                f"the generator has collapsed: its outputs have a standard deviation of {found:.2g} {what}, the data "
                f"{wanted:.2g} (of a range of 2); try another seed or a lower learning rate"
            )


def _within(images: Tensor) -> float:
    return float(images.std(dim=(2, 3), correction=0).mean())


def _between(images: Tensor) -> float:
    return float(images.std(dim=0, correction=0).mean())
