"""Processes that plug-in code starts: they die with the worker that they were started in.

On Linux a worker adopts whatever its job's processes leave behind (``PR_SET_CHILD_SUBREAPER``), so a daemon that forked
twice is still found among its descendants. The fork server adopts what a killed worker leaves behind.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Collection
from contextlib import suppress

import psutil

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends; elsewhere than on Linux this does nothing."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), "prctl(PR_SET_CHILD_SUBREAPER)")


def parent_of(pid: int | None) -> int | None:
    """The process that started it; ``None`` once it is gone."""
    if pid is not None:
        with suppress(psutil.NoSuchProcess):
            return int(psutil.Process(pid).ppid())
    return None


def is_running(pid: int | None) -> bool:
    """Whether there is such a process, and it has not ended unnoticed by its parent."""
    if pid is not None:
        with suppress(psutil.NoSuchProcess):
            return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def descendants(pid: int | None, spared: Collection[int | None] = ()) -> list[psutil.Process]:
    """All processes below ``pid``, without the ones in ``spared`` and what is below those; none once it is gone."""
    found: list[psutil.Process] = []
    if pid is None:  # which psutil takes for this very process
        return found
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children():
            if child.pid not in spared:
                found += [child, *descendants(child.pid)]
    return found


def kill(processes: Collection[psutil.Process]) -> None:
    """End each of them at once; one that is gone already, or has become another user's, is left."""
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()
