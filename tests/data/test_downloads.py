"""Downloads against a local server: what arrives is verified and whole, or refused in a line that says what to do."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from bench.api import UserError
from bench.api.errors import DataError
from bench.data import downloads, transfer
from bench.data.downloads import fetch, open_files
from bench.data.public_sets import DOWNLOADS
from fixtures_of_downloads import TOP, a_download, an_archive, serving

FILES = {
    "real/a.png": np.random.default_rng(0).bytes(300_000),
    "real/b.png": np.random.default_rng(1).bytes(200_000),
    "poses.txt": b"1 0 0 0\n",
}
ARCHIVE = an_archive(FILES)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(transfer, "PAUSE_SECONDS", 0.0)


def assert_whole(folder: Path) -> None:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == FILES


def assert_nothing_kept(root: Path) -> None:
    assert not (root / "toys").exists()
    assert [path.name for path in (root / "partial").iterdir() if not path.name.endswith(".lock")] == []


def test_an_archive_is_brought_verified_and_unpacked(tmp_path):
    with serving(ARCHIVE) as served:
        download = a_download(tmp_path, FILES, served.url)
        stages = []
        folder = fetch(download, tmp_path / "root", progress=lambda stage, done, total: stages.append((stage, done)))
    assert folder == tmp_path / "root" / "toys"
    assert_whole(folder)
    assert stages[-1] == ("unpack", 3)
    assert ("transfer", len(ARCHIVE)) in stages
    assert [path.name for path in (tmp_path / "root" / "partial").iterdir()] == ["toys.lock"]
    assert open_files(download, tmp_path / "root").read("poses.txt") == b"1 0 0 0\n"


def test_what_is_there_is_verified_and_not_brought_again(tmp_path):
    with serving(ARCHIVE) as served:
        download = a_download(tmp_path, FILES, served.url)
        for _ in range(2):
            fetch(download, tmp_path)
    assert len(served.ranges) == 1


@pytest.mark.parametrize("resumes", [True, False])
def test_a_dropped_connection_is_taken_up_where_it_broke(tmp_path, resumes):
    with serving(ARCHIVE, drops=[100_000, 150_000], resumes=resumes) as served:
        folder = fetch(a_download(tmp_path, FILES, served.url), tmp_path)
    assert_whole(folder)
    assert served.ranges[0] is None
    first, second = (int(asked.removeprefix("bytes=").removesuffix("-")) for asked in served.ranges[1:])
    assert 100_000 - transfer.CHUNK < first <= 100_000
    assert first + 150_000 - transfer.CHUNK < second <= first + 150_000 if resumes else second > 100_000


def test_a_connection_that_drops_for_good_leaves_what_the_next_fetch_goes_on_from(tmp_path):
    with serving(ARCHIVE, drops=[100_000, 0, 0, 0, 0, 0, 0]) as served:
        download = a_download(tmp_path, FILES, served.url)
        with pytest.raises(DataError, match=r"dropped .* after 0\.1 MB; run the same command again"):
            fetch(download, tmp_path)
        assert not (tmp_path / "toys").exists()
        served.drops.clear()
        served.ranges.clear()
        assert_whole(fetch(download, tmp_path))
        (asked,) = served.ranges
        assert 100_000 - transfer.CHUNK < int(asked.removeprefix("bytes=").removesuffix("-")) <= 100_000


def test_a_part_of_a_file_that_has_changed_is_not_gone_on_with(tmp_path):
    older = an_archive({**FILES, "real/a.png": np.random.default_rng(2).bytes(300_000)})
    with serving(older, drops=[100_000, 0, 0, 0, 0, 0, 0]) as served:
        download = a_download(tmp_path, FILES, served.url)
        with pytest.raises(DataError, match="run the same command again"):
            fetch(download, tmp_path)
        served.content, served.etag, served.drops = ARCHIVE, '"two"', []
        served.ranges.clear()
        assert_whole(fetch(download, tmp_path))
        assert served.ranges[0] is not None, "there was a part to go on with"


def test_a_server_that_answers_a_page_instead_of_the_file_is_named(tmp_path):
    page = b"<!DOCTYPE html><html><title>Please log in</title></html>"
    with (
        serving(page, kind="text/html") as served,
        pytest.raises(DataError, match=r"answers with text/html that begins '<!DOCTYPE html>.*--mirror"),
    ):
        fetch(a_download(tmp_path, FILES, served.url), tmp_path)
    assert_nothing_kept(tmp_path)


def test_a_page_in_place_of_the_rest_costs_nothing_of_what_was_brought(tmp_path):
    with serving(ARCHIVE, drops=[100_000, 0, 0, 0, 0, 0, 0]) as served:
        download = a_download(tmp_path, FILES, served.url)
        with pytest.raises(DataError, match="run the same command again"):
            fetch(download, tmp_path)
        served.content, served.etag, served.kind, served.drops = b"<html>Log in", '"page"', "text/html", []
        with pytest.raises(DataError, match=r"answers with text/html that begins '<html>Log in'"):
            fetch(download, tmp_path)
        served.content, served.etag, served.kind = ARCHIVE, '"one"', "application/gzip"
        served.ranges.clear()
        assert_whole(fetch(download, tmp_path))
        (asked,) = served.ranges
        assert 100_000 - transfer.CHUNK < int(asked.removeprefix("bytes=").removesuffix("-")) <= 100_000


def test_a_server_that_refuses_is_named(tmp_path):
    with (
        serving(b"gone", status=404) as served,
        pytest.raises(DataError, match=r"the server answers 404 Not Found; try later, or name .* --mirror"),
    ):
        fetch(a_download(tmp_path, FILES, served.url), tmp_path)


@pytest.mark.parametrize("damaged", [b"", FILES["real/b.png"][:-1], FILES["real/a.png"]])
def test_a_file_with_a_wrong_checksum_is_named_and_nothing_is_kept(tmp_path, damaged):
    with (
        serving(an_archive({**FILES, "real/b.png": damaged})) as served,
        pytest.raises(DataError, match=r"real/b\.png in .* is expected: it is damaged or another one; fetch again"),
    ):
        fetch(a_download(tmp_path, FILES, served.url), tmp_path)
    assert_nothing_kept(tmp_path)


def test_a_truncated_archive_is_no_archive(tmp_path):
    with (
        serving(ARCHIVE[:-2000]) as served,
        pytest.raises(DataError, match=r"is no whole \.tar\.gz archive .* fetch again"),
    ):
        fetch(a_download(tmp_path, FILES, served.url), tmp_path)
    assert_nothing_kept(tmp_path)


def test_files_that_an_archive_lacks_are_counted_and_named(tmp_path):
    with (
        serving(an_archive({"poses.txt": FILES["poses.txt"]})) as served,
        pytest.raises(DataError, match=r"lacks 2 of the 3 files of 'toys': real/a\.png, real/b\.png; expected"),
    ):
        fetch(a_download(tmp_path, FILES, served.url), tmp_path)


def member(name: str, kind: bytes = tarfile.REGTYPE, to: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, to, size
    return info


@pytest.mark.parametrize(
    "hostile",
    [
        member(f"{TOP}/data/set/../../../../outside.txt", size=3),
        member("/tmp/outside.txt", size=3),
        member("../outside.txt", size=3),
        member(f"{TOP}/data/set/link", tarfile.SYMTYPE, to="/etc"),
        member(f"{TOP}/data/set/link", tarfile.SYMTYPE, to="../../../.."),
        member(f"{TOP}/data/set/link", tarfile.LNKTYPE, to="../../etc/passwd"),
    ],
    ids=lambda info: f"{info.name}-{info.linkname}",
)
def test_an_archive_that_would_write_outside_is_refused_whole(tmp_path, hostile):
    with (
        serving(an_archive(FILES, hostile)) as served,
        pytest.raises(DataError, match="leads outside the folder that it is unpacked in; nothing of it is kept"),
    ):
        fetch(a_download(tmp_path, FILES, served.url), tmp_path / "root")
    assert_nothing_kept(tmp_path / "root")
    assert not list(tmp_path.rglob("outside*"))


def test_a_link_in_place_of_a_file_is_refused(tmp_path):
    some = {name: content for name, content in FILES.items() if name != "poses.txt"}
    link = member(f"{TOP}/data/set/poses.txt", tarfile.SYMTYPE, to="real/a.png")
    with (
        serving(an_archive(some, link)) as served,
        pytest.raises(DataError, match=r"poses\.txt' as a link or special file; a plain file is expected"),
    ):
        fetch(a_download(tmp_path, FILES, served.url), tmp_path)


def test_a_file_larger_than_the_whole_set_is_not_read(tmp_path):
    with (
        serving(an_archive({**FILES, "poses.txt": bytes(2_000_000)})) as served,
        pytest.raises(DataError, match="a file of 2 MB, where all files of 'toys' have 1 MB together"),
    ):
        fetch(a_download(tmp_path, FILES, served.url), tmp_path)


def a_tree(folder: Path) -> Path:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("mirror", ["tree", "archive", "folder of the archive", "address", "address of the archive"])
def test_a_mirror_is_a_tree_an_archive_or_an_address(tmp_path, mirror):
    download = a_download(tmp_path, FILES)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "toys.tar.gz").write_bytes(ARCHIVE)
    with serving(ARCHIVE) as served:
        place = {
            "tree": str(a_tree(tmp_path / "tree")),
            "archive": str(tmp_path / "mirror" / "toys.tar.gz"),
            "folder of the archive": str(tmp_path / "mirror"),
            "address": served.url.removesuffix("/toys.tar.gz"),
            "address of the archive": served.url,
        }[mirror]
        assert_whole(fetch(download, tmp_path / "root", place))
    assert (tmp_path / "mirror" / "toys.tar.gz").exists()


def test_a_mirror_that_is_not_there_or_lacks_files_is_named(tmp_path):
    download = a_download(tmp_path, FILES)
    with pytest.raises(UserError, match=r"--mirror nowhere: no such file or folder; allowed: a folder with the files"):
        fetch(download, tmp_path, "nowhere")
    tree = a_tree(tmp_path / "tree")
    (tree / "poses.txt").unlink()
    with pytest.raises(DataError, match=r"tree lacks 1 of the 3 files of 'toys': poses\.txt"):
        fetch(download, tmp_path, str(tree))


def test_a_loop_of_links_in_a_mirror_ends(tmp_path):
    tree = a_tree(tmp_path / "tree")
    (tree / "real" / "a.png").unlink()
    (tree / "real" / "a.png").symlink_to("a.png")
    (tree / "real" / "up").symlink_to("..")
    with pytest.raises(DataError, match=r"a\.png cannot be read \(Too many levels of symbolic links\)"):
        fetch(a_download(tmp_path, FILES), tmp_path, str(tree))


def test_a_file_that_was_damaged_later_is_refused_when_it_is_read_and_when_it_is_fetched(tmp_path):
    download = a_download(tmp_path, FILES)
    folder = fetch(download, tmp_path / "root", str(a_tree(tmp_path / "tree")))
    (folder / "real" / "b.png").write_bytes(b"")
    message = r"b\.png has no content \(0 bytes\), .* delete .*toys and run `python -m bench data fetch toys`"
    with pytest.raises(DataError, match=message):
        open_files(download, tmp_path / "root").read("real/b.png")
    with pytest.raises(DataError, match=message):
        fetch(download, tmp_path / "root")
    (folder / "real" / "a.png").unlink()
    with pytest.raises(DataError, match=r"a\.png cannot be read \(No such file or directory\)"):
        open_files(download, tmp_path / "root").read("real/a.png")


def test_a_set_that_was_not_fetched_says_how(tmp_path, monkeypatch):
    monkeypatch.setenv("REALGAIN_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"'toys' is not in .*: fetch it with `python -m bench data fetch toys`"):
        open_files(a_download(tmp_path, FILES))


def test_sets_lie_in_the_users_cache_by_default(monkeypatch):
    monkeypatch.delenv("REALGAIN_DATA", raising=False)
    assert downloads.data_root().name == "realgain"


@pytest.mark.parametrize("name", ["linemod", "camvid", "kitchen", "cards"])
def test_manifests_are_those_of_the_published_commits(name):
    """As they were listed once, of whole commits, beside the checkout; a pair takes a part."""
    published = Path(__file__).parents[3] / "shared" / "data" / "manifests" / f"{name}.sha256"
    if not published.is_file():
        pytest.skip(f"needs {published}")
    listed = {path: digest for digest, path in (line.split("  ", 1) for line in published.read_text().splitlines())}
    assert DOWNLOADS[name].digests.items() <= listed.items()


@pytest.mark.parametrize("name", DOWNLOADS)
def test_the_manifest_of_every_public_set_ships(name):
    digests = DOWNLOADS[name].digests
    counts = {"linemod": 12296, "camvid": 1405, "camvid-jpeg88": 1405, "kitchen": 301, "cards": 728}
    assert len(digests) == counts.get(name, len(digests)) > 0
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in digests.values())
    assert all(not path.startswith("/") and ".." not in path.split("/") for path in digests)
