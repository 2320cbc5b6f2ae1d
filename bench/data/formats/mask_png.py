"""Mask PNGs: for each image a PNG of class ids, in a folder ``masks``, ``labels`` … or beside it as ``…_mask.png``.

    index      8- or 16-bit, one channel (or three equal ones): the value is the class id
    palette    a palette PNG: the index is the class id, its colours are for the eye
    colours    RGB, each class a colour: needs classes.csv

Classes are named by a file anywhere in the folder (:mod:`bench.data.formats.class_files`): ``classes.txt`` or
``labels.txt``; a CSV ``classes.csv``, ``class_dict.csv`` or ``label_colors.csv``; or CVAT's ``labelmap.txt``. Without
one, all masks are read to find the ids, and the classes are called by their numbers. Classes called void, ignore,
unlabelled, unlabeled or unknown are ignored (255), and so is the value 255 unless a CSV names it, or it is the only one
beside 0: masks of an object in white on black.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.folders import INSTANCE_WORDS, MASK_WORDS, files_below, images_among, label_images_among, paired, says
from bench.data.formats import Options, of_images
from bench.data.formats.class_files import Named, names_of_txt, of_csv, of_labelmap
from bench.data.image_files import read_colours, read_ids
from bench.data.listing import IGNORE, Listing
from bench.data.parallel import for_each

NAME = "mask PNGs"
TXT = ("classes.txt", "labels.txt", "class_names.txt")
CSV = ("classes.csv", "class_dict.csv", "label_colors.csv", "labels.csv")
LABELMAP = "labelmap.txt"
IGNORED = frozenset({"void", "ignore", "unlabelled", "unlabeled", "unknown"})
UNKNOWN = 254
JPEG = (".jpg", ".jpeg")


@dataclass(frozen=True)
class ClassTable(Named):
    """Names, and what stands for each in a mask; ``folder`` is named where they are another folder's."""

    folder: str = ""

    @property
    def kept(self) -> tuple[str, ...]:
        """The classes that are not ignored, in order: the ids of a mask count along these."""
        return tuple(dict.fromkeys(name for name in self.names if name.lower() not in IGNORED))

    def ids(self, path: Path) -> np.ndarray:
        """``(H, W) uint8`` ids of a mask file.

        Raises
        ------
        DataError: a value or colour that no class has.
        """
        if self.in_colours:
            colours = read_colours(path).astype(np.int64)
            raw = colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]
        else:
            raw = read_ids(path)
        order = np.argsort(self.values)
        values = np.array(self.values)[order]
        kept = self.kept
        id_of = np.array([kept.index(name) if name in kept else IGNORE for name in self.names], np.uint8)[order]
        place = np.searchsorted(values, raw).clip(max=len(values) - 1)
        ids = np.where(values[place] == raw, id_of[place], np.uint8(UNKNOWN))
        if not self.in_colours and IGNORE not in self.values:
            ids[raw == IGNORE] = IGNORE
        if (unknown := raw[ids == UNKNOWN]).size:
            shown = ", ".join(self._written(int(value)) for value in np.unique(unknown)[:5])
            jpeg = "; JPEG changes ids and colours: save masks as PNG" if path.suffix.lower() in JPEG else ""
            raise DataError(
                f"{path}: found {'colour' if self.in_colours else 'class id'} {shown}, which no class has; there are "
                f"{len(self.names)} classes{f', those of {self.folder}' if self.folder else ''}: correct the mask, or "
                f"add the class to the classes file (255 is ignored){jpeg}"
            )
        return ids

    def _written(self, value: int) -> str:
        return f"({value >> 16}, {value >> 8 & 255}, {value & 255})" if self.in_colours else str(value)


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """There are masks in folders of their own or beside their pictures."""
    return bool(_masks(files) and images_among(files))


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`."""
    if not recognised(root, files):
        return None
    images, paths = _pairs(root, files)
    table, note = _classes(root, files, options.classes_from)
    plain = of_images(NAME, root, images, files)
    return replace(
        plain,
        pixels={**plain.pixels, "mask": lambda i: table.ids(paths[i])},
        class_names=table.kept,
        notes=(note,) if note else (),
    )


def _pairs(root: Path, files: tuple[Path, ...]) -> tuple[tuple[Path, ...], list[Path]]:
    """Images relative to the root, and the mask of each."""
    images = images_among(files)
    return images, [root / str(mask) for mask in paired(root, images, _masks(files), "mask")]


def _masks(files: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(mask for mask in label_images_among(files, MASK_WORDS) if not says(mask, INSTANCE_WORDS))


def _classes(root: Path, files: tuple[Path, ...], other: Path | None) -> tuple[ClassTable, str]:
    """The classes as the folder names them, or as another does, or by number; and what to say about it."""
    if table := class_table(root, files):
        return table, ""
    if other is not None and (table := class_table(other, files_below(other))):
        return replace(table, folder=other.name), f"no classes.txt: ids mean what they mean in {other.name}"
    return numbered(tuple(_pairs(root, files)[1])), "no classes.txt names the classes: they are the ids in the masks"


def class_table(root: Path, files: tuple[Path, ...]) -> ClassTable | None:
    """The classes that a file in the folder names; ``None`` if there is none.

    Raises
    ------
    DataError: a file that is not as the module's docstring says.
    """
    for wanted in (*CSV, *TXT, LABELMAP):
        if found := [root / file for file in files if file.name.lower() == wanted]:
            if wanted in TXT:
                names = names_of_txt(found[0])
                return ClassTable(names, tuple(range(len(names))))
            named = of_csv(found[0]) if wanted in CSV else of_labelmap(found[0])
            return ClassTable(named.names, named.values, named.in_colours)
    return None


@lru_cache(maxsize=8)
def numbered(paths: tuple[Path, ...]) -> ClassTable:
    """Classes called by the ids that the masks hold, all of which are read."""
    found: list[set[int]] = [set() for _ in paths]
    for_each(lambda i: found[i].update(np.flatnonzero(np.bincount(read_ids(paths[i]).ravel())).tolist()), len(paths))
    values = sorted(set().union(*found))
    if values != [0, IGNORE]:
        values = [value for value in values if value != IGNORE]
    if len(values) > UNKNOWN:
        raise DataError(
            f"{paths[0].parent}: found {len(values)} different ids in the masks; at most {UNKNOWN} are read"
        )
    return ClassTable(tuple(map(str, values)), tuple(values))
