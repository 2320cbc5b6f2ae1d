"""Grey levels in masks: which of them are classes, and which are what JPEG, resizing or soft edges made of classes.

A level is an *edge* where most of its pixels lie strictly between a darker and a lighter neighbour (in 3×3): a class
has an inside, an interpolated edge has none. Masks are *blurred* where at least three levels, and half of all, are
edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.image_files import read_ids
from bench.data.own.matching import sampled
from bench.data.parallel import for_each

JPEG = (".jpg", ".jpeg")
NEAREST = "nearest"
N_LEVELS = 256
APART = 24
"""Levels this close are one class and its noise."""
LEAST_SHARE = 0.005
FEWEST_EDGES = 3


@dataclass(frozen=True)
class Levels:
    """Levels of some masks.

    Attributes
    ----------
    counts : pixels of each value that occurs.
    peaks : values that are classes, most likely, sorted.
    blurred : whether others lie between them, as edges or compression make them.
    """

    counts: dict[int, int]
    peaks: tuple[int, ...]
    blurred: bool

    def share(self, values: Sequence[int]) -> float:
        """Of all pixels."""
        return sum(self.counts.get(value, 0) for value in values) / max(1, sum(self.counts.values()))


@lru_cache(maxsize=16)
def counted(paths: tuple[Path, ...]) -> dict[int, int]:
    """Pixels of each value in masks of ids, all of which are read; sorted by value."""
    found: list[dict[int, int]] = [{} for _ in paths]

    def count(i: int) -> None:
        values, n = np.unique(read_ids(paths[i]), return_counts=True)
        found[i] = dict(zip(values.tolist(), n.tolist(), strict=True))

    for_each(count, len(paths))
    total: dict[int, int] = {}
    for counts in found:
        for value, n in counts.items():
            total[value] = total.get(value, 0) + n
    return dict(sorted(total.items()))


@lru_cache(maxsize=16)
def levels_of(paths: tuple[Path, ...]) -> Levels:
    """Levels of a sample of masks."""
    from scipy.ndimage import maximum_filter, minimum_filter

    some = [paths[i] for i in sampled(len(paths))]
    counts, between, flat = (np.zeros(N_LEVELS, np.int64) for _ in range(3))
    for path in some:
        ids = read_ids(path)
        if ids.max() >= N_LEVELS:
            return Levels(counted(tuple(some)), (), blurred=False)
        mask = ids.astype(np.uint8)
        low, high = minimum_filter(mask, 3), maximum_filter(mask, 3)
        counts += np.bincount(mask.ravel(), minlength=N_LEVELS)
        between += np.bincount(mask[(low < mask) & (mask < high)], minlength=N_LEVELS)
        flat += np.bincount(mask[high - low <= APART], minlength=N_LEVELS)
    present = np.flatnonzero(counts)
    edges = [value for value in present if between[value] > counts[value] / 2]
    blurred = len(edges) >= max(FEWEST_EDGES, len(present) / 2)
    is_jpeg = any(path.suffix.lower() in JPEG for path in some)
    blurred |= is_jpeg and len(present) > len(_peaks(flat))
    return Levels({int(v): int(counts[v]) for v in present}, _peaks(flat), blurred)


def _peaks(flat: np.ndarray) -> tuple[int, ...]:
    """Values that many pixels away from edges have, none close to a commoner one."""
    total, peaks = flat.sum(), list[int]()
    for value in np.argsort(-flat, kind="stable").tolist():
        if flat[value] < LEAST_SHARE * total:
            break
        if all(abs(value - peak) > APART for peak in peaks):
            peaks.append(value)
    return tuple(sorted(peaks))


def refuse_blurred(folder: Path, paths: tuple[Path, ...]) -> None:
    """Refuse masks whose values are not ids any more.

    Raises
    ------
    DataError
        Says what they are, the share of pixels concerned, and the option that mends it.
    """
    levels = levels_of(paths)
    if not levels.blurred:
        return
    jpeg = any(path.suffix.lower() in JPEG for path in paths)
    why = (
        "JPEG, which changes ids" if jpeg else "no clean ids: they were resized with interpolation, or have soft edges"
    )
    between = 1 - levels.share(levels.peaks)
    raise DataError(
        f"{folder}: its masks are {why}; {len(levels.counts)} values occur, and {100 * between:.3g} % of pixels lie "
        f"beside the {len(levels.peaks)} that are classes ({', '.join(map(str, levels.peaks))}); save masks as PNG "
        f"without interpolation, or state --mask-levels {'+'.join(map(str, levels.peaks))}, which counts each pixel as "
        "the nearest of these"
    )


def parse_levels(text: str) -> tuple[int, ...]:
    """Levels as ``0+127+255``, in order; none for ``nearest``.

    Raises
    ------
    ValueError
        Fewer than two whole numbers from 0 to 255, or not in order.
    """
    if text == NEAREST:
        return ()
    levels = tuple(int(word) for word in text.split("+"))
    if len(levels) < 2 or sorted(set(levels)) != list(levels) or not 0 <= levels[0] < levels[-1] < N_LEVELS:
        raise ValueError(f"{text!r}: at least two whole numbers from 0 to 255 are needed, in order, as 0+127+255")
    return levels


def ranks(values: Sequence[int], levels: tuple[int, ...]) -> np.ndarray:
    """``(256,) uint8``: the class of each value, counted along the levels from 0.

    Masks that hold nothing but the numbers of classes (0, 1, …) keep them; all others count by the nearest level.

    >>> ranks([0, 3, 250, 255], (0, 255))[[3, 250]].tolist(), ranks([0, 1], (0, 255))[[0, 1]].tolist()
    ([0, 1], [0, 1])
    """
    if set(values) <= set(range(len(levels))) and not set(values) <= set(levels):
        table = np.full(N_LEVELS, len(levels) - 1, np.uint8)
        table[: len(levels)] = np.arange(len(levels))
        return table
    distance = np.abs(np.arange(N_LEVELS)[:, None] - np.array(levels))
    return distance.argmin(axis=1).astype(np.uint8)
