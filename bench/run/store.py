"""The store: finished work by action key; atomic, locked, verified.

Layout below the root::

    objects/ab/abcd…/        one entry: its files and manifest.json
    partial/abcd…/           an entry being written, by whoever holds its lock
    locks/abcd….lock         advisory file locks; the system frees them when a process dies

An entry appears by a rename after all of it is on disk, so it is whole or absent, whenever a run is killed. The
manifest carries a SHA-256 of every file and of itself; :meth:`Store.find` verifies them, and drops and reports an entry
with a flipped byte, or something else in an entry's place. What is no folder in the place of one of the store's own
folders is refused with its path (:class:`Misplaced`). Two runs, or two hosts on one file system, share a store:
:meth:`Store.lock` lets one of them work.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from bench.api import UserError
from bench.api.bounds import MANIFEST_BYTES

MANIFEST = "manifest.json"
FULL_BYTES = 2**16


class DiskFull(Exception):
    """No space left; nothing half-written was kept."""


class Misplaced(UserError):
    """Something else lies where the store needs a folder or a lock of its own; the message names the path."""


@dataclass(frozen=True)
class Entry:
    """A finished, verified piece of work.

    Attributes
    ----------
    key: its action key.
    path: the folder that holds its files.
    files: SHA-256 of each file by name; equal content, equal digest.
    meta: what the job said of its result, JSON values only.
    """

    key: str
    path: Path
    files: dict[str, str]
    meta: dict[str, Any]


class Store:
    """See the module's docstring.

    Parameters
    ----------
    root: the store's folder, made if missing.
    on_corrupt: called with (key, what is wrong) when an entry fails its checksum and has been dropped.
    """

    def __init__(self, root: Path, on_corrupt: Callable[[str, str], None] = lambda key, reason: None) -> None:
        self.root = root
        self.on_corrupt = on_corrupt

    def path(self, key: str) -> Path:
        """Where the entry ``key`` lives once it exists."""
        return self.root / "objects" / key[:2] / key

    def unfinished(self, key: str) -> Path:
        """Where the job that makes ``key`` may leave its state, for the next process to go on from."""
        return self._folder("unfinished") / f"{key}.safetensors"

    def find(self, key: str) -> Entry | None:
        """The verified entry, or ``None``; a corrupt one is dropped, reported and counts as absent.

        While another process holds the key's lock a corrupt entry is its business, and is left to it.
        """
        try:
            return self._verified(key)
        except _Corrupt:
            with self.lock(key) as free:
                return self.find_locked(key) if free else None

    def find_locked(self, key: str) -> Entry | None:
        """:meth:`find` for a caller that holds the key's lock."""
        try:
            return self._verified(key)
        except _Corrupt as error:
            remove(self.path(key))
            self.on_corrupt(key, str(error))
            return None

    @contextmanager
    def lock(self, key: str) -> Iterator[bool]:
        """Try to take the key's lock; yields whether it was free. Held until the block ends or the process dies."""
        path = self._folder("locks") / f"{key}.lock"
        if path.is_symlink() or (path.exists() and not path.is_file()):
            remove(path)
        lock = filelock.FileLock(path)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def write(self, key: str, make: Callable[[Path], dict[str, Any]]) -> Entry:
        """Run ``make(folder)``, which fills a folder and returns the entry's meta, and keep the result as ``key``.

        The caller holds the key's lock.

        Raises
        ------
        DiskFull: no space; the partial folder is gone.
        """
        partial = self._folder("partial") / key
        remove(partial)
        try:
            partial.mkdir()
            meta = json.loads(json.dumps(make(partial)))
            files = {p.name: _sync_and_digest(p) for p in sorted(partial.iterdir())}
            body = {"key": key, "files": files, "meta": meta}
            manifest = partial / MANIFEST
            manifest.write_text(json.dumps({**body, "sha256": _body_digest(body)}, indent=1))
            _sync_and_digest(manifest)
            final = self.path(key)
            self._folder("objects", key[:2])
            if final.is_symlink() or not final.is_dir():
                remove(final)
            partial.rename(final)
            _sync_folder(final.parent)
        except Exception as error:
            if self._is_full(error):
                raise DiskFull(f"no space left in {self.root}") from error
            raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return Entry(key, final, files, meta)

    def _folder(self, *names: str) -> Path:
        """A folder of the store's own, made if missing.

        Raises
        ------
        Misplaced: something else has its name.
        """
        folder = self.root.joinpath(*names)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            places = [folder, *folder.parents]
            wrong = next((p for p in places if p.is_symlink() or p.exists()), folder)
            raise Misplaced(
                f"{wrong} is no folder, where the store keeps its files: remove it (rm {shlex.quote(str(wrong))}), "
                "then run the same command again"
            ) from None
        return folder

    def _is_full(self, error: Exception) -> bool:
        """Whether a write failed for lack of space; NumPy and safetensors say so without an error number."""
        numbered = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        return numbered or shutil.disk_usage(self.root).free < FULL_BYTES

    def _verified(self, key: str) -> Entry | None:
        path = self.path(key)
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise _Corrupt("it is no plain folder")
        if not path.exists():
            return None
        try:
            if (path / MANIFEST).stat().st_size > MANIFEST_BYTES or not (path / MANIFEST).is_file():
                raise ValueError("too large, or no file")
            manifest = json.loads((path / MANIFEST).read_text())
            body = {name: manifest[name] for name in ("key", "files", "meta")}
            recorded = manifest["sha256"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise _Corrupt(f"{MANIFEST} is not readable ({type(error).__name__})") from error
        if _body_digest(body) != recorded or body["key"] != key or not isinstance(body["files"], dict):
            raise _Corrupt(f"{MANIFEST} does not match its checksum")
        for name, expected in body["files"].items():
            file = path / name
            if not file.is_file() or _digest(file) != expected:
                raise _Corrupt(f"{name} does not match its checksum")
        return Entry(key, path, body["files"], body["meta"])


def remove(path: Path) -> None:
    """Remove a file, a link (never what it leads to) or a folder with all that is in it; nothing there is fine."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)


class _Corrupt(Exception):
    """An entry that is not what was written."""


def _body_digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync_and_digest(file: Path) -> str:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(description: Any) -> str:
    """SHA-256 (hex) of a JSON-able description, independent of key order."""
    return hashlib.sha256(json.dumps(description, sort_keys=True, default=_jsonable).encode()).hexdigest()


def _jsonable(value: Any) -> Any:
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be part of an id")
