"""Work on many files: on all cores, into memory or, where that would be large, into a file.

A worker process has one core and calls :func:`limit_threads`; elsewhere (``data check``) all cores are used. Pillow
frees the interpreter while it decodes and resamples, so threads are enough and share the array. An array beyond
:data:`IN_MEMORY_BYTES` is a memory map of an unnamed temporary file: its pages belong to the file system's cache, not
to the process, and the file goes with the array.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

IN_MEMORY_BYTES = 2**29
_MOST_AT_ONCE = 64
"""Small files are handed to the threads in lots: a file takes a tenth of a millisecond, and so does handing it over."""

_limit: int | None = None


def limit_threads(n_threads: int) -> None:
    """Use at most so many threads in this process from now on; with one, no thread is started."""
    global _limit
    _limit = n_threads


def for_each(work: Callable[[int], None], n: int) -> None:
    """``work(0) … work(n − 1)`` on all cores; the error of the smallest number is raised, and what waits is dropped."""
    n_cores = (os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()) or 1
    n_threads = min(n_cores, _limit or n_cores)
    lot = max(1, min(_MOST_AT_ONCE, n // (4 * n_threads)))

    def work_on(first: int) -> None:
        for i in range(first, min(first + lot, n)):
            work(i)

    if n <= lot or n_threads == 1:
        for i in range(n):
            work(i)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(work_on, range(0, n, lot)))
    return


def rows_of(
    n_rows: int, read: Callable[[int], np.ndarray], row_shape: tuple[int, ...], dtype: type[np.generic]
) -> np.ndarray:
    """``(n_rows, *row_shape)`` of ``dtype``, row ``i`` being ``read(i)``; read on all cores, the first error raised."""
    rows = room((n_rows, *row_shape), dtype)

    def fill(row: int) -> None:
        rows[row] = read(row)

    for_each(fill, n_rows)
    return rows


def room(shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """An array of zeros: in memory, or on disk if it is large."""
    if np.prod(shape, dtype=np.int64) * np.dtype(dtype).itemsize <= IN_MEMORY_BYTES:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, "w+", shape=shape)
