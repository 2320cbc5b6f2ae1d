"""Data sets that users obtain and place themselves, each read in its official layout; one module a set.

A set's module states what it is and how to read it::

    NAME        the folder below $REALGAIN_DATA in which it is looked for, and its name in `data check`
    TITLE, LICENCE, CITATION
    EXPECTED    a glob pattern for each part that the root must have
    SPLITS      names of the splits that the set defines; or, where a root may hold some of them alone (BOP, SceneNet,
                Hypersim), splits(root), which names those that are there
    listing(root, split)    a bench.data.listing.Listing of one split, labels in SI units; decodes no picture

A wrong layout is refused by what was expected and what was found (:func:`check_layout`).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from bench.api import UserError
from bench.api.errors import DataError
from bench.api.names import unknown
from bench.data.folders import SHOWN

SETS = {
    "bop-lm": "bop",
    "bop-tless": "bop",
    "bop-ycbv": "bop",
    "cityscapes": "cityscapes",
    "groceries-real": "groceries_real",
    "gta5": "gta5",
    "hypersim": "hypersim",
    "kitti": "kitti",
    "mnist-m": "mnist_m",
    "nyuv2": "nyuv2",
    "scenenet": "scenenet",
    "sim10k": "sim10k",
    "synthdet": "synthdet",
    "synthia": "synthia",
    "usps": "usps",
    "virtual-kitti-1": "virtual_kitti_1",
    "virtual-kitti-2": "virtual_kitti_2",
    "voc": "voc",
}
"""Modules by set name."""

FOLDER = "REALGAIN_DATA"


def set_module(name: str) -> ModuleType:
    """The module of a set; raises :class:`bench.api.UserError` for an unknown name."""
    if name not in SETS:
        raise unknown("data set", name, SETS)
    return importlib.import_module(f"bench.data.sets.{SETS[name]}")


def default_root(name: str) -> Path:
    """``$REALGAIN_DATA/NAME``; ``data/NAME`` without that variable."""
    return Path(os.environ.get(FOLDER, "data")).absolute() / name


def check_layout(root: Path, name: str) -> None:
    """Refuse a root that lacks a part of the set.

    Raises
    ------
    UserError: there is no root; the message says where it is looked for.
    DataError: it holds something else; the message says what was expected and what was found.
    """
    module = set_module(name)
    if not root.is_dir():
        raise UserError(
            f"{module.TITLE} is expected in {root}, which is no folder; put it there (or set {FOLDER} to the folder "
            f"that holds {name}/), in its official layout: {', '.join(module.EXPECTED)} (docs/sets.md)"
        )
    missing = [pattern for pattern in module.EXPECTED if next(root.glob(pattern), None) is None]
    if missing:
        entries = sorted(entry.name + "/" * entry.is_dir() for entry in root.iterdir())
        found = ", ".join(entries[:8]) + (", …" if len(entries) > 8 else "") or "nothing"
        raise DataError(
            f"{root} is not laid out as {module.TITLE}: expected {', '.join(missing)}; found {found}; unpack the "
            "official archives there, or name the folder that holds them"
        )


def refuse_missing(root: Path, paths: Iterable[Path], remedy: str) -> None:
    """Refuse a split that lacks files.

    Raises
    ------
    DataError: names how many, the first five, and ``remedy``.
    """
    missing = [str(path.relative_to(root)) for path in paths if not path.is_file()]
    if missing:
        shown = ", ".join(missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
        raise DataError(f"{root} lacks {len(missing)} files that belong to its images ({shown}); {remedy}")


def splits_of(name: str, root: Path) -> tuple[str, ...]:
    """The splits of a set that are to be found in ``root``."""
    module = set_module(name)
    found: tuple[str, ...] = module.splits(root) if hasattr(module, "splits") else module.SPLITS
    return found
