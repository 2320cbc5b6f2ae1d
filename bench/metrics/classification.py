"""Accuracy, overall and by class, of predicted class ids. NumPy alone; values in [0, 1].

With ``C[t, p]`` the number of images of class ``t`` called ``p``:

    accuracy = Σ_t C[t, t] / Σ C      recall_t = C[t, t] / Σ_p C[t, p]      macro = mean recall_t of classes that occur

Both arguments are integer arrays ``(N,)`` of ids in ``0..n_classes-1``; ``DataError`` for anything else, or for N = 0.
"""

from __future__ import annotations

import numpy as np

from bench.api.errors import DataError


def confusion(true_class: np.ndarray, predicted_class: np.ndarray, n_classes: int) -> np.ndarray:
    """``(n_classes, n_classes) int64`` counts: rows are true classes, columns predicted ones.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    array([[1, 1],
           [0, 1]])
    """
    if true_class.ndim != 1 or true_class.shape != predicted_class.shape:
        raise DataError(
            f"true and predicted classes must be two (N,) arrays; found {true_class.shape} and {predicted_class.shape}"
        )
    if len(true_class) == 0:
        raise DataError("accuracy needs at least one image; found none")
    for name, ids in (("true", true_class), ("predicted", predicted_class)):
        if ids.min() < 0 or ids.max() >= n_classes:
            raise DataError(f"{name} classes run from {ids.min()} to {ids.max()}; allowed: 0..{n_classes - 1}")
    cell = true_class.astype(np.int64) * n_classes + predicted_class
    return np.bincount(cell, minlength=n_classes**2).reshape(n_classes, n_classes)


def accuracy(true_class: np.ndarray, predicted_class: np.ndarray, n_classes: int) -> float:
    """Share of images called by their true class.

    >>> accuracy(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]), 3)
    0.75
    """
    counts = confusion(true_class, predicted_class, n_classes)
    return float(np.trace(counts) / counts.sum())


def per_class_accuracy(true_class: np.ndarray, predicted_class: np.ndarray, n_classes: int) -> np.ndarray:
    """``(n_classes,) float64`` recall of each class; NaN for a class that never occurs.

    >>> per_class_accuracy(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    array([0.5, 1. , nan])
    """
    counts = confusion(true_class, predicted_class, n_classes)
    n_true = counts.sum(axis=1)
    return np.divide(np.diagonal(counts), n_true, out=np.full(n_classes, np.nan), where=n_true > 0)


def macro_accuracy(true_class: np.ndarray, predicted_class: np.ndarray, n_classes: int) -> float:
    """Mean recall over the classes that occur (scikit-learn's balanced accuracy).

    >>> macro_accuracy(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    0.75
    """
    return float(np.nanmean(per_class_accuracy(true_class, predicted_class, n_classes)))
