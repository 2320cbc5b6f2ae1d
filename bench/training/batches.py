"""What a training is fed: phases of streams of images, and batches drawn from them, with a few checks before.

A phase's streams each fill a fixed fraction of every batch, in shuffled epochs without replacement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.api import Task, UserError
from bench.api.errors import DataError
from bench.api.imageset import Column, ImageSet, concatenate


@dataclass(frozen=True)
class Stream:
    """A pool of images, the concatenation of ``parts``, that fills ``fraction`` of every batch."""

    parts: tuple[ImageSet, ...]
    fraction: float

    @property
    def n_images(self) -> int:
        return sum(part.n_images for part in self.parts)


@dataclass(frozen=True)
class Phase:
    """``steps`` optimiser steps on batches mixed from ``streams``.

    Raises
    ------
    UserError: no step, or fractions that are not positive or do not add up to 1.
    """

    streams: tuple[Stream, ...]
    steps: int

    def __post_init__(self) -> None:
        fractions = [stream.fraction for stream in self.streams]
        if self.steps < 1:
            raise UserError(f"a training phase of {self.steps} steps was asked for; at least 1 is needed")
        if min(fractions, default=0.0) <= 0 or abs(sum(fractions) - 1) > 1e-9:
            raise UserError(
                f"batch fractions {fractions} must be positive and add up to 1; they add up to {sum(fractions):g}"
            )


def split_batch(fractions: Sequence[float], batch_size: int) -> tuple[int, ...]:
    """Whole numbers nearest to ``fractions × batch_size`` that add up to ``batch_size`` (largest remainder).

    >>> split_batch([0.5, 0.25, 0.25], 10)
    (5, 3, 2)
    """
    shares = np.asarray(fractions) * batch_size
    counts = np.floor(shares + 1e-9).astype(int)
    by_remainder = np.argsort(counts - shares, kind="stable")
    counts[by_remainder[: batch_size - counts.sum()]] += 1
    return tuple(counts.tolist())


def stream_counts(phase: Phase, batch_size: int) -> tuple[int, ...]:
    fractions = [stream.fraction for stream in phase.streams]
    counts = split_batch(fractions, batch_size)
    if 0 in counts:
        raise UserError(
            f"batches of {batch_size} split as {fractions} give a stream no image ({counts}); "
            f"enlarge the batch or the fraction"
        )
    return counts


class _Sampler:
    """Rows of one stream, in shuffled epochs without replacement; a small stream simply cycles."""

    def __init__(self, stream: Stream, names: Sequence[str], rng: np.random.Generator) -> None:
        self._columns = {name: [part.columns[name] for part in stream.parts] for name in names}
        self._first = np.cumsum([0, *(part.n_images for part in stream.parts)])
        self._rng = rng
        self._waiting = np.empty(0, np.int64)

    def draw(self, n_images: int) -> dict[str, np.ndarray]:
        """The next ``n_images`` images, every column ``(n_images, …)``."""
        while len(self._waiting) < n_images:
            self._waiting = np.concatenate([self._waiting, self._rng.permutation(self._first[-1])])
        rows, self._waiting = self._waiting[:n_images], self._waiting[n_images:]
        return {name: self._gather(name, columns, rows) for name, columns in self._columns.items()}

    def _gather(self, name: str, columns: list[Column], rows: np.ndarray) -> np.ndarray:
        if len(columns) == 1:
            return columns[0].take(rows)
        part = np.searchsorted(self._first, rows, side="right") - 1
        taken = [column.take(rows[part == index] - self._first[index]) for index, column in enumerate(columns)]
        # Row i of the batch is at rank i among the rows sorted by part.
        return concatenate(name, taken)[np.argsort(np.argsort(part, kind="stable"), kind="stable")]


def draw_batches(
    phases: Sequence[Phase], counts: Sequence[Sequence[int]], names: Sequence[str], rng: np.random.Generator
) -> Iterator[dict[str, np.ndarray]]:
    """Every batch of the run, phase after phase, streams side by side."""
    for phase, of_stream in zip(phases, counts, strict=True):
        samplers = [_Sampler(stream, names, rng) for stream in phase.streams]
        for _ in range(phase.steps):
            drawn = [sampler.draw(count) for sampler, count in zip(samplers, of_stream, strict=True)]
            yield {name: concatenate(name, [columns[name] for columns in drawn]) for name in names}


def tensors(columns: Mapping[str, np.ndarray], device: torch.device) -> dict[str, Tensor]:
    """Columns as tensors on ``device``; ``image`` becomes float32 ``(B, 3, H, W)`` in [0, 1]."""
    batch = {name: torch.from_numpy(array).to(device, non_blocking=True) for name, array in columns.items()}
    return batch | {"image": batch["image"].permute(0, 3, 1, 2).float().div_(255)}


def check_phases(phases: Sequence[Phase], names: Sequence[str], n_classes: int | None) -> None:
    """Refuse, before the first step, what would fail in the middle of training or, worse, not fail at all."""
    parts = [part for phase in phases for stream in phase.streams for part in stream.parts]
    for part in parts:
        if missing := [name for name in names if name not in part.columns]:
            raise DataError(f"training needs the column {missing[0]!r}; the set has {', '.join(sorted(part.columns))}")
        if part.image_size != parts[0].image_size:
            raise DataError(
                f"images of one training must be of one size; found {parts[0].image_size} and {part.image_size}"
            )
        if "class_id" in names:
            class_id = part.columns["class_id"].take(np.arange(part.n_images))
            wrong = (class_id < 0) | (class_id >= (np.inf if n_classes is None else n_classes))
            if wrong.any():
                row = int(np.argmax(wrong))
                allowed = "0 and above" if n_classes is None else f"0..{n_classes - 1}"
                raise DataError(
                    f"column 'class_id', row {row}: class {class_id[row]} is not allowed; allowed: {allowed}"
                )


def input_columns(task: Task, images: ImageSet) -> tuple[str, ...]:
    """The input columns of ``task`` that a set has: all required ones, and its optional ones."""
    return (*task.inputs, *(name for name in task.optional_inputs if name in images.columns))
