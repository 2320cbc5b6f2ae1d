"""The JSON documents of a results folder, in its two forms.

    as a run writes it     records/CELL.json      measurements/NAME.json     gallery/NAME.json, gallery/NAME-STRIP.webp
    as it is published     records.jsonl.xz       measurements.jsonl.xz      gallery.zip

A run writes one file per cell, because each is written atomically when the cell is done. ``bench publish`` packs them,
one document per line, so that a repository holds few files: ``pandas.read_json(path, lines=True)`` reads them. Whoever
reads a results folder reads either form through this file.
"""

from __future__ import annotations

import io
import lzma
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.api import UserError
from bench.api.bounds import RECORD_BYTES
from bench.results.files import write_atomically

RECORDS, MEASUREMENTS, GALLERY = "records", "measurements", "gallery"
MOST_BYTES = 2_000_000_000
"""Of a packed file once unpacked: more is refused, since a small file can hold any amount."""
MOST_PICTURE_BYTES = 50_000_000


def packed_file(results: Path, kind: str) -> Path:
    """Where the published form keeps its documents of a kind."""
    return results / (f"{kind}.zip" if kind == GALLERY else f"{kind}.jsonl.xz")


def is_published(results: Path) -> bool:
    """Whether the records of a results folder are packed."""
    return packed_file(results, RECORDS).is_file()


def has_records(results: Path) -> bool:
    """Whether a folder is a results folder, of either form."""
    return is_published(results) or any((results / RECORDS).glob("*.json"))


def documents(results: Path, kind: str) -> Iterator[tuple[str, bytes]]:
    """Each document of a kind with its place below ``results``, in the order of the names; none where there are none.

    Raises
    ------
    UserError: both forms are there, or a packed file is damaged or too large.
    """
    paths = [path for path in sorted((results / kind).glob("*.json")) if path.is_file()]
    packed = packed_file(results, kind)
    if not packed.is_file():
        yield from ((f"{kind}/{path.name}", _bounded(path)) for path in paths)
        return
    if paths:
        raise UserError(f"{results} holds both {kind}/ and {packed.name}: remove the one that is out of date")
    if kind == GALLERY:
        with _archive(packed) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".json"):
                    yield f"{packed.name}: {name}", archive.read(name)
        return
    yield from ((f"{packed.name}, line {number}", line) for number, line in enumerate(_lines(packed), 1))


def picture(results: Path, file: str) -> bytes | None:
    """The bytes of a gallery's strip, or ``None`` where it is missing."""
    loose, packed = results / GALLERY / file, packed_file(results, GALLERY)
    if loose.is_file():
        return loose.read_bytes()
    if not packed.is_file():
        return None
    with _archive(packed) as archive:
        return archive.read(file) if file in archive.namelist() else None


def pack_lines(results: Path, kind: str, lines: Iterable[str]) -> Path:
    """Write the published form of records or measurements; equal documents give equal bytes."""
    path = packed_file(results, kind)
    text = "".join(f"{line}\n" for line in lines)
    write_atomically(path, lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    return path


def pack_pictures(results: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """Write ``gallery.zip``; dates are fixed, so that equal files give equal bytes."""
    path = packed_file(results, GALLERY)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    write_atomically(path, held.getvalue())
    return path


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(RECORD_BYTES + 1)
    if len(content) > RECORD_BYTES:
        raise UserError(f"{path} is larger than {RECORD_BYTES / 1e6:.0f} MB; delete it and run the suite again")
    return content


def _lines(path: Path) -> Iterator[bytes]:
    n_bytes = 0
    try:
        with lzma.open(path, "rb") as file:
            for line in iter(lambda: file.readline(MOST_BYTES), b""):
                n_bytes += len(line)
                if n_bytes > MOST_BYTES:
                    raise UserError(f"{path} holds more than {MOST_BYTES / 1e9:.0f} GB; it cannot be ours")
                if line.strip():
                    yield line
    except (lzma.LZMAError, EOFError) as error:
        raise UserError(f"{path} is damaged ({error}); get it again, or publish it again from the run") from None


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path} is damaged ({error}); get it again, or publish it again from the run") from None
    if sum(entry.file_size for entry in archive.infolist()) > MOST_PICTURE_BYTES:
        archive.close()
        raise UserError(f"{path} unpacks to more than {MOST_PICTURE_BYTES / 1e6:.0f} MB; it cannot be ours")
    return archive
