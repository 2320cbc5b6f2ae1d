"""Label files beside refined images: each format rewrites its own, and what no format knows is refused.

    without --size   labels are copied byte for byte, unless they hold the picture itself (LabelMe's ``imageData``)
    with --size      every format rescales its label files, or refuses to (``rescale`` in :mod:`bench.data.formats`);
                     label images (and any image that was not refined) are resized by nearest neighbour; files
                     without coordinates (texts, tables of classes) are copied; all others are refused

The formats decide by the file, not by the folder: a folder may hold VOC and YOLO labels side by side.
"""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from PIL import Image

from bench.api.errors import DataError
from bench.data.fitting import Size
from bench.data.folders import IMAGE_SUFFIXES, files_below, images_among, key_of
from bench.data.formats import ALL_FORMATS, Resize
from bench.data.image_files import image_size, opened

_NUMERIC = (
    ".json .jsonl .ndjson .xml .csv .tsv .npy .npz .exr .pfm .mat .h5 .hdf5 .pkl .pickle .parquet .tfrecord .mask"
)
MAY_HOLD_COORDINATES = frozenset(_NUMERIC.split())
"""Suffixes of files that may hold coordinates in pixels, or pixels."""
TABLES_OF_CLASSES = frozenset({"classes.csv", "class_dict.csv", "label_colors.csv", "labels.csv"})


def rescaled(root: Path, file: Path, size: Size, native_sizes: Mapping[str, Size] | None = None) -> bytes:
    """The content of the label file ``root/file`` for images of ``size``.

    Parameters
    ----------
    native_sizes : mapping of str to (width, height), optional
        Sizes of the images before, by their names without suffix; read from the headers of the images if missing.

    Raises
    ------
    DataError
        The file cannot be rescaled, or may hold coordinates in a format that is not known.
    """
    resize = resize_of(root, size, native_sizes)
    for module in _modules("rescale"):
        content: bytes | None = module.rescale(root, file, resize)
        if content is not None:
            return content
    path = root / file
    if file.suffix.lower() in IMAGE_SUFFIXES:
        return nearest(path, size)
    if file.suffix.lower() in MAY_HOLD_COORDINATES and file.name.lower() not in TABLES_OF_CLASSES:
        content = path.read_bytes()
        if file.suffix.lower() != ".json" or _has_coordinates(_json(path, content)):
            raise DataError(
                f"{path} may hold coordinates in pixels, and its format is not known, so --size cannot rescale it; "
                "leave --size out, or move the file elsewhere"
            )
        return content
    return path.read_bytes()


def copied(root: Path, file: Path) -> bytes:
    """The content of the label file ``root/file`` beside refined images of the same size."""
    for module in _modules("copy"):
        content: bytes | None = module.copy(root, file)
        if content is not None:
            return content
    return (root / file).read_bytes()


def refuse_unscalable(root: Path, files: Iterable[Path], size: Size) -> None:
    """Refuse, before anything is refined, a folder with a label file that ``--size`` cannot rescale.

    Parameters
    ----------
    files : paths below ``root``
        All files that are not pictures; label images are not opened.

    Raises
    ------
    DataError
        As of :func:`rescaled`.
    """
    for file in files:
        if file.suffix.lower() not in IMAGE_SUFFIXES:
            rescaled(root, file, size)


def resize_of(root: Path, size: Size, native_sizes: Mapping[str, Size] | None = None) -> Resize:
    """The resizing of a folder's images to ``size``, native sizes as of :func:`rescaled`."""

    def native(file: Path) -> Size | None:
        if native_sizes is not None and file.stem in native_sizes:
            return native_sizes[file.stem]
        image = _images_by_key(root).get(key_of(file))
        return None if image is None else image_size(root / image)

    return Resize(size, native)


@lru_cache(maxsize=1)
def _images_by_key(root: Path) -> dict[str, Path]:
    """Images of a folder by their key; the input of a refinement does not change, so it is listed once."""
    return {key_of(image): image for image in images_among(files_below(root))}


def nearest(path: Path, size: Size) -> bytes:
    """A label image at another size: nearest neighbour, in its own kind, palette and 16 bits kept."""
    with opened(path) as image:
        smaller = image.resize(size, Image.Resampling.NEAREST)
        stream = io.BytesIO()
        smaller.save(stream, image.format or "PNG")
    return stream.getvalue()


def _modules(hook: str) -> Iterable[ModuleType]:
    """The formats that have a hook."""
    modules = (importlib.import_module(f"bench.data.formats.{name}") for name in ALL_FORMATS)
    return (module for module in modules if hasattr(module, hook))


def _json(path: Path, content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}); write it again, or remove it") from None


def _has_coordinates(value: Any) -> bool:
    """Whether a JSON document has two numbers side by side somewhere: a point, a box, a size."""
    children = list(value.values() if isinstance(value, dict) else value) if isinstance(value, dict | list) else []
    numbers = [child for child in children if isinstance(child, int | float) and not isinstance(child, bool)]
    return len(numbers) > 1 or any(map(_has_coordinates, children))
