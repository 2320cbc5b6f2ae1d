"""ultralytics, imported so that nothing outside it changes (ultralytics 8.4; AGPL-3.0, the extra ``yolo``).

Its import writes a settings file, asks DNS whether it is online, logs to standard output, and sets for the whole
process: environment variables, warning filters, NumPy's and torch's print options, OpenCV's thread count, the levels
of two loggers, ``torch.save`` and ``PIL.Image.open`` (on Windows, some of OpenCV's functions too). Here it runs
offline, with its settings in a temporary folder that is gone when it is done; setters do nothing meanwhile, and all
else is put back.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from bench.api import UserError

_PATCHED = (("torch", "save"), ("PIL.Image", "open"), ("cv2", "imread"), ("cv2", "imwrite"), ("cv2", "imshow"))
_SETTERS = (("torch", "set_printoptions"), ("numpy", "set_printoptions"), ("cv2", "setNumThreads"))
_LOGGERS = ("coremltools", "sentry_sdk")


def ultralytics_module(name: str) -> ModuleType:
    """The module ``name`` of ultralytics, e.g. ``nn.tasks``; imported without side effects if it was not yet.

    Raises
    ------
    UserError: ultralytics is not installed, or cannot be imported.
    """
    full_name = f"ultralytics.{name}"
    if full_name in sys.modules:
        return sys.modules[full_name]
    try:
        # First what it would import, so that only its own changes are undone.
        for needed in ("torchvision", "cv2", "PIL.Image"):
            importlib.import_module(needed)
        with _undone():
            return importlib.import_module(full_name)
    except ImportError as error:
        raise UserError(
            f"the YOLO models need ultralytics (AGPL-3.0), which can't be imported ({error}); "
            f"run `python -m pip install 'realgain[yolo]'` or choose another model"
        ) from error


@contextmanager
def _undone() -> Iterator[None]:
    """Offline and silent inside; the process as it was outside."""
    environment = dict(os.environ)
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    attributes: list[tuple[ModuleType, str, Any]] = [
        (module := importlib.import_module(owner), name, getattr(module, name)) for owner, name in _PATCHED + _SETTERS
    ]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        os.environ |= {"YOLO_OFFLINE": "true", "YOLO_CONFIG_DIR": folder, "YOLO_VERBOSE": "false"}
        for owner, name in _SETTERS:
            setattr(importlib.import_module(owner), name, lambda *arguments, **options: None)
        try:
            yield
        finally:
            for module, name, value in attributes:
                setattr(module, name, value)
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
            for name in os.environ.keys() - environment.keys():
                del os.environ[name]
            os.environ.update(environment)
