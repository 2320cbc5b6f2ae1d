"""Published sets in their official layouts, given as one of a user's own folders: read by their own readers.

    segmentation   Cityscapes (19 classes, splits train and val), SYNTHIA-RAND-CITYSCAPES
    depth          Virtual KITTI 1.3.1 and 2 (centimetres), KITTI raw with annotated depth (1/256 m)

The set may lie in a folder of the one that was given. Units are those of the set, whatever ``--depth-unit`` says of
other files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.depth_files import read_depth_m
from bench.data.depth_units import DepthUnit
from bench.data.formats import Options, of_images
from bench.data.listing import Listing

NAME = "official layouts of published sets"
CENTIMETRES, KITTI_UNIT = DepthUnit("linear", 0.01), DepthUnit("linear", 1 / 256)
_KITTI_IMAGE = re.compile(r"(?:.*/)?(\d{4}_\d\d_\d\d_drive_\d{4}_sync)/image_0([23])/data/(\d+)\.(?:png|jpg)")
_KITTI_DEPTH = re.compile(r"(?:.*/)?(\d{4}_\d\d_\d\d_drive_\d{4}_sync)/proj_depth/groundtruth/image_0([23])/(\d+)\.png")


@dataclass(frozen=True)
class Layout:
    """A set's module, the task it serves, a label file's path from its root, and how all of it is read."""

    set_name: str
    task: str
    label: re.Pattern[str]
    read: Callable[[Path], Listing]


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Some label file lies where a published set has it."""
    return any(_base(layout, files) is not None for layout in LAYOUTS) or bool(_kitti_depths(files))


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`."""
    for layout in LAYOUTS:
        if layout.task == options.task and (base := _base(layout, files)) is not None:
            return layout.read(root / base)
    return _kitti(root, files) if options.task == "depth" and _kitti_depths(files) else None


def is_cityscapes(files: tuple[Path, ...]) -> bool:
    """Whether a folder holds Cityscapes, whose ids other sets share."""
    return _base(LAYOUTS[0], files) is not None


def _base(layout: Layout, files: tuple[Path, ...]) -> Path | None:
    """The set's root, relative to the folder; ``None`` where it is not there."""
    for file in files:
        if found := layout.label.fullmatch(file.as_posix()):
            return Path(found[1] or ".")
    return None


def _cityscapes(root: Path) -> Listing:
    from bench.data.sets import cityscapes

    splits = [split for split in cityscapes.SPLITS if any((root / "gtFine" / split).glob("*/*_labelIds.png"))]
    found = joined([cityscapes.listing(root, split) for split in splits])
    others = [p.name for p in sorted((root / "leftImg8bit").iterdir()) if p.is_dir() and p.name not in splits]
    return replace(found, notes=(f"splits {', '.join(others)} left out",)) if others else found


def _synthia(root: Path) -> Listing:
    from bench.data.sets import synthia

    return synthia.listing(root)


def _virtual_kitti(name: str) -> Callable[[Path], Listing]:
    def read(root: Path) -> Listing:
        from bench.data.sets import set_module

        module = set_module(name)
        found: Listing = module.listing(root)
        depths = [module.depth_file(root, Path(image).relative_to(root)) for image in found.names]
        pixels = {**found.pixels, "depth_m": lambda i: read_depth_m(depths[i], CENTIMETRES)}
        return replace(found, pixels=pixels, arrays={}, notes=("depth in centimetres, as the set states",))

    return read


LAYOUTS = (
    Layout(
        "cityscapes", "segmentation", re.compile(r"(.*/)?gtFine/(?:train|val)/[^/]+/[^/]+_labelIds\.png"), _cityscapes
    ),
    Layout("synthia", "segmentation", re.compile(r"(.*/)?GT/LABELS/[^/]+\.png"), _synthia),
    Layout(
        "virtual-kitti-2",
        "depth",
        re.compile(r"(.*/)?Scene\d+/[^/]+/frames/depth/Camera_0/depth_\d+\.png"),
        _virtual_kitti("virtual-kitti-2"),
    ),
    Layout(
        "virtual-kitti-1",
        "depth",
        re.compile(r"(.*/)?vkitti_1\.3\.1_depthgt/[^/]+/[^/]+/\d+\.png"),
        _virtual_kitti("virtual-kitti-1"),
    ),
)


def _kitti_depths(files: tuple[Path, ...]) -> dict[tuple[str, ...], Path]:
    """Annotated depth by drive, camera and number."""
    return {found.groups(): file for file in files if (found := _KITTI_DEPTH.fullmatch(file.as_posix()))}


def _kitti(root: Path, files: tuple[Path, ...]) -> Listing:
    """All frames with annotated depth, whatever split they are of."""
    depths = _kitti_depths(files)
    images = {found.groups(): file for file in files if (found := _KITTI_IMAGE.fullmatch(file.as_posix()))}
    keys = sorted(images.keys() & depths.keys())
    if not keys:
        raise DataError(
            f"{root}: found annotated depth of KITTI and none of its images; unpack the raw drives beside it"
        )
    paths = [root / depths[key] for key in keys]
    plain = of_images("KITTI", root, tuple(images[key] for key in keys), files)
    n_without = len(images) - len(keys)
    notes = ["depth in 1/256 m, as the set states"]
    notes += [f"{n_without} images without annotated depth left out"] if n_without else []
    return replace(
        plain, pixels={**plain.pixels, "depth_m": lambda i: read_depth_m(paths[i], KITTI_UNIT)}, notes=tuple(notes)
    )


def joined(listings: Sequence[Listing]) -> Listing:
    """Listings of one set, of whole images with pixel labels, as one."""
    first = listings[0]
    place = [(one, i) for one in listings for i in range(one.n_images)]

    def reader(name: str) -> Callable[[int], np.ndarray]:
        return lambda i: place[i][0].pixels[name](place[i][1])

    return replace(
        first,
        names=[one.names[i] for one, i in place],
        size=lambda i: place[i][0].size(place[i][1]),
        pixels={name: reader(name) for name in first.pixels},
    )
