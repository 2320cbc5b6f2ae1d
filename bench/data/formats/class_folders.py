"""Class folders: ``ROOT/CLASS/…/image.png``; the first folder that tells images apart is the class.

No classes are folders that hold everything (``dataset/``, ``images/``) and the parts of a split: ``train/CLASS/…`` and
``val/CLASS/…`` are read as one set, below ``images/`` too. Images that lie in no class folder (a flat ``test/``, a
preview beside the classes) are left out, and the notes count them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.data.folders import images_among, printable, shown
from bench.data.formats import Options, of_images
from bench.data.listing import Listing
from bench.data.roles import IMAGE_WORDS, is_split, splits_among

NAME = "class folders"


@dataclass(frozen=True)
class Classes:
    """Images by class, and what was looked at.

    Attributes
    ----------
    of: the class of each image that has one.
    without: images in no class folder.
    parts: folders of a split that were passed through.
    deeper: folders below those of the classes, by how many classes have one of that name.
    why_none: why the folders are no classes; empty if they are.
    """

    of: dict[Path, str]
    without: tuple[Path, ...] = ()
    parts: tuple[str, ...] = ()
    deeper: Counter[str] | None = None
    why_none: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.of.values())))


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Images lie in at least two folders that are called neither as parts of a split nor as folders of images."""
    return not classes_of(images_among(files)).why_none


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; ``class_id`` by the sorted names of the folders."""
    found = classes_of(images_among(files))
    if found.why_none:
        return None
    class_id = np.array([found.names.index(name) for name in found.of.values()], np.int64)
    plain = of_images(NAME, root, tuple(found.of), files)
    return replace(plain, class_names=found.names, arrays={"class_id": class_id}, notes=tuple(_notes(found)))


def classes_of(images: Sequence[Path]) -> Classes:
    """The class of each image, by its folders."""
    rest = {image: image.parts[:-1] for image in images}
    passed: dict[Path, tuple[str, ...]] = dict.fromkeys(images, ())
    flat: list[Path] = []
    while True:
        flat += [image for image, folders in rest.items() if not folders]
        rest = {image: folders for image, folders in rest.items() if folders}
        if not rest:
            return Classes({}, why_none=_why_flat(flat))
        by_place: dict[tuple[str, ...], set[str]] = {}
        for image, folders in rest.items():
            by_place.setdefault(passed[image], set()).add(folders[0])
        through: dict[tuple[str, ...], set[str]] = {}
        for place, heads in by_place.items():
            splits = splits_among(heads)
            others = {head for head in heads - splits if head.lower() not in IMAGE_WORDS}
            if splits and others:
                return Classes({}, why_none=_why_mixed(splits, others))
            through[place] = set() if others else heads
        heads = set().union(*by_place.values())
        if not any(through.values()) and len(heads) == 1 and any(len(folders) > 1 for folders in rest.values()):
            through = by_place
        going = [image for image, folders in rest.items() if folders[0] in through[passed[image]]]
        if not going:
            break
        for image in going:
            passed[image] += (rest[image][0],)
            rest[image] = rest[image][1:]
    if len(heads) == 1:
        return Classes({}, why_none=f"all images lie in one folder ({next(iter(heads))}), and classes are two or more")
    loose = [image for image in flat if not any(map(is_split, image.parts[:-1]))]
    if len(loose) > len(rest):
        where = _names(sorted(heads))
        return Classes({}, why_none=f"{len(loose)} images lie in no class folder{shown(loose)}, more than in {where}")
    deeper = Counter(printable(name) for _, name in {folders[:2] for folders in rest.values() if len(folders) > 1})
    of = {image: printable(folders[0]) for image, folders in sorted(rest.items())}
    parts = {part for image in of for part in passed[image] if is_split(part)}
    return Classes(of, tuple(sorted(flat)), tuple(sorted(parts)), deeper)


def _notes(found: Classes) -> list[str]:
    notes = [f"{', '.join(found.parts)} are read as one set"] if found.parts[1:] else []
    if found.without:
        lie, are = ("image lies", "is") if len(found.without) == 1 else ("images lie", "are")
        notes.append(f"{len(found.without)} {lie} in no class folder and {are} left out{shown(found.without)}")
    if found.deeper:
        common = sorted(name for name, n in found.deeper.items() if n > 1)
        names = common or sorted(found.deeper)
        example = found.names[0]
        note = f"below the class folders lie {_names(names)}, which do not count"
        if common:
            note += f": if these are the classes, name one of the folders above them, as {example}"
        notes.append(note)
    return notes


def _why_flat(flat: Sequence[Path]) -> str:
    return f"the images lie in no class folders{shown(flat)}; expected CLASS/….png"


def _why_mixed(splits: set[str], others: set[str]) -> str:
    return (
        f"{_names(sorted(splits))}, names of parts of a split, are no classes and lie beside {_names(sorted(others))}; "
        "give the folder of one part, or rename it"
    )


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if names[5:] else "")
