"""Images translated elsewhere: reads a folder, so that the output of any tool can be scored.

    x'(split, row) = folder/split/row as six digits.png

Folder layout: ``source_train/000000.png``, ``000001.png`` … and ``source_val/000000.png`` …, numbered as the pair's
rows; ``python -m bench data export PAIR --out DIR`` writes the source under these names. PNG, WebP and JPEG are read,
8-bit RGB or grey, at the size of the source: level / 255, float32 (B, 3, H, W). Images beyond the last row are left
alone, since a smaller budget takes a prefix of the rows.

Nothing is resized, cropped or converted from other modes: each would be a refinement of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from bench.api import Budget, FitContext, Frozen, RefineBatch, Refiner
from bench.api.errors import DataError
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.training.refine_images import to_float

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")


class Params(Frozen):
    """``folder``: holds ``source_train`` and ``source_val``; the content decides the result, not the path."""

    folder: Path


class Precomputed(Refiner):
    """Returns stored images in place of the source's."""

    name: ClassVar[str] = "precomputed"
    version: ClassVar[int] = 1
    Params: ClassVar[type[Frozen]] = Params

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Check that every row of ``source_train`` has an image of the source's size; learn nothing.

        Raises
        ------
        DataError: no such folder, a missing or ambiguous row, another size or mode; names the file.
        """
        folder = self.params.folder / "source_train"
        if not folder.is_dir():
            raise DataError(
                f"precomputed needs the folder {folder}, which does not exist: it must hold {source.n_images} images "
                "000000.png …, one for each source image; `python -m bench data export` shows the layout"
            )
        for row in range(source.n_images):
            with _open(_find(folder, row), source.image_size):
                pass

    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """The stored images of the batch's rows; raises :class:`DataError` as :meth:`fit` does."""
        height, width = batch.inputs["image"].shape[2:]
        folder = self.params.folder / batch.split
        pixels = np.stack([_read(_find(folder, int(row)), (width, height)) for row in batch.rows])
        return {**batch.inputs, "image": to_float(pixels)}


def _find(folder: Path, row: int) -> Path:
    """The one image file of a row."""
    names = [f"{row:06d}{suffix}" for suffix in SUFFIXES]
    found = [name for name in names if (folder / name).is_file()]
    if len(found) != 1:
        raise DataError(
            f"precomputed found {' and '.join(found) or 'no image'} for row {row} in {folder}; "
            f"expected exactly one of {', '.join(names)}"
        )
    return folder / found[0]


def _open(path: Path, size: tuple[int, int]) -> Image.Image:
    """Open an image file, decoding its header alone, and check its size (width, height) and mode."""
    try:
        image = Image.open(path)
    except UnidentifiedImageError:
        raise DataError(f"precomputed cannot read {path}: not an image; expected PNG, WebP or JPEG") from None
    if image.size != size or image.mode not in ("RGB", "L"):
        found = f"{image.size[0]}×{image.size[1]} pixels, mode {image.mode}"
        image.close()
        raise DataError(
            f"precomputed found {path} with {found}; expected {size[0]}×{size[1]} pixels, mode RGB or L (8 bits, no "
            "alpha): write it again at the size and in the mode of the source"
        )
    return image


def _read(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Pixels of an image file, (H, W, 3) uint8."""
    with _open(path, size) as image:
        try:
            return np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for a damaged PNG chunk
            raise DataError(f"precomputed cannot decode {path}: {error}; write the file again") from None
