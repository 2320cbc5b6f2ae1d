"""Running a refiner over an image set: seeded generators, checked batches, stored pixels.

A batch goes to ``Refiner.refine`` as float32 ``(B, 3, H, W)``, level / 255 in [0, 1], and is stored as uint8
``(B, H, W, 3)``, ``round(255 x)``: a refiner that returns its input loses nothing. Every image of every view has
its own generator, seeded by what the image is and not by when it is reached; so batch size, order and restarts
leave no trace. Columns beside ``image`` are checked and not stored: a refined set takes them from the source.

This file neither fits refiners nor stores files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.api import PluginError, RefineBatch, Refiner
from bench.api.imageset import ImageSet


@dataclass(frozen=True)
class Fault:
    """One broken clause of ``Refiner.refine``: the clause's name and a one-line reason."""

    clause: str
    reason: str


def find_faults(inputs: Mapping[str, Tensor], outputs: object) -> list[Fault]:
    """All that is wrong with the value ``refine`` returned for ``inputs``; empty where it keeps the contract.

    Clauses are ``keys``, ``shape``, ``dtype``, ``finite`` and ``range`` (images alone).
    """
    if not isinstance(outputs, Mapping):
        return [Fault("keys", f"refine returned {type(outputs).__name__}; expected a dict with keys {sorted(inputs)}")]
    faults = []
    if outputs.keys() != inputs.keys():
        found = sorted(map(str, outputs))
        faults.append(Fault("keys", f"refine returned the keys {found}; expected those of the batch, {sorted(inputs)}"))
    for name, given in inputs.items():
        if name in outputs:
            faults += _value_faults(name, given, outputs[name])
    return faults


def _value_faults(name: str, given: Tensor, value: object) -> list[Fault]:
    if not isinstance(value, Tensor):
        return [Fault("dtype", f"{name!r} is {type(value).__name__}; expected a torch tensor")]
    faults = []
    if value.shape != given.shape:
        faults.append(Fault("shape", f"{name!r} has shape {tuple(value.shape)}; expected {tuple(given.shape)}"))
    if value.dtype != given.dtype:
        faults.append(Fault("dtype", f"{name!r} is {value.dtype}; expected {given.dtype}"))
    if not value.numel() or not value.is_floating_point():
        return faults
    low, high = (bound.item() for bound in torch.aminmax(value.detach()))
    if not (np.isfinite(low) and np.isfinite(high)):
        n_bad = int((~torch.isfinite(value)).sum())
        faults.append(Fault("finite", f"{name!r} has {n_bad} values that are NaN or infinite, of {value.numel()}"))
    elif name == "image" and not (low >= 0 and high <= 1):
        faults.append(Fault("range", f"'image' has values in [{low:.6g}, {high:.6g}]; expected [0, 1]: clamp them"))
    return faults


def validate_refined(inputs: Mapping[str, Tensor], outputs: object) -> None:
    """Check what ``Refiner.refine`` returned against the batch's ``inputs``.

    Raises
    ------
    PluginError: the first fault, in one line: missing or extra keys, other shape or dtype, NaN, outside [0, 1].
    """
    for fault in find_faults(inputs, outputs):
        raise PluginError(fault.reason)


def generators_for(seed: int, split: str, rows: Sequence[int] | np.ndarray, view: int) -> list[torch.Generator]:
    """One CPU generator for each of ``rows``, seeded by SHA-256 of (refiner seed, split, row, view), 63 bits of it."""
    prefix = hashlib.sha256(f"{seed}/{split}/{view}/".encode())
    generators = []
    for row in rows:
        digest = prefix.copy()
        digest.update(b"%d" % row)
        generator = torch.Generator()
        generator.manual_seed(int.from_bytes(digest.digest()[:8], "big") >> 1)
        generators.append(generator)
    return generators


def make_batch(image_set: ImageSet, split: str, rows: np.ndarray, reads: frozenset[str]) -> RefineBatch:
    """The rows ``(B,) int64`` of a split as a refiner sees them: inputs, and of the labels those in ``reads``."""
    labels = {name: column.take(rows) for name, column in image_set.only(reads).columns.items()}
    inputs = {name: labels.pop(name) for name in image_set.names("input")}
    tensors = {name: to_float(array) if name == "image" else torch.from_numpy(array) for name, array in inputs.items()}
    return RefineBatch(tensors, {name: torch.from_numpy(array) for name, array in labels.items()}, split, rows)


def refine_images(
    refiner: Refiner,
    image_set: ImageSet,
    split: str,
    seed: int,
    batch_size: int,
    progress: Callable[[int, int], None],
) -> Iterator[np.ndarray]:
    """Refine a whole split, in order: all rows of view 0, then all of view 1, and so on.

    Parameters
    ----------
    refiner: fitted.
    split: ``source_train`` or ``source_val``; part of every image's seed.
    seed: the refiner seed.
    progress: called as ``progress(n_done, n_total)`` after each batch, counting images of all views.

    Yields
    ------
    ``(b, H, W, 3)`` uint8 blocks, b ≤ ``batch_size``; ``views · n_images`` images in all.

    Raises
    ------
    PluginError: an output that breaks the contract; names refiner, split and rows.
    """
    n_images, n_done = image_set.n_images, 0
    for view in range(refiner.views):
        for start in range(0, n_images, batch_size):
            rows = np.arange(start, min(start + batch_size, n_images))
            batch = make_batch(image_set, split, rows, refiner.reads | frozenset())
            with torch.no_grad():
                outputs = refiner.refine(batch, generators_for(seed, split, rows, view))
            try:
                validate_refined(batch.inputs, outputs)
            except PluginError as error:
                where = f"{split} rows {rows[0]} to {rows[-1]}"
                raise PluginError(f"refiner {refiner.name!r}, {where}: {error}") from None
            n_done += len(rows)
            progress(n_done, refiner.views * n_images)
            yield to_uint8(outputs["image"])


def to_float(images: np.ndarray) -> Tensor:
    """Stored images ``(B, H, W, 3)`` uint8 as refiners see them: ``level / 255``, ``(B, 3, H, W)`` float32."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float() / 255


def to_uint8(images: Tensor) -> np.ndarray:
    """Images ``(B, 3, H, W)`` in [0, 1] as stored: ``round(255 x)``, ``(B, H, W, 3)`` uint8."""
    levels = (images.detach() * 255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
