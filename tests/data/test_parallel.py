"""Work on all cores: rows come in order, in a file where they are large; the first error is the one that is raised."""

import threading

import numpy as np
import pytest

from bench.api.errors import DataError
from bench.data import parallel as decoding
from bench.data.parallel import for_each, rows_of


@pytest.mark.parametrize("limit", [decoding.IN_MEMORY_BYTES, 0])
def test_rows_stand_in_their_order_in_memory_or_in_a_file(monkeypatch, limit):
    monkeypatch.setattr(decoding, "IN_MEMORY_BYTES", limit)
    rows = rows_of(300, lambda row: np.full((2, 3), row, np.uint16), (2, 3), np.uint16)
    assert isinstance(rows, np.memmap) == (limit == 0)
    np.testing.assert_array_equal(rows, np.arange(300)[:, None, None] * np.ones((1, 2, 3)))


def test_the_first_wrong_file_is_the_one_that_is_named():
    def read(row: int) -> np.ndarray:
        if row in (70, 200):
            raise DataError(f"file {row} is wrong")
        return np.zeros(1)

    with pytest.raises(DataError, match="file 70 is wrong"):
        rows_of(300, read, (1,), np.float64)


@pytest.mark.parametrize("n", [4, 300])
def test_all_cores_are_at_work_at_once(monkeypatch, n):
    for counted in ("process_cpu_count", "cpu_count"):
        monkeypatch.setattr(decoding.os, counted, lambda: 4, raising=False)
    together = threading.Barrier(4, timeout=20)
    met = []

    def work(i: int) -> None:
        if threading.current_thread().name not in met:
            met.append(threading.current_thread().name)
            together.wait()

    for_each(work, n)
    assert len(met) == 4


def test_nothing_to_do_and_one_thing_to_do():
    done = []
    for_each(done.append, 0)
    for_each(done.append, 1)
    assert done == [0]


@pytest.mark.parametrize("n", [1, 5, 64, 300])
def test_with_one_thread_every_row_is_read_in_the_thread_that_asks(monkeypatch, n):
    monkeypatch.setattr(decoding, "_limit", 1)
    done: list[tuple[int, int]] = []
    for_each(lambda i: done.append((i, threading.get_ident())), n)
    assert done == [(i, threading.get_ident()) for i in range(n)]
