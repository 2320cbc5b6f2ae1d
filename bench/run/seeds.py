"""Seeds come from names, so that adding a row to a suite changes nobody else's numbers.

========  =================================================================
train     (task, model, task-seed index)
fit       (refiner, refiner-seed index)
subset    (task-seed index): the order in which labelled real images are drawn
========  =================================================================
"""

from __future__ import annotations

import hashlib


def seed_from(*names: str | int) -> int:
    """A 63-bit seed from a tuple of names: SHA-256 of the names, so equal on every machine and version."""
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
