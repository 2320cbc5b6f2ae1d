"""An image file written again with other pixels: the same kind of file, with the transparency it had.

JPEG is written at quality 95 without chroma subsampling, WebP without loss. A grey image stays grey. Pixels are turned
as EXIF says. An alpha channel is kept: what is fully transparent is black to whoever rewrites the pixels, and keeps the
colour that it had in the file. What cannot be kept is counted in :attr:`Picture.changes`: palettes, 16 bits per
channel, CMYK.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps

from bench.data import fitting
from bench.data.fitting import Size
from bench.data.image_files import opened, picture_of

JPEG_QUALITY = 95
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": JPEG_QUALITY, "subsampling": 0},
    "WEBP": {"lossless": True},
}
WITHOUT_ALPHA = frozenset({"BMP", "DIB"})
"""Kinds of files that Pillow reads with an alpha channel and writes without one that others would see."""
CHANGES = {
    "alpha": "transparent images keep their alpha channel; what is fully transparent is black to the refiner",
    "alpha lost": "BMP files are written without their transparency",
    "palette": "palette images are written in full colour, without a palette",
    "16 bits": "images with 16 bits per channel are written with 8",
    "CMYK": "CMYK images are written as RGB",
}
"""What is said about images that need saying something, by the word that :attr:`Picture.changes` has for it."""


@dataclass(frozen=True)
class Picture:
    """An image file's pixels, and what is needed to write others in their place.

    Attributes
    ----------
    pixels: ``(H, W, 3) uint8`` RGB, black where fully transparent.
    hidden: ``(H, W, 3) uint8``, the colours of the file also where it is transparent; ``None`` without alpha.
    alpha: ``(H, W) uint8``, or ``None``.
    kind: Pillow's name of the file format.
    grey: the file has no colour.
    changes: keys of :data:`CHANGES`.
    """

    pixels: np.ndarray
    hidden: np.ndarray | None
    alpha: np.ndarray | None
    kind: str
    grey: bool
    changes: tuple[str, ...]


def read_for_rewriting(path: Path, size: Size | None = None) -> Picture:
    """An image file at its native size, or resized.

    Raises
    ------
    DataError: a file that is no image, or one of 16-bit grey or floating-point values; names the file.
    """
    with opened(path) as image:
        kind, mode = image.format or "PNG", image.mode
        kind = "JPEG" if kind == "MPO" else kind  # what phones write: a JPEG, and a second picture behind it
        changes = tuple(word for word, applies in _changes(image).items() if applies)
        grey = mode in ("L", "1", "LA")
        if "alpha" not in changes:
            pixels = picture_of(image, path)
            if size is not None:
                pixels = fitting.fit_image(pixels, size, "resize")
            return Picture(pixels, None, None, kind, grey, changes)
        turned = ImageOps.exif_transpose(image).convert("RGBA")
    if size is not None and turned.size != size:
        turned = turned.resize(size, Image.Resampling.BILINEAR)  # Pillow weighs colours by their opacity
    channels = np.asarray(turned)
    hidden, alpha = channels[..., :3], channels[..., 3]
    return Picture(np.where(alpha[..., None] > 0, hidden, np.uint8(0)), hidden, alpha, kind, grey, changes)


def _changes(image: ImageFile.ImageFile) -> dict[str, bool]:
    raw_mode = str(image.tile[0].args) if image.tile else ""
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    return {
        "alpha": has_alpha and image.format not in WITHOUT_ALPHA,
        "alpha lost": has_alpha and image.format in WITHOUT_ALPHA,
        "palette": image.mode in ("P", "PA"),
        "16 bits": ";16" in raw_mode and not image.mode.startswith("I"),
        "CMYK": image.mode == "CMYK",
    }


def rewritten(picture: Picture, pixels: np.ndarray) -> bytes:
    """The content of the file with other ``pixels`` ``(H, W, 3) uint8`` of the same size."""
    if picture.hidden is not None and picture.alpha is not None:
        pixels = np.where(picture.alpha[..., None] > 0, pixels, picture.hidden)
    image = Image.fromarray(pixels)
    if picture.grey:
        image = image.convert("L")
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    stream = io.BytesIO()
    image.save(stream, picture.kind, **OPTIONS.get(picture.kind, {}))
    return stream.getvalue()
