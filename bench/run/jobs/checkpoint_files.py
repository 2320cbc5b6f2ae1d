"""Checkpoints on disk: named tensors in one safetensors file that says whose they are and carries their SHA-256.

The metadata hold ``key`` (the job's action key, which is the file's name), ``seconds`` (of work so far) and ``sha256``
over both and all tensors. What does not match was damaged, or belongs to another job: :func:`read` refuses it, since a
fit that goes on from a flipped bit ends as a slightly different refiner and nobody would know.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.results.files import write_atomically

if TYPE_CHECKING:
    from torch import Tensor


class Damaged(Exception):
    """The file is not what was written for this job."""


def write(file: Path, state: Mapping[str, Tensor], seconds: float) -> None:
    """Replace ``file`` by ``state``; whole or not at all, whenever the process is killed."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    said = {"key": file.stem, "seconds": f"{seconds:.3f}"}
    write_atomically(file, save(tensors, {**said, "sha256": _digest(said, tensors)}))


def read(file: Path) -> tuple[dict[str, Tensor], float] | None:
    """Tensors and seconds; ``None`` where there is no file.

    Raises
    ------
    Damaged: with the reason.
    """
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as saved:
            said = dict(saved.metadata() or {})
            tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise Damaged(f"{type(error).__name__}: not readable as safetensors") from error
    expected = said.pop("sha256", None)
    if expected is None:
        raise Damaged("it has no checksum")
    if said.get("key") != file.stem:
        raise Damaged("it belongs to another job")
    if _digest(said, tensors) != expected:
        raise Damaged("it does not match its checksum")
    seconds = float(said["seconds"])
    return tensors, seconds if math.isfinite(seconds) else 0.0


def _digest(said: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    import torch

    digest = hashlib.sha256()
    for key in sorted(said):
        digest.update(f"{key}={said[key]}\0".encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        if tensor.numel():
            digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
