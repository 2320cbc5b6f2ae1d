"""What a running job gets from its worker, and ids from descriptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api import Described, Frozen, LabelSpace
from bench.plugins.registry import Registry
from bench.run.store import Entry

if TYPE_CHECKING:
    import torch

Inputs = Mapping[str, Entry]


class NetworkSpec(Frozen):
    """A network of a task, and how to feed it; its weights are an input of the job."""

    task: Described
    model: Described
    space: LabelSpace
    batch_size: int
    inputs: tuple[str, ...]
    ms_per_image: float


@dataclass(frozen=True)
class Work:
    """A worker's means: its plug-ins, its device, ``progress(step, n_steps, loss)``, and a file for unfinished work.

    ``notice(text)`` tells the user one line that is no failure.
    ``unfinished`` outlives a process that is killed, and is deleted when the job ends by itself.
    """

    registry: Registry
    device: torch.device
    progress: Callable[[int, int, float], None]
    unfinished: Path
    notice: Callable[[str], None] = lambda text: None
