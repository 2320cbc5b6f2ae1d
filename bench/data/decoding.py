"""Files to rows: decoding on all cores, into memory or, where that would be large, into a file.

Pillow frees the interpreter while it decodes and resamples, so threads are enough and share the array. An array beyond
:data:`IN_MEMORY_BYTES` is a memory map of an unnamed temporary file: its pages belong to the file system's cache, not
to the process, and the file goes with the array.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image, UnidentifiedImageError

from bench.data.imageset import DataError

IN_MEMORY_BYTES = 2**29
_CHUNK = 64


def decoded(content: bytes, name: str) -> Image.Image:
    """The picture in the bytes of a file, whole.

    Raises
    ------
    DataError: no bytes, no picture, or not all of it; the message names the file ``name``.
    """
    if not content:
        raise DataError(f"{name} is empty (0 bytes) and no image; put the image there, or delete the file")
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = " ".join(str(error).replace(repr(content), "").split())[:120]
        raise DataError(
            f"{name} is no whole image ({len(content)} bytes; {why}); copy or download it again, or delete it"
        ) from None
    return picture


def rgb(picture: Image.Image) -> np.ndarray:
    """``(H, W, 3) uint8`` RGB of a picture of any mode."""
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def rows_of(
    n_rows: int, read: Callable[[int], np.ndarray], row_shape: tuple[int, ...], dtype: type[np.generic]
) -> np.ndarray:
    """``(n_rows, *row_shape)`` of ``dtype``, row ``i`` being ``read(i)``; read on all cores, the first error raised."""
    rows = room((n_rows, *row_shape), dtype)

    def fill(first: int) -> None:
        for i in range(first, min(first + _CHUNK, n_rows)):
            rows[i] = read(i)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [pool.submit(fill, first) for first in range(0, n_rows, _CHUNK)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return rows


def room(shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """An array of zeros: in memory, or on disk if it is large."""
    if np.prod(shape, dtype=np.int64) * np.dtype(dtype).itemsize <= IN_MEMORY_BYTES:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, "w+", shape=shape)
