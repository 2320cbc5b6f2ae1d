"""Commands that cannot end for lack of space do not begin."""

from types import SimpleNamespace

import pytest

import own_folders as folders
from bench.cli import disk

WORDS = ("refine", "--refiner", "reinhard", "--source", "renders", "--target", "photos", "--out", "adapted")


@pytest.fixture
def root(tmp_path):
    folders.write_yolo(tmp_path / "renders", 4)
    folders.write_photos(tmp_path / "photos", 4)
    return tmp_path


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (10, "refining needs about 1 MB in results/local/store, where 0 MB are free"),
        (4_000_000, "for --out adapted, where 4 MB are free; free some space"),
    ],
)
def test_refine_says_what_it_needs_where(cli, root, monkeypatch, free, said):
    if free > 10:  # beyond what jobs keep: a large label file that is copied
        (root / "renders" / "video.bin").write_bytes(bytes(5_000_000))
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    done = cli(*WORDS)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert not (root / "adapted").exists()


def test_what_is_written_already_needs_no_room(cli, root, monkeypatch):
    assert cli(*WORDS).returncode == 0
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    again = cli(*WORDS)
    assert again.returncode == 0, again.stderr
    assert "0 images refined with reinhard, 4 there before" in again.stdout
