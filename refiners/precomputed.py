"""Images translated elsewhere: reads a folder, so that the output of any tool can be scored.

    x'(split, row) = folder/split/row as six digits.png

Two layouts of the folder:

by row    ``source_train/000000.png``, ``000001.png`` … and ``source_val/000000.png`` …, as ``python -m bench data
          export PAIR --out DIR`` writes the source; at its size, nothing is resized. Images beyond the last row are
          left alone, since a smaller budget takes a prefix of the rows
by name   of a user's own source (:mod:`bench.data.translated`): ``im_000.png`` may have become ``im_000_fake_B.png``,
          in any folder below. A translation of another size than its source is resized to that, and this is printed

PNG, WebP and JPEG are read, 8-bit RGB or grey: level / 255, float32 (B, 3, H, W). Other modes are refused: converting
them would be a refinement of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from bench.api import Budget, FitContext, Frozen, RefineBatch, Refiner, SourceFile
from bench.api.errors import DataError
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.data.fitting import GREY
from bench.data.translated import match_translated
from bench.training.refine_images import to_float

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")


class Params(Frozen):
    """``folder``: holds ``source_train`` and ``source_val``; the content decides the result, not the path."""

    folder: Path


class Precomputed(Refiner):
    """Returns stored images in place of the source's."""

    name: ClassVar[str] = "precomputed"
    version: ClassVar[int] = 2
    Params: ClassVar[type[Frozen]] = Params

    def __init__(self, params: Frozen | None = None) -> None:
        super().__init__(params)
        self._by_name: dict[str, list[tuple[Path, SourceFile]]] = {}

    def see_files(self, files: Mapping[str, Sequence[SourceFile]]) -> str:
        """Match translations by name where the folder is not laid out by row.

        Raises
        ------
        DataError: no such folder, a source image without a translation or with several, or a file that is no image.
        """
        if (self.params.folder / "source_train").is_dir():
            return ""
        sources = [file for those in files.values() for file in those]
        matched = match_translated(self.params.folder, [file.path for file in sources])
        sizes = {path: _size(path) for path in matched.paths}
        pairs = iter(zip(matched.paths, sources, strict=True))
        self._by_name = {split: [next(pairs) for _ in those] for split, those in files.items()}
        resized = [(sizes[path], file.native_size) for path, file in zip(matched.paths, sources, strict=True)]
        line = f"precomputed: {len(sources)} images of {self.params.folder} matched by name ({matched.example})"
        if other := [(found, native) for found, native in resized if found != native]:
            found, native = other[0]
            line += (
                f"; {len(other)} have another size than the source ({found[0]}×{found[1]} for {native[0]}×{native[1]})"
                " and are resized to it"
            )
        return line

    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Check that every row of ``source_train`` has an image of the source's size; learn nothing.

        Raises
        ------
        DataError: no such folder, a missing or ambiguous row, another size or mode; names the file.
        """
        if self._by_name:
            return  # every file was found and opened by see_files
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
        if self._by_name:
            rows = [self._by_name[batch.split][int(row)] for row in batch.rows]
            pixels = np.stack([_placed(path, file.placement, (width, height)) for path, file in rows])
            return {**batch.inputs, "image": to_float(pixels)}
        folder = self.params.folder / batch.split
        pixels = np.stack([_read(_find(folder, int(row)), (width, height)) for row in batch.rows])
        return {**batch.inputs, "image": to_float(pixels)}


def _size(path: Path) -> tuple[int, int]:
    """Width and height of an image file; checks its mode."""
    with _open(path) as image:
        return image.size


def _placed(path: Path, placement: tuple[int, int, int, int], size: tuple[int, int]) -> np.ndarray:
    """``(H, W, 3) uint8``: the picture where its source lies in the working image, grey around."""
    left, top, width, height = placement
    pixels = np.full((size[1], size[0], 3), GREY, np.uint8)
    picture = Image.fromarray(_read(path)).resize((width, height), Image.Resampling.BILINEAR)
    pixels[top : top + height, left : left + width] = np.asarray(picture)
    return pixels


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


def _open(path: Path, size: tuple[int, int] | None = None) -> Image.Image:
    """Open an image file, decoding its header alone, and check its size (width, height), if one is due, and mode."""
    try:
        image = Image.open(path)
    except UnidentifiedImageError:
        raise DataError(f"precomputed cannot read {path}: not an image; expected PNG, WebP or JPEG") from None
    if size not in (None, image.size) or image.mode not in ("RGB", "L"):
        found = f"{image.size[0]}×{image.size[1]} pixels, mode {image.mode}"
        image.close()
        expected = f"{size[0]}×{size[1]} pixels, " if size else ""
        raise DataError(
            f"precomputed found {path} with {found}; expected {expected}mode RGB or L (8 bits, no "
            "alpha): write it again at the size and in the mode of the source"
        )
    return image


def _read(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Pixels of an image file, (H, W, 3) uint8."""
    with _open(path, size) as image:
        try:
            return np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for a damaged PNG chunk
            raise DataError(f"precomputed cannot decode {path}: {error}; write the file again") from None
