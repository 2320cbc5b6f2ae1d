"""Unity Perception before 1.0, the format of SynthDet: ``Dataset<id>/captures_000.json`` … and the folders of images.

    captures[].filename, relative to the root; annotations[] with ``values`` (boxes: label_id, label_name, x, y, width,
    height in pixels from 0) or ``filename`` (a label map in the colours of its definition)

Names of labels come with the boxes, or from ``annotation_definitions.json`` beside the captures; so do the colours of
label maps (``spec[].pixel_value``). Pixels of no class are ``background``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.api.errors import DataError
from bench.data.folders import images_among
from bench.data.formats import Options, Resize
from bench.data.formats.colour_maps import Colour, ColourMap, masks_of
from bench.data.formats.objects import Annotated, Labels, Names, Object, begins, listing_of, read_json
from bench.data.listing import Listing

NAME = "Unity Perception captures"
CAPTURES = re.compile(r"captures(_\d+)?\.json")
TEXTS = re.compile(r"(annotation_definitions|metric_definitions|sensors|egos|metrics_\d+)\.json")
BOX_KEYS = frozenset({"label_id", "x", "y", "width", "height"})


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """There are files of captures."""
    return bool(_documents(root, files))


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; classes in the order of their ids."""
    documents = _documents(root, files)
    if not documents:
        return None
    named, colours = _definitions(root, files)
    images = Names.among(root, files, images_among(files))
    captures = [(file, capture) for file in documents for capture in read_json(root / file)["captures"]]
    captures = [(file, capture) for file, capture in captures if capture.get("filename")]
    values = [_boxes(capture) for _, capture in captures]
    named |= {int(v["label_id"]): str(v["label_name"]) for row in values for v in row if v.get("label_name")}
    rows, maps = [], []
    for (file, capture), boxes in zip(captures, values, strict=True):
        image = images.find(file.parent.parent, str(capture["filename"]))
        if image is None:
            raise DataError(f"{root / file}: found no image {capture['filename']!r}; unpack the archive again")
        if unnamed := {int(v["label_id"]) for v in boxes} - named.keys():
            raise DataError(
                f"{root}: label {min(unnamed)} has no name in the captures nor in annotation_definitions.json"
            )
        objects = tuple(_object(named, value) for value in boxes)
        rows.append(Annotated(image, file, objects))
        maps.append(_map(root, file, capture, images, colours))
    if options.task == "segmentation":
        return masks_of(NAME, root, rows, maps, files)
    names = tuple(name for _, name in sorted(named.items()))
    return listing_of(NAME, root, Labels(rows, names), files, options)


def rescale(root: Path, file: Path, resize: Resize) -> bytes | None:
    """Boxes and keypoints in the new pixels; all else is in metres, or counts what was rendered."""
    path = root / file
    if TEXTS.fullmatch(file.name):
        content = path.read_bytes()
        return content if b'"version"' in content else None
    if not _is_captures(path):
        return None
    content = read_json(path)
    for capture in content["captures"]:
        native = resize.native(Path(str(capture.get("filename"))))
        if native is None:
            raise DataError(f"{path}: found no image {capture.get('filename')!r}; add it, or leave --size out")
        factors = resize.factors(native)
        for annotation in capture.get("annotations") or ():
            for value in annotation.get("values") or ():
                _rescale_value(value, factors)
    return json.dumps(content, indent=2).encode()


def _rescale_value(value: dict[str, Any], factors: tuple[float, float]) -> None:
    across, down = factors
    for point in (value, *(value.get("keypoints") or ())):
        for key, factor in (("x", across), ("y", down), ("width", across), ("height", down)):
            if isinstance(point.get(key), int | float):
                point[key] *= factor


def _documents(root: Path, files: tuple[Path, ...]) -> list[Path]:
    return [file for file in files if _is_captures(root / file)]


def _is_captures(path: Path) -> bool:
    return CAPTURES.fullmatch(path.name) is not None and begins(path, lambda head: b'"captures"' in head)


def _definitions(root: Path, files: tuple[Path, ...]) -> tuple[dict[int, str], dict[str, dict[Colour, str]]]:
    """Names of box labels by id, and what the colours of label maps mean, by definition."""
    named: dict[int, str] = {}
    colours: dict[str, dict[Colour, str]] = {}
    for file in files:
        if file.name != "annotation_definitions.json":
            continue
        for definition in read_json(root / file).get("annotation_definitions", ()):
            for spec in definition.get("spec") or ():
                if "label_id" in spec:
                    named[int(spec["label_id"])] = str(spec["label_name"])
                if pixel := spec.get("pixel_value"):
                    colour = tuple(int(pixel[channel]) for channel in "rgb")
                    colours.setdefault(str(definition["id"]), {})[colour] = str(spec["label_name"])
    return named, colours


def _boxes(capture: dict[str, Any]) -> list[dict[str, Any]]:
    values = [value for annotation in capture["annotations"] or () for value in annotation.get("values") or ()]
    return [value for value in values if value.keys() >= BOX_KEYS]


def _object(named: Mapping[int, str], value: dict[str, Any]) -> Object:
    left, top = float(value["x"]), float(value["y"])
    return Object(named[int(value["label_id"])], (left, top, left + value["width"], top + value["height"]))


def _map(
    root: Path, file: Path, capture: dict[str, Any], images: Names, colours: Mapping[str, dict[Colour, str]]
) -> ColourMap | None:
    for annotation in capture["annotations"] or ():
        meaning = colours.get(str(annotation.get("annotation_definition")))
        if meaning and annotation.get("filename"):
            found = images.find(file.parent.parent, str(annotation["filename"]))
            if found is None:
                raise DataError(
                    f"{root / file}: found no label map {annotation['filename']!r}; unpack the archive again"
                )
            return ColourMap(root / found, meaning)
    return None
