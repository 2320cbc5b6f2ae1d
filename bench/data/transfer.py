"""One file from the web, to the end: pooch's transfer, with what it lacks, resuming.

A dropped connection is taken up again where it broke (``Range``), up to :data:`ATTEMPTS` times without a byte of
progress, and by the next process too: the part stays, beside it the ``ETag`` of what it is a part of. A server that
cannot resume sends all of it again; one whose file has changed too (``If-Range``). What is no gzip file is refused by
its first bytes: a proxy's or a login's page answers with status 200.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

from bench.api.errors import DataError

ATTEMPTS = 5
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 30.0
CHUNK = 2**14  # what a break in it loses
GZIP = b"\x1f\x8b"
Progress = Callable[[str, int, int], None]
"""Called with what is being done (``transfer``, ``unpack``, ``copy``, ``verify``), how much of it, and of how much (0:
unknown); bytes for ``transfer``, files for the others."""


def silent(stage: str, done: int, total: int) -> None:
    """Shows nothing."""


def download_archive(url: str, path: Path, progress: Progress, limit: int) -> Path:
    """Bring a ``.tar.gz`` to ``path``, which is returned; one that is there already is not brought again.

    A file of more than ``limit`` bytes is refused, and nothing of it is kept.

    Raises
    ------
    DataError: the server refuses, answers with something else, or the connection drops for good.
    """
    import pooch

    pooch.get_logger().setLevel(logging.ERROR)  # it tells the archive's own digest, which means nothing here
    part = path.with_name(f"{path.name}.part")

    def downloader(address: str, output: Any, _: Any) -> None:
        try:
            _transfer(address, part, progress, limit)
        except _TooLong as error:
            part.unlink(missing_ok=True)
            _tag_file(part).unlink(missing_ok=True)
            raise DataError(str(error)) from None
        part.replace(output)
        _tag_file(part).unlink(missing_ok=True)

    pooch.retrieve(url, known_hash=None, fname=path.name, path=path.parent, downloader=downloader)
    return path


class _TooLong(Exception):
    """More bytes than the set can have."""


def _transfer(url: str, part: Path, progress: Progress, limit: int) -> None:
    """All of ``url`` in ``part``, going on from what it holds."""
    import requests

    idle, why = 0, ""
    while idle < ATTEMPTS:
        before = _size(part)
        try:
            _append(url, part, progress, limit)
        except requests.RequestException as error:
            why = type(error).__name__
            idle = 0 if _size(part) > before else idle + 1
            time.sleep(PAUSE_SECONDS * idle)
            continue
        return
    raise DataError(
        f"{url}: no connection, or it dropped ({why}), after {_size(part) / 1e6:.1f} MB; run the same command again: "
        "it goes on from there; or name another source with --mirror DIR|URL"
    )


def _append(url: str, part: Path, progress: Progress, limit: int) -> None:
    """One request: the rest of the file where the server can, all of it where it cannot."""
    import requests

    have, tag = _size(part), _tag_file(part)
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if tag.is_file():
            headers["If-Range"] = tag.read_text()
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()  # it is complete, or longer than the file: which of the two, only a fresh start tells
            raise requests.ConnectionError("range not satisfiable")
        if not answer.ok:
            raise DataError(
                f"{url}: the server answers {answer.status_code} {answer.reason}; try later, or name another source "
                "with --mirror DIR|URL"
            )
        resumed = answer.status_code == requests.codes.partial_content
        chunks = answer.iter_content(CHUNK)
        first = b"" if resumed else next(chunks, b"")
        if not resumed and not first.startswith(GZIP):  # before anything is written: the part is worth keeping
            raise DataError(_no_archive(url, answer.headers.get("Content-Type", "no type"), first))
        done = have if resumed else 0
        stated = answer.headers.get("Content-Length", "")
        total = done + int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 19 else 0
        if total > limit:
            raise _too_long(url, total, limit)
        if "ETag" in answer.headers and not answer.headers["ETag"].startswith("W/"):
            tag.write_text(answer.headers["ETag"])
        with part.open("ab" if resumed else "wb") as stream:
            for chunk in chain([first], chunks):
                done += len(chunk)
                if done > limit:
                    raise _too_long(url, done, limit)
                stream.write(chunk)
                progress("transfer", done, total)


def _too_long(url: str, n_bytes: int, limit: int) -> _TooLong:
    return _TooLong(
        f"{url}: {n_bytes / 1e6:.0f} MB or more, where the archive has {limit / 1e6:.0f} MB at most; nothing of it is "
        "kept: name another source with --mirror DIR|URL"
    )


def _no_archive(url: str, kind: str, start: bytes) -> str:
    text = " ".join(start[:80].decode("ascii", "replace").split())
    return (
        f"{url}: the server answers with {kind} that begins {text!r}, where a .tar.gz archive is expected: a page of a "
        "proxy or a login? Open the address in a browser, or name another source with --mirror DIR|URL"
    )


def _tag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
