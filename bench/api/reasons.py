"""Texts that come from plug-ins, files and exceptions, made fit for a table and a terminal."""

from __future__ import annotations

REASON_CHARACTERS = 500


def one_line(text: object) -> str:
    """``str(text)`` on one line of at most :data:`REASON_CHARACTERS`: what a table or a terminal can take.

    Characters that cannot be printed are left out, so that no text moves a cursor or clears a screen.
    """
    try:
        words = str(text).split()
    except Exception as error:  # a plug-in's own exception may raise another when it is printed
        words = [f"(its message cannot be read: __str__ raises {type(error).__name__})"]
    line = " ".join("".join(filter(str.isprintable, word)) for word in words).strip()
    return line if len(line) <= REASON_CHARACTERS else line[: REASON_CHARACTERS - 1] + "…"


def reason_of(error: BaseException) -> str:
    """An exception's type and message on one line."""
    return one_line(f"{type(error).__name__}: {one_line(error)}")
