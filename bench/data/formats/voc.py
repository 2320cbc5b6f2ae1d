"""Pascal VOC: an XML file for each image, beside it or in ``Annotations/`` (or ``labels/``) next to ``JPEGImages/``.

    bndbox xmin, ymin, xmax, ymax: 1-based pixels, the last one included  →  left = xmin − 1, …, right = xmax

Every object counts, also one marked difficult (the task's metric knows no others). XML is parsed without entities.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from xml.parsers import expat

import numpy as np

from bench.api.errors import DataError
from bench.data.folders import images_among, key_of, paired
from bench.data.formats import Options, Resize, of_images, other_size
from bench.data.listing import Listing

NAME = "Pascal VOC"
EDGES = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class Annotation:
    """One file: stated (width, height) or ``None``; class names and boxes as written."""

    size: tuple[int, int] | None
    names: tuple[str, ...]
    boxes: np.ndarray


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """There are XML files whose root element is ``annotation``."""
    return any(_is_annotation(root / file) for file in _xmls(files)[:20])


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; classes are those that occur, sorted."""
    if not recognised(root, files):
        return None
    images = images_among(files)
    keys = set(map(key_of, images))
    labels = [file for file in _xmls(files) if key_of(file) in keys or _is_annotation(root / file)]
    found = paired(root, images, labels, "annotation")
    annotations = [read_annotation(root / file) for file in found if file is not None]
    class_names = tuple(sorted({name for annotation in annotations for name in annotation.names}))
    plain = of_images(NAME, root, images, files)

    def size(i: int) -> tuple[int, int]:
        here, said = plain.size(i), annotations[i].size
        if said is not None and said != here:
            raise other_size(plain.names[i], here, root / str(found[i]), said)
        return here

    return replace(
        plain,
        size=size,
        class_names=class_names,
        boxes=lambda i: from_voc(annotations[i].boxes),
        box_class=[np.array([class_names.index(n) for n in a.names], np.int64) for a in annotations],
    )


def rescale(root: Path, file: Path, resize: Resize) -> bytes | None:
    """Width, height and corners in the new pixels, rounded to whole ones; the rest of the text as it was."""
    path = root / file
    if file.suffix.lower() != ".xml" or not _is_annotation(path):
        return None
    native = read_annotation(path).size or resize.native(file)
    if native is None:
        raise DataError(f"{path} states no size and no image is called so; add <size> to it, or remove it")
    factors, limits = resize.factors(native), resize.size

    def corner(found: re.Match[str]) -> str:
        tag, value = found[1], float(found[2])
        factor, limit = factors[tag[0] == "y"], limits[tag[0] == "y"]
        # The first pixel is 1: a left edge lies before its pixel, a right edge behind it.
        scaled = (value - 1) * factor + 1 if tag.endswith("min") else value * factor
        return f"<{tag}>{min(max(round(scaled), 1), limit)}</{tag}>"

    text = re.sub(r"<([xy](?:min|max))>\s*([-\d.eE+]+)\s*</\1>", corner, path.read_bytes().decode())
    text = re.sub(r"<width>[^<]*</width>", f"<width>{limits[0]}</width>", text)
    return re.sub(r"<height>[^<]*</height>", f"<height>{limits[1]}</height>", text).encode()


def _xmls(files: tuple[Path, ...]) -> list[Path]:
    return [file for file in files if file.suffix.lower() == ".xml"]


def _is_annotation(path: Path) -> bool:
    with path.open("rb") as stream:
        # CVAT's root is <annotations>.
        return re.search(rb"<annotation[\s>]", stream.read(1000)) is not None


def from_voc(boxes: np.ndarray) -> np.ndarray:
    """1-based inclusive corners ``(n, 4)`` → left, top, right, bottom from 0, ``float32``."""
    return (boxes - np.array([1, 1, 0, 0])).astype(np.float32)


def read_annotation(path: Path) -> Annotation:
    """Parse one file.

    Raises
    ------
    DataError: no XML, entities in it, or an object without name or box.
    """
    leaves = _leaves(path)
    names: list[str] = []
    boxes: list[dict[str, float]] = []
    size: dict[str, int] = {}
    try:
        for element, text in leaves:
            match element.split("/"):
                case [_, "size", ("width" | "height") as side]:
                    size[side] = int(float(text))
                case [_, "object"]:
                    boxes.append({})
                case [_, "object", "name"]:
                    names.append(text)
                case [_, "object", "bndbox", edge] if edge in EDGES:
                    boxes[-1][edge] = float(text)
    except ValueError:
        raise DataError(f"{path}: found {text!r} where a number is expected ({element}); correct the label") from None
    if len(names) != len(boxes) or any(box.keys() != set(EDGES) for box in boxes):
        raise DataError(f"{path}: an object lacks its name or one of {', '.join(EDGES)}; correct the label")
    # Tools that never open the image write 0×0.
    stated = (size["width"], size["height"]) if size.get("width") and size.get("height") else None
    corners = np.array([[box[edge] for edge in EDGES] for box in boxes], np.float64).reshape(-1, 4)
    return Annotation(stated, tuple(names), corners)


def _leaves(path: Path) -> list[tuple[str, str]]:
    """Elements in document order as (path, text); an ``object`` comes before its children, with no text."""
    found: list[tuple[str, str]] = []
    stack: list[str] = []
    text: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        stack.append(name)
        text.clear()
        if stack[1:] == ["object"]:
            found.append(("/".join(stack), ""))

    def end(_: str) -> None:
        if stack[1:] != ["object"]:
            found.append(("/".join(stack), "".join(text).strip()))
        stack.pop()
        text.clear()

    def entity(*_: object) -> None:
        raise DataError(f"{path} declares XML entities, which a label needs not; write it without")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text.append
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(path.read_bytes(), True)
    except expat.ExpatError as error:
        raise DataError(f"{path} is no XML ({error}); write it again, or remove it with its image") from None
    return found
