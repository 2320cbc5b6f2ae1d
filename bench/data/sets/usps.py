"""USPS (Hull 1994), as of "The Elements of Statistical Learning": ``zip.train.gz`` and ``zip.test.gz`` (or unpacked).

7,291 / 2,007 images of 16×16; a line is the digit and 256 grey values in [−1, 1], −1 the paper. They become levels
0..255 = round(127.5 (v + 1)): light strokes on dark, as MNIST's.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.listing import Listing
from bench.data.sets.mnist_m import DIGITS

NAME, TITLE = "usps", "USPS"
LICENCE = "none stated"
CITATION = "J. J. Hull. A Database for Handwritten Text Recognition Research. IEEE PAMI 1994."
EXPECTED = ("zip.train*", "zip.test*")
SPLITS = ("train", "test")
SIDE = 16


def listing(root: Path, split: str) -> Listing:
    """One split with ``class_id``."""
    file = next(root.glob(f"zip.{split}*"))
    digits, levels = _read(file)
    return Listing(
        format=TITLE,
        names=[f"{file} line {i + 1}" for i in range(len(digits))],
        size=lambda i: (SIDE, SIDE),
        pixels={"image": lambda i: np.repeat(levels[i, ..., None], 3, axis=2)},
        class_names=DIGITS,
        arrays={"class_id": digits},
    )


@lru_cache(maxsize=4)
def _read(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Digits ``(N,) int64`` and levels ``(N, 16, 16) uint8``."""
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        rows = np.array([line.split() for line in content.splitlines() if line.strip()], np.float64)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{file} cannot be read ({error}); fetch it again") from None
    if rows.ndim != 2 or rows.shape[1] != 1 + SIDE**2:
        raise DataError(f"{file} has rows of {rows.shape[-1]} numbers; expected a digit and {SIDE**2} grey values")
    levels = np.rint((rows[:, 1:].clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    return rows[:, 0].astype(np.int64), levels.reshape(-1, SIDE, SIDE)
