"""The rendered pairs that ship with the package: ``objects``, ``street``, ``indoor`` and ``vending``.

Both sides are rendered from one generator each (:mod:`bench.data.render`): the source as a cheap engine draws it, the
target as a physically based renderer and a camera see it. The target is a *stand-in* for photographs, and is called so
everywhere. Layouts are drawn anew for each split, from one distribution.
"""

from __future__ import annotations

from bench.data.render.indoor import Indoor
from bench.data.render.objects import Objects
from bench.data.render.street import StreetGenerator
from bench.data.render.vending import Vending
from bench.data.rendered import RenderedPair


class ObjectsPair(RenderedPair):
    """Ten objects seen from all sides: flat colours on black against a table-top scene; see :mod:`.render.objects`."""

    generator = Objects
    title = "Ten objects, plainly drawn → rendered stand-in for photographs of them on a table"
    tasks = frozenset({"classification", "pose"})


class StreetPair(RenderedPair):
    """Streets in CamVid's eleven classes: uniform colours against textures, sun and haze; see :mod:`.render.street`."""

    generator = StreetGenerator
    title = "Procedural streets, plainly drawn → rendered stand-in for photographs from a car"
    tasks = frozenset({"segmentation", "depth", "detection"})


class IndoorPair(RenderedPair):
    """Furnished rooms: uniform colours and plain lamps against textures and daylight; see :mod:`.render.indoor`."""

    generator = Indoor
    title = "Furnished rooms, plainly drawn → rendered stand-in for photographs of them"
    tasks = frozenset({"depth", "avoidance", "segmentation"})


class VendingPair(RenderedPair):
    """A vending machine and its fixed wide-angle camera: flat prints against worn metal; see :mod:`.render.vending`."""

    generator = Vending
    title = "Products in a vending machine, plainly drawn → rendered stand-in for its camera's photographs"
    tasks = frozenset({"detection"})
