"""The bad files of the campaign: records, archives and folders of images, made from tables."""

from __future__ import annotations

import copy
import gzip
import hashlib
import io
import itertools
import json
import lzma
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Case = tuple[str, str, Callable[[Path], object]]

RECORD_VALUES: dict[str, Any] = {
    "null": None,
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus one": -1,
    "huge": 10**400,
    "text": "\x1b[2J<script>alert(1)</script>",
    "list": [1],
    "mapping": {"a": 1},
    "true": True,
    "surrogate": "\ud800",
    "text array": {"dtype": "<U2", "shape": [2], "zlib64": "eJxjYGBgAAAABAAB"},
    "zip bomb": {"dtype": "|u1", "shape": [4], "zlib64": ""},
    "void array": {"dtype": "V8", "shape": [1], "zlib64": "eJxjYIACAAAIAAE="},
    "huge array": {"dtype": "<f8", "shape": [10**12], "zlib64": "eJxjYIACAAAIAAE="},
}
RECORD_PLACES = (
    ("contributions",),
    ("groups",),
    ("per_image", "correct"),
    ("cost", "fit_seconds"),
    ("training", "steps"),
    ("metrics", 0, "value"),
    ("metrics", 0, "name"),
    ("cell", "task_seed"),
    ("cell", "refiner"),
    ("selection",),
    ("pair", "n_source"),
    ("status",),
)


def a_record() -> dict[str, Any]:
    """A scored cell, as its JSON says it."""
    from bench.results.record import Array, Cell, MetricInfo, PairInfo, Record

    pair = PairInfo(
        title="bars",
        stand_in=False,
        redistributable=True,
        licence="none",
        digest="3f" * 32,
        n_source=4,
        n_target_train=4,
        n_target_labelled=4,
        n_target_test=4,
        class_names=("a", "b"),
    )
    hits = np.array([1.0, 0.0, 1.0, 1.0])
    record = Record(
        suite="faults",
        cell=Cell(
            pair="bars", task="classification", model="m", recipe="strong", budget="light", arm="source", task_seed=0
        ),
        status="ok",
        pair=pair,
        metrics=(MetricInfo(name="accuracy", value=0.75, higher_is_better=True, unit="%", scale=100.0),),
        contributions=Array.pack(hits),
        per_image={"correct": Array.pack(hits)},
        training={"steps": 3, "batch_size": 2},
        digests={"training": "a", "weights": "b", "test": "c"},
    )
    content: dict[str, Any] = json.loads(record.model_dump_json())
    return content


def record_cases() -> Iterator[Case]:
    """A record with each value in each place, beside a good one: read, and a report made of them."""

    def read(folder: Path, place: tuple[str | int, ...], value: object) -> None:
        from bench.report import write_report
        from bench.results.record import readable_records

        good = a_record()
        bad = copy.deepcopy(good)
        bad["cell"]["task_seed"] = 1
        at: Any = bad
        for key in place[:-1]:
            at = at[key]
        at[place[-1]] = value
        (folder / "records").mkdir()
        for name, content in (("good", good), ("other", bad)):
            (folder / "records" / f"{name}.json").write_text(json.dumps(content))
        records, _ = readable_records(folder)
        assert records, "the good record is gone"
        report = write_report(records, folder, figures=False)
        if broken := [one.reason for one in report.failures.found if one.kind == "parts of the report"]:
            raise AssertionError(broken[0])
        if "\x1b" in report.markdown.read_text() + report.html.read_text():
            raise AssertionError("an escape sequence on a page")

    for place, (name, value) in itertools.product(RECORD_PLACES, RECORD_VALUES.items()):
        where = ".".join(map(str, place))
        yield "record", f"{where} is {name}", lambda folder, p=place, v=value: read(folder, p, v)


def _member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 2, target: str = "") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname = kind, size if kind == tarfile.REGTYPE else 0, target
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    return stream.getvalue()


def _header(kind: bytes) -> bytes:
    info = tarfile.TarInfo("long")
    info.type, info.size = kind, 50_000_000
    return gzip.compress(info.tobuf() + bytes(info.size), 1)


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"<html>log in</html>",
    "only a magic number": lambda: b"\x1f\x8bnonsense",
    "no tar inside": lambda: gzip.compress(b"x" * 5000),
    "cut": lambda: _member("top/data/set/a.txt")[:60],
    "wrong content": lambda: _member("top/data/set/a.txt"),
    "path upwards": lambda: _member("top/data/set/../../../../evil"),
    "absolute path": lambda: _member("/tmp/evil"),
    "symbolic link": lambda: _member("top/data/set/a.txt", tarfile.SYMTYPE, target="/etc/passwd"),
    "hard link": lambda: _member("top/data/set/a.txt", tarfile.LNKTYPE, target="/etc/passwd"),
    "device": lambda: _member("top/data/set/a.txt", tarfile.CHRTYPE),
    "pipe": lambda: _member("top/data/set/a.txt", tarfile.FIFOTYPE),
    "folder for a file": lambda: _member("top/data/set/a.txt", tarfile.DIRTYPE),
    "long GNU name": lambda: _header(tarfile.GNUTYPE_LONGNAME),
    "long pax header": lambda: _header(tarfile.XHDTYPE),
    "much too large": lambda: _member("top/data/set/a.txt", size=200_000_000),
    "controls in a name": lambda: _member("top/data/set/\x1b[2J"),
}


def archive_cases() -> Iterator[Case]:
    """Archives that are fetched from a mirror on this machine; nothing may be written beside the folder."""

    def read(folder: Path, content: bytes) -> None:
        from bench.data.downloads import Download, fetch

        manifest, archive = folder / "toys.sha256.xz", folder / "toys.tar.gz"
        manifest.write_bytes(lzma.compress(f"{hashlib.sha256(b'1').hexdigest()}  a.txt\n".encode()))
        archive.write_bytes(content)
        fetch(Download("toys", "", "data/set", 1, "none", "none", manifest), folder / "root", str(archive))

    for name, make in ARCHIVES.items():
        yield "archive", name, lambda folder, make=make: read(folder, make())


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


IMAGES: dict[str, Callable[[Path], object]] = {
    "empty": _bytes(b""),
    "text": _bytes(b"no picture"),
    "cut PNG": _bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "GIF header": _bytes(b"GIF89a\xff\xff\xff\xff\x00\x00\x00"),
}
NAMES = {
    "plain": b"b.png",
    "no UTF-8": b"\xff\xfe.png",
    "controls": b"\x1b[2J.png",
    "long": "汉".encode() * 80 + b".png",
}
BOMB = [f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in itertools.pairwise("abcdefgh")]
CLASS_FILES: dict[str, bytes] = {
    "empty": b"",
    "binary": b"\x00\x01",
    "Latin-1": b"names: [caf\xe9]",
    "a list": b"- 1",
    "nested": b"[" * 20_000,
    "aliases": b"names: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(BOMB).encode(),
    "5000 digits": b"names: " + b"9" * 5000,
    "a tag": b"names: !!python/object/apply:os.system [id]",
}


def folder_cases() -> Iterator[Case]:
    """A user's folder with one bad file beside a good image; and bad files that name classes."""

    def look(folder: Path) -> None:
        from bench.data.look import look_at

        for task in ("classification", "detection"):
            look_at(folder / "set", task, folder / "sheet.png", "m")

    def with_image(folder: Path, name: bytes, make: Callable[[Path], object]) -> None:
        from PIL import Image

        for label in ("cats", "dogs"):
            (folder / "set" / label).mkdir(parents=True)
            Image.new("RGB", (8, 8), "red").save(folder / "set" / label / "a.png")
        make(Path(os.fsdecode(os.fsencode(folder / "set" / "cats") + b"/" + name)))
        look(folder)

    def with_classes(folder: Path, content: bytes) -> None:
        from PIL import Image

        for part in ("images", "labels"):
            (folder / "set" / part).mkdir(parents=True)
        Image.new("RGB", (8, 8), "red").save(folder / "set" / "images" / "a.png")
        (folder / "set" / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        (folder / "set" / "data.yaml").write_bytes(content)
        look(folder)

    for (name, encoded), (what, make) in itertools.product(NAMES.items(), IMAGES.items()):
        yield "folder", f"{what} with a {name} name", lambda folder, n=encoded, m=make: with_image(folder, n, m)
    for what, content in CLASS_FILES.items():
        yield "folder", f"data.yaml: {what}", lambda folder, c=content: with_classes(folder, c)


def every_kind() -> list[list[Case]]:
    """The cases by kind."""
    return [list(record_cases()), list(archive_cases()), list(folder_cases())]
