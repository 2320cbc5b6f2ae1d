"""YOLO: a text file for each image, beside it or in ``labels/`` next to ``images/``, a line a box:

    class  cx  cy  width  height        the last four as shares of the image's width and height, in [0, 1]

or a polygon, ``class x1 y1 x2 y2 x3 y3 …``, whose bounds are the box. Class names come from ``data.yaml`` or another
YAML file with ``names`` (list or mapping), or ``classes.txt``, ``labels.txt``, ``obj.names`` (one a line); without any
of these the classes are called by their numbers. An image without a file has no object: that is the format's
convention, and the notes count them. Text files that belong to no image and hold no such lines (lists of a split, a
README) are not labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.folders import files_below, images_among, key_of, paired
from bench.data.formats import Options, of_images
from bench.data.formats.class_files import names_of_txt, text_of
from bench.data.listing import Listing

NAME = "YOLO"
NAME_FILES = ("classes.txt", "labels.txt", "obj.names", "_classes.txt", "names.txt")
YAML_FILES = ("data.yaml", "dataset.yaml", "data.yml")
_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_BOX = re.compile(rf"\d+(\.0+)?(\s+{_NUMBER}){{4}}\s*")
_POLYGON = re.compile(rf"\d+(\.0+)?(\s+{_NUMBER}\s+{_NUMBER}){{3,}}\s*")


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Some text file of an image's key holds lines of boxes or polygons, or nothing."""
    keys = {key_of(image) for image in images_among(files)}
    texts = [file for file in _texts(files) if key_of(file) in keys]
    return any(all(map(_is_label, _lines(root / file))) for file in texts[:20])


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`."""
    if not recognised(root, files):
        return None
    images = images_among(files)
    labels = paired(root, images, _labels(root, images, files), "label", every_image=False)
    parsed = [_read(root / label) if label else np.zeros((0, 5)) for label in labels]
    largest = max((int(rows[:, 0].max()) for rows in parsed if len(rows)), default=-1)
    names, notes = class_names(root, files), []
    other = options.classes_from
    if not names and other is not None and (names := class_names(other, files_below(other))):
        notes.append(f"no names file: ids mean what they mean in {other.name}")
    if not names:
        names = tuple(str(i) for i in range(largest + 1))
        notes.append("no data.yaml or classes.txt names the classes: they are called by their ids")
    for label, rows in zip(labels, parsed, strict=True):
        if len(rows) and rows[:, 0].max() >= len(names):
            raise DataError(
                f"{root / str(label)}: found class {int(rows[:, 0].max())}; the names file lists {len(names)} classes "
                f"(0..{len(names) - 1}): add the name, or correct the label"
            )
    plain = of_images(NAME, root, images, files)
    if n_empty := sum(label is None for label in labels):
        notes.append(f"{n_empty} images have no label file and so no object")
    return replace(
        plain,
        class_names=names,
        boxes=lambda i: _in_pixels(parsed[i], plain.size(i)),
        box_class=[rows[:, 0].astype(np.int64) for rows in parsed],
        notes=tuple(notes),
    )


def _in_pixels(rows: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``(n, 5)`` class, cx, cy, width, height in shares → ``(n, 4) float32`` corners in pixels."""
    _, cx, cy, width, height = rows.T
    corners = np.stack([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], axis=1)
    return (corners * np.array(size * 2)).astype(np.float32)


def class_names(root: Path, files: tuple[Path, ...]) -> tuple[str, ...]:
    """Names in id order from a names file, empty without one.

    Raises
    ------
    DataError: a names file that cannot be read.
    """
    others = [file for file in files if file.suffix.lower() in (".yaml", ".yml") and file.name not in YAML_FILES]
    for file in (*(file for file in files if file.name in YAML_FILES), *others):
        if names := _names_of_yaml(root / file, needed=file.name in YAML_FILES):
            return names
    for wanted in NAME_FILES:
        if found := [file for file in files if file.name.lower() == wanted]:
            return names_of_txt(root / found[0])
    return ()


def _names_of_yaml(path: Path, *, needed: bool) -> tuple[str, ...]:
    """The names in a YAML file; empty where it has none and needs none, since it may be about anything."""
    import yaml

    try:
        content = yaml.safe_load(text_of(path))
        if not needed and not (isinstance(content, dict) and "names" in content):
            return ()
        names = content["names"]
        return tuple(str(names[i]) for i in range(len(names)))
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: {' '.join(str(error).split())}; expected the key names, the classes as a list, or by id from 0"
        ) from None


def _texts(files: tuple[Path, ...]) -> list[Path]:
    return [file for file in files if file.suffix.lower() == ".txt" and file.name.lower() not in NAME_FILES]


def _labels(root: Path, images: Iterable[Path], files: tuple[Path, ...]) -> list[Path]:
    """The text files of images, and such as have no image and hold labels all the same."""
    keys = set(map(key_of, images))
    return [file for file in _texts(files) if key_of(file) in keys or _holds_labels(_lines(root / file))]


def _holds_labels(lines: list[str]) -> bool:
    return bool(lines) and all(map(_is_label, lines))


def _is_label(line: str) -> bool:
    return bool(_BOX.fullmatch(line.strip()) or _POLYGON.fullmatch(line.strip()))


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines() if line.strip()]


def _read(path: Path) -> np.ndarray:
    """``(n, 5) float64``: class, cx, cy, width, height."""
    rows = []
    for number, line in enumerate(_lines(path), 1):
        if not _is_label(line):
            raise DataError(
                f"{path}, line {number}: found {line.strip()[:60]!r}; expected five numbers: class cx cy width height, "
                "the last four as shares in [0, 1]"
            )
        rows.append(_row([float(word) for word in line.split()]))
    parsed = np.array(rows, np.float64).reshape(-1, 5)
    if len(parsed) and parsed[:, 1:].max() > 1.5:
        raise DataError(
            f"{path}: found {parsed[:, 1:].max():g} where a share of the image in [0, 1] is expected; divide pixels by "
            "the image's width and height"
        )
    return parsed


def _row(numbers: list[float]) -> list[float]:
    """Class, cx, cy, width, height of a line's numbers, which may be a polygon's."""
    if len(numbers) == 5:
        return numbers
    xs, ys = numbers[1::2], numbers[2::2]
    return [numbers[0], (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys)]
