import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.run.store import MANIFEST, DiskFull, Store

KEY = "ab" * 32


def fill(folder: Path) -> dict:
    (folder / "data.bin").write_bytes(b"x" * 1000)
    return {"n": 3}


@pytest.fixture
def reports() -> list:
    return []


@pytest.fixture
def store(tmp_path: Path, reports: list) -> Store:
    return Store(tmp_path / "store", lambda key, reason: reports.append((key, reason)))


def test_what_was_written_is_found_with_its_meta_and_digests(store):
    written = store.write(KEY, fill)
    found = store.find(KEY)
    assert found == written
    assert found.meta == {"n": 3}
    assert list(found.files) == ["data.bin"]


def test_equal_content_has_equal_digests_whatever_the_key(store):
    assert store.write(KEY, fill).files == store.write("cd" * 32, fill).files


def test_nothing_is_found_before_it_was_written(store):
    assert store.find(KEY) is None


@pytest.mark.parametrize("name", ["data.bin", MANIFEST])
@pytest.mark.parametrize("position", [0, 10, -3])
def test_a_flipped_byte_is_reported_and_the_entry_dropped(store, reports, name, position):
    file = store.write(KEY, fill).path / name
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)
    assert store.find(KEY) is None
    assert reports[0][0] == KEY
    assert name in reports[0][1]
    assert not store.path(KEY).exists()
    assert store.write(KEY, fill) == store.find(KEY)


@pytest.mark.parametrize("name", ["data.bin", MANIFEST])
def test_a_missing_file_is_reported(store, reports, name):
    (store.write(KEY, fill).path / name).unlink()
    assert store.find(KEY) is None
    assert len(reports) == 1


def test_a_meta_that_was_edited_by_hand_is_refused(store, reports):
    manifest = store.write(KEY, fill).path / MANIFEST
    content = json.loads(manifest.read_text())
    content["meta"]["n"] = 4
    manifest.write_text(json.dumps(content))
    assert store.find(KEY) is None
    assert reports


def test_a_corrupt_entry_is_dropped_by_who_holds_its_lock_and_by_nobody_else(store, reports):
    (store.write(KEY, fill).path / "data.bin").write_bytes(b"other")
    with store.lock(KEY) as free:
        assert free
        assert store.find(KEY) is None
        assert store.path(KEY).is_dir()
        assert reports == []
        assert store.find_locked(KEY) is None
        assert len(reports) == 1
        assert store.write(KEY, fill) == store.find_locked(KEY)


def test_a_failing_job_leaves_nothing(store):
    def fail(folder: Path) -> dict:
        (folder / "half.bin").write_bytes(b"half")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        store.write(KEY, fail)
    assert store.find(KEY) is None
    assert list((store.root / "partial").iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(store):
    def fail(folder: Path) -> dict:
        (folder / "half.bin").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DiskFull, match="no space left in"):
        store.write(KEY, fail)
    assert store.find(KEY) is None
    assert list((store.root / "partial").iterdir()) == []


def test_a_full_disk_is_told_from_a_failing_job_without_an_error_number(store, monkeypatch):
    """NumPy's short write is an OSError without errno, safetensors' an error of its own."""
    from types import SimpleNamespace

    def fail(folder: Path) -> dict:
        raise RuntimeError("921600 requested and 663424 written")

    with pytest.raises(RuntimeError):
        store.write(KEY, fail)
    monkeypatch.setattr("bench.run.store.shutil.disk_usage", lambda path: SimpleNamespace(free=100))
    with pytest.raises(DiskFull):
        store.write(KEY, fail)


def test_a_lock_is_exclusive_between_processes_and_freed_by_death(store, tmp_path):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from bench.run.store import Store\n"
            f"with Store(Path({str(store.root)!r})).lock({KEY!r}) as free:\n"
            "    print(free, flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert holder.stdout.readline().strip() == "True"
    with store.lock(KEY) as free:
        assert not free
    holder.kill()
    holder.wait()
    with store.lock(KEY) as free:
        assert free


def test_leftovers_of_a_killed_writer_are_overwritten(store):
    leftover = store.root / "partial" / KEY
    leftover.mkdir(parents=True)
    (leftover / "half.bin").write_bytes(b"half")
    assert list(store.write(KEY, fill).files) == ["data.bin"]
