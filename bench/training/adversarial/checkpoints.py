"""A fit's state in its checkpoint: every part that changes from round to round, and when to save it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from bench.api import Checkpoint, FitContext

CHECKPOINTS = 30.0, 0.01
"""Seconds between two checkpoints at least, and the share of a fit's time that saving them may take."""


class Part(Protocol):
    """What a checkpoint holds of one part of a fit."""

    def state(self) -> dict[str, Tensor]: ...

    def restore(self, state: Mapping[str, Tensor]) -> None: ...


class Checkpoints:
    """Resumes all parts from the checkpoint, and saves them to it where enough time has passed."""

    def __init__(self, checkpoint: Checkpoint, parts: Mapping[str, Part]) -> None:
        self._checkpoint, self._parts = checkpoint, parts
        if (saved := checkpoint.load()) is not None:
            for name, part in parts.items():
                start = f"{name}."
                part.restore({key.removeprefix(start): saved[key] for key in saved if key.startswith(start)})
        self._saved_at, self._seconds = time.monotonic(), 0.0

    def save_if_due(self) -> None:
        at_least, share = CHECKPOINTS
        began = time.monotonic()
        if began - self._saved_at >= max(at_least, self._seconds / share):
            states = {name: part.state() for name, part in self._parts.items()}
            self._checkpoint.save({f"{name}.{key}": states[name][key] for name in states for key in states[name]})
            self._saved_at = time.monotonic()
            self._seconds = self._saved_at - began


class Random:
    """The states of the generators that a fit draws from."""

    def __init__(self, context: FitContext) -> None:
        self._generator, self._device = context.generator, context.device

    def state(self) -> dict[str, Tensor]:
        states = {"fit": self._generator.get_state(), "global": torch.get_rng_state()}
        return states | ({"device": torch.cuda.get_rng_state(self._device)} if self._device.type == "cuda" else {})

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._generator.set_state(state["fit"])
        torch.set_rng_state(state["global"])
        if "device" in state:
            torch.cuda.set_rng_state(state["device"], self._device)
