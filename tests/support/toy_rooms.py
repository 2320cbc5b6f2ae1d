"""Rooms whose depth is known by formula: a floor, a back wall, and upright boards that face a level camera.

The camera stands :data:`CAMERA_HEIGHT_M` above the floor with a field of view of 90°: at height y below the axis the
floor is seen at z = height / y.
"""

from __future__ import annotations

import numpy as np

from bench.api.imageset import ImageSet
from bench.metrics.avoidance import free_distance

CAMERA_HEIGHT_M = 1.0
WALL_M = 6.0
BAND_M = (0.1, 1.5)
UP = np.array([0.0, -1.0, 0.0], np.float32)


def intrinsics(width: int, height: int) -> np.ndarray:
    return np.array([width / 2, width / 2, width / 2, height / 2], np.float32)


def floor_and_wall(width: int, height: int) -> np.ndarray:
    """``(height, width) float32`` depth of the empty room."""
    fx, _, _, cy = intrinsics(width, height)
    below = (np.arange(height) + 0.5 - cy) / fx
    depth = np.where(below > 0, CAMERA_HEIGHT_M / np.maximum(below, 1e-9), np.inf)
    return np.repeat(np.minimum(depth, WALL_M)[:, None], width, axis=1).astype(np.float32)


def add_board(depth_m: np.ndarray, z_m: float, left_m: float, right_m: float, top_m: float) -> np.ndarray:
    """Put a board at ``z_m`` between two sides, from the floor up to ``top_m``; returns the pixels that it covers."""
    height, width = depth_m.shape
    fx, fy, cx, cy = intrinsics(width, height)
    x = (np.arange(width) + 0.5 - cx) / fx * z_m
    up = CAMERA_HEIGHT_M - (np.arange(height)[:, None] + 0.5 - cy) / fy * z_m
    covered = (left_m <= x) & (x <= right_m) & (up >= 0) & (up <= top_m) & (depth_m > z_m)
    depth_m[covered] = z_m
    return covered


def rooms(n_images: int, width: int, height: int, seed: int) -> ImageSet:
    """Rooms of three boards each, with depth, free distances and geometry; colours say nothing but edges do."""
    rng = np.random.default_rng(seed)
    images, depths = [], []
    for _ in range(n_images):
        depth = floor_and_wall(width, height)
        image = np.empty((height, width, 3))
        image[:] = rng.uniform(40, 120, 3)
        image[depth < WALL_M] = rng.uniform(100, 200, 3)
        for z_m in sorted(rng.uniform(1.2, 5, 3), reverse=True):
            centre, half = rng.uniform(-0.9, 0.9) * z_m, rng.uniform(0.1, 0.4) * z_m
            image[add_board(depth, z_m, centre - half, centre + half, rng.uniform(0.8, 2))] = rng.uniform(0, 255, 3)
        images.append((image + rng.normal(0, 5, image.shape)).clip(0, 255).astype(np.uint8))
        depths.append(depth)
    depth_m = np.stack(depths)
    return ImageSet.from_arrays(
        image=np.stack(images),
        depth_m=depth_m,
        free_distance_m=free_distance(depth_m, intrinsics(width, height), CAMERA_HEIGHT_M, UP, BAND_M),
        native_size=np.tile(np.array([width, height]), (n_images, 1)),
    )
