"""A user's synthetic folder with every file of it: which are pictures to refine, and what lies beside them.

The folder is read as ``run`` reads it, in whichever format its labels are (:mod:`bench.data.formats`), except that
refining needs no labels: where those of a format cannot be read, the folder's pictures are taken without labels, and
the note says why.

A picture that is really a label map would be rewritten, and ruin a data set. So a folder where names do not tell the
two apart is refused (:mod:`bench.data.doubtful`).
"""

from __future__ import annotations

import importlib
import os
import textwrap
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import numpy as np

from bench.api import Frozen, UserError
from bench.api.errors import DataError
from bench.data.doubtful import refuse_doubtful
from bench.data.folders import files_below, folder_digest
from bench.data.formats import FORMATS, Options, photographs, plain
from bench.data.left_out import left_out, short
from bench.data.listing import Listing

NOTE_CHARACTERS = 160
TASKS = ("detection", "segmentation", "depth", "classification")
"""Whose formats are looked for, in this order."""


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
    left_out: which of them are neither pictures nor labels of these, and why: one line per reason.
    """

    root: Path
    pictures: Listing
    others: tuple[Path, ...]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, root: Path, pictures: Listing) -> WholeFolder:
        """The folder with these pictures, and all files that are none of them."""
        files, shown = files_below(root), {Path(name).relative_to(root) for name in pictures.names}
        others = tuple(file for file in files if file not in shown)
        return cls(root, pictures, others, short(left_out(root, files, pictures, "")))

    def relative(self, row: int) -> Path:
        """The file of a picture, relative to the root."""
        return Path(self.pictures.names[row]).relative_to(self.root)


def read_whole(root: Path) -> WholeFolder:
    """The folder's pictures and other files.

    Raises
    ------
    DataError: no folder, no picture in it, or one whose name does not tell whether it is a picture or a label.
    """
    files = files_below(root)
    pictures = _recognised(root, files)
    given = WholeFolder.of(root, pictures)
    refuse_doubtful(root, sorted(map(given.relative, range(pictures.n_images))), "refining would rewrite it")
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
