"""A set of 8 GB stays on disk while it is read, trained on and predicted: no process holds more than 1.5 GB.

The set is one sparse file, black but for what it is read for; memory is the kernel's count of anonymous resident pages
(``RssAnon``), which the file's pages in the system's cache are not part of.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

GIGABYTE = 2**30
SIDE = 256
N_IMAGES = 8 * GIGABYTE // (SIDE * SIDE * 3) + 1

READER = """
import sys, threading, time
from pathlib import Path

import numpy as np
import torch

from bench.api import LabelSpace, ModelParams, Optimiser
from bench.data.labels import check_labels
from bench.run.stored_sets import load_set
from bench.plugins.registry import Registry
from bench.run.store import Entry
from bench.training.batches import Phase, Stream
from bench.training.loop import train
from bench.training.prediction import predict

peak_kb, done = 0, False

def watch():
    global peak_kb
    while not done:
        status = Path("/proc/self/status").read_text()
        peak_kb = max(peak_kb, int(status.partition("RssAnon:")[2].split()[0]))
        time.sleep(0.02)

watcher = threading.Thread(target=watch)
watcher.start()
try:
    columns = {name: {"file": f"{name}.npy", "rows": None} for name in ("image", "class_id")}
    entry = Entry("", Path(sys.argv[1]), {}, {"sets": {"train": {"columns": columns, "assets": {}}}})
    images = load_set(entry, "train")
    check_labels(images, "train", 3, None)
    blocks = list(images.columns["image"].blocks())
    bright = sum(int(images.columns["image"].take(rows).max()) for rows in blocks[-1::-4])
    task, _ = Registry().task("classification")
    space = LabelSpace(class_names=("a", "b", "c"), width=images.image_size[0], height=images.image_size[1])
    network = task.build("light_cnn", ModelParams(), space, torch.Generator().manual_seed(0))
    phase = Phase((Stream((images,), 1.0),), 3)
    train(task, network, [phase], recipe="plain", optimiser=Optimiser(), batch_size=32, seed=0, device="cpu",
          progress=lambda *_: None)
    predict(task, network, images.select(np.arange(0, images.n_images, 1000)), batch_size=16, device="cpu")
finally:
    done = True
    watcher.join()
print(images.n_images, bright, peak_kb)
"""


@pytest.mark.slow
def test_a_set_of_8_gb_leaves_at_most_1500_mb_in_memory(tmp_path):
    shape = (N_IMAGES, SIDE, SIDE, 3)
    with (tmp_path / "image.npy").open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
        header = stream.tell()
        stream.seek(header + np.prod(shape) - 1)
        stream.write(b"\xff")
    np.save(tmp_path / "class_id.npy", np.arange(N_IMAGES) % 3)
    assert (tmp_path / "image.npy").stat().st_size > 8 * GIGABYTE
    done = subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    n_images, bright, peak_kb = map(int, done.stdout.split())
    assert (n_images, bright) == (N_IMAGES, 255), "it was read to its last byte"
    assert peak_kb / 1e6 < 1.5
