"""Hypersim (Roberts et al., ICCV 2021): ``ai_001_001/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg`` and
``…/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5`` (key ``dataset``).

1024×768 pixels. ``depth_meters`` is the *distance to the camera's centre*, which becomes depth along the view axis by

    z = distance · f / √(f² + (u − 511.5)² + (v − 383.5)²),   f = 886.81 pixels

of the scenes' common camera; not-a-number is unknown. With ``metadata_images_split_scene_v1.csv`` in the root, its
public ``train`` and ``test`` frames are the splits; without it all frames are ``train``.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.formats import of_images
from bench.data.listing import Listing
from bench.data.sets import refuse_missing
from bench.data.sets.hdf5 import opened_hdf5

NAME, TITLE = "hypersim", "Hypersim"
LICENCE = "CC BY-SA 3.0"
CITATION = (
    "M. Roberts et al. Hypersim: A Photorealistic Synthetic Dataset for Holistic Indoor Scene Understanding. ICCV 2021."
)
IMAGES = "ai_*_*/images/scene_cam_*_final_preview/frame.*.tonemap.jpg"
EXPECTED = (IMAGES, "ai_*_*/images/scene_cam_*_geometry_hdf5/frame.*.depth_meters.hdf5")
SPLIT_FILE = "metadata_images_split_scene_v1.csv"
FOCAL_SHARE = 886.81 / 1024
"""Focal length by image width."""


def splits(root: Path) -> tuple[str, ...]:
    """``train``, and ``test`` where the authors' list says what it is."""
    return ("train", "test") if (root / SPLIT_FILE).is_file() else ("train",)


def listing(root: Path, split: str = "train") -> Listing:
    """One split with ``depth_m`` and ``intrinsics``."""
    images = tuple(path.relative_to(root) for path in sorted(root.glob(IMAGES)))
    if (root / SPLIT_FILE).is_file():
        wanted = _frames(root / SPLIT_FILE, split)
        images = tuple(image for image in images if _frame_of(image) in wanted)
    elif split != "train":
        raise DataError(
            f"{root} has no {SPLIT_FILE}, which says what {split} is; fetch it from the authors' repository"
        )
    paths = [root / _depth(image) for image in images]
    refuse_missing(root, paths, "fetch depth_meters of every scene")
    plain = of_images(TITLE, root, images, images)

    def depth_m(i: int) -> np.ndarray:
        with opened_hdf5(paths[i]) as content:
            distance_m = np.asarray(content["dataset"], np.float32)
        focal = FOCAL_SHARE * distance_m.shape[1]
        return along_axis(np.nan_to_num(distance_m, nan=0.0, posinf=0.0), focal, focal)

    camera = [
        (FOCAL_SHARE * width, FOCAL_SHARE * width, width / 2, height / 2)
        for width, height in map(plain.size, range(len(images)))
    ]
    return replace(
        plain,
        pixels={**plain.pixels, "depth_m": depth_m},
        arrays={"intrinsics": np.array(camera, np.float32).reshape(-1, 4)},
    )


def along_axis(distance_m: np.ndarray, fx: float, fy: float) -> np.ndarray:
    """``(H, W) float32`` distances along each pixel's ray → depth along the view axis, camera centred in the image."""
    height, width = distance_m.shape
    across = (np.arange(width) - (width - 1) / 2) / fx
    down = (np.arange(height) - (height - 1) / 2) / fy
    return (distance_m / np.sqrt(1 + across[None] ** 2 + down[:, None] ** 2)).astype(np.float32)


def _frame_of(image: Path) -> tuple[str, str, int]:
    """Scene, camera and number."""
    camera = image.parts[2].removeprefix("scene_").removesuffix("_final_preview")
    return image.parts[0], camera, int(image.name.split(".")[1])


def _depth(image: Path) -> Path:
    folder = image.parts[2].replace("_final_preview", "_geometry_hdf5")
    return Path(*image.parts[:2], folder, image.name.replace(".tonemap.jpg", ".depth_meters.hdf5"))


def _frames(path: Path, split: str) -> set[tuple[str, str, int]]:
    with path.open(newline="") as stream:
        return {
            (row["scene_name"], row["camera_name"], int(row["frame_id"]))
            for row in csv.DictReader(stream)
            if row["included_in_public_release"] == "True" and row["split_partition_name"] == split
        }
