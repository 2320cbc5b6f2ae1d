"""Seconds until the pair ``linemod`` is ready: from 12,000 small PNG files, and from the store.

    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 python -m benchmarks.decoding

*First*: both ``prepare`` jobs of a run, one after the other: read, verify, decode and check the files, compare training
with test photographs, write and sync the columns. *Again*: find the same two entries, verify their checksums, open
every split. The rival is the plain loop, Pillow over the files and nothing else. Wall time; the files should lie in the
system's cache, as they do right after ``data fetch linemod``.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bench.data.downloads import open_files
from bench.data.public_sets import LINEMOD
from bench.plugins.registry import Registry
from bench.run.jobs import prepare
from bench.run.jobs.prepare import Spec
from bench.run.jobs.work import Work
from bench.run.store import Store, digest_of
from bench.run.stored_sets import load_set


def main() -> None:
    """Print the seconds."""
    registry = Registry()
    _, described = registry.pair("linemod")
    files = open_files(LINEMOD)
    names = [name for name in files.digests if name.endswith(".png")]
    started = time.perf_counter()
    for name in names:
        np.asarray(Image.open(files.folder / name))
    print(f"{len(names)} files, plain loop    {time.perf_counter() - started:6.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        work = Work(registry, torch.device("cpu"), lambda step, n_steps, loss: None, Path(folder) / "unfinished")
        specs = [
            Spec.model_validate({"pair": described, "side": side, "size": (64, 64), "fit": "resize", "limits": {}})
            for side in ("source", "target")
        ]
        keys = [digest_of(prepare.action(spec, {})) for spec in specs]
        started = time.perf_counter()
        for key, spec in zip(keys, specs, strict=True):
            with store.lock(key):
                store.write(key, lambda into, spec=spec: prepare.run(spec, {}, into, work))
        print(f"ready the first time       {time.perf_counter() - started:6.2f} s")
        started = time.perf_counter()
        for key in keys:
            entry = store.find(key)
            assert entry is not None
            for split in entry.meta["sets"]:
                load_set(entry, split)
        print(f"ready again                {time.perf_counter() - started:6.2f} s")


if __name__ == "__main__":
    main()
