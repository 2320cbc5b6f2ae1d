"""A mean over those images of a test set that can be scored at all. NumPy alone.

    mean             m = Σ vᵢ xᵢ / Σ vᵢ                          vᵢ = 1 where image i has something to be scored on
    contributions    cᵢ = m + vᵢ (xᵢ − m) · N / Σ v              their mean is m; an image without a score adds nothing

The contributions are the linear approximation of a ratio of two sums (the delta method), so that intervals over images
know how many of them count.
"""

from __future__ import annotations

import numpy as np


def scored_mean(values: np.ndarray, scored: np.ndarray) -> float:
    """Mean of ``values`` ``(N,)`` where ``scored`` ``(N,) bool``, at least one of which is set.

    >>> scored_mean(np.array([1.0, 2.0, 9.0]), np.array([True, True, False]))
    1.5
    """
    return float(values[scored].astype(np.float64).mean())


def scored_contributions(values: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """``(N,) float64`` whose mean is :func:`scored_mean`.

    >>> scored_contributions(np.array([1.0, 2.0, 9.0]), np.array([True, True, False]))
    array([0.75, 2.25, 1.5 ])
    """
    mean = scored_mean(values, scored)
    deviations = np.where(scored, values.astype(np.float64) - mean, 0.0)
    return mean + deviations * (len(values) / scored.sum())
