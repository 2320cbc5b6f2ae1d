"""Plug-in code in a process of ours: what it changed there is put back, and what it does outside is seen.

* :func:`undisturbed` surrounds every job of a worker and every conformance check.
* :func:`watched` surrounds conformance checks alone: a Python audit hook (PEP 578) notes files that are written and
  refuses connections. Writers in C++ or Rust (``torch.save`` to a path) raise no audit event; theirs are noted where
  they leave something in the working folder, which is an empty one meanwhile.

Neither is a sandbox: they catch accidents, not attacks.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.api.reasons import REASON_CHARACTERS, one_line

__all__ = ["REASON_CHARACTERS", "NetworkRefused", "Watch", "one_line", "undisturbed", "watched"]

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
NAME_LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
CONNECTIONS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
FOLDER_CHANGES = frozenset(
    {"os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.truncate", "os.link", "os.symlink", "shutil.rmtree"}
)
WITH_DESCRIPTOR = frozenset({"os.mkdir", "os.rmdir", "os.remove", "os.rename"})
"""Their last argument is −1, or a folder that the path is relative to: inside ``shutil.rmtree``, seen as itself."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put back at the end what plug-in code may have changed in the process.

    Global random states (``random``, NumPy's legacy one, torch's on the CPU), torch's thread count, default dtype and
    device, gradient mode and determinism, NumPy's error handling, the environment variables, the working folder,
    ``sys.path``, ``sys.stdout`` and ``sys.stderr``.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    threads, dtype, gradients = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    device, deterministic = torch.get_default_device(), torch.are_deterministic_algorithms_enabled()
    folder, environment, errors = Path.cwd(), dict(os.environ), np.geterr()
    path, streams = list(sys.path), (sys.stdout, sys.stderr)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
        if torch.get_default_device() != device:
            torch.set_default_device(None if device.type == "cpu" else device)
        if torch.are_deterministic_algorithms_enabled() != deterministic:
            torch.use_deterministic_algorithms(deterministic)
        np.seterr(**errors)
        sys.path[:], (sys.stdout, sys.stderr) = path, streams
        os.chdir(folder)
        if os.environ != environment:
            os.environ.clear()
            os.environ.update(environment)


class NetworkRefused(OSError):
    """Raised into code that opens a connection to ``address`` while it is watched."""

    def __init__(self, address: str) -> None:
        super().__init__(f"no connection to {address}: plug-ins are checked without a network")
        self.address = address


@dataclass
class Watch:
    """What was seen: hosts that were ``reached`` for, and files and folders ``written`` outside ``scratch``.

    Paths in ``working`` are relative to it, as their writer put them.
    """

    working: Path
    scratch: Path
    reached: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of one audit event."""
        if event in NAME_LOOKUPS:
            self._refuse(str(arguments[0]))
        elif event in CONNECTIONS and isinstance(arguments[1], tuple):  # an AF_UNIX address is a string
            self._refuse(":".join(map(str, arguments[1][:2])))
        elif event in WITH_DESCRIPTOR and arguments[-1] != -1:
            return
        elif (event == "open" and arguments[2] & WRITING) or event in FOLDER_CHANGES:
            for path in arguments[: 2 if event == "os.rename" else 1]:
                if isinstance(path, str | bytes | os.PathLike):
                    self._note(Path(os.path.realpath(os.fsdecode(path))))

    def _refuse(self, address: str) -> None:
        self.reached.append(address)
        raise NetworkRefused(address)

    def _note(self, path: Path) -> None:
        """Bytecode of lazy imports and devices are nobody's files."""
        if not (path.is_relative_to(self.scratch) or "__pycache__" in path.parts or path.is_relative_to("/dev")):
            self.written.append(str(path.relative_to(self.working) if path.is_relative_to(self.working) else path))


_watches: list[Watch] = []


@cache
def _install_hook() -> None:
    """Once a process: audit hooks cannot be removed, so this one asks whether anything is being watched."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if _watches:
            _watches[-1].see(event, arguments)

    sys.addaudithook(hook)


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch the block; the working folder is an empty one meanwhile, and ``tempfile`` makes what is allowed."""
    _install_hook()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        working, scratch = root / "working", root / "scratch"
        working.mkdir()
        scratch.mkdir()
        watch, folder, usual = Watch(working, scratch), Path.cwd(), tempfile.tempdir
        tempfile.tempdir = str(scratch)
        os.chdir(working)
        _watches.append(watch)
        try:
            yield watch
        finally:
            _watches.remove(watch)
            os.chdir(folder)
            tempfile.tempdir = usual
            watch.written += [path.name for path in sorted(working.iterdir()) if path.name not in watch.written]
