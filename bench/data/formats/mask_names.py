"""What the values in masks mean: the names file nearest above each mask, as exports and merges of exports lie.

    classes.txt, labels.txt, class_names.txt                              a name a line
    classes.csv, class_dict.csv, label_colors.csv, labels.csv, _classes.csv
                                                                          columns; the last one is Roboflow's
    labelmap.txt                                                          CVAT's

Looked at are the mask's folder and those above it, up to the root; then the rest of the root (``annotations/masks/``
beside ``meta/classes.txt``), where files that disagree are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.api.errors import DataError
from bench.data.formats.class_files import Named, names_of_txt, of_csv, of_labelmap

TXT = ("classes.txt", "labels.txt", "class_names.txt")
CSV = ("classes.csv", "class_dict.csv", "label_colors.csv", "labels.csv", "_classes.csv")
LABELMAP = "labelmap.txt"
NAME_FILES = (*CSV, *TXT, LABELMAP)
"""The first of these that lies in a folder counts there."""


class MaskNames:
    """The names files of a folder.

    Raises
    ------
    DataError
        One of them is not as :mod:`bench.data.formats.class_files` says.
    """

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        self._root = root
        self._by_folder: dict[Path, tuple[Path, Named]] = {}
        for wanted in NAME_FILES:
            for file in files:
                if file.name.lower() == wanted and file.parent not in self._by_folder:
                    self._by_folder[file.parent] = (file, _read(root / file))

    def of(self, mask: Path) -> Named | None:
        """What the values of a mask (relative to the root) mean; ``None`` where the folder names nothing.

        Raises
        ------
        DataError
            Several files might say, and disagree.
        """
        for folder in mask.parents:
            if folder in self._by_folder:
                return self._by_folder[folder][1]
        return self.all_agree(f"{self._root / mask} lies below neither")

    def all_agree(self, why: str = "another folder, which has no names, cannot take them from here") -> Named | None:
        """The one meaning of the whole folder.

        Raises
        ------
        DataError
            Two files disagree.
        """
        found = list(self._by_folder.values())
        if not found:
            return None
        first_file, first = found[0]
        for file, named in found[1:]:
            if named != first:
                raise DataError(
                    f"{self._root / first_file} names {', '.join(first.names[:5])} and {self._root / file} names "
                    f"{', '.join(named.names[:5])}, and {why}; keep one of the two, or put each above its masks"
                )
        return first


def _read(path: Path) -> Named:
    name = path.name.lower()
    if name in TXT:
        names = names_of_txt(path)
        return Named(names, tuple(range(len(names))))
    return of_csv(path) if name in CSV else of_labelmap(path)
