"""What a network and a process are set to while they train or predict, and are found in again afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


def place(network: nn.Module, device: torch.device) -> None:
    """On its device, channels last: the order images are stored in, and the faster one on CPUs too."""
    network.to(device)
    network.to(memory_format=torch.channels_last)


@contextmanager
def mode(network: nn.Module, *, training: bool) -> Iterator[None]:
    """Train or eval mode throughout, then for every module the mode it was in."""
    found = [(module, module.training) for module in network.modules()]
    network.train(training)
    try:
        yield
    finally:
        for module, mode in found:
            module.training = mode


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Global generators seeded inside, and back in their old states outside."""
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 (plug-ins may use it)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
