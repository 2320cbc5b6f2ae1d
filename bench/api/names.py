"""Names as users type them: suggestions for misspelt names, and variants such as ``fda:beta=0.05``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from bench.api import UserError


def nearest(asked: str, available: Iterable[str]) -> str:
    """``"; did you mean 'fda'?"`` where a name is close, otherwise a full stop."""
    close = difflib.get_close_matches(asked, list(available), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else "."


def unknown(kind: str, asked: str, available: Iterable[str], where: str = "") -> UserError:
    """The error for a name that does not exist: what was asked, the nearest right name, what there is.

    ``where`` narrows the kind down: ``" for task 'depth'"``.
    """
    available = sorted(available)
    listing = ", ".join(available) if available else "none"
    return UserError(f"no {kind} {asked!r}{where}{nearest(asked, available)} Available: {listing}.")


def split_variant(text: str) -> tuple[str, dict[str, str]]:
    """``"fda:beta=0.05"`` → ``("fda", {"beta": "0.05"})``; raises :class:`UserError` on anything else."""
    name, _, rest = text.strip().partition(":")
    options: dict[str, str] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise UserError(f"variant {text!r}: found {part!r} where key=value is expected, as in 'fda:beta=0.05'")
        options[key.strip()] = value.strip()
    return name.strip(), options


def join_variant(name: str, options: dict[str, str]) -> str:
    """The canonical spelling of a variant: options sorted by key."""
    return name + (":" + ",".join(f"{key}={options[key]}" for key in sorted(options)) if options else "")


def canonical(variant: str) -> str:
    """A variant in its canonical spelling: ``" fda: beta=0.05"`` → ``"fda:beta=0.05"``."""
    return join_variant(*split_variant(variant))
