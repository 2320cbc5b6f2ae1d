"""Why something failed, in words for a page: no exception's text, and equal causes under one reason.

A recorded reason is ``label of the job: cause``. A cause that realgain worded itself is kept. That of an unexpected
error is an exception's name and text, which mean nothing to the reader of a table: the records and the folder
``failures`` keep them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")
_EXCEPTION = re.compile(r"(?:^|(?<=: ))(_?[A-Z]\w*(?:\.\w+)*)(?:: |:$)")
REINSTALL = "python -m pip install -c constraints.txt ."
"""Brings back every declared dependency; run in the folder of the project."""


def plain(reason: str) -> str:
    """``fit fda: RuntimeError: …`` → ``fit fda: an unexpected error (RuntimeError), …``."""
    found = _EXCEPTION.search(reason)
    if found is None:
        return reason
    module = _MISSING_MODULE.search(reason, found.start())
    if module:
        return f"{reason[: found.start()]}the package of `{module[1].partition('.')[0]}` is not installed"
    return f"{reason[: found.start()]}an unexpected error ({found[1]}); the folder `failures` has its traceback"


def cause(reason: str) -> str:
    """The plain reason without the label of the job in which it arose."""
    said = plain(reason)
    return said.partition(": ")[2] or said


def counted(reasons: Iterable[str]) -> str:
    """The commonest cause, how often, and how many others there are: ``… (12 times; 2 other reasons)``."""
    counts = Counter(map(cause, reasons)).most_common()
    first, n_times = counts[0]
    n_others = len(counts) - 1
    others = f"; {n_others} other reason{'s' if n_others > 1 else ''}" if n_others else ""
    return f"{first} ({n_times} time{'s' if n_times > 1 else ''}{others})"


def packages_missing(reasons: Iterable[str]) -> bool:
    """Whether installing the dependencies again is what mends it."""
    return any(_MISSING_MODULE.search(reason) for reason in reasons)
