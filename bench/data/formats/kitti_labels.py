"""KITTI's ``label_2``, which Omniverse (Replicator's KittiWriter) and NVIDIA TAO write too: a text file per image.

    type  truncated  occluded  alpha  left  top  right  bottom  height width length  x y z  rotation_y  [score]

Corners in pixels from 0. ``DontCare`` is left out and counted. A label file lies beside its image, or in a folder next
to the image's (``training/label_2`` and ``training/image_2``, ``Camera/object_detection`` and ``Camera/rgb``); where
two cameras are there, labels are those of ``image_2``. Images without a label file (KITTI's ``testing``) are left out.
"""

from __future__ import annotations

import re
from pathlib import Path

from bench.api.errors import DataError
from bench.data.folders import images_among, key_of
from bench.data.formats import Options, Resize
from bench.data.formats.objects import Annotated, Labels, Object, listing_of
from bench.data.listing import Listing

NAME = "KITTI labels"
DONT_CARE = "dontcare"
FIRST_CORNER = 4
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_LINE = re.compile(rf"[A-Za-z_]\S*(?:\s+{_NUMBER}){{14,15}}\s*")
_PROJECTION = re.compile(r"^(P\d|P_rect_\d\d):\s", re.MULTILINE)


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Some text file holds nothing but lines of KITTI's labels."""
    return any(_is_label(root / file) for file in _texts(files)[:200])


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; classes are those that occur, sorted."""
    if not recognised(root, files):
        return None
    images = images_among(files)
    labels = {file for file in _texts(files) if _is_label(root / file) or not _lines(root / file)}
    rows: dict[Path, Annotated] = {}
    label_of = _label_by_image(images, labels)
    n_ignored = 0
    for image, file in label_of.items():
        objects, n = _read(root / file)
        n_ignored += n
        rows[image] = Annotated(image, file, objects)
    filled = {file for file in labels if _lines(root / file)}
    if orphans := filled - set(label_of.values()):
        raise DataError(
            f"{root}: {len(orphans)} KITTI label files have no image, as {min(orphans)}; put images of the same names "
            "beside them, or into a folder next to theirs (image_2 beside label_2)"
        )
    bare = [image for image in images if image not in rows]
    notes = [f"{n_ignored} DontCare regions left out"] if n_ignored else []
    notes += [f"{len(bare)} images without a label file are left out, as {bare[0]}"] if bare else []
    return listing_of(NAME, root, Labels([*rows.values()], notes=tuple(notes)), files, options)


def rescale(root: Path, file: Path, resize: Resize) -> bytes | None:
    """Corners in the new pixels, and the projections of ``calib``; what is in metres stays."""
    path = root / file
    if file.suffix.lower() != ".txt":
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    if _is_label(path):
        factors = resize.factors(_native(path, file, resize))
        return "".join(_scaled(line, FIRST_CORNER, factors * 2) for line in text.splitlines(keepends=True)).encode()
    if _PROJECTION.search(text):
        across, down = resize.factors(_native(path, file, resize))
        by_row = (across,) * 4 + (down,) * 4
        lines = text.splitlines(keepends=True)
        return "".join(_scaled(line, 1, by_row) if _PROJECTION.match(line) else line for line in lines).encode()
    return None


def _native(path: Path, file: Path, resize: Resize) -> tuple[int, int]:
    """Width and height of a label's image, which the label does not state."""
    for folder in ("image_2", "image_3", "rgb", "images", ""):
        beside = file.parent.parent / folder / file.name if folder else file
        if (native := resize.native(beside)) is not None:
            return native
    raise DataError(f"{path}: no image has its name, so its size is not known; add the image, or leave --size out")


def _scaled(line: str, first: int, factors: tuple[float, ...]) -> str:
    """The line with some of its words multiplied, blanks as they were."""
    words = re.split(r"(\s+)", line)
    for place, factor in enumerate(factors, first):
        number = float(words[2 * place])
        words[2 * place] = f"{number * factor:.2f}" if first == FIRST_CORNER else f"{number * factor:.12e}"
    return "".join(words)


def _label_by_image(images: tuple[Path, ...], labels: set[Path]) -> dict[Path, Path]:
    """The label of each image that has one; of two images with one label, that of ``image_2``."""
    by_place: dict[tuple[str, str], Path] = {}
    for file in labels:
        by_place[(file.parent.as_posix(), file.stem)] = file
        by_place.setdefault((f"{file.parent.parent.as_posix()}/*", file.stem), file)
    by_key = {key_of(file): file for file in labels}
    found: dict[Path, Path] = {}
    taken: set[Path] = set()
    for image in sorted(images, key=lambda image: ("image_2" not in image.parts, image)):
        here = by_place.get((image.parent.as_posix(), image.stem))
        label = here or by_place.get((f"{image.parent.parent.as_posix()}/*", image.stem)) or by_key.get(key_of(image))
        if label is not None and label not in taken:
            found[image] = label
            taken.add(label)
    return dict(sorted(found.items()))


def _read(path: Path) -> tuple[tuple[Object, ...], int]:
    """Objects, and the number of ``DontCare`` regions."""
    objects, n_ignored = [], 0
    for number, line in enumerate(_lines(path), 1):
        if not _LINE.fullmatch(line.strip()):
            raise DataError(
                f"{path}, line {number}: found {line.strip()[:60]!r}; expected KITTI's 15 columns: type, truncated, "
                "occluded, alpha, left, top, right, bottom, and seven of the object in metres"
            )
        name, *numbers = line.split()
        if name.lower() == DONT_CARE:
            n_ignored += 1
            continue
        left, top, right, bottom = map(float, numbers[3:7])
        objects.append(Object(name, (left, top, right, bottom)))
    return tuple(objects), n_ignored


def _texts(files: tuple[Path, ...]) -> list[Path]:
    return [file for file in files if file.suffix.lower() == ".txt"]


def _is_label(path: Path) -> bool:
    """Its first line is a label's; whether all are is checked when it is read."""
    lines = _lines(path)
    return bool(lines) and _LINE.fullmatch(lines[0].strip()) is not None


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines() if line.strip()]
