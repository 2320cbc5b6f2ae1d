"""Label files of images that were resized: the same labels in the new pixels, in the format they came in.

    Pascal VOC   width, height and the corners of bndbox, rounded to whole pixels; the rest of the text as it was
    COCO         width and height of images; bbox, area and polygons of annotations; run-length masks are refused
    masks        nearest neighbour, palette kept       depth   nearest neighbour, the values as they were
    YOLO         shares of the image: as they were

What is no label file of these is copied as it is.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.api.errors import DataError
from bench.data.fitting import Size
from bench.data.folders import IMAGE_SUFFIXES, LABEL_WORDS, says
from bench.data.formats import coco, voc
from bench.data.image_files import opened

MAY_HOLD_COORDINATES = frozenset({".json", ".xml", ".npy", ".npz", ".exr", ".pfm", ".h5"})


def rescaled(root: Path, file: Path, size: Size, native_sizes: dict[str, Size]) -> bytes:
    """The content of ``root/file`` for images of ``size``.

    Parameters
    ----------
    native_sizes: width and height of the images before, by their names without suffix.

    Raises
    ------
    DataError: a label that cannot be rescaled; names the file.
    """
    path, suffix = root / file, file.suffix.lower()
    content = path.read_bytes()
    if suffix in IMAGE_SUFFIXES and says(file, LABEL_WORDS):
        return _nearest(path, size)
    if suffix == ".xml" and b"<annotation" in content[:1000]:
        native = voc.read_annotation(path).size or native_sizes.get(file.stem)
        if native is None:
            raise DataError(f"{path} states no size and no image is called so; add <size> to it, or remove it")
        return _voc(content.decode(), native, size).encode()
    if suffix == ".json":
        document = json.loads(content)
        if isinstance(document, dict) and document.keys() >= coco.KEYS:
            return json.dumps(_coco(path, document, size)).encode()
    return content


def _nearest(path: Path, size: Size) -> bytes:
    with opened(path) as image:
        smaller = image.resize(size, Image.Resampling.NEAREST)
        stream = io.BytesIO()
        smaller.save(stream, image.format or "PNG")
    return stream.getvalue()


def _voc(text: str, native: Size, size: Size) -> str:
    factors = {"x": size[0] / native[0], "y": size[1] / native[1]}

    def corner(found: re.Match[str]) -> str:
        tag, value = found[1], float(found[2])
        factor, limit = factors[tag[0]], size[tag[0] == "y"]
        # The first pixel is 1: a left edge lies before its pixel, a right edge behind it.
        scaled = (value - 1) * factor + 1 if tag.endswith("min") else value * factor
        return f"<{tag}>{min(max(round(scaled), 1), limit)}</{tag}>"

    text = re.sub(r"<([xy](?:min|max))>\s*([-\d.eE+]+)\s*</\1>", corner, text)
    text = re.sub(r"<width>[^<]*</width>", f"<width>{size[0]}</width>", text)
    return re.sub(r"<height>[^<]*</height>", f"<height>{size[1]}</height>", text)


def _coco(path: Path, document: dict[str, Any], size: Size) -> dict[str, Any]:
    factors = {}
    for image in document["images"]:
        if not (image.get("width") and image.get("height")):
            raise DataError(f"{path} states no size of {image.get('file_name')!r}; add width and height to it")
        factors[str(image["id"])] = (size[0] / image["width"], size[1] / image["height"])
        image["width"], image["height"] = size
    for annotation in document["annotations"]:
        across, down = factors[str(annotation["image_id"])]
        annotation["bbox"] = [
            value * factor for value, factor in zip(annotation["bbox"], (across, down) * 2, strict=True)
        ]
        if "area" in annotation:
            annotation["area"] *= across * down
        outlines = annotation.get("segmentation")
        if isinstance(outlines, dict):
            raise DataError(
                f"{path}: annotation {annotation.get('id')} is a run-length mask, which cannot be rescaled; "
                "leave --size out"
            )
        if outlines:
            annotation["segmentation"] = [
                (np.array(outline).reshape(-1, 2) * (across, down)).ravel().tolist() for outline in outlines
            ]
    return document


def copied(root: Path, file: Path) -> bytes:
    """The content of the label file ``root/file`` beside refined images of the same size."""
    return (root / file).read_bytes()


def refuse_unscalable(root: Path, files: Iterable[Path], size: Size) -> None:
    """Refuse, before anything is refined, a folder with a file that may hold coordinates and that is not understood.

    Raises
    ------
    DataError: names the file, and what can be rescaled.
    """
    for file in files:
        suffix, path = file.suffix.lower(), root / file
        known = suffix not in MAY_HOLD_COORDINATES
        if suffix == ".json":
            document = json.loads(path.read_bytes())
            known = isinstance(document, dict) and document.keys() >= coco.KEYS
        elif suffix == ".xml":
            known = b"<annotation" in path.read_bytes()[:1000]
        if not known:
            raise DataError(
                f"{path} may hold coordinates in pixels, and its format is not known, so --size cannot rescale it "
                "(VOC, COCO, YOLO, masks and depth images can be); leave --size out, or move the file elsewhere"
            )
