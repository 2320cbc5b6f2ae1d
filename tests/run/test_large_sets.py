"""Sets larger than memory: what a process holds of its own while it reads or prepares them."""

import subprocess
import sys
from pathlib import Path

import pytest

PROC = Path("/proc/self/status")
HEAD = """
import numpy as np, sys
from pathlib import Path
def anonymous_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
"""


def run(code: str, folder: Path) -> list[float]:
    command = [sys.executable, "-c", HEAD + code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()]


@pytest.mark.skipif(not PROC.exists(), reason="needs /proc")
def test_files_are_decoded_straight_to_disk(tmp_path):
    """600 MB of pictures go through a process that holds a tenth of them."""
    code = """
from bench.api.imageset import Column, ImageSet
from bench.data.listing import Decoded
from bench.run.stored_sets import open_set, save_set
before = anonymous_mb()
peak = before
def read(i):
    global peak
    peak = max(peak, anonymous_mb())
    return np.full((1000, 1000, 3), i % 256, np.uint8)
images = ImageSet({"image": Column(Decoded(read, 200, (1000, 1000, 3), "uint8"))})
folder = Path(sys.argv[1])
stored = open_set(folder, save_set(folder, "a", images, ("image",)))
assert [int(stored.columns["image"].take(np.array([i]))[0, 0, 0, 0]) for i in (0, 77, 199)] == [0, 77, 199]
print(peak - before)
"""
    (grown_mb,) = run(code, tmp_path)
    assert grown_mb < 120


@pytest.mark.slow
@pytest.mark.skipif(not PROC.exists(), reason="needs /proc")
def test_eight_gigabytes_are_read_with_little_memory(tmp_path):
    """A sparse file stands for the set: 8 GB to read, nothing on the disk."""
    code = """
from bench.api.imageset import Column
shape = (2700, 1000, 1000, 3)
file = Path(sys.argv[1]) / "image.npy"
with file.open("wb") as stream:
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    stream.truncate(stream.tell() + 2700 * 3_000_000)
column = Column(np.load(file, mmap_mode="r"))
peak = n = 0
for rows in column.blocks():
    block = column.take(rows)
    n += len(block)
    peak = max(peak, anonymous_mb())
for seed in range(20):
    batch = column.take(np.random.default_rng(seed).integers(0, 2700, 64))
    peak = max(peak, anonymous_mb())
print(n, peak)
"""
    n_images, peak_mb = run(code, tmp_path)
    assert n_images == 2700
    assert peak_mb < 1500
