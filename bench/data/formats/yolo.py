"""YOLO: a text file for each image, beside it or in ``labels/`` next to ``images/``, a line per object:

    class  cx  cy  width  height        the last four as shares of the image's width and height, in [0, 1]
    class  x1 y1 x2 y2 x3 y3 …          a polygon, or a turned box of four corners, whose bounds are the box
    class  cx cy width height  x1 y1 …  keypoints behind the box, where the names file has ``kpt_shape``

Class names: :mod:`bench.data.formats.yolo_names`; without any the classes are called by their numbers. An image without
a file has no object: that is the format's convention, and the notes count them. Text files that belong to no image and
hold no such lines (lists of a split, a README) are not labels. Masks are drawn where polygons are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.folders import files_below, images_among, key_of, paired
from bench.data.formats import Options, of_images
from bench.data.formats.outlines import Region, background_of, draw, with_background
from bench.data.formats.yolo_names import NAME_FILES, Meaning, Meanings
from bench.data.listing import IGNORE, Listing

NAME = "YOLO"
BOX, CONFIDENCE, TRACKED = 5, 6, 7
"""Numbers in a line."""
MOST = 1.5
"""Of a share: tools round, and boxes reach beyond the image."""
ENOUGH_ROWS = 5
NO_KEYPOINTS = (0, 0)
_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_ROW = re.compile(rf"\d+(\.0+)?(\s+{_NUMBER}){{4,}}\s*")


@dataclass(frozen=True)
class Row:
    """Class, box as shares (cx, cy, width, height), and the polygon as shares where there is one."""

    class_id: int
    box: tuple[float, float, float, float]
    polygon: tuple[float, ...] = ()


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Some text file of an image's key holds lines of a class and at least four numbers, or nothing."""
    keys = {key_of(image) for image in images_among(files)}
    texts = [file for file in _texts(files) if key_of(file) in keys]
    return any(all(map(_is_row, _lines(root / file))) for file in texts[:20])


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; masks for segmentation where some row is a polygon."""
    if not recognised(root, files):
        return None
    images = images_among(files)
    labels = paired(root, images, _labels(root, images, files), "label", every_image=False)
    meanings, notes = Meanings(root, files), []
    found = [meanings.of(label) if label else None for label in labels]
    parsed = [_read(root / label, meaning) if label else [] for label, meaning in zip(labels, found, strict=True)]
    _refuse_unstated_keypoints(root, labels, parsed, found)
    other = options.classes_from
    if not any(found) and other is not None and (lent := Meanings(other, files_below(other)).all_agree()):
        found = [lent] * len(found)
        notes.append(f"no names file: ids mean what they mean in {other.name}")
    if not any(found):
        largest = max((row.class_id for rows in parsed for row in rows), default=-1)
        numbers = Meaning(tuple(str(i) for i in range(largest + 1)), None, root)
        found = [numbers] * len(found)
        notes.append("no data.yaml or classes.txt names the classes: they are called by their ids")
    names = tuple(dict.fromkeys(name for meaning in found if meaning for name in meaning.names if name))
    ids = [_class_ids(root, label, rows, m, names) for label, rows, m in zip(labels, parsed, found, strict=True)]
    if n_empty := sum(label is None for label in labels):
        notes.append(f"{n_empty} images have no label file and so no object")
    if len({meaning.file for meaning in found if meaning}) > 1:
        notes.append("each label counts by the names file nearest above it")
    plain = replace(of_images(NAME, root, images, files), notes=tuple(notes))
    if options.task == "segmentation":
        return _with_masks(plain, names, parsed, ids)
    return replace(
        plain,
        class_names=names,
        boxes=lambda i: _in_pixels(parsed[i], plain.size(i)),
        box_class=ids,
    )


def _class_ids(
    root: Path, label: Path | None, rows: Sequence[Row], meaning: Meaning | None, names: tuple[str, ...]
) -> np.ndarray:
    """``(n,) int64``: the rows' classes along the names of the whole folder."""
    if not rows:
        return np.zeros(0, np.int64)
    own = meaning.names if meaning else ()
    largest = max(row.class_id for row in rows)
    if largest >= len(own):
        said = (
            f"{meaning.file} lists {len(own)} classes (0..{len(own) - 1})" if meaning else "no names file is above it"
        )
        raise DataError(
            f"{root / str(label)}: found class {largest}; {said}: add the name to the names file, or correct the label"
        )
    if unnamed := [row.class_id for row in rows if not own[row.class_id]]:
        raise DataError(
            f"{root / str(label)}: found class {unnamed[0]}, for which {meaning and meaning.file} has no name: add it, "
            "or correct the label"
        )
    return np.array([names.index(own[row.class_id]) for row in rows], np.int64)


def _with_masks(
    plain: Listing, names: tuple[str, ...], parsed: Sequence[Sequence[Row]], ids: Sequence[np.ndarray]
) -> Listing | None:
    """Masks of polygons; the boxes of other rows are ignored, since their pixels are not known."""
    if not any(row.polygon for rows in parsed for row in rows):
        return None
    class_names, _ = with_background(names)
    background, place = background_of(class_names), [class_names.index(name) for name in names]

    def mask(i: int) -> np.ndarray:
        size = plain.size(i)
        scale = np.array(size, float)
        regions = []
        for row, class_id in zip(parsed[i], ids[i], strict=True):
            points = np.array(row.polygon or _corners(row.box)).reshape(-1, 2) * scale
            regions.append(Region(place[class_id] if row.polygon else IGNORE, [points.ravel().tolist()]))
        return draw(regions, size, background, plain.names[i])

    n_bare = sum(not row.polygon for rows in parsed for row in rows)
    notes = (f"{n_bare} objects have a box and no outline: their boxes are ignored",) if n_bare else ()
    return replace(plain, pixels={**plain.pixels, "mask": mask}, class_names=class_names, notes=(*plain.notes, *notes))


def _corners(box: tuple[float, float, float, float]) -> tuple[float, ...]:
    cx, cy, width, height = box
    left, top, right, bottom = cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2
    return left, top, right, top, right, bottom, left, bottom


def _in_pixels(rows: Sequence[Row], size: tuple[int, int]) -> np.ndarray:
    """``(n, 4) float32`` corners in pixels."""
    cx, cy, width, height = np.array([row.box for row in rows], np.float64).reshape(-1, 4).T
    corners = np.stack([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], axis=1)
    return (corners * np.array(size * 2)).astype(np.float32)


# -------------------------------------------------------------------------------------------------------- rows


def _texts(files: tuple[Path, ...]) -> list[Path]:
    return [file for file in files if file.suffix.lower() == ".txt" and file.name.lower() not in NAME_FILES]


def _labels(root: Path, images: Iterable[Path], files: tuple[Path, ...]) -> list[Path]:
    """The text files of images, and such as have no image and hold labels all the same."""
    keys = set(map(key_of, images))
    return [file for file in _texts(files) if key_of(file) in keys or _holds_labels(_lines(root / file))]


def _holds_labels(lines: list[str]) -> bool:
    return bool(lines) and all(map(_is_row, lines))


def _is_row(line: str) -> bool:
    return _ROW.fullmatch(line.strip()) is not None


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines() if line.strip()]


def _read(path: Path, meaning: Meaning | None) -> list[Row]:
    """The rows of a label file.

    Raises
    ------
    DataError
        A line that is none, or of a length that fits nothing; shares that are none.
    """
    rows = []
    keypoints = meaning.keypoints if meaning and meaning.keypoints != NO_KEYPOINTS else None
    for number, line in enumerate(_lines(path), 1):
        if not _is_row(line):
            raise DataError(
                f"{path}, line {number}: found {line.strip()[:60]!r}; expected five numbers: class cx cy width height, "
                "the last four as shares in [0, 1]"
            )
        numbers = [float(word) for word in line.split()]
        shares = numbers[1:BOX] if keypoints else numbers[1:]
        if len(numbers) in (BOX, CONFIDENCE) or keypoints or len(numbers) % 2:
            _refuse_pixels(path, shares[:4] if len(numbers) == CONFIDENCE else shares, numbers, keypoints)
        rows.append(_row(f"{path}, line {number}", numbers, keypoints, meaning))
    return rows


def _refuse_pixels(path: Path, shares: list[float], numbers: list[float], keypoints: tuple[int, int] | None) -> None:
    if max(shares) <= MOST:
        return
    if not keypoints and _visibilities(numbers):
        return  # the length is refused with the keypoints' reason
    if len(numbers) == TRACKED and max(shares[:4]) <= 1:
        raise DataError(
            f"{path}: found 7 numbers, the last {numbers[-1]:g}; expected 5: class cx cy width height. Confidence and "
            "track number stand behind the boxes of a tracker: remove them, and use such boxes only if they were "
            "corrected"
        )
    raise DataError(
        f"{path}: found {max(shares):g} where a share of the image in [0, 1] is expected; divide pixels by the image's "
        "width and height"
    )


def _row(where: str, numbers: list[float], keypoints: tuple[int, int] | None, meaning: Meaning | None) -> Row:
    n = len(numbers)
    class_id, box = int(numbers[0]), (numbers[1], numbers[2], numbers[3], numbers[4])
    if n == BOX:
        return Row(class_id, box)
    if keypoints is not None:
        count, each = keypoints
        if n != BOX + count * each:
            file = meaning.file if meaning else ""
            raise DataError(
                f"{where}: found {n} numbers; kpt_shape [{count}, {each}] in {file} makes {BOX + count * each}: class "
                "cx cy width height and the keypoints; correct the label or kpt_shape"
            )
        return Row(class_id, box)
    if n == CONFIDENCE:
        raise DataError(
            f"{where}: found 6 numbers; expected 5: class cx cy width height. A sixth is the confidence that "
            "predictions have (save_conf): remove it, and use predictions as labels only if they were corrected"
        )
    if (count := _visibilities(numbers)) and max(numbers[1:]) > MOST:
        raise DataError(
            f"{where}: found {n} numbers, as {count} keypoints with visibility behind a box have; say so with "
            f"kpt_shape: [{count}, 3] in data.yaml"
        )
    if n % 2 == 0:
        raise DataError(
            f"{where}: found {n} numbers, which is no box (5) and no polygon (class and pairs: 7, 9, 11 …); if the "
            "last one is a confidence, remove it; if they are keypoints, state kpt_shape in data.yaml"
        )
    xs, ys = numbers[1::2], numbers[2::2]
    bounds = ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys))
    return Row(class_id, bounds, tuple(numbers[1:]))


def _visibilities(numbers: list[float]) -> int:
    """The number of keypoints if a row may hold such with a visibility of 0, 1 or 2 each, otherwise 0."""
    behind = numbers[BOX:]
    fits = behind and len(behind) % 3 == 0 and all(value in (0, 1, 2) for value in behind[2::3])
    return len(behind) // 3 if fits else 0


def _refuse_unstated_keypoints(
    root: Path, labels: Sequence[Path | None], parsed: Sequence[Sequence[Row]], found: Sequence[Meaning | None]
) -> None:
    """Refuse rows that are polygons by their length, and boxes with keypoints by all they say.

    Read as a box, the first two points of every row hold all others: polygons do not do that five times over.

    Raises
    ------
    DataError
        All rows are so, of one length, and at least five.
    """
    polygons = [row.polygon for rows in parsed for row in rows if row.polygon]
    if any(meaning and meaning.keypoints == NO_KEYPOINTS for meaning in found):
        return
    if len(polygons) < ENOUGH_ROWS or len({len(polygon) for polygon in polygons}) > 1:
        return
    if not all(map(_box_holds_rest, polygons)):
        return
    first = next(label for label, rows in zip(labels, parsed, strict=True) if any(row.polygon for row in rows))
    n = (len(polygons[0]) - 4) // 2
    raise DataError(
        f"{root / str(first)}: found {len(polygons[0]) + 1} numbers a row, which could be polygons, and all {n} last "
        "pairs lie inside the box of the first four, as keypoints do; say which: kpt_shape: "
        f"[{n}, 2] in data.yaml for keypoints, or kpt_shape: [0, 0] for polygons"
    )


def _box_holds_rest(polygon: tuple[float, ...]) -> bool:
    cx, cy, width, height = polygon[:4]
    xs, ys = np.array(polygon[4::2]), np.array(polygon[5::2])
    slack = 1e-3
    inside_x = np.abs(xs - cx) <= width / 2 + slack
    inside_y = np.abs(ys - cy) <= height / 2 + slack
    return bool((inside_x & inside_y).all())
