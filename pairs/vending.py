"""Pair ``vending``: rendered, and its target a rendered stand-in for photographs (:mod:`pairs.rendered`)."""

from __future__ import annotations

from pairs.rendered.pair_base import RenderedPair
from pairs.rendered.vending import Vending


class VendingPair(RenderedPair):
    """A vending machine and its fixed wide-angle camera: flat prints against worn metal; see :mod:`.render.vending`."""

    generator = Vending
    title = "Products in a vending machine, plainly drawn → rendered stand-in for its camera's photographs"
    tasks = frozenset({"detection"})
