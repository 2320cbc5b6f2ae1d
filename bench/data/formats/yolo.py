"""YOLO: a text file for each image, beside it or in ``labels/`` next to ``images/``, a line a box:

    class  cx  cy  width  height        the last four as shares of the image's width and height, in [0, 1]

Class names come from ``data.yaml`` (``names``, list or mapping), or ``classes.txt``, ``labels.txt``, ``obj.names`` (one
a line); without any of these the classes are called by their numbers. An image without a file has no object: that is
the format's convention, and the notes count them. Lines of polygons (segmentation) are not boxes and are refused.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.data.folders import files_below, images_among, key_of, paired
from bench.data.formats import Options, of_images
from bench.data.imageset import DataError
from bench.data.listing import Listing

NAME = "YOLO"
NAME_FILES = ("classes.txt", "labels.txt", "obj.names", "_classes.txt", "names.txt")
LISTS = frozenset({"train.txt", "val.txt", "test.txt", "readme.txt", "notes.txt", "license.txt", *NAME_FILES})
_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_LINE = re.compile(rf"\d+(\.0+)?(\s+{_NUMBER}){{4}}\s*")


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Some text file of an image's key holds lines of five numbers, or nothing."""
    keys = {key_of(image) for image in images_among(files)}
    texts = [file for file in _texts(files) if key_of(file) in keys]
    return any(all(_LINE.fullmatch(line) for line in _lines(root / file)) for file in texts[:20])


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`."""
    if not recognised(root, files):
        return None
    images = images_among(files)
    labels = paired(root, images, _texts(files), "label", every_image=False)
    parsed = [_read(root / label) if label else np.zeros((0, 5)) for label in labels]
    largest = max((int(rows[:, 0].max()) for rows in parsed if len(rows)), default=-1)
    names = class_names(root, files)
    if not names and options.classes_from is not None:
        names = class_names(options.classes_from, files_below(options.classes_from))
    names = names or tuple(str(i) for i in range(largest + 1))
    for label, rows in zip(labels, parsed, strict=True):
        if len(rows) and rows[:, 0].max() >= len(names):
            raise DataError(
                f"{root / str(label)}: found class {int(rows[:, 0].max())}; the names file lists {len(names)} classes "
                f"(0..{len(names) - 1}): add the name, or correct the label"
            )
    plain = of_images(NAME, root, images, files)
    n_empty = sum(label is None for label in labels)
    notes = (f"{n_empty} images have no label file and so no object",) if n_empty else ()
    return replace(
        plain,
        class_names=names,
        boxes=lambda i: _in_pixels(parsed[i], plain.size(i)),
        box_class=[rows[:, 0].astype(np.int64) for rows in parsed],
        notes=notes,
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
    for file in files:
        if file.name in ("data.yaml", "dataset.yaml", "data.yml"):
            return _names_of_yaml(root / file)
    for wanted in NAME_FILES:
        if found := [file for file in files if file.name == wanted]:
            lines = (root / found[0]).read_text(encoding="utf-8").splitlines()
            return tuple(line.strip() for line in lines if line.strip())
    return ()


def _names_of_yaml(path: Path) -> tuple[str, ...]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = content["names"]
        listed = [names[i] for i in range(len(names))]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise DataError(f"{path}: {' '.join(str(error).split())}; expected the key names, a list of classes") from None
    return tuple(map(str, listed))


def _texts(files: tuple[Path, ...]) -> list[Path]:
    return [file for file in files if file.suffix.lower() == ".txt" and file.name.lower() not in LISTS]


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]


def _read(path: Path) -> np.ndarray:
    """``(n, 5) float64``: class, cx, cy, width, height."""
    rows = []
    for number, line in enumerate(_lines(path), 1):
        if not _LINE.fullmatch(line.strip()):
            raise DataError(
                f"{path}, line {number}: found {line.strip()[:60]!r}; expected five numbers: class cx cy width height, "
                "the last four as shares in [0, 1]"
            )
        rows.append([float(word) for word in line.split()])
    parsed = np.array(rows, np.float64).reshape(-1, 5)
    if len(parsed) and parsed[:, 1:].max() > 1.5:
        raise DataError(
            f"{path}: found {parsed[:, 1:].max():g} where a share of the image in [0, 1] is expected; divide pixels by "
            "the image's width and height"
        )
    return parsed
