"""Public data sets that one command brings: ``python -m bench data fetch NAME``. Nothing of theirs ships here.

What a set is made of is pinned twice: the archive of one commit, and a manifest, ``manifests/NAME.sha256.xz``, with a
line ``SHA-256  path`` for each file that is taken. The archive's own bytes are not pinned: hosts pack anew at will.

    ROOT/NAME/…                    the files, laid out as the manifest; all of them verified, or the folder is absent
    ROOT/partial/NAME.tar.gz.part  what a dropped connection left; the next try asks for the rest
    ROOT/partial/NAME/…            being filled; renamed when it is whole

ROOT is ``$REALGAIN_DATA``, or a folder in the user's cache. A *mirror* takes the place of the archive's address: a
folder that holds the files as the manifest names them, a folder or an address that holds ``NAME.tar.gz``, or an archive
itself. Archives are read member by member: a name that leads outside, or a link where a file is taken, refuses all of
it. Files are verified again when they are read (:class:`Files`), so that what a model saw is what the manifest says.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import filelock

from bench.api import UserError
from bench.api.bounds import ARCHIVE_FACTOR, ARCHIVE_HEADER_BYTES, ARCHIVE_SPARE_BYTES
from bench.api.errors import DataError
from bench.data.transfer import Progress, download_archive, silent

MANIFESTS = Path(__file__).parent / "manifests"
PARTIAL = "partial"


@dataclass(frozen=True)
class Download:
    """A public data set at one commit.

    Attributes
    ----------
    name: its folder's and its manifest's.
    url: of the archive (``.tar.gz``).
    inside: folder of the archive, below its single top folder, that the manifest's paths are relative to.
    n_bytes: of the files that are taken.
    licence, citation: shown before anything is transferred.
    manifest: another one than that of the package (tests).
    """

    name: str
    url: str
    inside: str
    n_bytes: int
    licence: str
    citation: str
    manifest: Path | None = None

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 (hex) by path, in the manifest's order."""
        path = self.manifest or MANIFESTS / f"{self.name}.sha256.xz"
        lines = lzma.decompress(path.read_bytes()).decode().splitlines()
        return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


@dataclass(frozen=True)
class Files:
    """The files of a set, verified as they are read."""

    folder: Path
    digests: Mapping[str, str]
    remedy: str

    def read(self, name: str) -> bytes:
        """The content of one file.

        Raises
        ------
        DataError: it is missing, or not what the manifest says; the message names the file and what to do.
        """
        return verified(self.folder / name, self.digests[name], self.remedy)

    def text(self, name: str) -> list[str]:
        """The lines of a text file that are not blank."""
        return [line for line in self.read(name).decode().splitlines() if line.strip()]


def data_root() -> Path:
    """``$REALGAIN_DATA``, or a folder in the user's cache."""
    if chosen := os.environ.get("REALGAIN_DATA"):
        return Path(chosen)
    from pooch import os_cache

    return Path(os_cache("realgain"))


def open_files(download: Download, root: Path | None = None) -> Files:
    """The files of a set that was fetched.

    Raises
    ------
    UserError: it was not; the message is the command that does.
    """
    root = root or data_root()
    folder = root / download.name
    if not folder.is_dir():
        raise UserError(
            f"{download.name!r} is not in {root}: fetch it with `python -m bench data fetch {download.name}` "
            f"({download.n_bytes / 1e6:.0f} MB; licence: {download.licence}), or name its folder in REALGAIN_DATA"
        )
    remedy = f"delete {folder} and run `python -m bench data fetch {download.name}`"
    return Files(folder, download.digests, remedy)


def fetch(
    download: Download,
    root: Path | None = None,
    mirror: str | None = None,
    progress: Progress = silent,
) -> Path:
    """Bring a set to ``root`` and return its folder; what is there already is verified, and brought no second time.

    Raises
    ------
    UserError: a mirror that does not exist.
    DataError: a file that is missing, damaged or not what it should be; a dropped connection (``fetch`` again goes on).
    """
    root = root or data_root()
    final, partial = root / download.name, root / PARTIAL
    partial.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(partial / f"{download.name}.lock"):
        if final.is_dir():
            files = open_files(download, root)
            for done, name in enumerate(files.digests):
                files.read(name)
                progress("verify", done + 1, len(files.digests))
            return final
        kept = partial / f"{download.name}.tar.gz"
        source = _source(download, kept, mirror, progress)
        try:
            with _filled(partial / download.name, final) as folder:
                (_copy if source.is_dir() else _unpack)(download, source, folder, progress)
        finally:
            kept.unlink(missing_ok=True)  # a wrong one too: the next fetch begins anew
    return final


@contextmanager
def _filled(partial: Path, final: Path) -> Iterator[Path]:
    """An empty folder that becomes ``final`` if the block ends well, and nothing otherwise."""
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _source(download: Download, kept: Path, mirror: str | None, progress: Progress) -> Path:
    """A folder of files or an archive on this machine; one that has to be transferred becomes ``kept``."""
    limit = ARCHIVE_SPARE_BYTES + ARCHIVE_FACTOR * download.n_bytes
    if mirror is None and not download.url:
        raise UserError(f"{download.name!r} is in no public archive: name the folder that holds it with --mirror")
    if mirror is None:
        return download_archive(download.url, kept, progress, limit)
    if mirror.startswith(("http://", "https://")):
        url = mirror if mirror.endswith((".tar.gz", ".tgz")) else f"{mirror.rstrip('/')}/{kept.name}"
        return download_archive(url, kept, progress, limit)
    place = Path(mirror)
    for archive in (place, place / kept.name):
        if archive.is_file():
            return archive
    if not place.is_dir():
        raise UserError(
            f"--mirror {mirror}: no such file or folder; allowed: a folder with the files of {download.name!r} or with "
            f"{kept.name}, such an archive, or an http(s) address of either"
        )
    return place


def _copy(download: Download, tree: Path, folder: Path, progress: Progress) -> None:
    missing = [name for name in download.digests if not (tree / name).exists() and not (tree / name).is_symlink()]
    if missing:
        raise DataError(_missing(download, str(tree), missing))
    remedy = "name another mirror, or leave --mirror out"
    for done, (name, digest) in enumerate(download.digests.items()):
        _write(folder / name, verified(tree / name, digest, remedy))
        progress("copy", done + 1, len(download.digests))


def _unpack(download: Download, archive: Path, folder: Path, progress: Progress) -> None:
    """Write the members that the manifest names, each verified."""
    remedy = "fetch again, or name another source with --mirror"
    missing = dict(download.digests)
    try:
        limit = ARCHIVE_SPARE_BYTES + ARCHIVE_FACTOR * download.n_bytes
        with (
            gzip.open(archive) as unpacked,
            tarfile.open(
                fileobj=cast("IO[bytes]", _Bounded(unpacked, limit)), mode="r|", tarinfo=_BoundedHeader
            ) as members,
        ):
            for member in members:
                name = _taken(member, download, folder, archive)
                if name is None or name not in missing:
                    continue
                stream = members.extractfile(member)
                assert stream is not None  # a regular file has one
                content = _read_at_most(stream, member.size, download, archive)
                _check_digest(content, missing.pop(name), f"{name} in {archive}", remedy)
                _write(folder / name, content)
                progress("unpack", len(download.digests) - len(missing), len(download.digests))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{archive} is no whole .tar.gz archive ({error}): {remedy}") from None
    if missing:
        raise DataError(_missing(download, str(archive), list(missing)))


class _Bounded:
    """A stream that ends in an error after ``limit`` bytes: what an archive unpacks to is bounded before it is read."""

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream, self._left, self._limit = stream, limit, limit

    def read(self, n_bytes: int) -> bytes:
        self._left -= n_bytes
        if self._left < 0:
            raise tarfile.ReadError(f"it unpacks to more than {self._limit / 1e6:.0f} MB")
        return bytes(self._stream.read(n_bytes))


class _BoundedHeader(tarfile.TarInfo):
    """tarfile reads long names and pax headers whole, whatever size they state; here one of some kB at most."""

    def _check(self) -> None:
        if self.size > ARCHIVE_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {self.size / 1e6:.1f} MB")

    def _proc_gnulong(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        self._check()
        return super()._proc_gnulong(archive)  # type: ignore[misc]

    def _proc_pax(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        self._check()
        return super()._proc_pax(archive)  # type: ignore[misc]


def _taken(member: tarfile.TarInfo, download: Download, folder: Path, archive: Path) -> str | None:
    """The manifest's name of an archive's member, ``None`` for one that is not in it."""
    parts = PurePosixPath(member.name).parts
    try:
        tarfile.data_filter(member, str(folder))
        harmless = not member.name.startswith("/") and ".." not in parts
    except tarfile.FilterError:
        harmless = False
    if not harmless:
        raise DataError(
            f"{archive} holds {member.name!r}, which leads outside the folder that it is unpacked in; nothing of it is "
            "kept: the archive is not the one that was asked for, take another source"
        )
    inside = PurePosixPath(download.inside).parts
    if parts[1 : 1 + len(inside)] != inside:
        return None
    name = "/".join(parts[1 + len(inside) :])
    if name in download.digests and not member.isreg():
        raise DataError(f"{archive} holds {member.name!r} as a link or special file; a plain file is expected")
    return name if name in download.digests else None


def _read_at_most(stream: IO[bytes], size: int, download: Download, archive: Path) -> bytes:
    if size > download.n_bytes:
        raise DataError(
            f"{archive}: a file of {size / 1e6:.0f} MB, where all files of {download.name!r} have "
            f"{download.n_bytes / 1e6:.0f} MB together; take another source"
        )
    return stream.read()


def verified(path: Path, digest: str, remedy: str) -> bytes:
    """The content of a file whose SHA-256 (hex) is known.

    Raises
    ------
    DataError: the file is missing, empty, a loop of links, or has another checksum; ``remedy`` ends the message.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}): {remedy}") from None
    _check_digest(content, digest, str(path), remedy)
    return content


def _check_digest(content: bytes, digest: str, where: str, remedy: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        what = f"SHA-256 {found[:12]}… in {len(content)} bytes" if content else "no content (0 bytes)"
        raise DataError(
            f"{where} has {what}, SHA-256 {digest[:12]}… is expected: it is damaged or another one; {remedy}"
        )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _missing(download: Download, where: str, missing: list[str]) -> str:
    first = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
    laid_out = f"laid out as {download.inside}/ in {download.url}" if download.url else "laid out as its manifest"
    return (
        f"{where} lacks {len(missing)} of the {len(download.digests)} files of {download.name!r}: {first}; expected "
        f"{laid_out}"
    )
