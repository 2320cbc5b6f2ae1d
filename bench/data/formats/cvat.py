"""CVAT for images 1.1: one ``annotations.xml`` for all images.

    <image name="a/1.png" width="640" height="480">
      <box label="car" xtl="…" ytl="…" xbr="…" ybr="…">         corners in pixels from 0; ``rotation`` about its centre
      <polygon label="car" points="x,y;x,y;…">                  <ellipse cx="…" cy="…" rx="…" ry="…">
      <mask label="car" rle="…" left="…" top="…" width="…" height="…">   run lengths row by row, empty ones first

Boxes are bounds. Masks are drawn from polygons, ellipses and masks; a box alone says nothing about its pixels and is
ignored there. Lines, points, skeletons, cuboids and tags are left out and counted.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.fitting import Size
from bench.data.folders import images_among
from bench.data.formats import Options, Resize
from bench.data.formats.objects import Annotated, Labels, Names, Object, begins, bounds, corners, listing_of
from bench.data.formats.xml_tags import Tag, tags_of
from bench.data.listing import Listing

NAME = "CVAT for images"
LEFT_OUT = frozenset({"polyline", "points", "cuboid", "skeleton", "tag"})
ELLIPSE_POINTS = 64
_ROOT = re.compile(rb"<annotations[\s>]")
_TAG = re.compile(r"<(image|box|polygon|polyline|points|cuboid|ellipse|mask|track)\b[^>]*>")
_ATTRIBUTE = re.compile(r'\b([A-Za-z_0-9]+)="([^"]*)"')
_ACROSS = re.compile(r"cx|rx|x(tl|br|tr|bl)\d?")
_DOWN = re.compile(r"cy|ry|y(tl|br|tr|bl)\d?")


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Some XML file's root element is ``annotations``."""
    return bool(_documents(root, files))


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; classes in the order of CVAT's own list."""
    documents = _documents(root, files)
    if not documents:
        return None
    images = images_among(files)
    names = Names.among(root, files, images)
    rows: dict[Path, Annotated] = {}
    class_names: dict[str, None] = {}
    left_out: Counter[str] = Counter()
    for file in documents:
        for row in _read(root, file, names, class_names, left_out):
            if row.image in rows:
                raise DataError(
                    f"{root / file} lists {row.image}, which {root / rows[row.image].file} lists already; keep one of "
                    "the two: its boxes would count twice"
                )
            rows[row.image] = row
    notes = [f"{n} {kind} shapes left out" for kind, n in sorted(left_out.items())]
    if unlisted := set(images) - set(rows):
        notes.append(f"{len(unlisted)} images that the XML file does not list are left out, as {min(unlisted)}")
    return listing_of(NAME, root, Labels([*rows.values()], tuple(class_names), tuple(notes)), files, options)


def rescale(root: Path, file: Path, resize: Resize) -> bytes | None:
    """Attributes that are coordinates, in the new pixels; the rest of the text as it was."""
    path = root / file
    if not _is_cvat(path):
        return None
    factors = (1.0, 1.0)

    def tag(found: re.Match[str]) -> str:
        nonlocal factors
        attributes = dict(_ATTRIBUTE.findall(found[0]))
        if found[1] == "image":
            factors = resize.factors((int(attributes["width"]), int(attributes["height"])))
            new = {"width": str(resize.size[0]), "height": str(resize.size[1])}
            return _ATTRIBUTE.sub(lambda a: f'{a[1]}="{new.get(a[1], a[2])}"', found[0])
        turned = factors[0] != factors[1] and float(attributes.get("rotation", 0)) != 0
        if found[1] in ("mask", "track") or turned:
            what = "turned box" if turned else found[1]
            raise DataError(f"{path}: a {what} cannot be rescaled; leave --size out, or export polygons")
        return _ATTRIBUTE.sub(lambda a: f'{a[1]}="{_scaled(a[1], a[2], factors)}"', found[0])

    return _TAG.sub(tag, path.read_bytes().decode("utf-8")).encode()


def _scaled(name: str, value: str, factors: tuple[float, float]) -> str:
    if name == "points":
        pairs = [pair.split(",") for pair in value.split(";")]
        return ";".join(f"{float(x) * factors[0]:.2f},{float(y) * factors[1]:.2f}" for x, y in pairs)
    if _ACROSS.fullmatch(name):
        return f"{float(value) * factors[0]:.2f}"
    return f"{float(value) * factors[1]:.2f}" if _DOWN.fullmatch(name) else value


def _documents(root: Path, files: tuple[Path, ...]) -> list[Path]:
    return [file for file in files if _is_cvat(root / file)]


def _is_cvat(path: Path) -> bool:
    return path.suffix.lower() == ".xml" and begins(path, lambda head: _ROOT.search(head) is not None)


def _read(
    root: Path, file: Path, names: Names, class_names: dict[str, None], left_out: Counter[str]
) -> list[Annotated]:
    rows: list[Annotated] = []
    objects: list[Object] = []
    for tag in tags_of(root / file):
        kind = tag.path.rpartition("/")[2]
        if tag.path.endswith("labels/label/name") and not tag.opens:
            class_names.setdefault(tag.text)
        elif tag.path == "annotations/track" and tag.opens:
            raise DataError(
                f"{root / file} is CVAT for video, which names no image files; export the task as 'CVAT for images 1.1'"
            )
        elif tag.path == "annotations/image" and tag.opens:
            objects = []
            image = names.find(file.parent, tag.attributes["name"])
            if image is None:
                raise DataError(
                    f"{root / file}: found no image {tag.attributes['name']!r}; add it, or export with images"
                )
            rows.append(Annotated(image, file, (), (int(tag.attributes["width"]), int(tag.attributes["height"]))))
        elif tag.path == "annotations/image":
            rows[-1] = Annotated(rows[-1].image, file, tuple(objects), rows[-1].size)
        elif tag.path.startswith("annotations/image/") and tag.opens and tag.path.count("/") == 2:
            if kind in LEFT_OUT:
                left_out[kind] += 1
            else:
                objects.append(_object(root / file, rows[-1].image, kind, tag))
    return rows


def _object(path: Path, image: Path, kind: str, tag: Tag) -> Object:
    try:
        label, get = tag.attributes["label"], lambda name: float(tag.attributes[name])
        if kind == "box":
            box = (get("xtl"), get("ytl"), get("xbr"), get("ybr"))
            if turn := float(tag.attributes.get("rotation", 0)):
                points = _turned(corners(box)[0], math.radians(turn))
                return Object(label, bounds(points), [[value for point in points for value in point]])
            return Object(label, box)
        if kind == "mask":
            left, top, width, height = (int(get(name)) for name in ("left", "top", "width", "height"))
            lengths = [int(word) for word in tag.attributes["rle"].split(",")]
            return Object(label, (left, top, left + width, top + height), _pasted(lengths, left, top, width, height))
        if kind == "ellipse":
            turns = np.linspace(0, 2 * np.pi, ELLIPSE_POINTS, endpoint=False)
            points = [(get("cx") + get("rx") * math.cos(t), get("cy") + get("ry") * math.sin(t)) for t in turns]
        elif kind == "polygon":
            points = [
                (float(x), float(y)) for x, y in (pair.split(",") for pair in tag.attributes["points"].split(";"))
            ]
        else:
            raise ValueError("such shapes are not known")
        return Object(label, bounds(points), [[value for point in points for value in point]])
    except (KeyError, ValueError) as error:
        reason = f"no attribute {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"{path}, image {image}: a {kind} cannot be read ({reason}); correct it, or remove it"
        ) from None


def _turned(flat: list[float], angle: float) -> list[tuple[float, float]]:
    """The corners of a box, turned clockwise about its centre."""
    points = np.array(flat).reshape(-1, 2)
    centre = points.mean(axis=0)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return [(float(x), float(y)) for x, y in (points - centre) @ turn + centre]


def _pasted(lengths: list[int], left: int, top: int, width: int, height: int) -> Callable[[Size], np.ndarray]:
    """The outline of run lengths, row by row, in a box."""
    if sum(lengths) != width * height:
        raise ValueError(f"run lengths of {sum(lengths)} pixels for a box of {width}×{height}")
    part = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(height, width)

    def pixels(size: Size) -> np.ndarray:
        whole = np.zeros(size[::-1], bool)
        rows, columns = whole[top : top + height, left : left + width].shape
        whole[top : top + rows, left : left + columns] = part[:rows, :columns]
        return whole

    return pixels
