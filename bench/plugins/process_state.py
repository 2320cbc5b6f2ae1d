"""What the import of plug-in code changes in the main process, which plans and reports for everybody, is put back.

Workers need less of this: each has met the code of its own plug-ins alone (:mod:`bench.run.executors.placement`).
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from types import ModuleType
from typing import Any

LIMITS = tuple(value for name, value in vars(resource).items() if name.startswith("RLIMIT_"))


@contextmanager
def restored() -> Iterator[None]:
    """Put back at the end what an import may have changed.

    Functions and classes in the modules that were loaded before; resource limits, the recursion limit, the umask and
    interval timers; and what :func:`bench.plugins.isolation.undisturbed` covers, if torch was loaded before, otherwise
    the environment, the working folder, ``sys.path`` and the streams.
    """
    contents = {name: dict(vars(module)) for name, module in _modules().items()}
    limits = {limit: resource.getrlimit(limit) for limit in LIMITS}
    recursion, umask = sys.getrecursionlimit(), os.umask(0o077)
    os.umask(umask)
    try:
        with _settings():
            yield
    finally:
        for name, module in _modules().items():
            for key, value in contents.get(name, {}).items():
                if callable(value) and vars(module).get(key) is not value:
                    vars(module)[key] = value
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)
        for limit, before in limits.items():
            if resource.getrlimit(limit) != before:
                with suppress(ValueError, OSError):  # a hard limit that was lowered stays so, for all but root
                    resource.setrlimit(limit, before)
        sys.setrecursionlimit(recursion)
        os.umask(umask)


def _modules() -> dict[str, ModuleType]:
    return {name: module for name, module in list(sys.modules.items()) if type(module) is ModuleType}


@contextmanager
def _settings() -> Iterator[None]:
    if "torch" in sys.modules:
        from bench.plugins.isolation import undisturbed

        covered: Any = undisturbed()
    else:
        covered = nullcontext()
    environment, folder = dict(os.environ), os.getcwd()  # noqa: PTH109 (it may not exist)
    path, streams = list(sys.path), (sys.stdout, sys.stderr)
    try:
        with covered:
            yield
    finally:
        sys.path[:], (sys.stdout, sys.stderr) = path, streams
        os.chdir(folder)
        if os.environ != environment:
            os.environ.clear()
            os.environ.update(environment)
