"""Formats in which users keep images and labels, one module each, recognised by what lies in a folder.

A format is a module with two names:

``NAME``
    as printed;
``listing(root, files, options)``
    a :class:`~bench.data.listing.Listing` of the folder if it is of this format, ``None`` if it is not;
    :class:`~bench.data.imageset.DataError` if it is, and broken.

:data:`FORMATS` says which formats hold a task's labels, the most explicit first: where several describe one folder
(some tools write VOC and YOLO side by side) the first is read, and :func:`recognise` notes the others.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from bench.data.folders import IMAGE_SUFFIXES, files_below, images_among
from bench.data.imageset import DataError
from bench.data.listing import Listing
from bench.data.pictures import image_size, read_picture

FORMATS: Mapping[str, tuple[str, ...]] = {
    "classification": ("bop", "class_folders"),
    "pose": ("bop",),
    "detection": ("bop", "coco", "voc", "yolo"),
    "segmentation": ("mask_png",),
    "depth": ("bop", "depth_png"),
}
"""Formats that hold the labels of a task, by priority."""


@dataclass(frozen=True)
class Options:
    """What is known of a folder beforehand.

    Attributes
    ----------
    task: whose labels are looked for.
    metres_per_step: of its depth files, which do not say.
    classes_from: another folder, whose class names count where this one names none (ids mean the same in both).
    """

    task: str
    metres_per_step: float | None = None
    classes_from: Path | None = None


def recognise(root: Path, options: Options) -> Listing:
    """The labelled images of a folder for a task, or its images without labels (format ``images``).

    Raises
    ------
    DataError: no folder, no image in it, or a broken label file; :mod:`bench.data.folders` says the rest.
    """
    files = files_below(root)
    found: Listing | None = None
    others: list[str] = []
    for name in FORMATS[options.task]:
        module = _module(name)
        if found is None:
            found = module.listing(root, files, options)
        elif module.recognised(root, files):
            others.append(module.NAME)
    if found is None:
        return plain(root, files)
    if others:
        note = f"there are {' and '.join(others)} labels too; {found.format} is read"
        found = replace(found, notes=(*found.notes, note))
    return found


def recognise_any(root: Path) -> Listing:
    """The images of a folder for whatever task their labels are, or without labels; depth counts in millimetres."""
    files = files_below(root)
    for task in ("detection", "segmentation", "depth", "classification"):
        for name in FORMATS[task]:
            found: Listing | None = _module(name).listing(root, files, Options(task, 1e-3))
            if found is not None:
                return found
    return plain(root, files)


def plain(root: Path, files: tuple[Path, ...]) -> Listing:
    """All images of a folder, without labels.

    Raises
    ------
    DataError: there is no image.
    """
    return of_images("images", root, images_among(files), files)


def of_images(format_name: str, root: Path, images: tuple[Path, ...], files: tuple[Path, ...]) -> Listing:
    """The images of a folder as a listing, for a format to add its labels to.

    Raises
    ------
    DataError: there is no image.
    """
    if not images:
        kinds = sorted({file.suffix.lower() or "no suffix" for file in files})
        raise DataError(
            f"{root}: found {len(files)} files ({', '.join(kinds[:5])}) and no image outside label folders; "
            f"images end in {', '.join(sorted(IMAGE_SUFFIXES))}: check the path"
        )
    paths = [root / image for image in images]
    return Listing(
        format=format_name,
        names=[str(path) for path in paths],
        size=lambda i: image_size(paths[i]),
        pixels={"image": lambda i: read_picture(paths[i])},
    )


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"bench.data.formats.{name}")
