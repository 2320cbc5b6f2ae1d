"""A user's folder as it lies on disk: the files below it, what belongs to what, and whether anything changed.

Nothing is opened here. Links to folders are followed, since data often lie on another disk; a link that leads back to
a folder above it is refused. Hidden files and the debris of file managers are not there.

Images and labels belong together by their *key*: the path below the root without suffix and without words that only
say which of the two it is (``images/a/1.png``, ``labels/a/1.txt`` and ``a/1_mask.png`` all have the key ``a/1``).
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from bench.api.errors import DataError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm"})
DEBRIS = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_IMAGE_WORDS = (
    "image images img imgs rgb color colour photo photos picture pictures jpegimages camerargb leftimg8bit raw"
)
_MASK_WORDS = (
    "label labels labelids labelid trainids annotation annotations annot annots mask masks gt groundtruth seg semantic "
    "segmentation segmentationclass segmentationobject cameramask cameraseg gtfine"
)
_DEPTH_WORDS = "depth depths depthgt depthmap depthmaps gt groundtruth"
IMAGE_WORDS, MASK_WORDS, DEPTH_WORDS = (frozenset(words.split()) for words in (_IMAGE_WORDS, _MASK_WORDS, _DEPTH_WORDS))
LABEL_WORDS = MASK_WORDS | DEPTH_WORDS
INSTANCE_WORDS = frozenset({"segmentationobject", "instanceids", "instances"})
"""Of masks that number objects, beside those of classes."""
SPLIT_WORDS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
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
        digest.update(f"{path.as_posix()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def images_among(files: Iterable[Path]) -> tuple[Path, ...]:
    """The files that are images by suffix, and whose name and folders do not say that they hold labels."""
    return tuple(f for f in all_images_among(files) if not says(f, LABEL_WORDS))


def label_images_among(files: Iterable[Path], words: frozenset[str]) -> tuple[Path, ...]:
    """Images that hold labels of the kind that ``words`` mean."""
    return tuple(f for f in all_images_among(files) if says(f, words))


def all_images_among(files: Iterable[Path]) -> tuple[Path, ...]:
    """The files that are images by suffix, whatever they are called: a class may be called ``with_mask``."""
    return tuple(f for f in files if f.suffix.lower() in IMAGE_SUFFIXES)


def says(path: PurePath, words: frozenset[str]) -> bool:
    """Whether a folder of the path, or the last word of the file's name, is among ``words``."""
    last = re.split(r"[_\-. ]", path.stem.lower())[1:]
    return any(_is_word(part, words) for part in path.parts[:-1]) or bool(last and last[-1] in words)


def _is_word(folder: str, words: frozenset[str]) -> bool:
    """``labels``, ``labels_yolo_format``, ``SegmentationClass``, ``ground_truth``, ``trainannot``."""
    lower = folder.lower()
    parts = re.split(r"[_\-. ]", lower)
    return (lower.endswith("annot") and "annot" in words) or bool(words & {lower, "".join(parts), *parts})


def key_of(path: PurePath) -> str:
    """What an image and its label have in common; see the module's docstring."""
    parts = []
    for part in path.parts[:-1]:
        plain = re.sub("_?annot$", "", part.lower())
        if plain and plain not in IMAGE_WORDS and not _is_word(plain, LABEL_WORDS):
            parts.append(plain)
    stem = path.stem
    while (cut := re.fullmatch(r"(.+)[_\-. ]([A-Za-z0-9]+)", stem)) and cut[2].lower() in IMAGE_WORDS | LABEL_WORDS:
        stem = cut[1]
    return composed("/".join([*parts, stem]))


def composed(name: str) -> str:
    """A name as most systems write it: an archive from a Mac spells ``ü`` as two characters."""
    return unicodedata.normalize("NFC", name)


def paired(
    root: Path, images: Sequence[Path], labels: Sequence[Path], kind: str, *, every_image: bool = True
) -> list[Path | None]:
    """The label of each image, by key; ``None`` for an image without one where ``every_image`` is false.

    Raises
    ------
    DataError: images without a label or labels without an image (the first five of each are named), or two files of
        one key.
    """
    by_key = _by_key(root, labels, kind)
    of_images = _by_key(root, images, "image")
    lonely = [image for key, image in of_images.items() if key not in by_key] if every_image else []
    orphans = [label for key, label in by_key.items() if key not in of_images]
    if lonely or orphans:
        both = [f"{len(lonely)} images without {kind}{_first(lonely)}"] if lonely else []
        both += [f"{len(orphans)} {kind} files without image{_first(orphans)}"] if orphans else []
        raise DataError(
            f"{root}: found {' and '.join(both)}; the two must have the same name but for folder and suffix: "
            "rename, add or remove them"
        )
    return [by_key.get(key) for key in map(key_of, images)]


def _by_key(root: Path, files: Sequence[Path], kind: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        key = key_of(file)
        if key in found:
            raise DataError(f"{root}: {found[key]} and {file} are both the {kind} of {key!r}; keep one of the two")
        found[key] = file
    return found


def _first(files: Sequence[Path]) -> str:
    shown = ", ".join(map(str, files[:SHOWN]))
    return f" ({shown}{', …' if len(files) > SHOWN else ''})"


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
