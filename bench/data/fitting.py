"""How images and labels of any native size are brought to a working size, and predictions back.

Everything follows from (native size, working size, fit); no transform is stored.

    resize      each axis by its own factor                                            x' = x · w/W,  y' = y · h/H
    letterbox   both by s = min(w/W, h/H), centred, the rest grey (or "unknown")        x' = x · s + (w − round(s·W))//2

Sizes are (width, height) in pixels; pixel i covers [i, i+1), so that scaling a coordinate needs no half-pixel shifts.
Images are resampled by area-weighted bilinear filtering (Pillow), masks and depth by nearest neighbour: a mean of two
class ids or of two depths across an edge is neither. Nothing here imports torch.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from bench.api.terms import Fit

Size = tuple[int, int]

GREY = 128
"""The level of a letterbox's bars."""


def placement(native_size: Size, size: Size, fit: Fit) -> tuple[int, int, int, int]:
    """Left, top, width and height of the native image inside the working one.

    >>> placement((400, 200), (100, 100), "letterbox")
    (0, 25, 100, 50)
    >>> placement((400, 200), (100, 100), "resize")
    (0, 0, 100, 100)
    """
    if fit == "resize":
        return 0, 0, *size
    scale = min(size[0] / native_size[0], size[1] / native_size[1])
    width, height = (max(1, round(scale * side)) for side in native_size)
    return (size[0] - width) // 2, (size[1] - height) // 2, width, height


def fit_image(image: np.ndarray, size: Size, fit: Fit) -> np.ndarray:
    """``(H, W, 3) uint8`` RGB at the working size: ``(h, w, 3) uint8``."""
    return _place(image, size, fit, Image.Resampling.BILINEAR, GREY)


def fit_mask(mask: np.ndarray, size: Size, fit: Fit) -> np.ndarray:
    """``(H, W) uint8`` class ids (or ``bool``) at the working size; bars are 255, ignore (``False``)."""
    if mask.dtype == bool:
        return _place(mask.astype(np.uint8), size, fit, Image.Resampling.NEAREST, 0).astype(bool)
    return _place(mask, size, fit, Image.Resampling.NEAREST, 255)


def fit_depth(depth_m: np.ndarray, size: Size, fit: Fit) -> np.ndarray:
    """``(H, W) float32`` metres at the working size; bars are 0, unknown."""
    return _place(depth_m, size, fit, Image.Resampling.NEAREST, 0)


def fit_boxes(boxes: np.ndarray, native_size: Size, size: Size, fit: Fit) -> np.ndarray:
    """``(n, 4) float32`` left, top, right, bottom in native pixels → in working pixels."""
    left, top, width, height = placement(native_size, size, fit)
    factors = np.array([width / native_size[0], height / native_size[1]] * 2)
    return (boxes * factors + np.array([left, top] * 2)).astype(np.float32)


def unfit_boxes(boxes: np.ndarray, native_size: Size, size: Size, fit: Fit) -> np.ndarray:
    """``(n, 4)`` boxes in working pixels → ``float32`` in native pixels, clipped to the image."""
    left, top, width, height = placement(native_size, size, fit)
    factors = np.array([native_size[0] / width, native_size[1] / height] * 2)
    native = (boxes - np.array([left, top] * 2)) * factors
    return native.clip(0, np.array(native_size * 2)).astype(np.float32)


def fit_intrinsics(intrinsics: np.ndarray, native_size: Size, size: Size, fit: Fit) -> np.ndarray:
    """``(4,)`` fx, fy, cx, cy in native pixels → ``float32`` in working pixels."""
    left, top, width, height = placement(native_size, size, fit)
    across, down = width / native_size[0], height / native_size[1]
    return (intrinsics * np.array([across, down] * 2) + np.array([0, 0, left, top])).astype(np.float32)


def _place(array: np.ndarray, size: Size, fit: Fit, resampling: Image.Resampling, bars: int) -> np.ndarray:
    native = (array.shape[1], array.shape[0])
    left, top, width, height = placement(native, size, fit)
    inside = array
    if (width, height) != native:
        inside = np.asarray(Image.fromarray(array).resize((width, height), resampling))
    if (width, height) == size:
        return np.ascontiguousarray(inside)
    whole = np.full((size[1], size[0], *array.shape[2:]), bars, array.dtype)
    whole[top : top + height, left : left + width] = inside
    return whole
