"""FastCUT (Park, Efros, Zhang & Zhu, ECCV 2020, arXiv 2007.15651): the light preset of :mod:`refiners.cut`.

    L_G = (D(G(x)) − 1)² + 10 · NCE(x, G(x)),    x mirrored with probability ½ on its way through G

No contrast on target images, three quarters of the fit (150 of 200 epochs) at the full learning rate. All else, and all
deviations, are ``cut``'s. Budgets below ``paper`` play more rounds than ``cut``, since each of them costs less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from bench.api import Frozen
from bench.training.adversarial import Size
from refiners import cut


class Params(cut.Params):
    """``cut``'s parameters with FastCUT's defaults."""

    contrast: float = Field(default=10.0, ge=0)
    identity: bool = False
    flip: bool = True
    constant: float = Field(default=0.75, ge=0, le=1)


class FastCUT(cut.CUT):
    """CUT without its second contrast, and with a heavier first one."""

    name: ClassVar[str] = "fastcut"
    version: ClassVar[int] = 2
    fit_seconds: ClassVar[float] = 130
    Params: ClassVar[type[Frozen]] = Params
    sizes_of: ClassVar[Mapping[str, Size]] = {
        "light": replace(cut.SIZES["light"], rounds=650),
        "standard": replace(cut.SIZES["standard"], rounds=3_600),
        "paper": replace(cut.SIZES["paper"], epochs=200),
    }
