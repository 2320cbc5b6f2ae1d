"""COCO: one JSON file with ``images``, ``annotations`` and ``categories`` beside or above the images.

    bbox [left, top, width, height] in pixels from 0;  category ids need not be consecutive

Several such files (``instances_train.json``, ``instances_val.json``) are read as one set, in which an image may be
listed once. A ``file_name`` is looked for below the JSON file's folder, below the root, and by as much of the end of
its path as is there; it may be another machine's, ``C:\\renders\\0001.png``. Regions marked ``iscrowd`` cover many
objects and have no box of their own: they are left out, and counted in the notes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from bench.api.errors import DataError
from bench.data.folders import composed, images_among
from bench.data.formats import Options, of_images, other_size
from bench.data.listing import Listing

NAME = "COCO"
KEYS = frozenset({"images", "annotations", "categories"})
Id = int | str


@dataclass(frozen=True)
class Document:
    """A JSON file that is COCO's."""

    file: Path
    content: dict[str, Any]

    def of(self, kind: str, key: str) -> list[Any]:
        """What every entry of ``kind`` has under ``key``.

        Raises
        ------
        DataError: an entry without it.
        """
        entries = self.content[kind]
        if not isinstance(entries, list):
            raise DataError(f"{self.file}: {kind!r} is a {type(entries).__name__} where COCO has a list")
        for place, entry in enumerate(entries):
            if not isinstance(entry, dict) or entry.get(key) is None:
                raise DataError(
                    f"{self.file}: entry {place + 1} of {kind!r} has no {key!r}, which boxes need; export the set "
                    "again as COCO object detection, or correct the entry"
                )
        return [entry[key] for entry in entries]


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Some JSON file has COCO's keys."""
    return bool(_documents(root, files))


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; classes in the order of their ids."""
    documents = _documents(root, files)
    if not documents:
        return None
    names = _categories(documents)
    ids = {category: place for place, category in enumerate(names)}
    known, images = {composed(file.as_posix()): file for file in files}, images_among(files)
    by_name: dict[str, list[Path]] = {}
    for image in images:
        by_name.setdefault(composed(image.name), []).append(image)
    listed: dict[Path, Path] = {}
    sizes: list[tuple[Path, tuple[int, int] | None]] = []
    boxes, classes = [], []
    n_crowds = 0
    for document in documents:
        of_image, crowds = _annotations(document, ids)
        n_crowds += crowds
        for entry, name in zip(document.content["images"], document.of("images", "file_name"), strict=True):
            path = _file(root, document.file, str(name), known, by_name)
            if path in listed:
                raise DataError(
                    f"{document.file} lists {path}, which {listed[path]} lists already; keep one of the two files (or "
                    "entries): its boxes would count twice"
                )
            listed[path] = document.file
            stated = (int(entry["width"]), int(entry["height"])) if entry.get("width") and entry.get("height") else None
            sizes.append((document.file, stated))
            found = of_image[_id(entry["id"])]
            boxes.append(np.array([box for box, _ in found], np.float32).reshape(-1, 4))
            classes.append(np.array([class_id for _, class_id in found], np.int64))
    notes = [f"{n_crowds} crowd regions left out"] if n_crowds else []
    if unlisted := set(images) - set(listed):
        notes.append(f"{len(unlisted)} images that the JSON file does not list are left out, as {min(unlisted)}")
    plain = of_images(NAME, root, tuple(listed), files)

    def size(i: int) -> tuple[int, int]:
        here, (file, said) = plain.size(i), sizes[i]
        if said is not None and said != here:
            raise other_size(plain.names[i], here, file, said)
        return here

    return replace(
        plain,
        size=size,
        class_names=tuple(names.values()),
        boxes=boxes.__getitem__,
        box_class=classes,
        notes=tuple(notes),
    )


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


def _annotations(document: Document, ids: Mapping[Id, int]) -> tuple[dict[Id, list[tuple[list[float], int]]], int]:
    """(corners, class) by image, and the number of crowd regions."""
    of_image: dict[Id, list[tuple[list[float], int]]] = {_id(key): [] for key in document.of("images", "id")}
    if len(of_image) < len(document.content["images"]):
        raise DataError(f"{document.file}: two of its images have one id; give each its own")
    n_crowds = 0
    document.of("annotations", "bbox")
    for annotation in document.content["annotations"]:
        if annotation.get("iscrowd"):
            n_crowds += 1
            continue
        image_id, category = _id(annotation.get("image_id")), _id(annotation.get("category_id"))
        if image_id not in of_image or category not in ids:
            what = f"image {image_id}" if image_id not in of_image else f"category {category}"
            raise DataError(
                f"{document.file}: annotation {annotation.get('id')} is of {what}, which the file does not list"
            )
        try:
            left, top, width, height = map(float, annotation["bbox"])
        except (TypeError, ValueError):
            raise DataError(
                f"{document.file}: annotation {annotation.get('id')} has the bbox {annotation['bbox']!r}; expected "
                "[left, top, width, height] in pixels"
            ) from None
        of_image[image_id].append(([left, top, left + width, top + height], ids[category]))
    return of_image, n_crowds


def _id(value: object) -> Id:
    """12 and ``"12"`` are one id; some tools use words."""
    text = str(value)
    return int(text) if text.isdigit() else text


def _file(root: Path, json_file: Path, name: str, known: Mapping[str, Path], by_name: Mapping[str, list[Path]]) -> Path:
    """The image that a ``file_name`` means, relative to the root."""
    parts = PurePosixPath(composed(name.replace("\\", "/"))).parts
    for candidate in (json_file.parent.relative_to(root).joinpath(*parts), Path(*parts)):
        if (path := known.get(composed(candidate.as_posix()))) is not None:
            return path
    found = by_name.get(parts[-1], []) if parts else []
    for n_parts in range(len(parts), 0, -1):
        matches = [file for file in found if tuple(map(composed, file.parts[-n_parts:])) == parts[-n_parts:]]
        if len(matches) == 1:
            return matches[0]
    what = f"{len(found)} files of that name" if found else "no such file"
    raise DataError(f"{json_file}: file_name {name!r}: found {what} below {root}; add the image, or correct the name")
