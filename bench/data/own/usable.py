"""Whether a user's folders can be compared at all: refused before anything is trained, in one line.

Synthetic images among the photographs would be learned from and scored as if they were real; a source without labels,
or with one class, teaches nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.formats import FORMATS, format_title
from bench.data.listing import IGNORE, Listing
from bench.data.own.matching import sampled

LABELS = {
    "classification": {"class_id"},
    "pose": {"class_id", "quaternion"},
    "detection": {"boxes", "box_class"},
    "segmentation": {"mask"},
    "depth": {"depth_m"},
}
"""Label columns that a folder must have for a task."""


def refuse_unusable(side: str, root: Path, listing: Listing, task: str, *, labelled: bool) -> None:
    """A side (``source``, ``target``, ``target test``) that lacks what its part asks for.

    Parameters
    ----------
    labelled: labels of the target's training half were asked for.

    Raises
    ------
    DataError: a source without labels, a target without those that were asked for, or a single image.
    """
    has_labels, n_images = LABELS[task] <= listing.labels, listing.n_images
    notes = "".join(f"; {note}" for note in listing.notes)
    if side == "source" and not (has_labels and _has_boxes(listing)):
        formats = ", ".join(format_title(name) for name in FORMATS[task])
        what = "no box in its label files" if has_labels else f"no labels for task {task!r}"
        raise DataError(
            f"{root}: found {n_images} images and {what}{notes}; the source must have some, in one of these formats: "
            f"{formats} (docs/own-data.md); were --source and --target swapped?"
        )
    if side == "target" and labelled and not has_labels:
        raise DataError(
            f"{root}: its labels were asked for, and {n_images} images were found without labels for task "
            f"{task!r}{notes}; add labels, or leave --labelled-target out"
        )
    if side == "source" and n_images < 2:
        raise DataError(f"{root}: found 1 image; a training and a held-out image are needed: add images")


def without_empty_labels(listing: Listing) -> Listing:
    """As it is, unless its label files have no box at all: nothing could be scored, so it counts as unlabelled."""
    if _has_boxes(listing):
        return listing
    return replace(listing.unlabelled(), class_names=(), notes=(*listing.notes, "no box in its label files"))


def _has_boxes(listing: Listing) -> bool:
    """Also where labels are no boxes."""
    return listing.box_class is None or any(map(len, listing.box_class))


def refuse_one_class(masks: Listing, folder: Path) -> None:
    """Masks in which one class is all there is to learn, most likely since the other is taken for "ignore".

    A sample is read, and all of them where it holds one class alone.

    Raises
    ------
    DataError: no mask has a second class.
    """
    found: set[int] = set()
    for i in (*sampled(masks.n_images).tolist(), *range(masks.n_images)):
        found.update(np.unique(masks.pixels["mask"](i)).tolist())
        if len(found - {IGNORE}) > 1:
            return
    names = ", ".join(masks.class_names[i] for i in sorted(found - {IGNORE})) or "none"
    ignored = " and 255, which is ignored" if IGNORE in found else ""
    raise DataError(
        f"{folder}: its {masks.n_images} masks hold one class ({names}){ignored}; two are needed: if 255 is a class, "
        "name it in a classes.csv with the columns name,id, or state --mask-levels 0+255"
    )


def refuse_nested(folders: Mapping[str, Path]) -> None:
    """Folders by side (``source``, ``target``, ``target test``).

    Raises
    ------
    DataError: two are one, or one lies inside the other; links are followed.
    """
    for (one, first), (other, second) in combinations(folders.items(), 2):
        a, b = first.resolve(), second.resolve()
        if a == b or a in b.parents or b in a.parents:
            how = "are one folder" if a == b else "lie one inside the other"
            options = " and ".join(f"--{side.replace(' ', '-')} {folders[side]}" for side in (one, other))
            raise DataError(f"{options} {how}; name two folders that have no image in common")


def refuse_shared(source: Listing, *targets: Listing) -> None:
    """Refuse photographs that are files of the source too, byte for byte.

    Raises
    ------
    DataError: naming the first, and how many there are.
    """
    by_size: dict[int, list[str]] = {}
    for name, size in _file_sizes(source).items():
        by_size.setdefault(size, []).append(name)
    for target in targets:
        same = {name: size for name, size in _file_sizes(target).items() if size in by_size}
        known = {_digest(name): name for size in set(same.values()) for name in by_size[size]}
        shared = [(name, known[digest]) for name in same if (digest := _digest(name)) in known]
        if shared:
            name, twin = shared[0]
            raise DataError(
                f"{name} is {twin}, byte for byte: {len(shared)} of {target.n_images} target images are the source's; "
                "remove them from one of the two folders"
            )


def _file_sizes(listing: Listing) -> dict[str, int]:
    """Bytes of each image that is a file; crops of BOP are parts of one and are named otherwise."""
    return {name: Path(name).stat().st_size for name in listing.names if Path(name).is_file()}


def _digest(name: str) -> bytes:
    with Path(name).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
