"""COCO: one JSON file with ``images``, ``annotations`` and ``categories`` beside or above the images.

    bbox [left, top, width, height] in pixels from 0;  category ids need not be consecutive

Several such files (``instances_train.json``, ``instances_val.json``) are read as one set, in which an image may be
listed once; of COCO's own folder ``annotations`` the instances are read. A ``file_name`` is looked for as
:class:`bench.data.formats.objects.Names` says; it may be another machine's, ``C:\\renders\\0001.png``. Regions marked
``iscrowd`` cover many objects and have no box of their own: they are left out of boxes, and counted in the notes.

Masks are drawn from ``segmentation``, polygons or run lengths; the rest of the image is ``background``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.api.errors import DataError
from bench.data.folders import images_among
from bench.data.formats import Options, Resize
from bench.data.formats.objects import Annotated, Labels, Names, Object, bounds, listing_of
from bench.data.formats.outlines import scale_outlines
from bench.data.listing import Listing

NAME = "COCO"
KEYS = frozenset({"images", "annotations", "categories"})
COMPANIONS = ("keypoints", "captions", "stuff", "panoptic", "image_info")
"""Words in the names of COCO's other files of the same images."""
Id = int | str
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Document:
    """A JSON file that is COCO's."""

    file: Path
    content: dict[str, Any]

    def of(self, kind: str, key: str = "") -> list[Any]:
        """What every entry of ``kind`` has under ``key``; the entries themselves without one.

        Raises
        ------
        DataError: an entry without it.
        """
        entries = self.content[kind]
        if not isinstance(entries, list):
            raise DataError(f"{self.file}: {kind!r} is a {type(entries).__name__} where COCO has a list")
        for place, entry in enumerate(entries):
            if not isinstance(entry, dict) or (key and entry.get(key) is None):
                raise DataError(self.missing(kind, place, key))
        return [entry[key] for entry in entries] if key else entries

    def missing(self, kind: str, place: int, key: str) -> str:
        """The message for an entry that lacks what it needs."""
        return (
            f"{self.file}: entry {place + 1} of {kind!r} has no {key!r}, which boxes need; export the set again as "
            "COCO object detection, or correct the entry"
        )


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Some JSON file has COCO's keys."""
    return bool(_documents(root, files))


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; classes in the order of their ids."""
    documents, notes = _without_companions(_documents(root, files))
    if not documents:
        return None
    names = _categories(documents)
    images = images_among(files)
    found = Names.among(root, files, images)
    rows: dict[Path, Annotated] = {}
    n_crowds = 0
    for document in documents:
        objects, crowds = _annotations(document, names, masks=options.task == "segmentation")
        n_crowds += crowds
        for entry, name in zip(document.content["images"], document.of("images", "file_name"), strict=True):
            image = found.find(document.file.parent.relative_to(root), str(name))
            if image is None:
                n_files = found.count(str(name))
                what = f"{n_files} files of that name" if n_files else "no such file"
                raise DataError(
                    f"{document.file}: file_name {name!r}: found {what} below {root}; add the image, or correct the "
                    "name"
                )
            if image in rows:
                raise DataError(
                    f"{document.file} lists {image}, which {root / rows[image].file} lists already; keep one of the "
                    "two files (or entries): its boxes would count twice"
                )
            stated = (int(entry["width"]), int(entry["height"])) if entry.get("width") and entry.get("height") else None
            file = document.file.relative_to(root)
            rows[image] = Annotated(image, file, tuple(objects[_id(entry["id"])]), stated)
    notes += [f"{n_crowds} crowd regions left out"] if n_crowds else []
    if unlisted := set(images) - set(rows):
        notes.append(f"{len(unlisted)} images that the JSON file does not list are left out, as {min(unlisted)}")
    labels = Labels([*rows.values()], tuple(names.values()), tuple(notes))
    return listing_of(NAME, root, labels, files, options)


def rescale(root: Path, file: Path, resize: Resize) -> bytes | None:
    """Sizes of images; boxes, areas, outlines and keypoints of annotations; run-length masks by nearest neighbour."""
    if file.suffix.lower() != ".json" or not (documents := _documents(root, (file,))):
        return None
    content, factors = documents[0].content, {}
    for image in content["images"]:
        if not (image.get("width") and image.get("height")):
            raise DataError(
                f"{root / file} states no size of {image.get('file_name')!r}; add width and height to it, or leave "
                "--size out"
            )
        factors[_id(image["id"])] = resize.factors((image["width"], image["height"]))
        image["width"], image["height"] = resize.size
    for annotation in content["annotations"]:
        across, down = factors[_id(annotation["image_id"])]
        if annotation.get("bbox"):
            annotation["bbox"] = [v * f for v, f in zip(annotation["bbox"], (across, down) * 2, strict=True)]
        if "area" in annotation:
            annotation["area"] *= across * down
        if annotation.get("keypoints"):
            points = np.array(annotation["keypoints"], float).reshape(-1, 3) * (across, down, 1)
            annotation["keypoints"] = points.ravel().tolist()
        if outlines := annotation.get("segmentation"):
            annotation["segmentation"] = scale_outlines(outlines, (across, down), resize.size)
    return json.dumps(content).encode()


def _documents(root: Path, files: tuple[Path, ...]) -> list[Document]:
    found = []
    for file in files:
        if file.suffix.lower() != ".json":
            continue
        try:
            content = json.loads((root / file).read_bytes())
        except ValueError as error:
            raise DataError(f"{root / file} is no JSON ({error}); write it again, or remove it") from None
        if isinstance(content, dict) and content.keys() >= KEYS:
            found.append(Document(root / file, content))
    return found


def _categories(documents: list[Document]) -> dict[Id, str]:
    """Names by id, sorted by id."""
    names: dict[Id, str] = {}
    for document in documents:
        for key, name in zip(document.of("categories", "id"), document.of("categories", "name"), strict=True):
            if names.setdefault(_id(key), str(name)) != str(name):
                raise DataError(
                    f"{document.file}: category {key} is {name!r} here and {names[_id(key)]!r} in another file; give "
                    "both one list of categories"
                )
    return dict(sorted(names.items(), key=lambda item: (isinstance(item[0], str), item[0])))


def _without_companions(documents: list[Document]) -> tuple[list[Document], list[str]]:
    """Without the files that describe the same images beside COCO's ``instances_*.json``, and a note on them.

    ``annotations_trainval2017.zip`` holds ``instances``, ``person_keypoints`` and ``captions`` of two splits.
    """
    instances = [document for document in documents if "instances" in document.file.stem.lower()]
    listed = {name for document in instances for name in document.of("images", "file_name")}
    companions = [
        document
        for document in documents
        if any(word in document.file.stem.lower() for word in COMPANIONS)
        and document not in instances
        and listed & set(document.of("images", "file_name"))
    ]
    if not companions:
        return documents, []
    left_out = ", ".join(document.file.name for document in companions)
    note = f"{', '.join(d.file.name for d in instances)} is read; {left_out} left out, which lists the same images"
    return [document for document in documents if document not in companions], [note]


def _annotations(document: Document, names: Mapping[Id, str], *, masks: bool) -> tuple[dict[Id, list[Object]], int]:
    """Objects by image, and the number of crowd regions that were left out; in masks, crowds count."""
    of_image: dict[Id, list[Object]] = {_id(key): [] for key in document.of("images", "id")}
    if len(of_image) < len(document.content["images"]):
        raise DataError(f"{document.file}: two of its images have one id; give each its own")
    n_crowds = 0
    for place, annotation in enumerate(document.of("annotations")):
        if annotation.get("iscrowd") and not masks:
            n_crowds += 1
            continue
        image_id, category = _id(annotation.get("image_id")), _id(annotation.get("category_id"))
        if image_id not in of_image or category not in names:
            what = f"image {image_id}" if image_id not in of_image else f"category {category}"
            raise DataError(
                f"{document.file}: annotation {annotation.get('id')} is of {what}, which the file does not list"
            )
        outline = annotation.get("segmentation") or None
        of_image[image_id].append(Object(names[category], _box(document, place, annotation, outline), outline))
    return of_image, n_crowds


def _box(document: Document, place: int, annotation: dict[str, Any], outline: Any) -> Box:
    """Left, top, right and bottom; the bounds of the polygons where there is no ``bbox``."""
    if annotation.get("bbox") is None and isinstance(outline, list):
        return bounds([point for polygon in outline for point in zip(polygon[::2], polygon[1::2], strict=True)])
    if annotation.get("bbox") is None:
        raise DataError(document.missing("annotations", place, "bbox"))
    try:
        left, top, width, height = map(float, annotation["bbox"])
    except (TypeError, ValueError):
        raise DataError(
            f"{document.file}: annotation {annotation.get('id')} has the bbox {annotation['bbox']!r}; expected "
            "[left, top, width, height] in pixels"
        ) from None
    return left, top, left + width, top + height


def _id(value: object) -> Id:
    """12 and ``"12"`` are one id; some tools use words."""
    text = str(value)
    return int(text) if text.isdigit() else text
