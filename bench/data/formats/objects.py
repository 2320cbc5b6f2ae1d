"""Objects of images as formats write them, and the listing that follows: boxes for detection, masks for segmentation.

A format parses its files into one :class:`Annotated` per image; the rest is the same for all: class names, sizes that
disagree with the image, files that are missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, unquote_plus

import numpy as np

from bench.api.errors import DataError
from bench.data.fitting import Size
from bench.data.folders import composed
from bench.data.formats import Options, of_images, other_size
from bench.data.formats.outlines import Region, background_of, draw, with_background
from bench.data.listing import IGNORE, Listing

IGNORED_NAMES = frozenset({"__ignore__", "void", "ignore", "unlabelled", "unlabeled", "unknown"})


@dataclass(frozen=True)
class Object:
    """A class name, a box (left, top, right, bottom in pixels), and an outline where the label has one.

    The outline is whatever :class:`~bench.data.formats.outlines.Region` takes.
    """

    name: str
    box: tuple[float, float, float, float]
    outline: Any = None


@dataclass(frozen=True)
class Annotated:
    """An image below the root, its objects, the file that says so, and the (width, height) stated there."""

    image: Path
    file: Path
    objects: tuple[Object, ...] = ()
    size: Size | None = None


@dataclass(frozen=True)
class Labels:
    """What a format read.

    Attributes
    ----------
    rows : one per image.
    names : classes in the order of the format's own ids, including those that never occur; may lack some.
    notes : as of a listing.
    """

    rows: Sequence[Annotated]
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def listing_of(title: str, root: Path, labels: Labels, files: tuple[Path, ...], options: Options) -> Listing | None:
    """The listing for ``detection`` or ``segmentation``; ``None`` for segmentation where nothing has an outline.

    Raises
    ------
    DataError
        No image; later, when sizes or masks are read: a size or an outline that does not fit the image.
    """
    rows = labels.rows
    occur = {obj.name for row in rows for obj in row.objects}
    names = (*dict.fromkeys(labels.names), *sorted(occur - set(labels.names)))
    plain = of_images(title, root, tuple(row.image for row in rows), files)

    def size(i: int) -> Size:
        here, said = plain.size(i), rows[i].size
        if said is not None and said != here:
            raise other_size(plain.names[i], here, root / rows[i].file, said)
        return here

    sized = replace(plain, size=size, notes=labels.notes)
    if options.task == "segmentation":
        return (
            _with_masks(sized, names, labels) if any(o.outline is not None for r in rows for o in r.objects) else None
        )
    ids = {name: i for i, name in enumerate(names)}
    boxes = [np.array([obj.box for obj in row.objects], np.float32).reshape(-1, 4) for row in rows]
    return replace(
        sized,
        class_names=names,
        boxes=boxes.__getitem__,
        box_class=[np.array([ids[obj.name] for obj in row.objects], np.int64) for row in rows],
    )


def _with_masks(sized: Listing, names: tuple[str, ...], labels: Labels) -> Listing:
    kept = tuple(name for name in names if name.lower() not in IGNORED_NAMES)
    class_names, _ = with_background(kept)
    ids = {name: class_names.index(name) if name in class_names else IGNORE for name in names}
    background = background_of(class_names)

    def mask(i: int) -> np.ndarray:
        width, height = sized.size(i)
        regions = []
        for obj in labels.rows[i].objects:
            if obj.outline is None:
                # Somewhere in its box is an object whose pixels are not known.
                regions.append(Region(IGNORE, _filled(obj.box, (width, height))))
            else:
                regions.append(Region(ids[obj.name], obj.outline))
        return draw(regions, (width, height), background, f"{labels.rows[i].file}, image {sized.names[i]}")

    n_bare = sum(obj.outline is None for row in labels.rows for obj in row.objects)
    notes = (f"{n_bare} objects have a box and no outline: their boxes are ignored",) if n_bare else ()
    return replace(sized, pixels={**sized.pixels, "mask": mask}, class_names=class_names, notes=(*sized.notes, *notes))


def _filled(box: tuple[float, float, float, float], size: Size) -> np.ndarray:
    """``(H, W) bool``: the pixels that a box touches."""
    pixels = np.zeros(size[::-1], bool)
    left, top = (max(0, int(np.floor(edge))) for edge in box[:2])
    right, bottom = (max(0, int(np.ceil(edge))) for edge in box[2:])
    pixels[top:bottom, left:right] = True
    return pixels


def bounds(points: Sequence[Sequence[float]]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of points.

    >>> bounds([(3, 4), (1, 9)])
    (1.0, 4.0, 3.0, 9.0)
    """
    xs, ys = zip(*((float(x), float(y)) for x, y in points), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def corners(box: tuple[float, float, float, float]) -> list[list[float]]:
    """The outline of a box, as polygons."""
    left, top, right, bottom = box
    return [[left, top, right, top, right, bottom, left, bottom]]


# ------------------------------------------------------------------------------------------------------- files


@dataclass(frozen=True)
class Names:
    """Finds the image that a label file names, as it was called on any machine.

    Tried are the name below the label file's folder, below the root, and as much of the end of the name as is there, of
    several the one nearest to the label file; first as written, then with ``%20`` and the like read as the characters
    that they stand for, as web tools write them, then in any case, as on Windows.
    """

    root: Path
    known: dict[str, Path] = field(repr=False)
    by_name: dict[str, list[Path]] = field(repr=False)

    @classmethod
    def among(cls, root: Path, files: Sequence[Path], images: Sequence[Path]) -> Names:
        """The names of a folder's files; by the end of their names, its images alone are found."""
        by_name: dict[str, list[Path]] = {}
        for image in images:
            by_name.setdefault(composed(image.name), []).append(image)
        return cls(root, {composed(file.as_posix()): file for file in files}, by_name)

    def find(self, folder: Path, name: str) -> Path | None:
        """The file called ``name`` in a label file of ``folder`` (relative to the root); ``None`` if there is none."""
        for candidate in dict.fromkeys((name, unquote(name), unquote_plus(name))):
            if (found := self._find(folder, candidate)) is not None:
                return found
        last = _parts(unquote(name))[-1:]
        alike = [
            file
            for key, files in self.by_name.items()
            if (key.lower(),) == tuple(map(str.lower, last))
            for file in files
        ]
        return alike[0] if len(alike) == 1 else None

    def count(self, name: str) -> int:
        """How many images end in the last part of a name."""
        return len(self.by_name.get(_parts(unquote(name))[-1:][0], [])) if _parts(name) else 0

    def _find(self, folder: Path, name: str) -> Path | None:
        parts = _parts(name)
        for candidate in (folder.joinpath(*parts), Path(*parts)):
            if (path := self.known.get(composed(candidate.as_posix()))) is not None:
                return path
        found = self.by_name.get(parts[-1], []) if parts else []
        for n_parts in range(len(parts), 0, -1):
            matches = [file for file in found if tuple(map(composed, file.parts[-n_parts:])) == parts[-n_parts:]]
            for above in (folder, *folder.parents):
                near = [file for file in matches if file.is_relative_to(above)]
                if len(near) == 1:
                    return near[0]
                if near:
                    break
        return None


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(composed(name.replace("\\", "/"))).parts


def read_json(path: Path) -> Any:
    """A JSON document.

    Raises
    ------
    DataError
        It is missing, or no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path} is missing; add the file, or remove what refers to it") from None
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}); write it again, or remove it") from None


def begins(path: Path, wanted: Callable[[bytes], bool], n_bytes: int = 4096) -> bool:
    """Whether the first bytes of a file are as wanted."""
    with path.open("rb") as stream:
        return wanted(stream.read(n_bytes))
