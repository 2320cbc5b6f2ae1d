"""Which code makes a record."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from bench import __version__


@cache
def code_version() -> str:
    """Which code this is: ``git describe`` in a checkout (``-dirty`` with uncommitted changes), else the version.

    The version alone, too, where git is not installed, or where the checkout is another project's.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return __version__
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--tags"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return __version__
    return described.stdout.strip() if described.returncode == 0 else __version__
