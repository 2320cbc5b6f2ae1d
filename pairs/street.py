"""Pair ``street``: rendered, and its target a rendered stand-in for photographs (:mod:`pairs.rendered`)."""

from __future__ import annotations

from pairs.rendered.pair_base import RenderedPair
from pairs.rendered.street import StreetGenerator


class StreetPair(RenderedPair):
    """Streets in CamVid's eleven classes: uniform colours against textures, sun and haze; see :mod:`.render.street`."""

    generator = StreetGenerator
    title = "Procedural streets, plainly drawn → rendered stand-in for photographs from a car"
    tasks = frozenset({"segmentation", "depth", "detection"})
