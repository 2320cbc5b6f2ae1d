"""Published data sets that users obtain themselves, each read in its official layout, one file each."""

from bench.data.sets.layouts import (
    FOLDER,
    SETS,
    check_layout,
    default_root,
    refuse_missing,
    set_module,
    splits_of,
)

__all__ = [
    "FOLDER",
    "SETS",
    "check_layout",
    "default_root",
    "refuse_missing",
    "set_module",
    "splits_of",
]
