"""Pair ``gta5-cityscapes``: GTA5 → Cityscapes train (unlabelled) → val, 19 classes, segmentation.

    gta5-cityscapes:source=DIR,target=DIR        by default $REALGAIN_DATA/gta5 and $REALGAIN_DATA/cityscapes

Users place both sets themselves (docs/sets.md); :mod:`bench.data.sets.pair_base` splits them. The pair of Hoffman et
al. 2018; working size 1024×512 at budget ``paper``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pydantic import Field

from bench.api import Frozen
from bench.data.sets import default_root
from bench.data.sets.classes import class_names
from bench.data.sets.pair_base import Streets


class Gta5Params(Frozen):
    """Roots of the two sets."""

    source: Path = Field(default_factory=partial(default_root, "gta5"))
    target: Path = Field(default_factory=partial(default_root, "cityscapes"))


class Gta5Cityscapes(Streets):
    """GTA5 → Cityscapes, 19 classes; needs both sets placed; see docs/sets.md"""

    name, Params = "gta5-cityscapes", Gta5Params
    sets = ("gta5", "cityscapes")
    class_names = class_names()
