"""What a running job gets from its worker, and ids from descriptions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.api import Described, Frozen, LabelSpace
from bench.registry import Registry
from bench.store import Entry

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
    """A worker's means: its plug-ins, its device, and ``progress(step, n_steps, loss)``."""

    registry: Registry
    device: torch.device
    progress: Callable[[int, int, float], None]


def digest_of(description: Any) -> str:
    """SHA-256 (hex) of a JSON-able description, independent of key order."""
    return hashlib.sha256(json.dumps(description, sort_keys=True, default=_jsonable).encode()).hexdigest()


def _jsonable(value: Any) -> Any:
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be part of an id")
