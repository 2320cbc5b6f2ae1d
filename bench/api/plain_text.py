"""Text that came from outside, made safe to show and to name files by."""

from __future__ import annotations

import re
from typing import Any

from bench.api.bounds import NAME_BYTES

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""C0 and C1 controls but tab and line feed, line separators, and what turns the direction of writing."""
_SURROGATES = re.compile("[\ud800-\udfff]")


def without_controls(text: str) -> str:
    """The text without control characters; bytes that were no text become ``\N{REPLACEMENT CHARACTER}``.

    >>> without_controls("a\\x1b[2Jb\\n")
    'a[2Jb\\n'
    """
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _CONTROLS.sub("", text))


def clean(value: Any) -> Any:
    """:func:`without_controls` of every text in nested dictionaries, lists and tuples; other values as they are."""
    if isinstance(value, str):
        return without_controls(value)
    if isinstance(value, dict):
        return {clean(key): clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(clean(one) for one in value) if type(value) in (list, tuple) else value
    return value


def name_part(text: str, n_bytes: int = NAME_BYTES) -> str:
    """The text as part of a file name: letters, digits and ``@.=_-`` alone, at most ``n_bytes`` bytes long.

    File systems count bytes: a Chinese character has three. No character is cut in two.
    """
    safe = "".join(c if c.isalnum() or c in "@.=_-" else "_" for c in without_controls(text))
    return safe.encode()[:n_bytes].decode(errors="ignore")
