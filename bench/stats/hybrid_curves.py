"""Hybrid curves: score against the number k of labelled real images, and how many of those a row saves.

The curve of an arm is piecewise linear over log(1 + k), through its mean scores made monotone by the least change (pool
adjacent violators). A row that reaches score y with k labelled images *saves*::

    saved = curve⁻¹(y) − k          curve⁻¹(y): the fewest labelled images at which the curve reaches y

Below the curve's first point and above its last nothing was measured: the answer is then −inf or +inf, never an
extrapolation. The interval is that of a parametric bootstrap over seeds × test images: scores of the curve and of the
row are drawn together from the two-level model of :mod:`bench.stats`, each component with its own t::

    y* = ȳ + √U_seed z / √(χ²(S−1) / (S−1)) + √U_image z' / √(χ²(M−1) / (M−1))         z, z' standard normal

with U the covariance matrices of all points involved, since seeds and images are shared; ends are percentiles of
``saved*``. Resampling the seeds themselves would not do: five of them cover 83 %, not 95 %.

NumPy alone. Scores are signed by the caller so that + is better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.api.errors import DataError
from bench.stats import block_means, enough

DRAWS = 4000


@dataclass(frozen=True)
class Saved:
    """Labelled real images saved at equal score.

    ``value``, ``low`` and ``high`` (95 %) are ±inf where the score lies beyond the curve's measured range; the number
    is then at least ``most`` or at most ``least``, the savings at the range's ends.
    """

    value: float
    low: float
    high: float
    least: float
    most: float


def monotone(scores: np.ndarray) -> np.ndarray:
    """The non-decreasing sequence nearest to ``scores (…, P)`` in squares: ``max over j ≤ i of min over k ≥ i``
    of the mean from j to k.

    >>> monotone(np.array([1.0, 3.0, 2.0, 4.0]))
    array([1. , 2.5, 2.5, 4. ])
    """
    n_points = scores.shape[-1]
    sums = np.concatenate([np.zeros((*scores.shape[:-1], 1)), np.cumsum(scores, -1)], -1)
    fitted = []
    for i in range(n_points):
        ends = np.arange(i + 1, n_points + 1)
        lows = [np.min((sums[..., ends] - sums[..., j, None]) / (ends - j), -1) for j in range(i + 1)]
        fitted.append(np.max(lows, 0))
    return np.stack(fitted, -1)


def reached(k: np.ndarray, scores: np.ndarray, level: np.ndarray) -> np.ndarray:
    """The fewest labelled images at which monotone curves ``scores (…, P)`` over ``k (P,)`` reach ``level (…)``.

    −inf where the first point is above the level, +inf where the last is below.

    >>> k = np.array([0.0, 3.0, 15.0])
    >>> reached(k, np.array([1.0, 2.0, 3.0]), np.array(1.5)), reached(k, np.array([1.0, 2.0, 3.0]), np.array(4.0))
    (array(1.), array(inf))
    """
    x = np.log1p(np.asarray(k, float))
    below = np.sum(scores < level[..., None], -1)
    right = np.clip(below, 1, len(x) - 1)
    first, last = (np.take_along_axis(scores, place[..., None], -1)[..., 0] for place in (right - 1, right))
    share = np.divide(level - first, last - first, out=np.zeros_like(level, float), where=last > first)
    found = np.expm1(x[right - 1] + np.clip(share, 0, 1) * (x[right] - x[right - 1]))
    found = np.where((below == 0) & (level < scores[..., 0]), -np.inf, found)
    return np.where(below == len(x), np.inf, found)


def saved(
    k: np.ndarray, curve: np.ndarray, own_k: float, own: np.ndarray, groups: np.ndarray | None = None, seed: int = 0
) -> Saved:
    """How many labelled real images a row saves over a curve.

    Parameters
    ----------
    k, curve: ``(P,)`` rising numbers of labelled images, at least two, and contributions ``(P, S, M)`` there.
    own_k, own: labelled images that the row used itself, and its contributions ``(S, M)``: same seeds and test images.
    groups: ``(M,)`` blocks of test images that are not independent.
    seed: of the bootstrap's draws; equal arguments give equal intervals.

    Raises
    ------
    TooFew: fewer than two seeds or blocks.    DataError: shapes do not fit, or k does not rise.
    """
    k = np.asarray(k, float)
    if len(k) < 2 or np.any(np.diff(k) <= 0) or curve.shape != (len(k), *own.shape):
        raise DataError(f"a curve needs two or more rising k and (P, S, M) values; found k {k} and {curve.shape}")
    values = np.concatenate([curve, own[None]])
    drawn = _draws(values, groups, np.random.default_rng(seed))
    means = np.concatenate([values.mean((1, 2))[None], drawn])
    found = reached(k, monotone(means[:, :-1]), means[:, -1]) - own_k
    low, high = np.quantile(found[1:], 0.025, method="lower"), np.quantile(found[1:], 0.975, method="higher")
    return Saved(float(found[0]), float(low), float(high), float(k[0] - own_k), float(k[-1] - own_k))


def _draws(values: np.ndarray, groups: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """``(DRAWS, K)`` means of ``values (K, S, M)`` as other seeds and another test set might give them."""
    n_arms, n_seeds, _ = values.shape
    enough(n_seeds, "task seeds")
    seed_means = values.mean(2)
    if groups is not None:
        values = block_means(values, seed_means, groups)
    n_blocks = enough(values.shape[2], "test images, or blocks of them")
    mean = seed_means.mean(1)
    of_seeds, of_images = seed_means - mean[:, None], values.mean(1) - mean[:, None]
    rest = (values - mean[:, None, None] - of_seeds[:, :, None] - of_images[:, None]).reshape(n_arms, -1)
    seeds = of_seeds @ of_seeds.T / (n_seeds * (n_seeds - 1))
    images = of_images @ of_images.T / (n_blocks * (n_blocks - 1))
    chance = rest @ rest.T / (n_seeds * n_blocks * (n_seeds - 1) * (n_blocks - 1))
    return mean + _t_draws(seeds, n_seeds - 1, rng) + _t_draws(images - chance, n_blocks - 1, rng)


def _t_draws(covariance: np.ndarray, dof: int, rng: np.random.Generator) -> np.ndarray:
    """``(DRAWS, K)`` of the multivariate t; negative eigenvalues, differences of estimates, are taken for 0."""
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    normal = rng.normal(size=(DRAWS, len(covariance)))
    return normal @ root / np.sqrt(rng.chisquare(dof, size=(DRAWS, 1)) / dof)
