"""Numbers that plug-in code states of its work, checked where they enter: records and tables are made of them.

A mistake is a :class:`PluginError` that names what was stated and what is allowed.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from bench.api import PluginError

LARGEST = 2**53
"""Above it a JSON reader may round."""


def whole_number(stated: Any, what: str, at_least: int = 0) -> int:
    """``stated`` as a Python ``int``; NumPy's and torch's whole numbers count, booleans and floats do not."""
    try:
        number = None if isinstance(stated, bool) else operator.index(stated)
    except Exception:  # a plug-in's own class may raise anything
        number = None
    if number is None or not at_least <= number <= LARGEST:
        raise PluginError(f"{what} is {_shown(stated)}; a whole number from {at_least} to {LARGEST} is needed")
    return number


def finite_number(stated: Any, what: str) -> float:
    """``stated`` as a finite Python ``float``; numbers of NumPy and tensors with one element count, text does not."""
    try:
        number = math.nan if isinstance(stated, bool | str | bytes) else float(stated)
    except Exception:  # a plug-in's own class may raise anything
        number = math.nan
    if not math.isfinite(number):
        raise PluginError(f"{what} is {_shown(stated)}; a finite number is needed")
    return number


def _shown(stated: Any) -> str:
    if isinstance(stated, int) and abs(stated) > LARGEST:  # Python refuses to print 5,000 digits
        return "a whole number beyond ±2**53"
    try:
        text = repr(stated)
    except Exception as error:
        return f"a {type(stated).__name__} whose repr raises {type(error).__name__}"
    return text if len(text) <= 80 else f"{text[:79]}…"
