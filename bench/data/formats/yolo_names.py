"""What the ids in YOLO labels mean: the names file nearest above each label, as exports and merges of exports lie.

    ``data.yaml`` or another YAML file with ``names`` (list or mapping), and ``kpt_shape: [k, d]`` for keypoints;
    ``classes.txt``, ``labels.txt``, ``obj.names`` (one a line)

Looked at are the label's folder and those above it, up to the root; then the rest of the root; then the folder above
the root, where exports have it (``export/data.yaml`` beside ``export/train/``). Files at one place that disagree are
refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.api.bounds import CLASS_FILE_NODES
from bench.api.errors import DataError
from bench.data.bounded_yaml import UNREADABLE, load_bounded
from bench.data.formats.class_files import names_of_txt, text_of

NAME_FILES = ("classes.txt", "labels.txt", "obj.names", "_classes.txt", "names.txt")
YAML_FILES = ("data.yaml", "dataset.yaml", "data.yml")
YAML_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Meaning:
    """Class names by id, the (count, numbers each) of keypoints, and the file that says so.

    ``keypoints`` is ``None`` where the file is silent, and (0, 0) where it says that there are none.
    """

    names: tuple[str, ...]
    keypoints: tuple[int, int] | None
    file: Path


class Meanings:
    """The names files of a folder and of the one above it.

    Raises
    ------
    DataError
        One of them cannot be read, or two at one place disagree.
    """

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        self._by_folder: dict[Path, Meaning] = {}
        for folder in dict.fromkeys(file.parent for file in files):
            here = [root / file for file in files if file.parent == folder and _may_name(file)]
            if (meaning := _of_folder(here)) is not None:
                self._by_folder[folder] = meaning
        self._above = _of_folder([path for path in _siblings(root) if path.suffix.lower() in YAML_SUFFIXES])
        self._root = root

    def of(self, label: Path) -> Meaning | None:
        """What the ids of a label file (relative to the root) mean; ``None`` where nothing says so."""
        for folder in label.parents:
            if folder in self._by_folder:
                return self._by_folder[folder]
        elsewhere = list(self._by_folder.values())
        if elsewhere:
            _refuse_disagreement(elsewhere, f"{self._root / label} lies below neither")
            return elsewhere[0]
        return self._above

    def all_agree(self) -> Meaning | None:
        """The one meaning of the whole folder, for another folder without names; ``None`` where there is none."""
        found = list(self._by_folder.values()) or ([self._above] if self._above else [])
        if not found:
            return None
        _refuse_disagreement(found, "another folder, which has no names, cannot take them from here")
        return found[0]


def _siblings(root: Path) -> list[Path]:
    """Files beside the root itself."""
    above = root.resolve().parent
    try:
        return sorted(path for path in above.iterdir() if path.is_file() and _may_name(path))
    except PermissionError:
        return []


def _may_name(file: Path) -> bool:
    return file.suffix.lower() in YAML_SUFFIXES or file.name.lower() in NAME_FILES


def _of_folder(paths: Iterable[Path]) -> Meaning | None:
    """The meaning that the names files of one folder agree on: YAML of the usual names, other YAML, texts."""
    paths = list(paths)
    yamls = [path for path in paths if path.suffix.lower() in YAML_SUFFIXES]
    usual = [path for path in yamls if path.name in YAML_FILES]
    for group in (usual, [path for path in yamls if path not in usual]):
        found = [meaning for path in group if (meaning := _of_yaml(path, needed=path in usual)) is not None]
        if found:
            _refuse_disagreement(found, "both lie at one place")
            return found[0]
    for wanted in NAME_FILES:
        for path in paths:
            if path.name.lower() == wanted:
                return Meaning(names_of_txt(path), None, path)
    return None


def _refuse_disagreement(meanings: Sequence[Meaning], why: str) -> None:
    first = meanings[0]
    for other in meanings[1:]:
        if (other.names, other.keypoints) != (first.names, first.keypoints):
            raise DataError(
                f"{first.file} names {', '.join(first.names[:5])} and {other.file} names {', '.join(other.names[:5])}, "
                f"and {why}; keep one of the two, or put each above the labels it belongs to"
            )


def _of_yaml(path: Path, *, needed: bool) -> Meaning | None:
    """``None`` where a YAML file has no names and needs none, since it may be about anything."""
    try:
        content = load_bounded(text_of(path), CLASS_FILE_NODES, texts=True)  # a class may be called "no"
        if not needed and not (isinstance(content, dict) and "names" in content):
            return None
        names = content["names"]
        return Meaning(_by_id(names), _keypoints(content.get("kpt_shape")), path)
    except (*UNREADABLE, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: {' '.join(str(error).split())}; expected the key names, the classes as a list, or by id from 0, "
            "and kpt_shape, where it is there, as [count, 2 or 3]"
        ) from None


def _by_id(names: Any) -> tuple[str, ...]:
    """Names in the order of their ids, empty where a mapping has none for an id."""
    if isinstance(names, list) and names:
        return tuple(map(str, names))
    if not isinstance(names, dict) or not names:
        raise ValueError(f"names is {names!r}")
    by_id = {int(key): str(name) for key, name in names.items()}
    if max(by_id) >= CLASS_FILE_NODES:
        raise ValueError(f"an id of {max(by_id)}; at most {CLASS_FILE_NODES - 1} is allowed")
    return tuple(by_id.get(i, "") for i in range(max(by_id) + 1))


def _keypoints(shape: Any) -> tuple[int, int] | None:
    if shape is None:
        return None
    count, numbers = (int(value) for value in shape)
    return (count, numbers) if count else (0, 0)
