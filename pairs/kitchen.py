"""The pair ``kitchen``: procedural rooms → photographs of a kitchen with a depth camera's depth (7-Scenes RedKitchen).

    frame-NNNNNN.color.jpg   640 × 480 RGB          frame-NNNNNN.pose.txt   4 × 4, depth camera → world, metres
    frame-NNNNNN.depth.png   uint16 millimetres along the view axis of the *depth* camera; 0 and 65535 = unknown

*Registration*: depth and colour come from two cameras side by side, and the files are not registered. Every depth is
taken to the colour camera before anything is trained on or scored; of several that meet in a pixel the nearest stays::

    u_c = 320 + 525·(u_d − 320)/585 − 525·0.027/z        v_c = 240 + 525·(v_d − 240)/585        z in metres, as it was

(525 and 585 are the focal lengths, 27 mm the distance of the cameras; no rotation. Pixels that get no depth are
unknown.)

*Split*: every tenth frame of one handheld walk of 1,000, since neighbours are near-duplicates. The first half trains,
the second half tests, two frames between them are left out: one room, seen from other places. Intervals over test
images treat :data:`BLOCK` neighbouring frames as one.

*Source*: the source's look of the pair ``indoor``, whose 96 × 96 images see 72°: the 80 × 60 in their middle, not
resampled. They see 62.4° × 48.8°, and the colour camera, brought to 80 × 60, 62.7° × 49.1°; so a length in pixels
means the same on both sides.

*Free distances* (task ``avoidance``) need the ground. Its direction is the file ``gravity-direction.txt`` of the source
repository, in world axes; along it, the points of every fifth frame have two sharp levels, the worktops and, 0.72 m
below, the floor, 1.50 m below the world's origin. Both sides' labels are computed at 80 × 60, with the obstacle band
of ``indoor``.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from bench.api import Limits, Pair, SourceSplits, TargetSplits
from bench.api.errors import DataError
from bench.api.imageset import Column, ImageSet
from bench.api.terms import Fit
from bench.data.downloads import Files, open_files
from bench.data.fitting import Size, fit_depth, fit_image, fit_intrinsics
from bench.data.image_files import read_depth, read_picture
from bench.data.parallel import rows_of
from bench.data.public_sets import KITCHEN
from bench.metrics.avoidance import free_distance
from pairs.indoor import IndoorPair

NATIVE = (640, 480)
SIZE = (80, 60)
DEPTH_FOCAL_PX, COLOUR_FOCAL_PX, BASELINE_M = 585.0, 525.0, 0.027
COLOUR = np.array([COLOUR_FOCAL_PX, COLOUR_FOCAL_PX, 320, 240], np.float32)
GRAVITY = np.array([-8.87460355e-03, 9.04425621e-01, 4.26539183e-01])
"""Unit vector, world axes."""
FLOOR_M = 1.50
"""The floor's distance below the world's origin, along gravity."""
SAFE_DISTANCE_M = 0.9
"""Nearer than that of ``indoor``, 1.8 m, which hardly a bin of this kitchen reaches: 68 % of them are 0.9 m free."""
TRAIN_FRAMES = tuple(range(0, 500, 10))
TEST_FRAMES = tuple(range(520, 1000, 10))
BLOCK = 6


class Kitchen(Pair):
    """Procedural rooms → a kitchen's photographs with measured depth (7-Scenes); see the module's docstring."""

    name = "kitchen"
    version = 1
    title = "Furnished rooms, plainly drawn → photographs of a kitchen with measured depth (7-Scenes)"
    tasks = frozenset({"depth", "avoidance"})
    class_names = IndoorPair.class_names
    data_files = IndoorPair.data_files
    source_labels = frozenset({"depth_m", "free_distance_m"})
    target_labels = frozenset({"depth_m", "free_distance_m"})
    depth_range_m = IndoorPair.depth_range_m
    safe_distance_m = SAFE_DISTANCE_M
    downloads = (KITCHEN.name,)
    tuned = (
        "Width, steps and batch of the light networks were chosen by what training on its labelled photographs "
        "reaches in the time allowed; no refiner was part of that. Its suite is run once a version."
    )
    licence = KITCHEN.licence
    citation = KITCHEN.citation

    def size(self, task: str, budget: str) -> Size:
        """80 × 60: what the embedded rooms show of the colour camera's view, at their own resolution."""
        return SIZE

    def counts(self, limits: Limits) -> dict[str, int]:
        """Images of each split: exact."""
        indoor = IndoorPair().counts(limits)
        n_train = min(len(TRAIN_FRAMES), limits.target_images or len(TRAIN_FRAMES))
        return {
            "source_train": indoor["source_train"],
            "source_val": indoor["source_val"],
            "target_train": n_train,
            "target_train_labelled": n_train,
            "target_test": min(len(TEST_FRAMES), limits.test_images or len(TEST_FRAMES)),
        }

    def source(self, size: Size, fit: Fit, limits: Limits) -> SourceSplits:
        """The middle of the embedded rooms."""
        _check_size(size)
        indoor = IndoorPair().source(IndoorPair.generator.size, fit, limits)
        return SourceSplits(_middle(indoor.train), _middle(indoor.val))

    def target(self, size: Size, fit: Fit, limits: Limits) -> TargetSplits:
        """The photographs; all of ``target_train`` has labels for the arms that may use them."""
        _check_size(size)
        files, counts = open_files(KITCHEN), self.counts(limits)
        train, test = _spread(TRAIN_FRAMES, counts["target_train"]), _spread(TEST_FRAMES, counts["target_test"])
        train_image, train_depth_m = _frames(files, train)
        test_image, test_depth_m = _frames(files, test)
        train_small, test_small = _small(train_depth_m), _small(test_depth_m)
        size_and_lens = {
            "native_size": np.tile(np.array(NATIVE), (len(test), 1)),
            "intrinsics": np.tile(COLOUR, (len(test), 1)),
        }
        return TargetSplits(
            train=_set({"image": train_image, "depth_m": train_small, **_standing(files, train, train_small)}),
            labelled_rows=np.arange(len(train)),
            test=_set(
                {"image": test_image, "depth_m": test_depth_m, **_standing(files, test, test_small), **size_and_lens}
            ),
            groups=np.array([TEST_FRAMES.index(frame) // BLOCK for frame in test], np.int64),
        )


def registered(depth_m: np.ndarray) -> np.ndarray:
    """``(480, 640) float32`` metres, 0 = unknown: from the depth camera's pixels to the colour camera's.

    >>> depth_m = np.zeros((480, 640), np.float32)
    >>> depth_m[240, 320] = 1.05
    >>> np.argwhere(registered(depth_m)).tolist()  # 525 · 0.027 / 1.05 = 13.5 pixels to the left
    [[240, 306]]
    """
    v, u = np.nonzero(depth_m)
    z = depth_m[v, u]
    scale = COLOUR_FOCAL_PX / DEPTH_FOCAL_PX
    column = np.rint(320 + scale * (u - 320) - COLOUR_FOCAL_PX * BASELINE_M / z).astype(np.int64)
    row = np.rint(240 + scale * (v - 240)).astype(np.int64)
    inside = (column >= 0) & (column < depth_m.shape[1]) & (row >= 0) & (row < depth_m.shape[0])
    order = np.argsort(-z[inside], kind="stable")  # of equal places the last is kept: the nearest
    warped = np.zeros_like(depth_m)
    warped[row[inside][order], column[inside][order]] = z[inside][order]
    return warped


def _frames(files: Files, frames: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Photographs at the working size, and registered depths at native size."""

    def image(row: int) -> np.ndarray:
        name = f"frame-{frames[row]:06d}.color.jpg"
        return fit_image(read_picture(Path(name), files.read(name)), SIZE, "resize")

    def depth_m(row: int) -> np.ndarray:
        name = f"frame-{frames[row]:06d}.depth.png"
        millimetres = read_depth(Path(name), 1.0, files.read(name)).astype(np.int64)
        return registered((np.where(millimetres == 65535, 0, millimetres) / 1000).astype(np.float32))

    native = (NATIVE[1], NATIVE[0])
    return (
        rows_of(len(frames), image, (SIZE[1], SIZE[0], 3), np.uint8),
        rows_of(len(frames), depth_m, native, np.float32),
    )


def _small(depth_m: np.ndarray) -> np.ndarray:
    return np.stack([fit_depth(row, SIZE, "resize") for row in depth_m])


def _standing(files: Files, frames: list[int], depth_m: np.ndarray) -> dict[str, np.ndarray]:
    """How the camera sees and stands in each frame, and the free distances that follow, all at the working size."""
    poses = np.stack([np.loadtxt(io.BytesIO(files.read(f"frame-{frame:06d}.pose.txt"))) for frame in frames])
    up = -np.einsum("nij,i->nj", poses[:, :3, :3], GRAVITY)
    up = (up / np.linalg.norm(up, axis=1, keepdims=True)).astype(np.float32)
    height_m = (FLOOR_M - poses[:, :3, 3] @ GRAVITY).astype(np.float32)
    intrinsics = np.tile(fit_intrinsics(COLOUR, NATIVE, SIZE, "resize"), (len(frames), 1))
    free_distance_m = _free(depth_m, intrinsics, height_m, up)
    return {
        "intrinsics": intrinsics,
        "camera_height_m": height_m,
        "up": up,
        "free_distance_m": free_distance_m,
    }


def _set(columns: dict[str, np.ndarray]) -> ImageSet:
    return ImageSet({name: Column(array) for name, array in columns.items()})


def _free(depth_m: np.ndarray, intrinsics: np.ndarray, height_m: np.ndarray, up: np.ndarray) -> np.ndarray:
    band_m = IndoorPair.generator.obstacle_band_m
    assert band_m is not None  # indoor states one
    return free_distance(depth_m, intrinsics, height_m, up, band_m)


def _middle(rooms: ImageSet) -> ImageSet:
    """80 × 60 of 96 × 96 pixels, with the free distances in them."""
    columns = rooms.take(np.arange(rooms.n_images))
    left, top = ((whole - part) // 2 for whole, part in zip(rooms.image_size, SIZE, strict=True))
    window = np.s_[:, top : top + SIZE[1], left : left + SIZE[0]]
    depth_m = np.ascontiguousarray(columns["depth_m"][window])
    intrinsics = columns["intrinsics"] - np.array([0, 0, left, top], np.float32)
    height_m, up = columns["camera_height_m"], columns["up"]
    return ImageSet.from_arrays(
        image=np.ascontiguousarray(columns["image"][window]),
        depth_m=depth_m,
        intrinsics=intrinsics,
        camera_height_m=height_m,
        up=up,
        free_distance_m=_free(depth_m, intrinsics, height_m, up),
    )


def _spread(frames: tuple[int, ...], n_frames: int) -> list[int]:
    """``n_frames`` of the frames, evenly spread."""
    return [frames[row] for row in np.linspace(0, len(frames) - 1, n_frames).round().astype(int)]


def _check_size(size: Size) -> None:
    if size != SIZE:
        raise DataError(f"pair 'kitchen' was asked for {size[0]} × {size[1]} pixels and has {SIZE[0]} × {SIZE[1]} only")
