"""How far apart two sets of images look: on features of a network, in their colours, in their spectrum. NumPy, SciPy.

    KID      mean k(x, x') + mean k(y, y') − 2 mean k(x, y),  k(a, b) = (a·b / d + 1)³;  no pair x = x' counted
    Fréchet  ‖μ_x − μ_y‖² + tr(Σ_x + Σ_y − 2 (Σ_x Σ_y)^½)
    C2ST     accuracy of a linear classifier between the sets on the half that it has not seen; 50 % = alike
    colour   mean over L*, a*, b* of ∫ |F_x − F_y|, F the distribution of all pixels; in units of CIELAB
    spectrum root mean square over frequency bands of the difference of mean log power of the luminance; in dB

KID: Bińkowski et al., "Demystifying MMD GANs", ICLR 2018; unbiased, so it may be negative. Its interval is the
jackknife's over images of both sets, not the spread over subsets that is often printed and depends on their number.
Fréchet distance: Heusel et al., NIPS 2017; biased by n, and needs the rank of two covariances: given only where each
set has twice as many images as features. C2ST: Lopez-Paz and Oquab, ICLR 2017. Sets are compared as sets; nothing here
knows labels, and a refiner that copied the target's images would score best: no measure of this file ranks anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.stats import TooFew
from bench.stats.variance import Estimate, Z

FRECHET_IMAGES_PER_FEATURE = 2
LEAST_IMAGES = 20
"""Of each set, for any figure that rests on features: an interval of a dozen images says nothing."""
LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601."""
LAB_RANGES = ((0.0, 100.0), (-110.0, 110.0), (-110.0, 110.0))
"""Of L*, a* and b* in sRGB, rounded outwards."""
N_BANDS = 16


@dataclass(frozen=True)
class Kid:
    """A kernel distance, and how far each image moves it: ``(n,)`` and ``(m,)`` jackknife influences.

    Influences of two distances to the same target, from the same scenes in the same order, may be subtracted: that is
    the paired interval of :func:`reduction`.
    """

    value: float
    influence_x: np.ndarray
    influence_y: np.ndarray

    def estimate(self) -> Estimate:
        """Value and normal 95 % interval; the variance is the sum over both sets of the jackknife's."""
        variance = _jackknife(self.influence_x) + _jackknife(self.influence_y)
        half = Z * float(np.sqrt(variance))
        return Estimate(self.value, self.value - half, self.value + half)


def kid(x: np.ndarray, y: np.ndarray) -> Kid:
    """Squared maximum mean discrepancy of features ``(n, d)`` and ``(m, d)`` under the cubic kernel.

    Raises
    ------
    TooFew: fewer than :data:`LEAST_IMAGES` images in one set.
    """
    n, m = _enough(x), _enough(y)
    within_x, within_y, across = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    np.fill_diagonal(within_x, 0)
    np.fill_diagonal(within_y, 0)
    rows_x, rows_y, cross_x, cross_y = within_x.sum(1), within_y.sum(1), across.sum(1), across.sum(0)
    mean_x, mean_y = rows_x.sum() / (n * (n - 1)), rows_y.sum() / (m * (m - 1))
    total = across.sum()
    without_x = (rows_x.sum() - 2 * rows_x) / ((n - 1) * (n - 2)) - 2 * (total - cross_x) / ((n - 1) * m) + mean_y
    without_y = (rows_y.sum() - 2 * rows_y) / ((m - 1) * (m - 2)) - 2 * (total - cross_y) / (n * (m - 1)) + mean_x
    return Kid(float(mean_x + mean_y - 2 * total / (n * m)), without_x, without_y)


def reduction(before: Kid, after: Kid) -> Estimate:
    """``before − after`` (+ is closer): both distances are to the same set, from the same scenes in the same order."""
    paired = Kid(
        before.value - after.value, before.influence_x - after.influence_x, before.influence_y - after.influence_y
    )
    return paired.estimate()


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """Fréchet distance of two normal distributions with the moments of the features ``(n, d)`` and ``(m, d)``.

    Raises
    ------
    TooFew: fewer than ``2 d`` images in one set.
    """
    for features in (x, y):
        n, d = features.shape
        if n < FRECHET_IMAGES_PER_FEATURE * d:
            raise TooFew(n, FRECHET_IMAGES_PER_FEATURE * d, "images")
    x, y = x.astype(np.float64), y.astype(np.float64)
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    # tr (Σx Σy)^½ is the sum of the roots of the eigenvalues of Σx^½ Σy Σx^½, which is symmetric.
    values, vectors = np.linalg.eigh(cov_x)
    root_x = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root_x @ cov_y @ root_x).clip(min=0)).sum()
    shift = x.mean(0) - y.mean(0)
    return float(shift @ shift + np.trace(cov_x) + np.trace(cov_y) - 2 * shared)


def two_sample_accuracy(x: np.ndarray, y: np.ndarray) -> Estimate:
    """Share of held-out images, as many of each set, that a linear classifier puts into the right one.

    The first half of each set trains, the second is judged; rows must be in random order. The classifier is ridge
    regression of ±1 on standardised features, its penalty the mean eigenvalue of their Gram matrix; nothing is tuned.
    The interval is Wilson's.

    Raises
    ------
    TooFew: fewer than :data:`LEAST_IMAGES` images in one set.
    """
    n = min(_enough(x), _enough(y))
    x, y = x[:n].astype(np.float64), y[:n].astype(np.float64)
    half = n // 2
    train = np.concatenate([x[:half], y[:half]])
    centre, spread = train.mean(0), train.std(0)
    train = (train - centre) / np.where(spread > 0, spread, 1)
    sign = np.repeat([1.0, -1.0], half)
    gram = train @ train.T
    weights = train.T @ np.linalg.solve(gram + np.trace(gram) / len(gram) * np.eye(len(gram)), sign)
    held = (np.concatenate([x[half:], y[half:]]) - centre) / np.where(spread > 0, spread, 1)
    right = (held @ weights > 0) == np.repeat([True, False], n - half)
    return _wilson(int(right.sum()), len(right))


def colour_densities(images: np.ndarray) -> np.ndarray:
    """``(3, 256) float64`` shares of all pixels of ``(N, H, W, 3) uint8`` sRGB in equal bins of L*, a* and b*."""
    from skimage.color import rgb2lab

    counts = np.zeros((3, 256))
    for image in images:
        lab = rgb2lab(image)
        for channel, limits in enumerate(LAB_RANGES):
            counts[channel] += np.histogram(lab[..., channel], 256, limits)[0]
    return counts / counts.sum(1, keepdims=True)


def colour_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Mean over the channels of the first Wasserstein distance of two :func:`colour_densities`, in CIELAB units."""
    apart = np.abs(np.cumsum(x - y, axis=1)).sum(1)
    return float(np.mean(apart * [(high - low) / 256 for low, high in LAB_RANGES]))


def mean_log_power(images: np.ndarray) -> np.ndarray:
    """``(16,) float64`` dB: power of the luminance in rings of equal width up to half a cycle a pixel, averaged over
    each ring, in decibels, averaged over the images ``(N, H, W, 3) uint8``. The mean level is left out.
    """
    height, width = images.shape[1:3]
    luminance = images @ LUMA
    power = np.abs(np.fft.fft2(luminance - luminance.mean((1, 2), keepdims=True))) ** 2 / (height * width)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    band = np.minimum((frequency * 2 * N_BANDS).astype(int), N_BANDS)
    inside = (band < N_BANDS) & (frequency > 0)
    sizes = np.bincount(band[inside], minlength=N_BANDS)
    rings = np.stack([np.bincount(band[inside], one[inside], N_BANDS) for one in power]) / np.maximum(sizes, 1)
    # A quantisation step's own noise, 1/12, is what an 8-bit image has where it has no detail.
    return np.asarray(10 * np.log10(rings + 1 / 12)).mean(0)


def spectrum_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Root mean square difference of two :func:`mean_log_power`, in dB."""
    return float(np.sqrt(np.mean((x - y) ** 2)))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    product: np.ndarray = x.astype(np.float64) @ y.astype(np.float64).T
    return (product / x.shape[1] + 1) ** 3


def _jackknife(without: np.ndarray) -> float:
    """Variance of an estimate from its leave-one-out values (up to a constant)."""
    n = len(without)
    return float((n - 1) / n * np.sum((without - without.mean()) ** 2))


def _wilson(hits: int, n: int) -> Estimate:
    share = hits / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return Estimate(share, float(centre - half), float(centre + half))


def _enough(features: np.ndarray) -> int:
    if len(features) < LEAST_IMAGES:
        raise TooFew(len(features), LEAST_IMAGES, "images")
    return len(features)
