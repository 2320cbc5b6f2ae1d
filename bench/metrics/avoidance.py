"""Free distance by image column, and the choice of a direction: the measures of task ``avoidance``. NumPy alone.

After the second task of GeneSIS-RT (Stein & Roy, ICRA 2018), whose tables are not obtainable: inspired by it, not a
replication. An image is cut into C = 16 column bins of equal width; a bin's free distance is that of its nearest
obstacle, read robustly:

    P = z·((u + ½ − cx)/fx, (v + ½ − cy)/fy, 1)      the point of pixel (u, v) at depth z, camera axes x right, y down
    height = camera_height + up·P                     above the ground, ``up`` being a unit vector in camera axes
    d_c = 5th percentile of z over the pixels of bin c with z > 0 and low ≤ height ≤ high            metres along z

A bin with fewer than 50 such pixels is *ignored*, stored as 0: nothing known stands there, whether the way is open to
the horizon or the sensor saw nothing. Pixel (0, 0) has its centre at (½, ½), so an image of width W that looks straight
ahead has cx = W/2. Column u belongs to bin ⌊u·C/W⌋.

A vehicle drives towards the bin with the largest *predicted* distance. Only bins with a true distance are on offer:
what happens in the others is unknown, so that they can neither be held against a model (the horizon is often the best
choice) nor be a refuge for it. The choice is collision-free if d ≥ d_safe in that bin and in those of its two
neighbours that exist and are not ignored: a vehicle is wider than a bin. Of equal predictions, the bin whose lower
neighbour is predicted highest is taken, then the leftmost. The truth as prediction is not bound to be perfect: a scene
may have no free direction, or its farthest bin a near neighbour.
"""

from __future__ import annotations

import numpy as np

from bench.api.errors import DataError

N_BINS = 16
PERCENTILE = 5.0
MIN_PIXELS = 50


def free_distance(
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    camera_height_m: np.ndarray | float,
    up: np.ndarray,
    band_m: tuple[float, float],
    n_bins: int = N_BINS,
) -> np.ndarray:
    """``(N, n_bins) float32``: each bin's free distance in metres, 0 = ignored.

    Parameters
    ----------
    depth_m: ``(N, H, W)`` or ``(H, W)``, metres along the view axis, 0 = unknown; without padding, W ≥ ``n_bins``.
    intrinsics: ``(N, 4)`` or ``(4,)`` fx, fy, cx, cy in pixels of ``depth_m``.
    camera_height_m: ``(N,)`` or a number, metres above the ground.
    up: ``(N, 3)`` or ``(3,)``, the world's up as a unit vector in camera axes (x right, y down, z forward).
    band_m: lowest and highest height of an obstacle above the ground, both included.

    Raises
    ------
    DataError: depth that is negative or not finite, ``up`` not of unit length, an empty band, or an image that is
        narrower than ``n_bins``.
    """
    depth_m = depth_m if depth_m.ndim == 3 else depth_m[None]
    n_images, height, width = depth_m.shape
    intrinsics = np.broadcast_to(np.asarray(intrinsics, np.float64), (n_images, 4))
    camera_height_m = np.broadcast_to(np.asarray(camera_height_m, np.float64), (n_images,))
    up = np.broadcast_to(np.asarray(up, np.float64), (n_images, 3))
    _check(depth_m, up, band_m, n_bins)

    low, high = band_m
    bins = np.arange(width) * n_bins // width
    first = np.searchsorted(bins, np.arange(n_bins + 1))
    column, row = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    distances = np.zeros((n_images, n_bins), np.float32)
    for image, z in enumerate(depth_m):
        fx, fy, cx, cy = intrinsics[image]
        x, y, forward = up[image]
        above_ground = camera_height_m[image] + z * (x * (column - cx) / fx + y * (row - cy) / fy + forward)
        obstacle = (z > 0) & (low <= above_ground) & (above_ground <= high)
        for index in range(n_bins):
            columns = slice(first[index], first[index + 1])
            near = z[:, columns][obstacle[:, columns]]
            if len(near) >= MIN_PIXELS:
                distances[image, index] = np.percentile(near, PERCENTILE)
    return distances


def collision_free(predicted_m: np.ndarray, true_m: np.ndarray, safe_m: float) -> np.ndarray:
    """``(N,) bool``: whether the chosen direction is free; ``False`` for an image whose bins are all ignored.

    >>> collision_free(np.array([[1.0, 5, 2, 9]]), np.array([[0.5, 3, 4, 0]]), safe_m=2.0)
    array([False])
    >>> collision_free(np.array([[1.0, 2, 5, 9]]), np.array([[0.5, 3, 4, 0]]), safe_m=2.0)
    array([ True])

    Parameters
    ----------
    predicted_m, true_m: ``(N, C)`` metres; in ``true_m`` 0 = ignored. Leave images with no other value out of a mean.
    safe_m: the least free distance d_safe.
    """
    _check_pair(predicted_m, true_m)
    known = true_m > 0
    beside = np.pad(np.where(known, predicted_m, np.inf), ((0, 0), (1, 1)), constant_values=np.inf)
    lower = np.minimum(beside[:, :-2], beside[:, 2:])
    offered = np.where(known, predicted_m, -np.inf)
    largest = offered == offered.max(axis=1, keepdims=True)
    chosen = np.where(largest, lower, -np.inf).argmax(axis=1)
    blocked = np.pad(known & (true_m < safe_m), ((0, 0), (1, 1)))
    n_blocked = np.take_along_axis(blocked, chosen[:, None] + np.arange(3), axis=1).sum(axis=1)
    return (known.sum(axis=1) > 0) & (n_blocked == 0)


def log_error(predicted_m: np.ndarray, true_m: np.ndarray) -> np.ndarray:
    """``(N, C) float64``: |ln d̂ − ln d|, and 0 in ignored bins.

    >>> log_error(np.array([[1.0, 4.0]]), np.array([[1.0, 0.0]]))
    array([[0., 0.]])
    """
    _check_pair(predicted_m, true_m)
    known = true_m > 0
    ratio = np.divide(predicted_m, true_m, out=np.ones(true_m.shape), where=known)
    return np.abs(np.log(ratio))


def _check(depth_m: np.ndarray, up: np.ndarray, band_m: tuple[float, float], n_bins: int) -> None:
    wrong = ~np.isfinite(depth_m) | (depth_m < 0)
    if wrong.any():
        image, row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"depth_m of row {image} is {depth_m[image, row, column]} m at pixel ({column}, {row}); "
            f"allowed: metres ≥ 0, with 0 for unknown"
        )
    length = np.linalg.norm(up, axis=1)
    if (np.abs(length - 1) > 1e-3).any():
        image = int(np.abs(length - 1).argmax())
        raise DataError(f"up of row {image} is {up[image].tolist()}, of length {length[image]:g}; it must be 1")
    if not band_m[0] < band_m[1]:
        raise DataError(f"the obstacle band runs from {band_m[0]} to {band_m[1]} m; low must be below high")
    if depth_m.shape[2] < n_bins:
        raise DataError(f"depth of width {depth_m.shape[2]} can't be cut into {n_bins} column bins")


def _check_pair(predicted_m: np.ndarray, true_m: np.ndarray) -> None:
    if predicted_m.ndim != 2 or predicted_m.shape != true_m.shape:
        raise DataError(
            f"predicted and true distances must be two (N, C) arrays; found {predicted_m.shape} and {true_m.shape}"
        )
    if not (np.isfinite(predicted_m) & (predicted_m > 0)).all():
        raise DataError(f"predicted distances must be finite and above 0 m; found {predicted_m.min()}")
