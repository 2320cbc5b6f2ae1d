"""What the numbers in depth files mean: ``--depth-unit``.

mm, cm, m              metres of a step are 0.001, 0.01, 1
1/256m, 1/5000m        any fraction of a metre: KITTI's, TUM's; the ``m`` may be left out
0.0002m, 20/255m       any number: 8-bit depth that reaches 20 m, where 255 would be 20 m
disparity:F            depth_m = F / value; F is focal length in pixels × baseline in metres × steps per pixel
carla                  24 bits in R, G, B: depth_m = 1000 · (R + 256 G + 65536 B) / (2^24 − 1)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

UNITS = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "1/256m": 1 / 256}
"""Metres of a step, of the units that are proposed."""
ALLOWED = "mm, cm, m, a fraction of a metre as 1/256m or 1/5000m, disparity:F (depth = F / value), or carla"
CARLA_FAR_M = 1000.0
CARLA_STEPS = 2**24 - 1
_NUMBER = r"(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)"
_FRACTION = re.compile(rf"{_NUMBER}\s*(?:/\s*{_NUMBER})?\s*(mm|cm|m)?")


@dataclass(frozen=True)
class DepthUnit:
    """How a value becomes metres: times ``factor``, ``factor`` over it, or as CARLA encodes it."""

    kind: Literal["linear", "disparity", "carla"]
    factor: float

    def metres(self, values: np.ndarray) -> np.ndarray:
        """``(H, W) float32`` metres; 0, unknown, where a value is 0, negative or not finite."""
        known = np.isfinite(values) & (values > 0)
        safe = np.where(known, values, 1).astype(np.float64)
        metres = self.factor / safe if self.kind == "disparity" else safe * self.factor
        return np.where(known, metres, 0).astype(np.float32)


METRES = DepthUnit("linear", 1.0)
CARLA = DepthUnit("carla", CARLA_FAR_M / CARLA_STEPS)


def parse_unit(text: str) -> DepthUnit:
    """The unit that a text means.

    Raises
    ------
    ValueError
        It means none; the message says what is allowed.

    Examples
    --------
    >>> parse_unit("1/5000m").factor
    0.0002
    >>> parse_unit("disparity:379.8")
    DepthUnit(kind='disparity', factor=379.8)
    """
    word = text.strip()
    if word == "carla":
        return CARLA
    kind, _, number = word.rpartition(":")
    if (found := _FRACTION.fullmatch(number)) is None and kind in ("", "disparity"):
        found = re.fullmatch(r"()()(mm|cm|m)", number) if not kind else None
    if found is None or kind not in ("", "disparity") or (kind and found[3]):
        raise ValueError(f"{text!r} is no unit of depth; allowed: {ALLOWED}")
    factor = float(found[1] or 1) / float(found[2] or 1) if float(found[2] or 1) else 0.0
    if not factor > 0:
        raise ValueError(f"{text!r} is no unit of depth: it must be above 0; allowed: {ALLOWED}")
    return DepthUnit("disparity" if kind else "linear", factor * UNITS[found[3] or "m"])


def unit_of(stated: DepthUnit | float | None) -> DepthUnit | None:
    """A unit as it is; a bare number counts as metres of a step."""
    return DepthUnit("linear", float(stated)) if isinstance(stated, int | float) else stated
