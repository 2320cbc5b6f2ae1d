"""Which of a folder's image files are images and which hold labels: decided here, for every command, from names alone.

Words say it (``masks/``, ``images_png/``, ``a_mask.png``, ``semantic_segmentation_0000.png``), as a folder or anywhere
in a name. But a label is a label only if it has an image: a photograph called ``shelf_label.jpg`` or a class called
``label`` is neither. An image and its label share a *key*, their path without these words; there are four, from strict
to loose (:func:`keys_of`), and the strictest that both share pairs them.

    no word for labels                                         image
    such a word, and an image of the same key                  label
    such a word on a folder whose other files mostly have
        images, or that stands beside a folder of images       label without image: reported where labels are read
    all others                                                 image, and a note names them
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath

_IMAGE_WORDS = (
    "image images img imgs rgb rgba color colour photo photos picture pictures pic pics frame frames render renders "
    "jpegimages camerargb leftimg8bit raw colors colours orig org original sat"
)
_MASK_WORDS = (
    "label labels labelids labelid labeltrainids trainids labelmap labelmaps annotation annotations annot annots mask "
    "masks gt groundtruth seg segs semantic semantics segment segments segmentation segmentations segmentationclass "
    "segmentationobject segmap segmask cameramask cameraseg gtfine instance instances instanceids panoptic "
    "ann anns gts trimap trimaps"
)
_DEPTH_WORDS = "depth depths depthgt depthmap depthmaps disparity disparities disp zbuffer zdepth gt groundtruth"
_OTHER_WORDS = "normal normals flow"
IMAGE_WORDS, MASK_WORDS, DEPTH_WORDS, OTHER_WORDS = (
    frozenset(words.split()) for words in (_IMAGE_WORDS, _MASK_WORDS, _DEPTH_WORDS, _OTHER_WORDS)
)
LABEL_WORDS = MASK_WORDS | DEPTH_WORDS | OTHER_WORDS
INSTANCE_WORDS = frozenset({"segmentationobject", "instance", "instanceid", "instanceids", "instances", "panoptic"})
"""Of masks that number objects, beside those of classes."""
_SPLIT_WORDS = (
    "train training val valid validation test testing dev trainval eval evaluation holdout unlabeled unlabelled"
)
SPLIT_WORDS = frozenset(_SPLIT_WORDS.split())
_BESIDE_SPLIT = frozenset({"set", "data", "dataset", "split", "samples", *IMAGE_WORDS})
_LONGEST = 3
"""Parts of the longest word (``label_train_ids``)."""
_PARTS = re.compile(r"(?i:leftimg8bit)|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\x00-\x7f]+")


@dataclass(frozen=True)
class Roles:
    """Image files by role, each sorted; ``doubted`` are images with a word for labels in their paths."""

    images: tuple[Path, ...]
    labels: tuple[Path, ...]
    doubted: tuple[Path, ...]


@dataclass(frozen=True)
class _Said:
    """What a path says: the words for labels in its name, its nearest folder with one, the role of the nearest one."""

    in_name: frozenset[str]
    folder: PurePath | None
    nearest_is_image: bool


def roles_of(files: Iterable[Path]) -> Roles:
    """The role of each of a folder's image files.

    Parameters
    ----------
    files: *all* image files of the folder, relative to it: what a file is depends on what lies beside it.
    """
    return _roles(tuple(files))


@lru_cache(maxsize=8)
def _roles(files: tuple[Path, ...]) -> Roles:
    said = {file: _said(file) for file in files}
    asking = [file for file, found in said.items() if found.in_name or found.folder]
    if not asking:
        return Roles(files, (), ())
    images = {file for file in files if not (said[file].in_name or said[file].folder)}
    known = _Keys(images)
    labels = {file for file in asking if known.hold(file)}
    # A wrapper may be called "segmentation": what lies below it in images/, or has a label by name, is an image.
    named = _Keys(file for file in asking if said[file].in_name)
    wrapped = {
        file
        for file in asking
        if file not in labels and not said[file].in_name and (said[file].nearest_is_image or named.hold_exactly(file))
    }
    images |= wrapped
    known = _Keys(images)
    labels |= {file for file in asking if file not in images and known.hold(file)}
    open_ = [file for file in asking if file not in images and file not in labels]
    groups_of_labels = Counter(_group(file, said[file]) for file in labels)
    groups_of_open = Counter(_group(file, said[file]) for file in open_)
    without_image = {
        (folder, words)
        for (folder, words), n_open in groups_of_open.items()
        if groups_of_labels[folder, words] >= n_open or (not words and _beside_images(folder, files, images))
    }
    doubted = [file for file in open_ if _group(file, said[file]) not in without_image]
    labels.update(file for file in open_ if _group(file, said[file]) in without_image)
    images.update(doubted)
    return Roles(tuple(f for f in files if f in images), tuple(f for f in files if f in labels), tuple(doubted))


def label_words(path: PurePath) -> frozenset[str]:
    """The words that make a file a label: those of its name, otherwise those of its nearest folder with one."""
    found = _said(path)
    if found.in_name or found.folder is None:
        return found.in_name
    return words_in(found.folder.name, LABEL_WORDS)


def _said(path: PurePath) -> _Said:
    folder: PurePath | None = None
    nearest_is_image = False
    for above in path.parents:
        if words_in(above.name, LABEL_WORDS):
            folder = above
            break
        nearest_is_image = nearest_is_image or bool(words_in(above.name, IMAGE_WORDS))
    return _Said(words_in(path.stem, LABEL_WORDS), folder, nearest_is_image)


def _group(file: PurePath, said: _Said) -> tuple[PurePath, frozenset[str]]:
    """Files that are labels for the same reason: of one folder, or of the same words in their names."""
    return (said.folder, frozenset()) if said.folder is not None else (file.parent, said.in_name)


def _beside_images(folder: PurePath, files: Sequence[Path], images: set[Path]) -> bool:
    """Whether a folder called as labels are stands where labels do, not among class folders.

    It does beside a folder of images or of a split, alone beside images, and where there is no image at all: unless
    more than the word sets it apart from its neighbours (``with_mask``, ``without_mask``).
    """
    depth = len(folder.parts)
    level = [file for file in files if file.parts[: depth - 1] == folder.parts[:-1]]
    beside = {file.parts[depth - 1] for file in level if len(file.parts) > depth} - {folder.name}
    if any((words_in(name, IMAGE_WORDS) and not words_in(name, LABEL_WORDS)) or is_split(name) for name in beside):
        return True
    if any(not words_in(name, LABEL_WORDS) for name in beside):
        return False
    if images:
        return True
    return not beside or not any(_rest(name) for name in (folder.name, *beside))


class _Keys:
    """The keys of some files, strict and loose."""

    def __init__(self, files: Iterable[PurePath]) -> None:
        self._by_tier: tuple[set[str], ...] = tuple(set() for _ in range(4))
        for file in files:
            for tier, key in zip(self._by_tier, keys_of(file), strict=True):
                tier.add(key)

    def hold(self, file: PurePath) -> bool:
        return any(key in tier for tier, key in zip(self._by_tier, keys_of(file), strict=True))

    def hold_exactly(self, file: PurePath) -> bool:
        """With the same folders, all words of folders counted alike."""
        return keys_of(file)[1] in self._by_tier[1]


@lru_cache(maxsize=200_000)
def keys_of(path: PurePath) -> tuple[str, str, str, str]:
    """What an image and its label have in common, from strict to loose.

    Folders without the words, then without the whole folders that have one; for each, the name as it is, then the name
    without the words.

    >>> keys_of(PurePath("images_png/a/shelf_mask.png"))
    ('png/a/shelf_mask', 'png/a/shelf', 'a/shelf_mask', 'a/shelf')
    """
    strict, loose = [], []
    for part in path.parts[:-1]:
        rest = _rest(part)
        strict += [rest] if rest else []
        loose += [] if words_in(part, IMAGE_WORDS | LABEL_WORDS) else [part.lower()]
    name, rest = composed(path.stem), _rest(path.stem)
    above = [composed("".join(f"{part}/" for part in parts)) for parts in (strict, loose)]
    return above[0] + name, above[0] + rest, above[1] + name, above[1] + rest


@lru_cache(maxsize=100_000)
def words_in(name: str, words: frozenset[str]) -> frozenset[str]:
    """The words among ``words`` that a folder's or file's name has, wherever in it.

    >>> sorted(words_in("trainMasks_v2", MASK_WORDS)), sorted(words_in("ground_truth", MASK_WORDS))
    (['masks'], ['groundtruth'])
    """
    lower = name.lower()
    found = {word for word, _ in _cut(name) if word in words}
    if lower.endswith("annot") and "annot" in words:
        found.add("annot")
    return frozenset(found)


def _rest(name: str) -> str:
    """A name without the words that say what a file is."""
    lower = re.sub(r"(?<=[a-z])_?annot$", "", name)
    return "_".join(word for word, known in _cut(lower) if not known)


@lru_cache(maxsize=100_000)
def _cut(name: str) -> tuple[tuple[str, bool], ...]:
    """A name's parts in small letters, those together that make one known word; and whether they do."""
    parts = [part.lower() for part in _PARTS.findall(composed(name))]
    found: list[tuple[str, bool]] = []
    i = 0
    while i < len(parts):
        for n in range(min(_LONGEST, len(parts) - i), 0, -1):
            joined = "".join(parts[i : i + n])
            if joined in IMAGE_WORDS or joined in LABEL_WORDS:
                found.append((joined, True))
                i += n
                break
        else:
            found.append((parts[i], False))
            i += 1
    return tuple(found)


def is_split(folder: str) -> bool:
    """Whether a folder is called as parts of a split are: ``train``, ``test_images``, ``val2017``, ``Training Set``."""
    parts = [part.lower() for part in _PARTS.findall(folder)]
    words = [part for part in parts if not part.isdigit()]
    if words == ["fold"] and len(parts) == 2:
        return True
    return bool(SPLIT_WORDS & set(words)) and all(word in SPLIT_WORDS | _BESIDE_SPLIT for word in words)


def splits_among(folders: Iterable[str]) -> set[str]:
    """Which folders that lie side by side are called as parts of a split, all of them by one pattern or by themselves.

    >>> sorted(splits_among(["seg_train", "seg_test", "test_tube"]))
    ['seg_test', 'seg_train']
    """
    folders = set(folders)
    found = {folder for folder in folders if is_split(folder)}
    patterns: dict[tuple[str, ...], set[str]] = {}
    for folder in folders - found:
        parts = [part.lower() for part in _PARTS.findall(folder)]
        if SPLIT_WORDS & set(parts):
            patterns.setdefault(tuple("" if part in SPLIT_WORDS else part for part in parts), set()).add(folder)
    return found.union(*(those for those in patterns.values() if len(those) > 1))


def composed(name: str) -> str:
    """A name as most systems write it: an archive from a Mac spells ``ü`` as two characters."""
    return unicodedata.normalize("NFC", name)
