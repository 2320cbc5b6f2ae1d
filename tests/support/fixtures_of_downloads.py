"""Small sets with manifests of their own, and a local HTTP server that misbehaves on demand."""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.data.downloads import Download

TOP = "toys-0123abcd"


def a_download(folder: Path, files: Mapping[str, bytes], url: str = "http://127.0.0.1:9/none.tar.gz") -> Download:
    """The set ``toys`` of ``files``, its manifest written to ``folder``."""
    manifest = folder / "toys.sha256.xz"
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    manifest.write_bytes(lzma.compress("".join(lines).encode()))
    n_bytes = sum(map(len, files.values()))
    return Download("toys", url, "data/set", n_bytes, "toy licence", "A. Toy: Toys. 2026.", manifest)


def an_archive(files: Mapping[str, bytes], *more: tarfile.TarInfo) -> bytes:
    """``.tar.gz`` laid out as a commit's archive: the files under ``TOP/data/set``, a stranger beside them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in {"README.md": b"read me", **{f"data/set/{name}": c for name, c in files.items()}}.items():
            member = tarfile.TarInfo(f"{TOP}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in more:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return stream.getvalue()


@dataclass
class Served:
    """What the server sends, and what it was asked: ``drops`` are bytes after which it hangs up, one a request."""

    content: bytes
    kind: str = "application/gzip"
    status: int = 200
    resumes: bool = True
    etag: str = '"one"'
    drops: list[int] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(content: bytes, **options: object) -> Iterator[Served]:
    """A local server of one file at ``.url``, until the block ends."""
    served = Served(content, **options)  # type: ignore[arg-type]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            served.ranges.append(asked)
            unchanged = self.headers.get("If-Range", served.etag) == served.etag
            first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and served.resumes and unchanged else 0
            body = served.content[first:]
            self.send_response(206 if first else served.status)
            self.send_header("Content-Type", served.kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", served.etag)
            self.end_headers()
            self.wfile.write(body[: served.drops.pop(0)] if served.drops else body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}/toys.tar.gz"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
