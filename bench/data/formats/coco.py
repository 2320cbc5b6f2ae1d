"""COCO: one JSON file with ``images``, ``annotations`` and ``categories`` beside or above the images.

    bbox [left, top, width, height] in pixels from 0;  category ids need not be consecutive

Several such files (``instances_train.json``, ``instances_val.json``) are read as one set. A ``file_name`` is looked
for below the JSON file's folder, below the root, and by name alone anywhere below it. Regions marked ``iscrowd`` cover
many objects and have no box of their own: they are left out, and counted in the notes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.folders import images_among
from bench.data.formats import Options, of_images
from bench.data.imageset import DataError
from bench.data.listing import Listing

NAME = "COCO"
KEYS = frozenset({"images", "annotations", "categories"})


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Some JSON file has COCO's keys."""
    return bool(_documents(root, files))


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; classes in the order of their ids."""
    documents = _documents(root, files)
    if not documents:
        return None
    names: dict[int, str] = {}
    for file, content in documents:
        for category in content["categories"]:
            if names.setdefault(int(category["id"]), str(category["name"])) != str(category["name"]):
                raise DataError(
                    f"{file}: category {category['id']} is {category['name']!r} here and "
                    f"{names[int(category['id'])]!r} in another file; give both one list of categories"
                )
    ids = {category: place for place, category in enumerate(sorted(names))}
    images, boxes, classes = [], [], []
    n_crowds = 0
    by_name: dict[str, list[Path]] = {}
    for image in images_among(files):
        by_name.setdefault(image.name, []).append(image)
    for file, content in documents:
        of_image: dict[int, list[tuple[list[float], int]]] = {int(image["id"]): [] for image in content["images"]}
        for annotation in content["annotations"]:
            if annotation.get("iscrowd"):
                n_crowds += 1
                continue
            image_id, category = int(annotation["image_id"]), int(annotation["category_id"])
            if image_id not in of_image or category not in ids:
                what = f"image {image_id}" if image_id not in of_image else f"category {category}"
                raise DataError(f"{file}: annotation {annotation.get('id')} is of {what}, which the file does not list")
            left, top, width, height = map(float, annotation["bbox"])
            of_image[image_id].append(([left, top, left + width, top + height], ids[category]))
        for image in content["images"]:
            images.append(_file(root, file, str(image["file_name"]), set(files), by_name))
            found = of_image[int(image["id"])]
            boxes.append(np.array([box for box, _ in found], np.float32).reshape(-1, 4))
            classes.append(np.array([class_id for _, class_id in found], np.int64))
    notes = [f"{n_crowds} crowd regions left out"] if n_crowds else []
    unlisted = set(images_among(files)) - set(images)
    if unlisted:
        notes.append(f"{len(unlisted)} images that the JSON file does not list are left out, as {min(unlisted)}")
    plain = of_images(NAME, root, tuple(images), files)
    sizes = _stated_sizes(documents)
    return replace(
        plain,
        size=lambda i: _checked(plain, i, sizes[i]),
        class_names=tuple(names[category] for category in sorted(names)),
        boxes=boxes.__getitem__,
        box_class=classes,
        notes=tuple(notes),
    )


def _documents(root: Path, files: tuple[Path, ...]) -> list[tuple[Path, Any]]:
    found = []
    for file in files:
        if file.suffix.lower() != ".json":
            continue
        try:
            content = json.loads((root / file).read_bytes())
        except ValueError as error:
            raise DataError(f"{root / file} is no JSON ({error}); write it again, or remove it") from None
        if isinstance(content, dict) and content.keys() >= KEYS:
            found.append((root / file, content))
    return found


def _file(root: Path, json_file: Path, name: str, files: set[Path], by_name: dict[str, list[Path]]) -> Path:
    """The image that a ``file_name`` means, relative to the root."""
    beside = json_file.parent.relative_to(root) / name
    for candidate in (beside, Path(name)):
        if candidate in files:
            return candidate
    found = by_name.get(Path(name).name, [])
    if len(found) != 1:
        what = f"{len(found)} files of that name" if found else "no such file"
        raise DataError(
            f"{json_file}: file_name {name!r}: found {what} below {root}; add the image, or correct the name"
        )
    return found[0]


def _stated_sizes(documents: list[tuple[Path, Any]]) -> list[tuple[Path, tuple[int, int] | None]]:
    return [
        (file, (int(image["width"]), int(image["height"])) if "width" in image and "height" in image else None)
        for file, content in documents
        for image in content["images"]
    ]


def _checked(plain: Listing, i: int, stated: tuple[Path, tuple[int, int] | None]) -> tuple[int, int]:
    """The image's size, which the file must state rightly, or boxes would lie elsewhere."""
    size, (file, said) = plain.size(i), stated
    if said is not None and said != size:
        raise DataError(
            f"{plain.names[i]} has {size[0]}×{size[1]} pixels and {file} says {said[0]}×{said[1]}; label the image "
            "that is there, or bring it to the labelled size"
        )
    return size
