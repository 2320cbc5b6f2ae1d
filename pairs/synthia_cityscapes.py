"""Pair ``synthia-cityscapes``: SYNTHIA-RAND-CITYSCAPES → Cityscapes train (unlabelled) → val, segmentation.

    synthia-cityscapes:source=DIR,target=DIR,classes=16|13

Users place both sets themselves (docs/sets.md); :mod:`bench.data.sets.pair_base` splits them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field

from bench.api import Frozen
from bench.data.sets import default_root
from bench.data.sets.classes import class_names
from bench.data.sets.pair_base import Streets


class SynthiaParams(Frozen):
    """Roots of the two sets; ``classes``: 16, or 13 without wall, fence and pole."""

    source: Path = Field(default_factory=partial(default_root, "synthia"))
    target: Path = Field(default_factory=partial(default_root, "cityscapes"))
    classes: Literal["16", "13"] = "16"


class SynthiaCityscapes(Streets):
    """SYNTHIA → Cityscapes, 16 or 13 classes; needs both sets placed; see docs/sets.md"""

    name, Params = "synthia-cityscapes", SynthiaParams
    sets = ("synthia", "cityscapes")

    def __init__(self, params: Frozen | None = None) -> None:
        super().__init__(params)
        self.class_names = class_names(int(self.params.classes))
