"""Errors of a predicted depth map, image by image, as papers on monocular depth report them. NumPy alone.

With d predicted and d* true, over the known pixels of one image, metres along the view axis:

    abs_rel   mean |d − d*| / d*                    rmse_m     √ mean (d − d*)²
    sq_rel    mean (d − d*)² / d*    (metres)       rmse_log   √ mean (ln d − ln d*)²
    deltaₙ    share with max(d/d*, d*/d) < 1.25ⁿ, n = 1, 2, 3

What decides the figures, in this order (Eigen et al. 2014; Zhou et al. 2017 for the scaling):

    known     min_depth ≤ d* ≤ cap, inside the crop's window; 0 = unknown lies outside (KITTI's scripts leave out the
              bounds themselves)
    scaling   d ← d · median d* / median d over the known pixels, for networks that know no metres
    clamp     d ← clamp(d, min_depth, cap)

    crop      rows                                  columns                                 made for
    none      all                                   all
    garg      ⌊0.40810811·H⌋ .. ⌊0.99189189·H⌋      ⌊0.03594771·W⌋ .. ⌊0.96405229·W⌋        KITTI (Garg et al. 2016)
    eigen     ⌊0.3324324·H⌋ .. ⌊0.91351351·H⌋       as garg                                 KITTI (Eigen et al. 2014)
    nyu       45 .. 471                             41 .. 601                               NYUv2, 640×480 alone

Windows are half open. Means over images are :mod:`bench.metrics.scored_mean`'s.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from bench.api.errors import DataError

Crop = Literal["none", "garg", "eigen", "nyu"]
ERRORS = ("abs_rel", "sq_rel", "rmse_m", "rmse_log", "delta1", "delta2", "delta3")

_COLUMNS = (0.03594771, 0.96405229)
_ROWS = {"garg": (0.40810811, 0.99189189), "eigen": (0.3324324, 0.91351351)}
_NYU_SIZE = (640, 480)


def crop_window(crop: Crop, width: int, height: int) -> tuple[slice, slice]:
    """Rows and columns that ``crop`` keeps of an image of native size.

    >>> crop_window("garg", width=1242, height=375)
    (slice(153, 371, None), slice(44, 1197, None))

    Raises
    ------
    DataError: ``nyu`` for an image of another size than 640×480.
    """
    if crop == "none":
        return slice(0, height), slice(0, width)
    if crop == "nyu":
        if (width, height) != _NYU_SIZE:
            raise DataError(f"crop 'nyu' is a window of 640×480 images; found one of {width}×{height}")
        return slice(45, 471), slice(41, 601)
    top, bottom = (int(share * height) for share in _ROWS[crop])
    left, right = (int(share * width) for share in _COLUMNS)
    return slice(top, bottom), slice(left, right)


def depth_errors(
    predicted_m: np.ndarray,
    true_m: np.ndarray,
    *,
    min_depth_m: float,
    cap_m: float,
    crop: Crop = "none",
    median_scaling: bool = False,
) -> dict[str, float]:
    """The errors of one image by the names in :data:`ERRORS`, and ``n_valid``, the number of known pixels.

    All are 0 where no pixel is known: such an image has no score.

    Parameters
    ----------
    predicted_m, true_m: ``(H, W)`` metres at native size; in ``true_m`` 0 = unknown.

    Raises
    ------
    DataError: maps of different size, a prediction that is not finite, or one that median scaling can't scale.
    """
    if true_m.ndim != 2 or predicted_m.shape != true_m.shape:
        raise DataError(f"predicted and true depth must be two (H, W) maps; found {predicted_m.shape}, {true_m.shape}")
    window = crop_window(crop, width=true_m.shape[1], height=true_m.shape[0])
    true, predicted = true_m[window].astype(np.float64), predicted_m[window].astype(np.float64)
    known = (true >= min_depth_m) & (true <= cap_m) & (true > 0)
    true, predicted = true[known], predicted[known]
    if not len(true):
        return dict.fromkeys((*ERRORS, "n_valid"), 0.0)
    if not np.isfinite(predicted).all():
        raise DataError("predicted depth is not finite; the network's weights or inputs are not")
    if median_scaling:
        median = np.median(predicted)
        if median <= 0:
            raise DataError(f"median scaling needs a positive median of predicted depth; found {median:g} m")
        predicted = predicted * (np.median(true) / median)
    predicted = predicted.clip(min_depth_m, cap_m)

    error = predicted - true
    ratio = np.maximum(predicted / true, true / predicted)
    return {
        "abs_rel": float(np.mean(np.abs(error) / true)),
        "sq_rel": float(np.mean(error**2 / true)),
        "rmse_m": float(np.sqrt(np.mean(error**2))),
        "rmse_log": float(np.sqrt(np.mean((np.log(predicted) - np.log(true)) ** 2))),
        **{f"delta{n}": float(np.mean(ratio < 1.25**n)) for n in (1, 2, 3)},
        "n_valid": float(len(true)),
    }
