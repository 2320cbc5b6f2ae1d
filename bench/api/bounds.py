"""The largest of everything that is read from a user, from the web or from a results folder; all in one place.

Whatever exceeds one of these is refused in one line before it costs memory or time. ``docs/reliability.md`` lists them.
"""

from __future__ import annotations

SUITE_BYTES = 2**18
SUITE_NODES = 5000
"""Keys, values and entries of a YAML file, an alias counted as all that it stands for."""
CLASS_FILE_NODES = 50_000
"""Of a YAML file that names classes."""
SUITE_DEPTH = 40
SUITE_DIGITS = 18
"""Of an integer in a YAML file: what a 64-bit number holds."""

TABLES = 200
SEEDS = 1000
REFINER_SEEDS = 100
CHECKPOINTS = 1000
VIEWS = 64
"""Of a refiner: images that it makes of one."""
REFINERS = 500
ARMS = 500
TRAIN_STEPS = 10**9
CELLS = 100_000
"""Rows times seeds of a whole suite."""

RECORD_BYTES = 64 * 2**20
"""Of one file in a results folder."""
ARRAY_BYTES = 256 * 2**20
"""Of one array of a record, unpacked."""
MANIFEST_BYTES = 64 * 2**20
"""Of the manifest of a store's entry."""

ARCHIVE_HEADER_BYTES = 2**16
"""Of one GNU long name or pax header of an archive: a path and a few times."""
ARCHIVE_SPARE_BYTES = 64 * 2**20
"""What an archive may hold, packed or unpacked, beside ``ARCHIVE_FACTOR`` times the files that are taken from it."""
ARCHIVE_FACTOR = 20
"""Archives of a whole commit hold more than a pair uses."""

NAME_BYTES = 120
"""Of the readable part of a file name, encoded."""
