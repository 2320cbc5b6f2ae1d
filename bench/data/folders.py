"""A user's folder as it lies on disk: the files below it, what belongs to what, and whether anything changed.

Nothing is opened here. Links to folders are followed, since data often lie on another disk; a link that leads back to
a folder above it is refused. Hidden files and the debris of file managers are not there.

Which image files are images and which hold labels is decided in :mod:`bench.data.roles`; a label belongs to the image
with which it shares a key: the path below the root without suffix and without words that only say which of the two it
is (``images/a/1.png``, ``labels/a/1.txt`` and ``a/1_mask.png`` all have the key ``a/1``).
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

import numpy as np

from bench.api.errors import DataError
from bench.data.roles import DEPTH_WORDS as DEPTH_WORDS
from bench.data.roles import IMAGE_WORDS as IMAGE_WORDS
from bench.data.roles import INSTANCE_WORDS as INSTANCE_WORDS
from bench.data.roles import LABEL_WORDS as LABEL_WORDS
from bench.data.roles import MASK_WORDS as MASK_WORDS
from bench.data.roles import SPLIT_WORDS as SPLIT_WORDS
from bench.data.roles import composed as composed
from bench.data.roles import is_split, keys_of, label_words, roles_of, words_in

_HEIC = {".heic", ".heif"} if importlib.util.find_spec("pillow_heif") else set()
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", *_HEIC})
DEBRIS = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
SHOWN = 5


def files_below(root: Path) -> tuple[Path, ...]:
    """All files below ``root``, relative to it, sorted.

    Raises
    ------
    DataError: no such folder, an empty one, or a link that leads back to a folder above it.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        beside = [entry.name for entry in root.parent.iterdir() if entry.is_dir()] if root.parent.is_dir() else []
        close = difflib.get_close_matches(root.name, beside, n=1)
        hint = f"did you mean {root.parent / close[0]}?" if close else "the path is relative to the current folder"
        raise DataError(f"{root} {what}; name a folder with images ({hint})")
    found: list[Path] = []
    _gather(root, root, (), found)
    if not found:
        raise DataError(f"{root} is an empty folder; put images into it, or check the path")
    return tuple(sorted(found))


def _gather(root: Path, folder: Path, above: tuple[tuple[int, int], ...], found: list[Path]) -> None:
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise DataError(f"{folder} is a link to a folder that contains it: a loop; remove the link")
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in DEBRIS:
                continue
            path = Path(entry.path)
            if _is_loop(entry):
                raise DataError(f"{path} is a link that leads to itself; remove the link")
            if entry.is_dir():
                _gather(root, path, (*above, here), found)
            elif entry.is_file() or entry.is_symlink():  # pipes, sockets and devices are no data; a dead link is named
                found.append(path.relative_to(root))


def _is_loop(entry: os.DirEntry[str]) -> bool:
    """A link that leads nowhere because it leads to itself; other dead links fail where the file is read."""
    if not entry.is_symlink():
        return False
    try:
        Path(entry.path).resolve(strict=True)
    except FileNotFoundError:
        return False
    except (OSError, RuntimeError):  # RuntimeError until Python 3.12
        return True
    return False


def folder_digest(root: Path) -> str:
    """SHA-256 of the names, sizes and modification times of all files: changes with any of them, and reads none.

    A folder that was merely copied or touched has another digest and is read once more; all that follows is known by
    the content of pixels and labels, and is not done again.
    """
    digest = hashlib.sha256()
    for path in files_below(root):
        status = (root / path).stat()
        digest.update(os.fsencode(path) + f"\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def images_among(files: Iterable[Path]) -> tuple[Path, ...]:
    """The images of a folder, of which ``files`` are *all* files; :mod:`bench.data.roles` decides."""
    return roles_of(all_images_among(files)).images


def label_images_among(files: Iterable[Path], words: frozenset[str]) -> tuple[Path, ...]:
    """The image files that hold labels of the kind that ``words`` mean; ``files`` as of :func:`images_among`."""
    return tuple(label for label in roles_of(all_images_among(files)).labels if label_words(label) & words)


def all_images_among(files: Iterable[Path]) -> tuple[Path, ...]:
    """The files that are images by suffix, whatever they are called."""
    return tuple(f for f in files if f.suffix.lower() in IMAGE_SUFFIXES)


def printable(name: str) -> str:
    """A name as text that can be printed and stored: bytes that are no UTF-8 are written out, as ``caf\\xe9``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def says(path: PurePath, words: frozenset[str]) -> bool:
    """Whether a folder of the path, or the file's name, has a word among ``words``."""
    return any(words_in(part, words) for part in (*path.parts[:-1], path.stem))


def key_of(path: PurePath) -> str:
    """What an image and its label have in common at least: the loosest of :func:`bench.data.roles.keys_of`."""
    return keys_of(path)[-1]


def paired(
    root: Path, images: Sequence[Path], labels: Sequence[Path], kind: str, *, every_image: bool = True
) -> list[Path | None]:
    """The label of each image, by the strictest of their keys that only they share; ``None`` for an image without one
    where ``every_image`` is false.

    Raises
    ------
    DataError: images without a label or labels without an image (the first five of each are named), or two files of
        one key.
    """
    found: dict[Path, Path] = {}
    for tier in range(4):
        left = _by_key((image for image in images if image not in found), tier)
        taken = set(found.values())
        for key, candidates in _by_key((label for label in labels if label not in taken), tier).items():
            if key not in left:
                continue
            for files, what in ((left[key], "image"), (candidates, kind)):
                if files[1:]:
                    raise DataError(
                        f"{root}: {files[0]} and {files[1]} are both the {what} of {key!r}; keep one of the two"
                    )
            found[left[key][0]] = candidates[0]
    lonely = [image for image in images if image not in found] if every_image else []
    taken = set(found.values())
    orphans = [label for label in labels if label not in taken]
    if lonely or orphans:
        both = [f"{len(lonely)} images without {kind}{shown(lonely)}"] if lonely else []
        both += [f"{len(orphans)} {kind} files without image{shown(orphans)}"] if orphans else []
        raise DataError(
            f"{root}: found {' and '.join(both)}; the two must have the same name but for folder, suffix and words "
            "like rgb and mask: rename, add or remove them"
        )
    return [found.get(image) for image in images]


def _by_key(files: Iterable[Path], tier: int) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in files:
        found.setdefault(keys_of(file)[tier], []).append(file)
    return found


def shown(files: Sequence[PurePath]) -> str:
    """The first five of some files, in brackets."""
    first = ", ".join(map(str, files[:SHOWN]))
    return f" ({first}{', …' if len(files) > SHOWN else ''})"


FRAME_WORDS = frozenset({"frame", "frames", "video", "vid", "cam", "camera", "clip", "seq", "sequence", "drive", "mov"})
CAMERA_WORDS = frozenset({"img", "image", "dsc", "dscn", "dscf", "pxl", "photo", "pic", "p", ""})
"""What cameras call photographs that have nothing to do with each other but their order."""


def video_of(names: Sequence[PurePath]) -> tuple[str, PurePath] | None:
    """Whether images are called as frames of videos are: by what to group them, and an example; ``None`` if not.

    They are by ``prefix`` where two or more names run through numbers in a row, or one that has a word for a video;
    by ``folder`` where two or more folders do.

    >>> video_of([PurePath(f"drive{d}_{i:06}.png") for d in (3, 7) for i in range(9)])
    ('prefix', PurePosixPath('drive3_000000.png'))
    """
    for group_by in ("prefix", "folder"):
        numbers: dict[str, list[int]] = {}
        example: dict[str, PurePath] = {}
        for name in names:
            if (last := re.search(r"(\d+)$", name.stem)) is not None:
                sequence = sequence_of(name, group_by)
                numbers.setdefault(sequence, []).append(int(last[1]))
                example.setdefault(sequence, name)
        running = [sequence for sequence, found in numbers.items() if _in_a_row(found)]
        said = {sequence: _words_of(example[sequence], group_by) for sequence in running}
        running = [sequence for sequence in running if not said[sequence] <= CAMERA_WORDS]
        enough = 2 * sum(len(numbers[sequence]) for sequence in running) > len(names)
        if enough and (running[1:] or (group_by == "prefix" and said[running[0]] & FRAME_WORDS)):
            return group_by, example[running[0]]
    return None


def _words_of(name: PurePath, group_by: str) -> set[str]:
    """The words that tell one sequence from others: of the name, or of folders that are no part of a split."""
    parts = [name.stem] if group_by == "prefix" else [part for part in name.parts[:-1] if not is_split(part)]
    return {word for part in parts for word in re.split(r"[^a-z]+", part.lower())} - IMAGE_WORDS


def _in_a_row(numbers: Sequence[int]) -> bool:
    """Four numbers or more, most of which follow each other in equal steps."""
    steps = np.diff(np.unique(numbers))
    return len(steps) >= 3 and 2 * int((steps == np.median(steps)).sum()) > len(steps)


def sequence_of(path: PurePath, group_by: str) -> str:
    """The capture sequence that ``--group-by`` says an image is of: its folder, or its name without the last number.

    >>> sequence_of(PurePath("a/drive7_000012.png"), "prefix")
    'a/drive7'
    >>> sequence_of(PurePath("a/drive7_000012.png"), "folder")
    'a'
    """
    if group_by == "folder":
        return path.parent.as_posix()
    return re.sub(r"[_\-. ]*\d+$", "", path.with_suffix("").as_posix())
