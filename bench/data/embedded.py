"""The rendered pairs that ship with the package: ``objects``, ``street``, ``indoor`` and ``vending``.

Both sides are rendered from one generator each (:mod:`bench.data.render`): the source as a cheap engine draws it, the
target as a physically based renderer and a camera see it. The target is a *stand-in* for photographs, and is called so
everywhere. Layouts are drawn anew for each split, from one distribution.
"""

from __future__ import annotations

from bench.data.render.objects import Objects
from bench.data.rendered import RenderedPair


class ObjectsPair(RenderedPair):
    """Ten objects in any rotation: uniform colours on black against a table-top scene; see :mod:`.render.objects`."""

    generator = Objects
    title = "Ten objects, plainly drawn → rendered stand-in for photographs of them on a table"
    tasks = frozenset({"classification", "pose"})
