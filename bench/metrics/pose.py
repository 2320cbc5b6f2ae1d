"""Angle between rotations given as unit quaternions (w, x, y, z). NumPy alone; degrees in [0, 180].

    angle = 2·acos(min(1, |q·q̂|)) = 4·atan2(‖q − s·q̂‖, ‖q + s·q̂‖),  s = sign(q·q̂)

The second form is computed: acos loses half the digits near 1, this one gives equal quaternions exactly 0. q and −q are
the same rotation, hence the sign. The mean runs over *all* test images, rightly classified or not, as in the official
evaluations of PixelDA and DSN; PixelDA's own goes through the log loss, whose 1e-4 leaves a floor of 1.6° that is not
copied. Symmetric objects are not forgiven: LineMod's eleven have no symmetry.
"""

from __future__ import annotations

import numpy as np

from bench.api.errors import DataError


def angles_deg(true_quaternion: np.ndarray, predicted_quaternion: np.ndarray) -> np.ndarray:
    """``(N,) float64`` angle in degrees by which each predicted rotation misses the true one.

    Parameters
    ----------
    true_quaternion, predicted_quaternion: ``(N, 4)`` floats; of any length but 0, only the direction counts.

    Raises
    ------
    DataError: another shape, or a row that is no rotation: norm 0, NaN or infinite.

    >>> half_turn, quarter_turn = np.array([[0, 1, 0, 0]]), np.array([[1, 1, 0, 0]])
    >>> angles_deg(half_turn, quarter_turn).round(6).tolist()
    [90.0]
    """
    if true_quaternion.shape != predicted_quaternion.shape or true_quaternion.shape[1:] != (4,):
        raise DataError(
            f"true and predicted quaternions must be two (N, 4) arrays; "
            f"found {true_quaternion.shape} and {predicted_quaternion.shape}"
        )
    true, predicted = _unit(true_quaternion, "true"), _unit(predicted_quaternion, "predicted")
    nearer = np.where((true * predicted).sum(axis=1, keepdims=True) < 0, -predicted, predicted)
    apart, along = np.linalg.norm(true - nearer, axis=1), np.linalg.norm(true + nearer, axis=1)
    return np.degrees(4 * np.arctan2(apart, along))


def mean_angle_error(angle_deg: np.ndarray) -> float:
    """Mean of the ``(N,)`` angles in degrees, N ≥ 1.

    Raises
    ------
    DataError: no image.
    """
    if len(angle_deg) == 0:
        raise DataError("the mean angle error needs at least one image; found none")
    return float(np.mean(angle_deg, dtype=np.float64))


def _unit(quaternion: np.ndarray, which: str) -> np.ndarray:
    norm = np.linalg.norm(quaternion.astype(np.float64), axis=1, keepdims=True)
    wrong = ~((norm > 0) & np.isfinite(norm))[:, 0]
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{which} quaternion {quaternion[row].tolist()} of row {row} has norm {norm[row, 0]:g} and is no rotation; "
            f"allowed: any finite norm above 0"
        )
    return quaternion / norm
