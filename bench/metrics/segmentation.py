"""Intersection over union of class maps, from confusion matrices. NumPy alone; values in [0, 1].

With ``C[t, p]`` the number of pixels of class ``t`` called ``p``, summed over **all** images first:

    IoU_c = C[c, c] / (Σ_p C[c, p] + Σ_t C[t, c] − C[c, c])      mIoU = mean of IoU_c over the classes that occur
    pixel accuracy = Σ_c C[c, c] / Σ C

Pixels whose truth is 255 count nowhere. A class occurs if one pixel has it, in the truth or in the prediction; the
others are left out of the mean. This is the mIoU of PASCAL VOC and Cityscapes, not a mean over images of the mIoU of
each, which gives a rare class the weight of the images that it is absent from.
"""

from __future__ import annotations

import numpy as np

from bench.api.errors import DataError

IGNORE = 255


def confusion(true_mask: np.ndarray, predicted_mask: np.ndarray, n_classes: int) -> np.ndarray:
    """``(n_classes, n_classes) int64`` counts of one image's pixels: rows are true classes, columns predicted ones.

    Parameters
    ----------
    true_mask, predicted_mask: ``(H, W) uint8`` class ids; 255 in the truth is ignored.

    Raises
    ------
    DataError: masks of different shape, or an id outside the classes on a pixel that counts.

    >>> confusion(np.array([[0, 0, 1, 255]], np.uint8), np.array([[0, 1, 1, 0]], np.uint8), 2)
    array([[1, 1],
           [0, 1]])
    """
    if true_mask.ndim != 2 or true_mask.shape != predicted_mask.shape:
        raise DataError(
            f"true and predicted masks must be two (H, W) arrays; found {true_mask.shape} and {predicted_mask.shape}"
        )
    counted = true_mask != IGNORE
    true, predicted = true_mask[counted], predicted_mask[counted]
    for name, ids in (("true", true), ("predicted", predicted)):
        if len(ids) and ids.max() >= n_classes:
            raise DataError(f"the {name} mask holds class {ids.max()}; allowed: 0..{n_classes - 1}")
    cell = true.astype(np.int64) * n_classes + predicted
    return np.bincount(cell, minlength=n_classes**2).reshape(n_classes, n_classes)


def per_class_iou(counts: np.ndarray) -> np.ndarray:
    """``(C,) float64`` IoU of each class, from one ``(C, C)`` confusion matrix; NaN for a class that never occurs.

    >>> per_class_iou(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
    array([0.5, 0.5, nan])
    """
    hits = np.diagonal(counts)
    return _ratio(hits, counts.sum(axis=1) + counts.sum(axis=0) - hits)


def mean_iou(counts: np.ndarray) -> float:
    """Mean of :func:`per_class_iou` over the classes that occur.

    Raises
    ------
    DataError: a matrix without a single pixel.
    """
    _require_pixels(counts)
    return float(np.nanmean(per_class_iou(counts)))


def pixel_accuracy(counts: np.ndarray) -> float:
    """Share of the pixels that carry a label called by their class; ``DataError`` where there is none."""
    _require_pixels(counts)
    return float(np.trace(counts) / counts.sum())


def mean_iou_contributions(counts: np.ndarray) -> np.ndarray:
    """``(N,) float64`` jackknife pseudo-values of the mean IoU, from ``(N, C, C)`` matrices, one an image.

    Image ``i`` gets ``N · mIoU − (N − 1) · mIoU without i``; all are shifted by the one constant that makes their
    mean the mIoU itself, where the plain ones average to its bias-corrected estimate. An image without a labelled
    pixel changes nothing and adds nothing; if no other image has one either, there is nothing to compare with and its
    pseudo-value is the mIoU.

    Raises
    ------
    DataError: no labelled pixel in all images.
    """
    counts = counts.astype(np.int64)
    whole = mean_iou(counts.sum(axis=0))
    hits = np.diagonal(counts, axis1=1, axis2=2)
    union = counts.sum(axis=1) + counts.sum(axis=2) - hits
    iou = _ratio(hits.sum(axis=0) - hits, union.sum(axis=0) - union)
    n_classes = np.isfinite(iou).sum(axis=1)
    without = np.where(n_classes > 0, np.nansum(iou, axis=1) / np.maximum(n_classes, 1), whole)
    pseudo = len(counts) * whole - (len(counts) - 1) * without
    return pseudo + (whole - pseudo.mean())


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _require_pixels(counts: np.ndarray) -> None:
    if counts.sum() == 0:
        raise DataError("mean IoU needs at least one labelled pixel; found none in all images")
