"""A user's synthetic folder with every file of it: which are pictures to refine, and what lies beside them.

The folder is read as ``run`` reads it, in whichever format its labels are (:mod:`bench.data.formats`), except that
refining needs no labels: where those of a format cannot be read, the folder's pictures are taken without labels, and
the note says why.

A picture that is really a label map would be rewritten, and ruin a data set. So a folder where names do not tell the
two apart is refused: a family of files (``ids_0000.png``, ``ids_0001.png`` …) with few, flat colours beside another
family of the same frames with many (:func:`refuse_doubtful`).
"""

from __future__ import annotations

import importlib
import os
import re
import textwrap
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePath
from urllib.parse import quote, unquote_to_bytes

import numpy as np

from bench.api import Frozen, UserError
from bench.api.errors import DataError
from bench.data.folders import LABEL_WORDS, files_below, folder_digest, images_among, label_images_among
from bench.data.formats import FORMATS, UNREAD, Options, photographs, plain
from bench.data.image_files import opened
from bench.data.listing import Listing

FLAT_SHARE = 0.85
"""Of a label map's pixels, how many have one of its 16 commonest colours, at least. The renders that ship have 0.5 to
0.8, photographs less; compressed maps of class ids have 0.9."""
SAMPLED = 4
STEP = 2
NOTE_CHARACTERS = 160
TASKS = ("detection", "segmentation", "depth", "classification")
"""Whose formats are looked for, in this order."""
ARRAYS = frozenset({".npy", ".npz", ".h5", ".exr", ".hdr"})
"""Kinds of files that hold labels beside pictures more often than pictures."""
DEEP_MODES = ("I", "F")
"""Of Pillow: more than 8 bits per pixel, which depth maps have and pictures have not."""


class FolderSpec(Frozen):
    """A folder in the description of a job: its path (percent-quoted, since a path may be no UTF-8) and its state."""

    quoted_path: str
    digest: str

    @classmethod
    def of(cls, root: Path) -> FolderSpec:
        return cls(quoted_path=quote(os.fsencode(root.absolute())), digest=folder_digest(root))

    @property
    def path(self) -> Path:
        return Path(os.fsdecode(unquote_to_bytes(self.quoted_path)))


@dataclass(frozen=True)
class WholeFolder:
    """A folder's pictures, and all its other files.

    Attributes
    ----------
    others: relative to the root.
    left_out: which of them are or may be pictures, and why they are not among these: one line per reason.
    """

    root: Path
    pictures: Listing
    others: tuple[Path, ...]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, root: Path, pictures: Listing) -> WholeFolder:
        """The folder with these pictures, and all files that are none of them."""
        files, shown = files_below(root), {Path(name).relative_to(root) for name in pictures.names}
        reasons = {
            f"that the {pictures.format} labels do not list": images_among(files),
            "that are labels by their names or folders": label_images_among(files, LABEL_WORDS),
        }
        for suffix in sorted({file.suffix.lower() for file in files} & (UNREAD - ARRAYS)):
            reasons[f"of a kind that is not read ({suffix})"] = tuple(f for f in files if f.suffix.lower() == suffix)
        left = {reason: [file for file in found if file not in shown] for reason, found in reasons.items()}
        lines = tuple(f"{_count(found)} {reason}" for reason, found in left.items() if found)
        return cls(root, pictures, tuple(file for file in files if file not in shown), lines)

    def relative(self, row: int) -> Path:
        """The file of a picture, relative to the root."""
        return Path(self.pictures.names[row]).relative_to(self.root)


def _count(files: Sequence[Path]) -> str:
    return f"{len(files)} file{'s' if files[1:] else ''} (first: {files[0].as_posix()})"


def read_whole(root: Path) -> WholeFolder:
    """The folder's pictures and other files.

    Raises
    ------
    DataError: no folder, no picture in it, or one whose name does not tell whether it is a picture or a label.
    """
    files = files_below(root)
    pictures = _recognised(root, files)
    given = WholeFolder.of(root, pictures)
    refuse_doubtful(root, sorted(map(given.relative, range(pictures.n_images))))
    return given


def read_photographs(root: Path) -> WholeFolder:
    """The folder's pictures, whatever their labels are; those are not looked at."""
    return WholeFolder.of(root, photographs(root))


def _recognised(root: Path, files: tuple[Path, ...]) -> Listing:
    """The listing in the first format that the folder is of, whatever the task; without labels where none is.

    A format whose labels are broken is noted and passed over; depth counts in millimetres.
    """
    broken: dict[str, str] = {}
    for task in TASKS:
        for name in FORMATS[task]:
            module = importlib.import_module(f"bench.data.formats.{name}")
            try:
                found: Listing | None = module.listing(root, files, Options(task, 1e-3))
            except DataError as error:
                reason = textwrap.shorten(
                    str(error).replace(f"{root}/", "").removeprefix(f"{root}: "), NOTE_CHARACTERS, placeholder=" …"
                )
                broken.setdefault(module.NAME, f"{module.NAME} labels are not read ({reason})")
                continue
            if found is not None:
                # A folder called "label" beside others is a class, and then nothing is wrong with its "masks".
                notes = () if task == "classification" else tuple(broken.values())
                return replace(found, notes=(*found.notes, *notes))
    found = plain(root, files)
    return replace(found, notes=(*found.notes, *broken.values()))


@lru_cache(maxsize=2)
def read_again(folder: FolderSpec) -> WholeFolder:
    """:func:`read_whole` in a worker, once for all its jobs.

    Raises
    ------
    UserError: the folder changed since the jobs were planned.
    """
    _refuse_changed(folder)
    return read_whole(folder.path)


@lru_cache(maxsize=2)
def photographs_again(folder: FolderSpec) -> WholeFolder:
    """:func:`read_photographs` in a worker, once for all its jobs; raises :class:`UserError` as :func:`read_again`."""
    _refuse_changed(folder)
    return read_photographs(folder.path)


def _refuse_changed(folder: FolderSpec) -> None:
    if folder_digest(folder.path) != folder.digest:
        raise UserError(f"{folder.path} changed while its images were refined; run the same command again")


def same_size(listing: Listing, name: str, row: int, height: int, width: int) -> np.ndarray:
    """A label column of one image; :class:`DataError` where it is of another size than the image."""
    array = listing.pixels[name](row)
    if array.shape[:2] != (height, width):
        raise DataError(
            f"{listing.names[row]}: the image has {width}×{height} pixels and its {name} {array.shape[1]}×"
            f"{array.shape[0]}; give both one size, or remove the image"
        )
    return array


def refuse_doubtful(root: Path, pictures: Sequence[Path]) -> None:
    """Refuse a folder in which a family of pictures looks like the label maps of another.

    Raises
    ------
    DataError: names one file of each family, and says how to name label maps.
    """
    families: dict[str, dict[str, Path]] = defaultdict(dict)
    for picture in pictures:
        families[_family(picture)][_frame(picture)] = picture
    looks = {name: _look(root, list(frames.values())) for name, frames in families.items() if len(families) > 1}
    for name, look in looks.items():
        if look not in ("deep", "flat"):
            continue
        for other, frames in families.items():
            shared = sorted(families[name].keys() & frames.keys())
            if looks[other] == "picture" and 2 * len(shared) > len(families[name]):
                label, picture = families[name][shared[0]], frames[shared[0]]
                what = "has few, flat colours" if look == "flat" else "has more than 8 bits per pixel"
                raise DataError(
                    f"{root}: {label.as_posix()} {what} and may be the label map of {picture.as_posix()}, but its name "
                    "does not say so; refining would rewrite it. If these files are labels, put them into a folder "
                    "called masks or depth, or end their names in _mask or _depth; if they are pictures, move them to "
                    "a folder of their own and refine that"
                )


def _family(picture: PurePath) -> str:
    """What the names of one camera's files have in common: the path without its numbers; the folder, without any."""
    name = picture.with_suffix("").as_posix()
    return re.sub(r"[0-9]+", "#", name) if re.search("[0-9]", name) else picture.parent.as_posix()


def _frame(picture: PurePath) -> str:
    """What the files of one frame have in common: the numbers of their paths; the name, without any."""
    return "-".join(re.findall("[0-9]+", picture.with_suffix("").as_posix())) or picture.stem


def _look(root: Path, pictures: Sequence[Path]) -> str:
    """What some files look like: ``deep`` (more than 8 bits per pixel), ``flat`` or ``picture``."""
    places = np.unique(np.linspace(0, len(pictures) - 1, SAMPLED).round().astype(int))
    shares = []
    for place in places:
        with opened(root / pictures[place]) as image:
            if image.mode.startswith(DEEP_MODES):
                return "deep"
            shares.append(_commonest(np.asarray(image.convert("RGB"))))
    return "flat" if np.median(shares) >= FLAT_SHARE else "picture"


def _commonest(pixels: np.ndarray) -> float:
    """The share of an image's pixels that have one of its 16 commonest colours, told apart by 32 levels per channel.

    Smooth edges and weak compression change a label map in few pixels; shading and noise change a picture in most.
    Greys are told apart by 64 levels.
    """
    some = pixels[::STEP, ::STEP].astype(np.int32).reshape(-1, 3)
    is_grey = (some == some[:, :1]).all()
    levels = some[:, 0] >> 2 if is_grey else (some >> 3) @ (1024, 32, 1)
    counts = np.sort(np.bincount(levels))[::-1]
    return float(counts[:16].sum() / counts.sum())
