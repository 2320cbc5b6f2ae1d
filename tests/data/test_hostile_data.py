"""Archives, servers and folders that would crash, hang or fill the machine are refused or skipped."""

import gzip
import io
import os
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from bench.api.errors import DataError
from bench.data import downloads
from bench.data.downloads import fetch
from bench.data.folders import files_below
from bench.data.image_files import read_picture
from fixtures_of_downloads import a_download, an_archive

FILES = {"a.txt": b"1\n"}


def with_header(kind: bytes) -> bytes:
    """An archive whose first header states 50 MB of name, packed to a few kB."""
    info = tarfile.TarInfo("long")
    info.type, info.size = kind, 50_000_000
    return gzip.compress(info.tobuf() + b"x" * info.size, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x1f\x8bnonsense", "is no whole"),
        (gzip.compress(b"x" * 5000), "is no whole"),
        (with_header(tarfile.GNUTYPE_LONGNAME), "a header of 50.0 MB"),
        (with_header(tarfile.XHDTYPE), "a header of 50.0 MB"),
    ],
    ids=["nonsense", "no archive", "long name", "long header"],
)
def test_a_damaged_or_hostile_archive_is_refused(tmp_path, content, said):
    archive = tmp_path / "toys.tar.gz"
    archive.write_bytes(content)
    with pytest.raises(DataError, match=said):
        fetch(a_download(tmp_path, FILES), tmp_path / "root", str(archive))


def test_an_archive_that_unpacks_to_more_than_it_may_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "ARCHIVE_SPARE_BYTES", 50_000)
    archive = tmp_path / "toys.tar.gz"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        info = tarfile.TarInfo("top/other")
        info.size = 1_000_000
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    archive.write_bytes(stream.getvalue())
    with pytest.raises(DataError, match="unpacks to more than"):
        fetch(a_download(tmp_path, FILES), tmp_path / "root", str(archive))


@pytest.mark.parametrize("length", ["abc", ""])
def test_a_server_without_a_length_or_an_end_is_bounded(tmp_path, monkeypatch, length):
    monkeypatch.setattr(downloads, "ARCHIVE_SPARE_BYTES", 500_000)
    good = an_archive(FILES)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if length:
                self.send_header("Content-Length", length)
            self.end_headers()
            try:
                self.wfile.write(good)
                while not length:
                    self.wfile.write(bytes(10_000))
            except OSError:
                return

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    download = a_download(tmp_path, FILES, f"http://127.0.0.1:{server.server_address[1]}/toys.tar.gz")
    try:
        if length:
            assert (fetch(download, tmp_path / "root") / "a.txt").read_bytes() == b"1\n"
        else:
            with pytest.raises(DataError, match="at most; nothing of it is kept"):
                fetch(download, tmp_path / "root")
            assert [p.name for p in (tmp_path / "root" / "partial").iterdir()] == ["toys.lock"]
    finally:
        server.shutdown()
        server.server_close()


def test_pipes_are_no_pictures(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")
    assert [path.name for path in files_below(tmp_path)] == ["a.png"]
    with pytest.raises(DataError, match="no plain file"):
        read_picture(tmp_path / "b.png")
