"""From radiance to an 8-bit picture: a plain conversion for the source, a camera for the stand-in target.

The camera, in the order of its parts; L is linear RGB radiance, every draw uniform in the ranges of :class:`Sensor`::

    lens      vignetting  L · (1 − v · r²), r = 1 in the corners;  blur  Gaussian of σ pixels
    exposure  metered: the mean luma, highlights clipped, goes to ``key`` · 2^error
    sensor    RGGB mosaic of the image's size;  signal + N(0, gain · signal + read²);  full well clips at 1
    picture   bilinear demosaicking, white-balance error (red and blue gains), unsharp mask, filmic curve, JPEG

The mosaic has the size of the final image, as a small cheap camera's has; a large sensor's picture scaled down would
show less noise and less colour fringing. No lens flare, no rolling shutter, no motion blur.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

_LUMA = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709, for linear RGB
_BILINEAR = np.array([[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]])
Range = tuple[float, float]


@dataclass(frozen=True)
class Sensor:
    """Ranges of the camera's draws; see the module's docstring for the symbols."""

    vignetting: Range = (0.05, 0.35)
    blur_px: Range = (0.2, 0.5)
    key: float = 0.2
    exposure_error_stops: Range = (-0.5, 0.5)
    gain: Range = (0.0001, 0.0015)  # 1/gain electrons at full scale
    read_noise: Range = (0.001, 0.004)
    balance_error_stops: Range = (-0.2, 0.2)
    sharpening: Range = (0.2, 0.6)
    jpeg_quality: tuple[int, int] = (75, 95)


def plain_picture(radiance: np.ndarray, exposure: float | None) -> np.ndarray:
    """``(H, W, 3) uint8``: radiance times ``exposure`` (``None``: metered), clipped to [0, 1] and sRGB-encoded."""
    exposure = metered(radiance, Sensor.key) if exposure is None else exposure
    return _to_bytes(_srgb(np.clip(radiance * exposure, 0, 1)))


def photograph(
    radiance: np.ndarray, rng: np.random.Generator, sensor: Sensor, exposure: float | None = None
) -> np.ndarray:
    """``(H, W, 3) float`` linear radiance → ``uint8`` picture as the camera of ``sensor`` takes it.

    ``exposure`` ``None`` meters the picture; a number is the factor from radiance to the sensor's [0, 1].
    """
    from scipy.ndimage import gaussian_filter

    height, width = radiance.shape[:2]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    seen = radiance * (1 - rng.uniform(*sensor.vignetting) * (x**2 + y**2) / 2)[..., None]
    blur = rng.uniform(*sensor.blur_px)
    seen = gaussian_filter(seen, (blur, blur, 0), mode="nearest")

    seen = seen * (metered(seen, sensor.key) if exposure is None else exposure)
    seen = seen * 2 ** rng.uniform(*sensor.exposure_error_stops)
    mosaic = _mosaic(seen)
    noise = np.sqrt(rng.uniform(*sensor.gain) * mosaic + rng.uniform(*sensor.read_noise) ** 2)
    mosaic = np.clip(mosaic + noise * rng.normal(size=mosaic.shape), 0, 1)

    red, blue = 2 ** rng.uniform(*sensor.balance_error_stops, 2)
    picture = _demosaicked(mosaic) * (red, 1.0, blue)
    picture = picture + rng.uniform(*sensor.sharpening) * (picture - gaussian_filter(picture, (1, 1, 0)))
    pixels = _to_bytes(_srgb(_filmic(np.clip(picture, 0, None))))
    packed = io.BytesIO()
    quality = int(rng.integers(sensor.jpeg_quality[0], sensor.jpeg_quality[1] + 1))
    Image.fromarray(pixels).save(packed, "JPEG", quality=quality)
    return np.array(Image.open(packed))


def metered(radiance: np.ndarray, key: float) -> float:
    """The exposure that brings the mean luma to ``key``, with what is brighter than its 98th percentile clipped."""
    luma = radiance @ _LUMA
    return key / max(float(np.minimum(luma, np.percentile(luma, 98)).mean()), 1e-6)


def _mosaic(image: np.ndarray) -> np.ndarray:
    """``(H, W)``: red at even rows and columns, blue at odd ones, green elsewhere."""
    mosaic = image[..., 1].copy()
    mosaic[::2, ::2] = image[::2, ::2, 0]
    mosaic[1::2, 1::2] = image[1::2, 1::2, 2]
    return mosaic


def _demosaicked(mosaic: np.ndarray) -> np.ndarray:
    """Each channel's missing pixels as weighted means of its neighbours (normalised, so borders are right too)."""
    from scipy.ndimage import convolve

    sites = np.zeros((*mosaic.shape, 3))
    sites[::2, ::2, 0] = sites[1::2, 1::2, 2] = sites[::2, 1::2, 1] = sites[1::2, ::2, 1] = 1
    channels = [
        convolve(mosaic * sites[..., c], _BILINEAR, mode="constant")
        / convolve(sites[..., c], _BILINEAR, mode="constant")
        for c in range(3)
    ]
    return np.stack(channels, axis=-1)


def _filmic(linear: np.ndarray) -> np.ndarray:
    """Reinhard's curve with white at 2: shadows stay linear, highlights roll off."""
    return np.clip(linear * (1 + linear / 4) / (1 + linear) * 1.35, 0, 1)


def _srgb(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def _to_bytes(encoded: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(encoded, 0, 1) * 255).astype(np.uint8)
