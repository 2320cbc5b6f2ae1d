"""XML tags as they come, for the labels that keep their numbers in attributes; entities are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from bench.api.errors import DataError


@dataclass(frozen=True)
class Tag:
    """A tag's path from the root element (``annotations/image/box``), its attributes, and the text before its end."""

    path: str
    attributes: dict[str, str]
    text: str
    opens: bool


def tags_of(path: Path) -> Iterator[Tag]:
    """The opening and closing tags of a file, in order.

    Raises
    ------
    DataError
        No XML, or entities in it.
    """
    found: list[Tag] = []
    stack: list[str] = []
    text: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        stack.append(name)
        text.clear()
        found.append(Tag("/".join(stack), attributes, "", opens=True))

    def end(_: str) -> None:
        found.append(Tag("/".join(stack), {}, "".join(text).strip(), opens=False))
        stack.pop()
        text.clear()

    def entity(*_: object) -> None:
        raise DataError(f"{path} declares XML entities, which a label needs not; write it without")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text.append
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(path.read_bytes(), True)
    except expat.ExpatError as error:
        raise DataError(f"{path} is no XML ({error}); write it again, or remove it with its image") from None
    return iter(found)
