"""Unity Perception 1.x, SOLO: ``sequence.0/step0.frame_data.json`` beside ``step0.camera.png``.

    captures[].filename, dimension [width, height], annotations[] by "@type":
      …BoundingBox2DAnnotation           values[]: labelName, origin [left, top], dimension [width, height] in pixels
      …SemanticSegmentationAnnotation    filename; instances[]: labelName, pixelValue [r, g, b, a]
      …DepthAnnotation                   filename of an EXR in metres

Classes come in the order of ``annotation_definitions.json``. Pixels of no class are ``background``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.api.errors import DataError
from bench.data.depth_files import read_float_depth
from bench.data.formats import Options, Resize
from bench.data.formats.colour_maps import ColourMap, masks_of
from bench.data.formats.objects import Annotated, Labels, Object, listing_of, read_json
from bench.data.listing import Listing

NAME = "Unity SOLO"
FRAME = ".frame_data.json"
TEXTS = frozenset(
    {"annotation_definitions.json", "metric_definitions.json", "sensor_definitions.json", "metadata.json"}
)
BOXES, SEMANTIC, DEPTH = "BoundingBox2DAnnotation", "SemanticSegmentationAnnotation", "DepthAnnotation"
WITHOUT_PIXELS = frozenset(
    {
        SEMANTIC,
        DEPTH,
        "InstanceSegmentationAnnotation",
        "BoundingBox3DAnnotation",
        "NormalAnnotation",
        "PixelPositionAnnotation",
        "OcclusionAnnotation",
    }
)
"""Annotations whose pixels are files beside them, or that are in metres."""


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """There are files ``….frame_data.json``."""
    return any(file.name.endswith(FRAME) for file in files)


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`."""
    rows, maps, depths = [], [], []
    for file in (file for file in files if file.name.endswith(FRAME)):
        for capture in read_json(root / file).get("captures", ()):
            if not capture.get("filename"):
                continue
            try:
                rows.append(_row(file, capture))
                maps.append(_map(root / file.parent, capture))
            except (KeyError, TypeError, ValueError) as error:
                reason = f"no {error}" if isinstance(error, KeyError) else str(error)
                raise DataError(f"{root / file}: a capture cannot be read ({reason}); export the set again") from None
            depths.append([root / file.parent / a["filename"] for a in _annotations(capture, DEPTH)])
    if not rows:
        return None
    if options.task == "segmentation":
        return masks_of(NAME, root, rows, maps, files)
    if options.task == "depth":
        if not all(depths):
            return None
        plain = listing_of(NAME, root, Labels(rows), files, Options("detection"))
        assert plain is not None  # boxes are never missing
        pixels = {**plain.pixels, "depth_m": lambda i: read_float_depth(depths[i][0])}
        return replace(plain, pixels=pixels, boxes=None, box_class=None, class_names=())
    return listing_of(NAME, root, Labels(rows, _class_names(root, files)), files, options)


def rescale(root: Path, file: Path, resize: Resize) -> bytes | None:
    """Sizes, boxes and keypoints in the new pixels; other annotations must be known to hold none."""
    path = root / file
    if file.name in TEXTS and "unity" in path.read_text(encoding="utf-8", errors="replace").lower():
        return path.read_bytes()
    if not file.name.endswith(FRAME):
        return None
    content = read_json(path)
    for capture in content.get("captures", ()):
        if not capture.get("dimension"):
            continue
        native = int(capture["dimension"][0]), int(capture["dimension"][1])
        factors = resize.factors(native)
        capture["dimension"] = list(map(float, resize.size))
        for annotation in capture.get("annotations", ()):
            if annotation.get("dimension") is not None:
                annotation["dimension"] = list(map(float, resize.size))
            _rescale_annotation(path, annotation, factors)
    return json.dumps(content, indent=2).encode()


def _rescale_annotation(path: Path, annotation: dict[str, Any], factors: tuple[float, float]) -> None:
    kind = _kind(annotation)
    if kind == BOXES:
        for value in annotation.get("values", ()):
            for key in ("origin", "dimension"):
                value[key] = [v * f for v, f in zip(value[key], factors, strict=True)]
    elif kind == "KeypointAnnotation":
        for value in annotation.get("values", ()):
            for keypoint in value.get("keypoints", ()):
                keypoint["location"] = [v * f for v, f in zip(keypoint["location"], factors, strict=True)]
    elif kind not in WITHOUT_PIXELS:
        raise DataError(f"{path}: annotations of type {annotation.get('@type')!r} cannot be rescaled; leave --size out")


def _kind(annotation: dict[str, Any]) -> str:
    """The last word of an annotation's type, without the name of its package."""
    return str(annotation.get("@type", "")).rpartition(".")[2]


def _annotations(capture: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [annotation for annotation in capture.get("annotations") or () if _kind(annotation) == kind]


def _row(file: Path, capture: dict[str, Any]) -> Annotated:
    objects = []
    for annotation in _annotations(capture, BOXES):
        for value in annotation.get("values") or ():
            (left, top), (width, height) = value["origin"], value["dimension"]
            objects.append(Object(str(value["labelName"]), (left, top, left + width, top + height)))
    size = capture.get("dimension")
    stated = (int(size[0]), int(size[1])) if size else None
    return Annotated(file.parent / capture["filename"], file, tuple(objects), stated)


def _map(folder: Path, capture: dict[str, Any]) -> ColourMap | None:
    for annotation in _annotations(capture, SEMANTIC):
        colours = {tuple(map(int, v["pixelValue"][:3])): str(v["labelName"]) for v in annotation.get("instances") or ()}
        return ColourMap(folder / annotation["filename"], colours)
    return None


def _class_names(root: Path, files: tuple[Path, ...]) -> tuple[str, ...]:
    names: dict[int, str] = {}
    for file in files:
        if file.name == "annotation_definitions.json":
            for definition in read_json(root / file).get("annotationDefinitions", ()):
                specs = definition.get("spec") if _kind(definition) == BOXES else None
                names |= {int(spec["label_id"]): str(spec["label_name"]) for spec in specs or ()}
    return tuple(name for _, name in sorted(names.items()))
