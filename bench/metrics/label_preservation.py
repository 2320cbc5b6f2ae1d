"""Do the labels of rendered images still fit their refined ones? NumPy, SciPy and scikit-image.

    relative score   R = s(refined) / s(reference), s the judge's score; for errors the other way round; 1 = as good
    edge agreement   A = P(g_b > g_n), g the gradient of luminance at a random pixel b on a boundary of the labels, and
                     at a random pixel n of its surroundings; 0.5 = the image knows nothing of the labels
    similarity       SSIM of the luminance of source and refined image, averaged over the foreground; 1 = unchanged

A judge is a network that was trained on other images, so it can err on both; R asks only whether it errs more. Its
interval is that of a ratio of two means over the same images (delta method, normal).

g is the magnitude of Gaussian derivatives of σ = 1 pixel; a boundary is what :func:`boundaries` says, its
surroundings the pixels 2 to 4 away. SSIM: Wang et al., IEEE TIP 2004, Gaussian windows of σ = 1.5, by scikit-image.
A is invariant to contrast and brightness, so a change of look alone does not move it; a moved outline does.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.metrics.domain_gap import LUMA
from bench.stats.variance import Estimate, Z

IGNORE = 255
DEPTH_STEP = 1.1
"""Ratio of neighbouring depths from which there is an edge: 10 % is a jump at any distance of the pairs that ship."""
WITH_OUTLINES = ("mask", "foreground", "depth_m", "boxes")
"""Label columns that have boundaries, those that follow outlines best first."""
NEAR_PX, FAR_PX = 1, 4


def relative_score(refined: np.ndarray, reference: np.ndarray, higher_is_better: bool) -> Estimate | None:
    """Ratio of two scores from per-image contributions ``(N,)`` of the same scenes, above 1: ``refined`` is better.

    ``None`` where the score that divides is not positive: there is nothing to be relative to.
    """
    part, whole = (refined, reference) if higher_is_better else (reference, refined)
    part, whole = part.astype(np.float64), whole.astype(np.float64)
    if whole.mean() <= 0:
        return None
    ratio = part.mean() / whole.mean()
    residual = (part - ratio * whole) / whole.mean()
    half = Z * float(residual.std(ddof=1)) / np.sqrt(len(part)) if len(part) > 1 else float("inf")
    return Estimate(float(ratio), float(ratio - half), float(ratio + half))


def boundaries(kind: str, labels: Mapping[str, np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """``(N, H, W) bool``: both pixels of every step of a label: class ids, foreground, jumps of depth, box outlines.

    Parameters
    ----------
    kind: one of :data:`WITH_OUTLINES`.
    labels: the columns; ``boxes`` come with ``box_class``.
    size: width and height of the images in pixels, for boxes.
    """
    if kind == "boxes":
        return _outlines(labels["boxes"], labels["box_class"], size)
    label = labels[kind]
    found = np.zeros(label.shape, bool)
    for axis in (1, 2):
        first = np.moveaxis(label, axis, 0)[:-1]
        second = np.moveaxis(label, axis, 0)[1:]
        step = _step(kind, first, second)
        edges = np.moveaxis(found, axis, 0)
        edges[:-1] |= step
        edges[1:] |= step
    return found


def _step(kind: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    differ: np.ndarray = first != second
    if kind == "mask":
        return differ & (first != IGNORE) & (second != IGNORE)
    if kind == "depth_m":
        near, far = np.minimum(first, second), np.maximum(first, second)
        return (near > 0) & (far > DEPTH_STEP * near)
    return differ


def _outlines(boxes: np.ndarray, box_class: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    found = np.zeros((len(boxes), height, width), bool)
    for image, (rows, classes) in enumerate(zip(boxes, box_class, strict=True)):
        for left, top, right, bottom in rows[classes >= 0].round().astype(int):
            inside = np.zeros((height + 2, width + 2), bool)
            inside[1 + max(top, 0) : 1 + min(bottom, height), 1 + max(left, 0) : 1 + min(right, width)] = True
            outline = boundaries("foreground", {"foreground": inside[None]}, size)[0]
            found[image] |= outline[1:-1, 1:-1]
    return found


def edge_agreement(images: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """``(N,) float64`` agreement of the images' ``(N, H, W, 3) uint8`` edges with label boundaries ``(N, H, W) bool``.

    NaN for an image without a boundary, or without surroundings.
    """
    from scipy.ndimage import binary_dilation, gaussian_gradient_magnitude
    from scipy.stats import rankdata

    square = np.ones((3, 3), bool)
    found = np.full(len(images), np.nan)
    for row, (image, boundary) in enumerate(zip(images, edges, strict=True)):
        around = binary_dilation(boundary, square, FAR_PX) & ~binary_dilation(boundary, square, NEAR_PX)
        on, off = int(boundary.sum()), int(around.sum())
        if on == 0 or off == 0:
            continue
        gradient = gaussian_gradient_magnitude(image @ LUMA, 1.0)
        ranks = rankdata(np.concatenate([gradient[boundary], gradient[around]]))
        found[row] = (ranks[:on].sum() - on * (on + 1) / 2) / (on * off)
    return found


def similarity(source: np.ndarray, refined: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """``(N,) float64`` mean SSIM of luminance over ``inside`` ``(N, H, W) bool``; NaN where that is empty.

    Images are ``(N, H, W, 3) uint8``, 11 pixels wide and high at least.
    """
    from skimage.metrics import structural_similarity

    found = np.full(len(source), np.nan)
    for row, (before, after, where) in enumerate(zip(source, refined, inside, strict=True)):
        if where.any():
            _, ssim = structural_similarity(
                before @ LUMA,
                after @ LUMA,
                data_range=255,
                gaussian_weights=True,
                use_sample_covariance=False,
                full=True,
            )
            found[row] = ssim[where].mean()
    return found
