"""Pair ``indoor``: rendered, and its target a rendered stand-in for photographs (:mod:`pairs.rendered`)."""

from __future__ import annotations

from pairs.rendered.indoor import Indoor
from pairs.rendered.pair_base import RenderedPair


class IndoorPair(RenderedPair):
    """Furnished rooms: uniform colours and plain lamps against textures and daylight; see :mod:`.render.indoor`."""

    generator = Indoor
    title = "Furnished rooms, plainly drawn → rendered stand-in for photographs of them"
    tasks = frozenset({"depth", "avoidance", "segmentation"})
