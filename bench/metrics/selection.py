"""What may be known of a model on unlabelled images: is it sure of its classes, and do its predictions cluster?

``probabilities`` are ``(N, C)`` rows that sum to 1: of images, or of pixels.

    entropy = − mean_i Σ_c p_ic ln p_ic                          nats; a sure model has little

    density = mean_i H(q_i),   q_ij = exp(s_ij / τ) / Σ_{k≠i} exp(s_ik / τ),   j ≠ i,   τ = 0.05
              s_ij the cosine of p_i and p_j                     nats; much where neighbourhoods are dense

Soft neighbourhood density: Saito et al., "Tune it the Right Way: Unsupervised Validation of Domain Adaptation via Soft
Neighborhood Density", ICCV 2021, section 3; its features are the classifier's probabilities, as there. NumPy alone.
"""

from __future__ import annotations

import numpy as np

from bench.api.errors import DataError

TEMPERATURE = 0.05


def prediction_entropy(probabilities: np.ndarray) -> float:
    """Mean entropy of ``probabilities (N, C)`` in nats.

    >>> round(prediction_entropy(np.array([[1.0, 0.0], [0.5, 0.5]])), 4)
    0.3466
    """
    p = _checked(probabilities, need=1)
    return float(-np.sum(p * np.log(np.maximum(p, np.finfo(float).tiny)), axis=1).mean())


def soft_neighbourhood_density(probabilities: np.ndarray) -> float:
    """Mean entropy of each row's similarities to the others, ``probabilities (N, C)``, N ≥ 2; memory grows as N².

    >>> round(soft_neighbourhood_density(np.eye(2).repeat(3, axis=0)), 4)  # two neighbours each, the others far away
    0.6931
    """
    p = _checked(probabilities, need=2)
    features = p / np.linalg.norm(p, axis=1, keepdims=True)
    similarity = features @ features.T / TEMPERATURE
    np.fill_diagonal(similarity, -np.inf)
    similarity -= similarity.max(axis=1, keepdims=True)
    weights = np.exp(similarity)
    total = weights.sum(axis=1)
    np.fill_diagonal(similarity, 0.0)  # its weight is 0
    return float(np.mean(np.log(total) - np.sum(weights * similarity, axis=1) / total))


def _checked(probabilities: np.ndarray, need: int) -> np.ndarray:
    p = np.asarray(probabilities, float)
    if p.ndim != 2 or len(p) < need:
        raise DataError(f"n too small (have {len(p)}, need {need}): probabilities of shape {p.shape} were given")
    if not np.isfinite(p).all() or p.min() < 0 or np.abs(p.sum(axis=1) - 1).max() > 1e-3:
        raise DataError(f"probabilities lie in [0, 1] and sum to 1 in a row; found {p.min():g} to {p.max():g}")
    return p
