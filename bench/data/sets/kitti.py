"""KITTI (Geiger et al. 2013) in Eigen et al.'s split, with the annotated depth of Uhrig et al. 2017.

    raw         {date}/{date}_drive_{id}_sync/image_02/data/0000000005.png                     (or below raw/)
    depth       {train,val}/{date}_drive_{id}_sync/proj_depth/groundtruth/image_02/0000000005.png
                (or below data_depth_annotated/): 16-bit PNG, depth_m = value / 256, 0 = unknown
    lists       eigen_train_files.txt, eigen_test_files.txt                                    (or below splits/)

A line of a list is a path (``2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png``, a second path behind
it) or ``2011_09_26/2011_09_26_drive_0002_sync 69 l``. The official depth begins with a drive's fifth frame, so 652 of
Eigen's 697 test images have some; the rest are left out and counted. Training images are read without depth.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from bench.api.errors import DataError
from bench.data.formats import of_images
from bench.data.image_files import read_depth
from bench.data.listing import Listing

NAME, TITLE = "kitti", "KITTI (Eigen split)"
LICENCE = "CC BY-NC-SA 3.0"
CITATION = (
    "A. Geiger et al. Vision meets Robotics. IJRR 2013; J. Uhrig et al. Sparsity Invariant CNNs. 3DV 2017; "
    "D. Eigen et al. Depth Map Prediction from a Single Image. NIPS 2014."
)
EXPECTED = ("**/eigen_test_files.txt", "**/*_sync/image_02", "**/*_sync/proj_depth")
SPLITS = ("train", "test")
METRES_PER_STEP = 1 / 256
_PATH = re.compile(r"(\d{4}_\d\d_\d\d)/(\1_drive_\d{4}_sync)/image_0([23])/data/(\d+)\.(?:png|jpg)")
_SHORT = re.compile(r"(\d{4}_\d\d_\d\d)/(\1_drive_\d{4}_sync)\s+(\d+)\s+([lr])")


def listing(root: Path, split: str) -> Listing:
    """``train``: images alone; ``test``: with ``depth_m``."""
    frames = _frames(root, f"eigen_{split}_files.txt")
    images = [_image(root, frame) for frame in frames]
    if split == "train":
        return of_images(TITLE, root, tuple(images), tuple(images))
    found = [(image, _depth(root, frame)) for image, frame in zip(images, frames, strict=True)]
    kept = [(image, depth) for image, depth in found if depth is not None]
    if not kept:
        raise DataError(
            f"{root}: none of the {len(found)} test images has annotated depth; unpack data_depth_annotated.zip"
        )
    plain = of_images(TITLE, root, tuple(image for image, _ in kept), tuple(images))
    n_without = len(found) - len(kept)
    return replace(
        plain,
        pixels={**plain.pixels, "depth_m": lambda i: read_depth(kept[i][1], METRES_PER_STEP)},
        notes=(f"{n_without} test images without annotated depth left out",) if n_without else (),
    )


def _frames(root: Path, name: str) -> list[tuple[str, str, str, int]]:
    """Date, drive, camera and number of each line of a list."""
    lists = [path for path in (root / name, root / "splits" / name) if path.is_file()]
    if not lists:
        raise DataError(f"{root} has no {name}, the list of Eigen's split; put it there (docs/sets.md)")
    frames = []
    for number, line in enumerate(lists[0].read_text().splitlines(), 1):
        if not line.strip():
            continue
        if path := _PATH.search(line):
            frames.append((path[1], path[2], path[3], int(path[4])))
        elif short := _SHORT.search(line):
            frames.append((short[1], short[2], "2" if short[4] == "l" else "3", int(short[3])))
        else:
            raise DataError(
                f"{lists[0]}, line {number}: found {line[:60]!r}; expected a path of an image, or 'drive number l'"
            )
    return frames


def _image(root: Path, frame: tuple[str, str, str, int]) -> Path:
    date, drive, camera, number = frame
    for above in (Path(), Path("raw"), Path("kitti_raw")):
        for suffix in (".png", ".jpg"):
            path = above / date / drive / f"image_0{camera}" / "data" / f"{number:010d}{suffix}"
            if (root / path).is_file():
                return path
    raise DataError(
        f"{root} lacks {date}/{drive}/image_0{camera}/data/{number:010d}.png, which the list names; unpack that drive"
    )


def _depth(root: Path, frame: tuple[str, str, str, int]) -> Path | None:
    _, drive, camera, number = frame
    for above in (root, root / "data_depth_annotated"):
        for part in ("train", "val"):
            folder = above / part / drive / "proj_depth" / "groundtruth" / f"image_0{camera}"
            if (path := folder / f"{number:010d}.png").is_file():
                return path
    return None
