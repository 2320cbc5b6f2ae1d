"""Whether two texts say the same: words exactly, decimal numbers up to rounding.

A sum in another order, or another processor's instructions, moves a number by about 1e-14 of itself, and what
statistics make of it by somewhat more; :data:`TOLERANCE` lies far above that and far below any difference that a reader
could see. Whole numbers (counts, seeds, digests) are words. A rounded number, as pages print it, has so few digits that
another last digit is a difference.
"""

from __future__ import annotations

import math
import re

TOLERANCE = 1e-6
"""Relative."""
ABSOLUTE = 1e-9
"""What is nothing beside 0."""
NUMBER = re.compile(r"([-+−]?\d+\.\d+(?:[eE][-+]?\d+)?|(?<![\w.])[-+−]?\d+(?:[eE][-+]?\d+)?(?![\w.]))")


def first_difference(one: str, other: str) -> tuple[int, str, str] | None:
    """Line (of ``one``) and what the texts have there where they first differ; ``None`` where they say the same.

    >>> first_difference("gain 10.511239184304168 of 12", "gain 10.511239184304173 of 12")
    >>> first_difference("gain 10.51 of 12", "gain 10.52 of 12")
    (1, '10.51', '10.52')
    """
    if one == other:
        return None
    ours, theirs = NUMBER.split(one), NUMBER.split(other)
    line = 1
    for position, (a, b) in enumerate(zip(ours, theirs, strict=False)):
        if not (a == b or (position % 2 and _close(a, b))):
            start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
            if position % 2:
                start = 0
            return line + a[:start].count("\n"), _shown(a[start:]), _shown(b[start:])
        line += a.count("\n")
    if len(ours) == len(theirs):
        return None
    n = min(len(ours), len(theirs))
    return line, _shown("".join(ours[n:])), _shown("".join(theirs[n:]))


def _close(one: str, other: str) -> bool:
    """Two numbers, of which one at least has a fraction."""
    if not any(mark in number for number in (one, other) for mark in ".eE"):
        return False
    a, b = (float(number.replace("−", "-")) for number in (one, other))
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=ABSOLUTE)


def _shown(text: str) -> str:
    first = text.partition("\n")[0] or text[:1]
    return first if len(first) <= 40 else f"{first[:40]}…"
