"""Formats in which users keep images and labels, one module each, recognised by what lies in a folder.

A format is a module with these names; the last two only where the format needs them:

``NAME``
    as printed;
``recognised(root, files)``
    whether the folder is of this format;
``listing(root, files, options)``
    a :class:`~bench.data.listing.Listing` of the folder if it is of this format, ``None`` if it is not;
    :class:`~bench.api.errors.DataError` if it is, and broken;
``rescale(root, file, resize)``
    the bytes of one label file for images that were resized (:class:`Resize`), ``None`` if the file is not of this
    format; :class:`~bench.api.errors.DataError` if it is, and cannot be rescaled;
``copy(root, file)``
    the bytes of one label file beside refined images of the same size, ``None`` if the file may be copied as it is.

``bench refine`` reaches the last two through :mod:`bench.run.refine_folder.rescale_labels`.

:data:`FORMATS` says which formats hold a task's labels, the most explicit first: where several describe one folder
(some tools write VOC and YOLO side by side) the first is read, and :func:`recognise` notes the others.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from bench.api.errors import DataError
from bench.data.depth_files import DEPTH_SUFFIXES
from bench.data.depth_units import DepthUnit
from bench.data.fitting import Size
from bench.data.folders import IMAGE_SUFFIXES, all_images_among, files_below, images_among
from bench.data.image_files import image_size, read_picture
from bench.data.listing import Listing
from bench.data.tidy_boxes import tidy_boxes

FORMATS: Mapping[str, tuple[str, ...]] = {
    "classification": ("bop", "class_folders"),
    "pose": ("bop",),
    "detection": (
        "bop",
        "coco",
        "voc",
        "yolo",
        "labelme",
        "cvat",
        "kitti_labels",
        "solo",
        "unity",
        "replicator",
    ),
    "segmentation": ("official", "solo", "unity", "replicator", "mask_png", "coco", "labelme", "cvat", "yolo"),
    "depth": ("bop", "official", "solo", "replicator", "depth_png"),
}
"""Formats that hold the labels of a task, by priority."""
ALL_FORMATS: tuple[str, ...] = tuple(dict.fromkeys(name for names in FORMATS.values() for name in names))


@dataclass(frozen=True)
class Options:
    """What is known of a folder beforehand.

    Attributes
    ----------
    task: whose labels are looked for.
    depth_unit: of its depth files, which do not say; a bare number is metres of a step.
    mask_levels: levels of masks that are classes, as ``0+127+255``, or ``nearest``
        (:mod:`bench.data.formats.mask_levels`).
    classes_from: another folder, whose class names count where this one names none (ids mean the same in both).
    """

    task: str
    depth_unit: DepthUnit | float | None = None
    classes_from: Path | None = None
    mask_levels: str = ""


@dataclass(frozen=True)
class Resize:
    """What ``bench refine --size`` does to the images of a folder: all of them get the same size.

    Attributes
    ----------
    size: the new (width, height).
    native: ``native(file)`` is the (width, height) of the image that a label file belongs to, ``None`` if no image
        has its name; the file is relative to the folder.
    """

    size: Size
    native: Callable[[Path], Size | None]

    def factors(self, native: Size) -> tuple[float, float]:
        """How much wider and higher an image of the given size becomes."""
        return self.size[0] / native[0], self.size[1] / native[1]


GENERIC = frozenset({"mask_png", "depth_png"})
"""Formats that take any label image: those of a format above them are its own."""
_UNREAD = (
    ".heic .heif .avif .gif .jp2 .jxl .tga .dng .cr2 .cr3 .nef .arw .hdr .h5 .mp4 .mov .avi .mkv .webm "
    ".zip .tar .gz .tgz .7z .rar"
)
UNREAD = frozenset(_UNREAD.split())
"""Suffixes of what may hold pictures and is not read: said, since it would be missed."""
HEIC = frozenset({".heic", ".heif"})
LABEL_TEXTS = frozenset({".xml", ".json", ".txt", ".csv"})


def recognise(root: Path, options: Options) -> Listing:
    """The labelled images of a folder for a task, or its images without labels (format ``images``).

    Raises
    ------
    DataError: no folder, no image in it, or a broken label file; :mod:`bench.data.folders` says the rest. Boxes
        without area, or outside their image, are left out and counted (:mod:`bench.data.tidy_boxes`).
    """
    files = files_below(root)
    found: Listing | None = None
    others: list[str] = []
    for name in FORMATS[options.task]:
        module = _module(name)
        if found is None:
            found = module.listing(root, files, options)
        elif name not in GENERIC and module.recognised(root, files):
            others.append(module.NAME)
    if found is None:
        found = plain(root, files)
        notes = (*_not_labels(root, files, options.task), *_unread(files))
    elif others:
        notes = (f"there are {' and '.join(others)} labels too; {found.format} is read", *_unread(files))
    else:
        notes = _unread(files)
    return tidy_boxes(replace(found, notes=(*found.notes, *notes)))


def _unread(files: tuple[Path, ...]) -> tuple[str, ...]:
    """A note on files that may hold pictures in a kind that is not read."""
    missed = [file for file in files if file.suffix.lower() in UNREAD - IMAGE_SUFFIXES]
    kinds = ", ".join(sorted({file.suffix.lower() for file in missed}))
    heic = " (HEIC after pip install 'realgain[heic]')" if HEIC & {f.suffix.lower() for f in missed} else ""
    return (
        (f"{len(missed)} files are not read ({kinds}): PNG, JPEG, WebP, BMP, TIFF and PPM are{heic}",) if missed else ()
    )


def _not_labels(root: Path, files: tuple[Path, ...], task: str) -> tuple[str, ...]:
    """Notes on what may have been meant as labels, where none were found."""
    notes = []
    if texts := [f for f in files if f.suffix.lower() in LABEL_TEXTS and f.stem.lower() not in ("classes", "readme")]:
        others = f" and {len(texts) - 1} other text files" if texts[1:] else ""
        notes.append(f"no labels for {task} are known in {texts[0]}{others}{_first_line(root / texts[0])}")
    if arrays := [file for file in files if file.suffix.lower() in DEPTH_SUFFIXES]:
        kinds = ", ".join(sorted({file.suffix.lower() for file in arrays}))
        remedy = "save class ids as PNG" if task == "segmentation" else "depth is, from a folder called depth"
        notes.append(f"{len(arrays)} files ({kinds}, as {arrays[0]}) are not read for {task}: {remedy}")
    if task in ("segmentation", "depth"):
        by_stem: dict[str, Path] = {}
        for image in images_among(files):
            twin = by_stem.setdefault(image.stem, image)
            if twin.parent != image.parent:
                called = "masks" if task == "segmentation" else "depth"
                notes.append(f"{twin} and {image} count as two images: a folder of labels must be called {called}")
                break
    return tuple(notes)


def _first_line(path: Path) -> str:
    """What a text file begins with, for a reader to see why it is not read."""
    if path.suffix.lower() != ".txt":
        return ""
    with path.open("rb") as stream:
        start = stream.read(200).decode("utf-8", "backslashreplace").replace("\0", "\\x00").strip()
    line = (start.splitlines() or [""])[0][:60]
    return f", which begins with {line!r}; YOLO's lines are: class cx cy width height" if line else ", which is empty"


def recognise_any(root: Path) -> Listing:
    """The images of a folder for whatever task their labels are, or without labels; depth counts in millimetres."""
    files = files_below(root)
    for task in ("detection", "segmentation", "depth", "classification"):
        for name in FORMATS[task]:
            found: Listing | None = _module(name).listing(root, files, Options(task, 1e-3))
            if found is not None:
                return found
    return plain(root, files)


def photographs(root: Path) -> Listing:
    """The images of a folder whose labels, if it has any, are not looked at: nothing wrong with them is an error."""
    files = files_below(root)
    return of_images("images", root, images_among(files) or all_images_among(files), files)


def plain(root: Path, files: tuple[Path, ...]) -> Listing:
    """All images of a folder, without labels.

    Raises
    ------
    DataError: there is no image.
    """
    return of_images("images", root, images_among(files), files)


def other_size(name: str, size: Size, label: Path, said: Size) -> DataError:
    """The error for a label that states another width and height than the image has: its boxes lie elsewhere."""
    turned = ", as before its EXIF turns it" if said == size[::-1] else ""
    return DataError(
        f"{name} has {size[0]}×{size[1]} pixels and {label} says {said[0]}×{said[1]}{turned}; label the image that is "
        "there, or bring it to the labelled size"
    )


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
            f"images end in {', '.join(sorted(IMAGE_SUFFIXES))}: check the path, or convert them"
        )
    paths = [root / image for image in images]
    return Listing(
        format=format_name,
        names=[str(path) for path in paths],
        size=lambda i: image_size(paths[i]),
        pixels={"image": lambda i: read_picture(paths[i])},
    )


def format_title(name: str) -> str:
    """``voc`` → ``Pascal VOC``, as printed."""
    title: str = _module(name).NAME
    return title


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"bench.data.formats.{name}")
