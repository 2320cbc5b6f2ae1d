"""``bench data check``: whether a set that a user placed is whole, by reading all of it.

A report holds, for each split, the number of images, their sizes, what could not be read (the first five, and how
many), how often each class occurs (images of it, boxes, or the share of labelled pixels), and of depth, labelled or
measured, the 1, 50 and 99 % quantiles in metres.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.listing import IGNORE, Listing
from bench.data.parallel import for_each
from bench.data.sets import check_layout, set_module, splits_of

SHOWN = 5
DEPTH_SAMPLES = 1_000
QUANTILES = (0.01, 0.5, 0.99)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SplitReport:
    """One split; ``faults`` are one-line reasons by image, ``depth_m`` quantiles (none where there is no depth)."""

    split: str
    n_images: int
    sizes: Counter[tuple[int, int]]
    faults: tuple[str, ...]
    histogram: dict[str, float]
    unit: str
    depth_m: tuple[float, ...]
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """As printed."""
        if not self.n_images:
            return [f"{self.split}: {fault}" for fault in self.faults]
        sizes = ", ".join(f"{width}×{height} ({n:,})" for (width, height), n in self.sizes.most_common(3))
        more = f" and {len(self.sizes) - 3} other sizes" if len(self.sizes) > 3 else ""
        lines = [f"{self.split}: {self.n_images:,} images, {sizes}{more}"]
        lines += [f"  {note}" for note in self.notes]
        if self.faults:
            lines.append(f"  {len(self.faults):,} cannot be used:")
            lines += [f"    {fault}" for fault in self.faults[:SHOWN]]
        lines += [f"  {name:<24} {value:>12,.4g} {self.unit}" for name, value in self.histogram.items()]
        if self.depth_m:
            nearest, median, farthest = self.depth_m
            lines.append(f"  {'depth':<24} {median:>12,.4g} m (median; 98 % from {nearest:,.4g} to {farthest:,.4g} m)")
        return lines


def check_set(name: str, root: Path, progress: Progress) -> list[SplitReport]:
    """Read all splits of a placed set.

    Raises
    ------
    UserError: no such set, or no root.
    DataError: another layout than the set's.
    """
    check_layout(root, name)
    module = set_module(name)
    reports = []
    for split in splits_of(name, root):
        try:
            listing = module.listing(root, split)
        except DataError as error:
            reports.append(SplitReport(split, 0, Counter(), (str(error),), {}, "", (), ()))
            continue
        reports.append(check_listing(split, listing, progress))
    return reports


def check_listing(split: str, listing: Listing, progress: Progress) -> SplitReport:
    """Decode every picture and label of a listing, on all cores."""
    n_images, n_classes = listing.n_images, len(listing.class_names)
    sizes: list[tuple[int, int] | None] = [None] * n_images
    faults: list[str] = [""] * n_images
    of_class = np.zeros((n_images, n_classes), np.int64)
    depths: list[np.ndarray] = [np.empty(0)] * n_images
    done = Counter[str]()

    def read(i: int) -> None:
        try:
            sizes[i] = listing.size(i)
            found = {name: reader(i) for name, reader in listing.pixels.items()}
            wrong = [name for name, array in found.items() if array.shape[1::-1] != sizes[i]]
            if wrong:
                faults[i] = f"{listing.names[i]}: {wrong[0]} is of another size than the image"
            if "mask" in found and n_classes:
                ids = found["mask"][found["mask"] != IGNORE]
                of_class[i] = np.bincount(ids, minlength=n_classes)[:n_classes]
            for name in found.keys() & {"depth_m", "sensor_depth_m"}:
                known = found[name][found[name] > 0]
                depths[i] = known[:: 1 + len(known) // DEPTH_SAMPLES]
            if listing.boxes is not None and listing.box_class is not None:
                of_class[i] = np.bincount(listing.box_class[i], minlength=n_classes)
                outside = _outside(listing.boxes(i), listing.size(i))
                faults[i] = f"{listing.names[i]}: box {outside} leaves the image" if outside else faults[i]
        except DataError as error:
            faults[i] = str(error)
        done["n"] += 1
        progress(split, done["n"], n_images)

    for_each(read, n_images)
    if "class_id" in listing.arrays:
        of_class[np.arange(n_images), listing.arrays["class_id"]] = 1
    histogram, unit = _histogram(listing, of_class)
    depth_m = np.concatenate([np.empty(0), *depths])
    return SplitReport(
        split,
        n_images,
        Counter(size for size in sizes if size is not None),
        tuple(filter(None, faults)),
        histogram,
        unit,
        tuple(np.quantile(depth_m, QUANTILES).tolist()) if depth_m.size else (),
        listing.notes,
    )


def _outside(boxes: np.ndarray, size: tuple[int, int]) -> int:
    """The number from 1 of the first box that leaves the image by more than a pixel, otherwise 0."""
    inside = (boxes >= -1).all(axis=1) & (boxes <= np.array(size * 2) + 1).all(axis=1)
    return 0 if inside.all() else int(np.argmin(inside)) + 1


def _histogram(listing: Listing, of_class: np.ndarray) -> tuple[dict[str, float], str]:
    if not of_class.size:
        return {}, ""
    total = of_class.sum(axis=0)
    if "mask" in listing.pixels:
        return dict(zip(listing.class_names, (100 * total / max(total.sum(), 1)).tolist(), strict=True)), "% of pixels"
    unit = "boxes" if listing.boxes is not None else "images"
    return dict(zip(listing.class_names, total.tolist(), strict=True)), unit
