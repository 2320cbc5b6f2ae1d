"""Pair ``objects``: rendered, and its target a rendered stand-in for photographs (:mod:`pairs.rendered`)."""

from __future__ import annotations

from pairs.rendered.objects import Objects
from pairs.rendered.pair_base import RenderedPair


class ObjectsPair(RenderedPair):
    """Ten objects seen from all sides: flat colours on black against a table-top scene; see :mod:`.render.objects`."""

    generator = Objects
    title = "Ten objects, plainly drawn → rendered stand-in for photographs of them on a table"
    tasks = frozenset({"classification", "pose"})
