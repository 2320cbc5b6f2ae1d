"""LabelMe: a JSON file per image, beside it, with ``shapes``, ``imagePath``, ``imageWidth`` and ``imageHeight``.

    {"label": "car", "shape_type": "rectangle", "points": [[x1, y1], [x2, y2]]}          corners in pixels from 0
    polygon    its points             circle   centre, and a point of its edge
    mask       two corners, last pixels included, and ``mask``: a PNG of that size in base64

The bounds of a shape are its box. Points and lines have no area: they are left out and counted. A photograph without a
JSON file has no object, since LabelMe writes none for it. ``__ignore__`` is ignored in masks, ``_background_`` is the
background.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.api.errors import DataError
from bench.data.fitting import Size
from bench.data.folders import images_among, key_of
from bench.data.formats import Options, Resize
from bench.data.formats.objects import Annotated, Labels, Names, Object, begins, bounds, corners, listing_of, read_json
from bench.data.listing import Listing

NAME = "LabelMe"
KEYS = frozenset({"shapes", "imagePath"})
WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})
CIRCLE_POINTS = 64


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Some JSON file has LabelMe's keys."""
    return any(_is_labelme(root / file) for file in _jsons(files)[:20])


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; classes are those that occur, sorted."""
    if not recognised(root, files):
        return None
    images = images_among(files)
    names, by_key = Names.among(root, files, images), {key_of(image): image for image in images}
    rows: dict[Path, Annotated] = {}
    n_without_area = 0
    for file in _jsons(files):
        content = read_json(root / file)
        if not isinstance(content, dict) or not content.keys() >= KEYS:
            continue
        image = names.find(file.parent, str(content["imagePath"])) or by_key.get(key_of(file))
        if image is None:
            raise DataError(f"{root / file}: found no image {content['imagePath']!r}{_embedded(content)}")
        if image in rows:
            raise DataError(f"{root / file} and {root / rows[image].file} are both of {image}; keep one of the two")
        objects = [_object(root / file, shape) for shape in content["shapes"]]
        n_without_area += objects.count(None)
        stated = (content.get("imageWidth"), content.get("imageHeight"))
        size = (int(stated[0]), int(stated[1])) if stated[0] and stated[1] else None
        rows[image] = Annotated(image, file, tuple(obj for obj in objects if obj is not None), size)
    bare = [image for image in images if image not in rows]
    notes = [f"{len(bare)} images have no JSON file and so no object"] if bare else []
    notes += [f"{n_without_area} points and lines have no area and are left out"] if n_without_area else []
    labels = Labels([*rows.values(), *(Annotated(image, image) for image in bare)], notes=tuple(notes))
    return listing_of(NAME, root, labels, files, options)


def rescale(root: Path, file: Path, resize: Resize) -> bytes | None:
    """Points, masks and sizes in the new pixels; the picture inside the file is taken out (it is the old one)."""
    if (content := _content(root, file)) is None:
        return None
    if not (content.get("imageWidth") and content.get("imageHeight")):
        native = resize.native(file)
        if native is None:
            raise DataError(f"{root / file} states no size and no image is called so; add imageWidth and imageHeight")
        content["imageWidth"], content["imageHeight"] = native
    factors = resize.factors((int(content["imageWidth"]), int(content["imageHeight"])))
    content["shapes"] = [_scaled(shape, factors) for shape in content["shapes"]]
    content["imageWidth"], content["imageHeight"] = resize.size
    return json.dumps({**content, "imageData": None}, indent=2).encode()


def copy(root: Path, file: Path) -> bytes | None:
    """Without the picture that LabelMe may keep in the file: it would be shown instead of the refined one."""
    content = _content(root, file)
    if content is None or not content.get("imageData"):
        return None
    return json.dumps({**content, "imageData": None}, indent=2, ensure_ascii=False).encode()


def _content(root: Path, file: Path) -> dict[str, Any] | None:
    if file.suffix.lower() != ".json" or not _is_labelme(root / file):
        return None
    content = read_json(root / file)
    return content if isinstance(content, dict) and content.keys() >= KEYS else None


def _jsons(files: tuple[Path, ...]) -> list[Path]:
    return [file for file in files if file.suffix.lower() == ".json"]


def _is_labelme(path: Path) -> bool:
    """The keys come in any order, and a whole picture may lie between them."""
    if not begins(path, lambda head: b'"shapes"' in head or b'"imageData"' in head or b'"imagePath"' in head):
        return False
    content = read_json(path)
    return isinstance(content, dict) and content.keys() >= KEYS


def _embedded(content: dict[str, Any]) -> str:
    if content.get("imageData"):
        return "; it is inside the JSON file: export it with `labelme_export_json`, or save the label without imageData"
    return "; put it beside the JSON file, or remove the label"


def _object(path: Path, shape: dict[str, Any]) -> Object | None:
    """``None`` for a shape without area."""
    kind = shape.get("shape_type") or "polygon"
    try:
        label, points = str(shape["label"]), [(float(x), float(y)) for x, y in shape["points"]]
        if kind in WITHOUT_AREA or (kind == "polygon" and len(points) < 3):
            return None
        if kind == "circle":
            points = _circle(points)
        if kind in ("rectangle", "mask"):
            box = bounds(points)
            if kind == "mask":
                box = (box[0], box[1], box[2] + 1, box[3] + 1)
                return Object(label, box, _pasted(shape["mask"], (int(box[0]), int(box[1]))))
            return Object(label, box, corners(box))
        return Object(label, bounds(points), [[value for point in points for value in point]])
    except (KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"{path}: a shape of type {kind!r} cannot be read ({reason}); correct it, or remove it"
        ) from None


def _circle(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    (x, y), edge = points
    radius = math.dist((x, y), edge)
    turns = np.linspace(0, 2 * np.pi, CIRCLE_POINTS, endpoint=False)
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


def _scaled(shape: dict[str, Any], factors: tuple[float, float]) -> dict[str, Any]:
    across, down = factors
    points = [(float(x), float(y)) for x, y in shape["points"]]
    kind = shape.get("shape_type")
    if kind == "circle" and across != down:
        kind, points = "polygon", _circle(points)  # a circle becomes an ellipse, which LabelMe has not
    scaled: dict[str, Any] = {**shape, "points": [[x * across, y * down] for x, y in points]}
    if kind != shape.get("shape_type"):
        scaled["shape_type"] = kind
    if shape.get("mask"):
        (left, top), (right, bottom) = points
        first = (round(left * across), round(top * down))
        behind = (round((right + 1) * across), round((bottom + 1) * down))
        size = (max(1, behind[0] - first[0]), max(1, behind[1] - first[1]))
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as image:
            stream = io.BytesIO()
            image.resize(size, Image.Resampling.NEAREST).save(stream, "PNG")
        scaled["mask"] = base64.b64encode(stream.getvalue()).decode()
        scaled["points"] = [list(first), [first[0] + size[0] - 1, first[1] + size[1] - 1]]
    return scaled


def _pasted(text: str, corner: tuple[int, int]) -> Callable[[Size], np.ndarray]:
    """The outline of a PNG in base64 whose first pixel is the image's pixel ``corner``."""

    def pixels(size: Size) -> np.ndarray:
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            part = np.asarray(image.convert("L")) > 0
        whole = np.zeros(size[::-1], bool)
        left, top = corner
        height, width = whole[top : top + part.shape[0], left : left + part.shape[1]].shape
        whole[top : top + height, left : left + width] = part[:height, :width]
        return whole

    return pixels
