"""Reading single image files: pictures, maps of class ids, depth; every failure names the file and what to do.

The content of a file may be handed over where it was read before, as that of downloads is, to be verified.

picture   8 bits a channel, grey, palette, RGB or RGBA → (H, W, 3) uint8 RGB, turned as its EXIF says; transparent
          pixels are drawn on black
ids       8- or 16-bit PNG of one channel, or a palette image, whose indices are the ids → (H, W) int64
colours   RGB or palette image whose colours are the classes → (H, W, 3) uint8
depth     16-bit PNG, times metres a step → (H, W) float32 metres, 0 = unknown
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from bench.api.errors import DataError
from bench.data.fitting import Size

ORIENTATION = 274
"""The EXIF tag; 5 to 8 swap width and height."""


@contextmanager
def opened(path: Path, content: bytes | None = None) -> Iterator[ImageFile.ImageFile]:
    """An image file, decoded as far as it is used.

    Raises
    ------
    DataError: missing, empty, truncated or no image at all.
    """
    if path.suffix.lower() in (".heic", ".heif"):
        try:
            import pillow_heif
        except ImportError:
            raise DataError(f"{path} is HEIC; install its reader: pip install 'realgain[heic]'") from None
        pillow_heif.register_heif_opener()
    try:
        if content is None and path.exists() and not path.is_file():
            raise DataError(f"{path} is no plain file (a folder, pipe or device); remove it, or write the image there")
        with Image.open(path if content is None else io.BytesIO(content)) as image:
            yield image
    except (DataError, PermissionError):
        raise
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; add the file, or remove what refers to it") from None
    except UnidentifiedImageError:
        if (path.stat().st_size if content is None else len(content)) == 0:
            raise DataError(f"{path} is empty (0 bytes); write the image again, or remove it") from None
        raise DataError(f"{path} is no image that can be read; write it again as PNG or JPEG, or remove it") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # SyntaxError: damaged PNG chunks
        reason = str(error).split("\n")[0]
        raise DataError(f"{path} cannot be decoded ({reason}): write the image again, or remove it") from None


def image_size(path: Path) -> Size:
    """Width and height in pixels as seen, from the header alone."""
    with opened(path) as image:
        width, height = image.size
        turned = image.getexif().get(ORIENTATION, 1) >= 5
    return (height, width) if turned else (width, height)


def read_picture(path: Path, content: bytes | None = None) -> np.ndarray:
    """``(H, W, 3) uint8`` RGB."""
    with opened(path, content) as image:
        return picture_of(image, path)


def picture_of(image: Image.Image, path: Path) -> np.ndarray:
    """``(H, W, 3) uint8`` RGB of an open image; raises :class:`DataError` for more than 8 bits a channel."""
    from PIL import ImageOps

    if image.mode.startswith(("I", "F")):
        raise DataError(
            f"{path} has {image.mode} pixels (more than 8 bits); pictures have 8 bits a channel: convert it to 8-bit "
            "RGB, or, if it is a label, put it into a folder called masks or depth"
        )
    turned = ImageOps.exif_transpose(image)
    if "A" in turned.getbands() or "transparency" in turned.info:
        visible = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", visible.size, (0, 0, 0, 255)), visible)
    return np.asarray(turned.convert("RGB"))


def read_ids(path: Path, content: bytes | None = None) -> np.ndarray:
    """``(H, W) int64``: the values of one channel, a palette's indices, or those of three equal channels.

    A second channel beside grey is opacity; where green and blue are empty the red is the id, as CARLA writes it.

    Raises
    ------
    DataError: a colour image, in which no channel is *the* id.
    """
    with opened(path, content) as image:
        raw, mode = np.asarray(image), image.mode
    if raw.ndim == 2:
        ids = raw.astype(np.int64)
        if raw.dtype.kind == "f" and (ids != raw).any():
            raise DataError(
                f"{path} holds fractions (as {raw[ids != raw][0]:.4g}) where class ids were expected; save whole "
                "numbers as 8- or 16-bit PNG"
            )
        return ids
    if raw.shape[2] == 2 or (raw[..., 1:3] == raw[..., :1]).all() or not raw[..., 1:3].any():
        return raw[..., 0].astype(np.int64)
    n_colours = len(np.unique(raw[..., :3].reshape(-1, 3), axis=0))
    raise DataError(
        f"{path} is a label map in colours (mode {mode}, {n_colours} of them) where class ids were expected; put a "
        "file classes.csv with the columns name,r,g,b into the folder, or save ids in one channel"
    )


def read_colours(path: Path) -> np.ndarray:
    """``(H, W, 3) uint8``: a label map's colours, a palette's applied."""
    with opened(path) as image:
        return np.asarray(image.convert("RGB"))


def read_depth(path: Path, metres_per_step: float, content: bytes | None = None) -> np.ndarray:
    """``(H, W) float32`` metres of a 16-bit PNG; 0 stays 0, unknown."""
    with opened(path, content) as image:
        if not image.mode.startswith("I"):
            raise DataError(
                f"{path} has mode {image.mode}; depth is read from 16-bit PNG of one channel (mode I;16): write it so"
            )
        raw = np.asarray(image)
    return (raw * np.float64(metres_per_step)).astype(np.float32)
