"""Mask PNGs: for each image a PNG of class ids, in a folder ``masks``, ``labels`` … or beside it as ``…_mask.png``.

    index      8- or 16-bit, one channel (or three equal ones): the value is the class id
    palette    a palette PNG: the index is the class id, its colours are for the eye
    colours    RGB, each class a colour: needs classes.csv

Classes are named by the nearest file above the masks (:mod:`bench.data.formats.mask_names`). Without one, all masks are
read to find the ids, and the classes are called by their numbers. Classes called void, ignore,
unlabelled, unlabeled or unknown are ignored (255), and so is the value 255 unless a CSV names it, or it is the only
one beside 0: masks of an object in white on black, where it is class 1. Masks that JPEG, resizing or soft edges have
blurred are refused (:mod:`bench.data.formats.mask_levels`), unless ``--mask-levels`` says which levels are classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.folders import INSTANCE_WORDS, MASK_WORDS, files_below, images_among, label_images_among, paired, says
from bench.data.formats import Options, of_images
from bench.data.formats.class_files import Named
from bench.data.formats.mask_levels import (
    JPEG,
    NEAREST,
    counted,
    levels_of,
    parse_levels,
    ranks,
    refuse_blurred,
)
from bench.data.formats.mask_names import MaskNames
from bench.data.formats.official import is_cityscapes
from bench.data.image_files import opened, read_colours, read_ids
from bench.data.listing import IGNORE, Listing
from bench.data.sets.classes import CITYSCAPES_IDS, CLASSES

NAME = "mask PNGs"
IGNORED = frozenset({"void", "ignore", "unlabelled", "unlabeled", "unknown"})
UNKNOWN = 254
MOST_SHOWN = 8
N_CITYSCAPES_IDS = 34
CITYSCAPES_COLOURS = {7: (128, 64, 128), 8: (244, 35, 232), 11: (70, 70, 70), 26: (0, 0, 142)}
"""Road, sidewalk, building and car in its palette of labelIds."""


@dataclass(frozen=True)
class ClassTable(Named):
    """Names, and what stands for each in a mask.

    ``folder`` is named where they are another folder's; with ``nearest`` each pixel counts as the class whose value or
    colour is nearest.
    """

    folder: str = ""
    nearest: bool = False

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
        kept = self.kept
        id_of = np.array([kept.index(name) if name in kept else IGNORE for name in self.names], np.uint8)
        raw = self._values(path)
        if self.nearest:
            return id_of[self._nearest(raw)]
        order = np.argsort(self.values)
        values = np.array(self.values)[order]
        place = np.searchsorted(values, raw).clip(max=len(values) - 1)
        ids = np.where(values[place] == raw, id_of[order][place], np.uint8(UNKNOWN))
        if not self.in_colours and IGNORE not in self.values:
            ids[raw == IGNORE] = IGNORE
        if (unknown := raw[ids == UNKNOWN]).size:
            jpeg = path.suffix.lower() in JPEG
            why = "; JPEG changes ids and colours: save masks as PNG" if jpeg else ""
            nearest = ", or state --mask-levels nearest" if jpeg or self.in_colours else ""
            shown = ", ".join(self._written(int(value)) for value in np.unique(unknown)[:5])
            raise DataError(
                f"{path}: found {'colour' if self.in_colours else 'class id'} {shown}, which no class has, in "
                f"{100 * unknown.size / raw.size:.3g} % of its pixels; there are {len(self.names)} classes"
                f"{f', those of {self.folder}' if self.folder else ''}: correct the mask, or add the class to the "
                f"classes file (255 is ignored){nearest}{why}"
            )
        return ids

    def _values(self, path: Path) -> np.ndarray:
        """``(H, W) int64``: what stands in a mask, colours packed."""
        if not self.in_colours:
            return read_ids(path)
        colours = read_colours(path).astype(np.int64)
        packed: np.ndarray = colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]
        return packed

    def _nearest(self, raw: np.ndarray) -> np.ndarray:
        """``(H, W) int64``: the place of the class whose value or colour is nearest to each pixel's."""
        found, inverse = np.unique(raw, return_inverse=True)
        distance = sum(
            (_channel(found, shift)[:, None] - _channel(np.array(self.values), shift)) ** 2 for shift in (0, 8, 16)
        )
        if not self.in_colours:
            distance = np.abs(found[:, None] - np.array(self.values))
        nearest: np.ndarray = np.asarray(distance).argmin(axis=1)[inverse].reshape(raw.shape)
        return nearest

    def _written(self, value: int) -> str:
        return f"({value >> 16}, {value >> 8 & 255}, {value & 255})" if self.in_colours else str(value)


def _channel(packed: np.ndarray, shift: int) -> np.ndarray:
    channel: np.ndarray = packed >> shift & 255
    return channel


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """There are masks in folders of their own or beside their pictures."""
    return bool(_masks(files) and images_among(files))


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`."""
    if not recognised(root, files):
        return None
    images, masks = _pairs(root, files)
    paths = tuple(masks)
    plain = of_images(NAME, root, images, files)
    tables = _tables(root, files, paths)
    if len(set(tables)) > 1:
        return _of_several_exports(root, plain, paths, tables, options)
    named, notes = _named(paths, tables[0], options.classes_from)
    if options.mask_levels and options.mask_levels != NEAREST:
        return _with_levels(plain, paths, named, parse_levels(options.mask_levels), notes)
    if options.mask_levels and named is None:
        raise DataError(
            f"{root} names no classes, so none is the nearest; state their levels, as --mask-levels 0+255, or add a "
            "classes.csv with the columns name,id"
        )
    table = replace(named, nearest=bool(options.mask_levels)) if named else None
    if table is None:
        refuse_blurred(root, paths)
        table = numbered(paths)
        notes.append("no classes.txt names the classes: they are the ids in the masks")
        if IGNORE in table.values:
            notes.append("masks hold 0 and 255 alone: 255 is class 1")
    elif not table.in_colours and not table.nearest:
        if any(path.suffix.lower() in JPEG for path in paths):
            refuse_blurred(root, paths)
        table, note = _white_on_black(table, paths)
        notes += [note] if note else []
    if not table.in_colours and IGNORE not in table.values and not table.nearest:
        notes += _ignored(paths)
    return replace(
        plain,
        pixels={**plain.pixels, "mask": lambda i: table.ids(paths[i])},
        class_names=table.kept,
        notes=tuple(notes),
    )


def _with_levels(
    plain: Listing, paths: tuple[Path, ...], named: ClassTable | None, levels: tuple[int, ...], notes: list[str]
) -> Listing:
    """Masks whose classes are stated levels: named by the classes file where it fits, otherwise 0, 1, …"""
    counts = counted(paths)
    table = ranks(list(counts), levels)
    if max(counts) >= len(table):
        raise DataError(f"{paths[0].parent}: found the value {max(counts)} in masks of 16 bits; --mask-levels are of 8")
    names = tuple(str(rank) for rank in range(len(levels)))
    if named is not None and not named.in_colours:
        by_value = dict(zip(named.values, named.names, strict=True))
        if set(levels) <= by_value.keys():
            names = tuple(by_value[level] for level in levels)
        elif len(named.names) == len(levels):
            names = named.names
    moved = sum(n for value, n in counts.items() if value not in levels and value not in range(len(levels)))
    share = 100 * moved / sum(counts.values())
    note = f"{share:.3g} % of mask pixels count as the nearest of {', '.join(map(str, levels))} (--mask-levels)"
    return replace(
        plain,
        pixels={**plain.pixels, "mask": lambda i: table[read_ids(paths[i])]},
        class_names=names,
        notes=(*notes, note),
    )


def _white_on_black(table: ClassTable, paths: tuple[Path, ...]) -> tuple[ClassTable, str]:
    """Two named classes, and masks of 0 and 255 alone: 255 is the second class."""
    if table.values != (0, 1) or set(levels_of(paths).counts) != {0, IGNORE}:
        return table, ""
    return replace(table, values=(0, IGNORE)), f"masks hold 0 and 255: 255 is {table.names[1]}"


def _ignored(paths: tuple[Path, ...]) -> list[str]:
    """A note on the pixels of a sample that count for nothing, and how to count them."""
    levels = levels_of(paths)
    if not (share := levels.share((IGNORE,))):
        return []
    shown = "+".join(map(str, levels.counts)) if len(levels.counts) <= MOST_SHOWN else "0+…+255"
    return [f"255 is ignored, {100 * share:.3g} % of mask pixels; if it is a class, state --mask-levels {shown}"]


def _pairs(root: Path, files: tuple[Path, ...]) -> tuple[tuple[Path, ...], list[Path]]:
    """Images relative to the root, and the mask of each."""
    images = images_among(files)
    return images, [root / str(mask) for mask in paired(root, images, _masks(files), "mask")]


def _masks(files: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(mask for mask in label_images_among(files, MASK_WORDS) if not says(mask, INSTANCE_WORDS))


def _tables(root: Path, files: tuple[Path, ...], masks: tuple[Path, ...]) -> list[ClassTable | None]:
    """What each mask's values mean, as the names file nearest above it says."""
    names = MaskNames(root, files)
    return [_table(names.of(mask.relative_to(root))) for mask in masks]


def _table(named: Named | None) -> ClassTable | None:
    return ClassTable(named.names, named.values, named.in_colours) if named else None


def _named(
    masks: tuple[Path, ...], table: ClassTable | None, other: Path | None
) -> tuple[ClassTable | None, list[str]]:
    """The classes as the folder names them, or as its masks or another folder do, and what to say about it."""
    if table:
        return table, []
    if has_cityscapes_palette(masks[0]):
        return _cityscapes(""), ["no classes.txt: the masks have Cityscapes' palette, so ids are Cityscapes' labelIds"]
    there = files_below(other) if other is not None else ()
    if other is not None and is_cityscapes(there):
        note = f"no classes.txt: ids mean what they mean in {other.name}, Cityscapes' labelIds"
        return _cityscapes(other.name), [note]
    if other is not None and (lent := _table(MaskNames(other, there).all_agree())):
        note = f"no classes.txt: ids mean what they mean in {other.name}"
        return replace(lent, folder=other.name), [note]
    return None, []


def _cityscapes(folder: str) -> ClassTable:
    """Cityscapes' 19 classes by its labelIds; the others are ignored."""
    values = (*CITYSCAPES_IDS, *sorted(set(range(N_CITYSCAPES_IDS)) - set(CITYSCAPES_IDS)))
    names = (*CLASSES, *["void"] * (len(values) - len(CLASSES)))
    return ClassTable(names, values, folder=folder)


def has_cityscapes_palette(path: Path) -> bool:
    """Whether a mask is a palette image whose colours are those of Cityscapes' labelIds, as GTA5's are."""
    with opened(path) as image:
        palette = (image.getpalette() or [])[: 3 * N_CITYSCAPES_IDS] if image.mode == "P" else []
    colours = {i: tuple(palette[3 * i : 3 * i + 3]) for i in CITYSCAPES_COLOURS}
    return colours == CITYSCAPES_COLOURS


def _of_several_exports(
    root: Path, plain: Listing, paths: tuple[Path, ...], tables: list[ClassTable | None], options: Options
) -> Listing:
    """Masks that lie below several names files which differ: each counts by its own, by name."""
    if None in tables:
        bare = paths[tables.index(None)]
        raise DataError(f"{bare} lies below no names file, and other masks of {root} do; put one above it")
    if options.mask_levels:
        raise DataError(f"{root} holds masks of several names files, and --mask-levels are one list: name one of them")
    own = {table: _white_on_black(table, _below(paths, tables, table)) for table in dict.fromkeys(tables) if table}
    names = tuple(dict.fromkeys(name for table, _ in own.values() for name in table.kept))
    place = {}
    for table, (changed, _) in own.items():
        place[table] = np.full(256, IGNORE, np.uint8)
        place[table][: len(changed.kept)] = [names.index(name) for name in changed.kept]

    def mask(i: int) -> np.ndarray:
        table = tables[i]
        assert table is not None
        ids: np.ndarray = place[table][own[table][0].ids(paths[i])]
        return ids

    notes = ("each mask counts by the names file nearest above it", *(note for _, note in own.values() if note))
    return replace(plain, pixels={**plain.pixels, "mask": mask}, class_names=names, notes=notes)


def _below(paths: tuple[Path, ...], tables: list[ClassTable | None], wanted: ClassTable) -> tuple[Path, ...]:
    return tuple(path for path, table in zip(paths, tables, strict=True) if table == wanted)


def numbered(paths: tuple[Path, ...]) -> ClassTable:
    """Classes called by the ids that the masks hold, all of which are read; white on black is 1 on 0."""
    values = list(counted(paths))
    if values == [0, IGNORE]:
        return ClassTable(("0", "1"), (0, IGNORE))
    values = [value for value in values if value != IGNORE]
    if len(values) > UNKNOWN:
        raise DataError(
            f"{paths[0].parent}: found {len(values)} different ids in the masks; at most {UNKNOWN} are read"
        )
    return ClassTable(tuple(map(str, values)), tuple(values))
