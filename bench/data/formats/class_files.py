"""Files that name the classes of masks and YOLO labels, as people and their tools write them.

    classes.txt    a name a line, ids from 0; the id may stand before each name (``0 road``, ``0: road``) if it does
                   before all of them
    classes.csv    columns name and id, or name and r, g, b; also called class or label, value, red, green, blue;
                   separated by commas, semicolons or tabs
    labelmap.txt   CVAT's: ``name:r,g,b:parts:actions``, ``#`` before comments

All are UTF-8, with a byte order mark or without.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from bench.api.errors import DataError

_SYNONYMS = {
    "name": "class label class_name classname label_name category",
    "id": "value index class_id label_id pixel_value pixel label_value",
    "r": "red",
    "g": "green",
    "b": "blue",
}
_COLUMN = {synonym: column for column, synonyms in _SYNONYMS.items() for synonym in [column, *synonyms.split()]}


@dataclass(frozen=True)
class Named:
    """Class names, and what stands for each: an id, or a colour packed as r·65536 + g·256 + b."""

    names: tuple[str, ...]
    values: tuple[int, ...]
    in_colours: bool = False


def text_of(path: Path) -> str:
    """The text of a file.

    Raises
    ------
    DataError: it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text (byte {error.start + 1}); save it as UTF-8") from None


def names_of_txt(path: Path) -> tuple[str, ...]:
    """Names in the order of their ids; raises :class:`DataError` where there is none."""
    lines = [line.strip() for line in text_of(path).splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path} names no class; write a name a line, or remove it")
    numbered = [re.fullmatch(r"(\d+)\s*[:=,;\s]\s*(.+)", line) for line in lines]
    if all(found and int(found[1]) == i for i, found in enumerate(numbered)):
        return tuple(found[2] for found in numbered if found)
    return tuple(lines)


def of_csv(path: Path) -> Named:
    """Names with ids or colours.

    Raises
    ------
    DataError: other columns than the module's docstring says, or what should be a number is none.
    """
    text = text_of(path)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    rows = [
        {_column(key): (value or "").strip() for key, value in row.items() if key}
        for row in csv.DictReader(text.splitlines(), delimiter=separator)
    ]
    columns = set(rows[0]) if rows else set()
    if not columns >= {"name", "id"} and not columns >= {"name", "r", "g", "b"}:
        raise DataError(f"{path} has the columns {', '.join(sorted(columns)) or 'none'}; needed: name,r,g,b or name,id")
    in_colours = columns >= {"r", "g", "b"}
    try:
        values = [_packed(row["r"], row["g"], row["b"]) if in_colours else int(row["id"]) for row in rows]
    except ValueError as error:
        raise DataError(f"{path}: {error}; ids are whole numbers, and colours too, from 0 to 255") from None
    return Named(tuple(row["name"] for row in rows), tuple(values), in_colours)


def _column(heading: str) -> str:
    word = "_".join(heading.lower().split())
    return _COLUMN.get(word, word)


def of_labelmap(path: Path) -> Named:
    """CVAT's names and colours.

    Raises
    ------
    DataError: a line without a name and a colour.
    """
    names, values = [], []
    for line in text_of(path).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        try:
            red, green, blue = rest.partition(":")[0].split(",")
            values.append(_packed(red, green, blue))
        except ValueError:
            raise DataError(f"{path}: found {line!r} where name:r,g,b is expected; correct the line") from None
        names.append(name.strip())
    if not names:
        raise DataError(f"{path} names no class; write lines name:r,g,b, or remove it")
    return Named(tuple(names), tuple(values), in_colours=True)


def _packed(red: str, green: str, blue: str) -> int:
    levels = [int(level) for level in (red, green, blue)]
    if not all(0 <= level <= 255 for level in levels):
        raise ValueError(f"colour {tuple(levels)}")
    return levels[0] << 16 | levels[1] << 8 | levels[2]
