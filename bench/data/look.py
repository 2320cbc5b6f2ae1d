"""``bench data look``: what a folder is taken for, with a picture and every file that is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.api import UserError
from bench.api.names import unknown
from bench.data.contact_sheet import SUFFIXES, contact_sheet
from bench.data.depth_units import parse_unit
from bench.data.folders import files_below
from bench.data.formats import FORMATS, Options, recognise
from bench.data.left_out import left_out, notes
from bench.data.listing import IGNORE, Listing, working_set
from bench.data.own.matching import described, sample_sizes, sampled

TASKS = ("detection", "segmentation", "depth", "classification")
"""Looked for in this order where none is named."""
N_SHOWN, LONG_SIDE = 8, 288


def look_at(root: Path, task: str, out: Path, depth_unit: str) -> list[str]:
    """Lines to print; writes the contact sheet to ``out``.

    Raises
    ------
    UserError: no such task, unit or kind of picture.
    DataError: no folder, or labels that cannot be read; names the file.
    """
    if task and task not in FORMATS:
        raise unknown("task", task, FORMATS)
    try:
        unit = parse_unit(depth_unit)
    except ValueError as error:
        raise UserError(f"--depth-unit: {error}") from None
    if out.suffix.lower() not in SUFFIXES:
        raise UserError(f"no picture can be written as {out.name!r}; allowed: names that end in {', '.join(SUFFIXES)}")
    files = files_below(root)
    tasks = (task,) if task else TASKS
    listings = ((name, recognise(root, Options(name, unit))) for name in tasks)
    chosen, listing = next(((name, found) for name, found in listings if found.labels), (task or TASKS[0], None))
    if listing is None:
        listing = recognise(root, Options(chosen, unit))
    lines = [f"{root}: {described(listing)}", *(f"note: {note}" for note in notes(root, files, listing, chosen))]
    if listing.labels:
        lines += [f"labels for {chosen}:", *(f"  {line}" for line in _statistics(listing))]
    for reason, those in left_out(root, files, listing, chosen).items():
        lines += [f"left out, {reason}: {len(those)}", *(f"  {file}" for file in those)]
    _draw(root, listing, out)
    return [*lines, f"Wrote {out}"]


def _statistics(listing: Listing) -> list[str]:
    """Labels by class, or of depth; of masks and depth a sample is read."""
    names = listing.class_names
    if "class_id" in listing.arrays:
        counts = np.bincount(listing.arrays["class_id"], minlength=len(names))
        return [f"{name}: {n} images" for name, n in zip(names, counts, strict=True)]
    if listing.box_class is not None:
        counts = np.bincount(np.concatenate([*listing.box_class, np.zeros(0, np.int64)]), minlength=len(names))
        n_empty = sum(not len(classes) for classes in listing.box_class)
        return [*(f"{name}: {n} boxes" for name, n in zip(names, counts, strict=True)), f"{n_empty} images without box"]
    rows = sampled(listing.n_images).tolist()
    if "mask" in listing.pixels:
        pixels = sum(np.bincount(listing.pixels["mask"](i).ravel(), minlength=256) for i in rows)
        shares = np.asarray(pixels) / np.sum(pixels)
        lines = [f"{name}: {share:.1%} of pixels" for name, share in zip(names, shares, strict=False)]
        return [*lines, f"ignored: {shares[IGNORE]:.1%} of pixels (in {len(rows)} masks)"]
    depths_m = np.concatenate([listing.pixels["depth_m"](i).ravel() for i in rows])
    known = depths_m[depths_m > 0]
    if not known.size:
        return [f"no known depth (in {len(rows)} maps)"]
    near, median, far = np.quantile(known, [0.02, 0.5, 0.98])
    share = known.size / depths_m.size
    return [f"{near:.3g} to {far:.3g} m, median {median:.3g} m; {share:.1%} of pixels known (in {len(rows)} maps)"]


def _draw(root: Path, listing: Listing, out: Path) -> None:
    """The contact sheet of some images, evenly spread."""
    shape = np.median(sample_sizes(listing), axis=0)
    width, height = (max(16, round(side * LONG_SIDE / shape.max())) for side in shape)
    images = working_set(listing.select(sampled(listing.n_images, N_SHOWN)), (width, height), "letterbox")
    contact_sheet({root.name: images}, listing.class_names, out)
