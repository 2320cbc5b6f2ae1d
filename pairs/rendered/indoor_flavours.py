"""What stands in a living room, a kitchen, an office and a bedroom of the pair `indoor`.

A flavour is a list of wishes: each is tried at a few random places and dropped where nothing is free.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pairs.rendered.indoor_furnisher import Furnisher
from pairs.rendered.indoor_layout import Piece, wall_frame
from pairs.rendered.indoor_sizes import LOOSE_M, SMALL_M

TABLE_TOPS = ("books", "cup", "vase", "bowl", "bottle", "box", "laptop", "flowers")


def _lay_rug(room: Furnisher, under: Piece) -> None:
    w, d = (s + room.uniform(0.7, 1.5) for s in under.size_m[:2])
    turned = abs(np.sin(under.yaw_rad)) > 0.7
    size = np.minimum((d, w) if turned else (w, d), 2 * np.asarray(room.size_m[:2]))
    low = np.maximum(np.asarray(under.base_m[:2]) - size / 2, 0.05)
    high = np.minimum(np.asarray(under.base_m[:2]) + size / 2, np.asarray(room.size_m[:2]) - 0.05)
    x, y, sx, sy = map(float, (*((low + high) / 2), *(high - low)))
    room.rug_m = (x, y, sx, sy)


def _living(room: Furnisher) -> None:
    sofa = room.stand("sofa", room.size(1.5, 2.2, 0.82, 0.95, 0.72, 0.88))
    if sofa:
        gap = room.uniform(0.3, 0.5)
        table = room.before(sofa, "coffee_table", room.size(0.8, 1.2, 0.5, 0.7, 0.36, 0.46), gap)
        _clutter(room, table, 2.0)
        if table and room.chance(0.7):
            _lay_rug(room, table)
        if room.chance(0.5):
            lamp = room.size(*LOOSE_M["floor_lamp"])
            room.beside(sofa, "floor_lamp", lamp, int(room.rng.choice([-1, 1])))
    bench = room.stand("tv_bench", room.size(1.2, 1.8, 0.38, 0.46, 0.42, 0.58))
    if bench:
        wide = room.uniform(0.85, min(1.25, bench.size_m[0]))
        room.top(bench, "screen", (wide, 0.16, wide * 0.6), 0.0, -0.08, 0.0)
        _clutter(room, bench, 1.0, ("vase", "books", "box", "flowers"))
    for _ in range(room.rng.integers(1, 3)):
        room.stand("bookshelf", room.size(0.7, 1.3, 0.28, 0.36, 1.3, 2.1))
    if room.chance(0.6):
        room.put("armchair", room.size(0.75, 0.9, 0.76, 0.86, 0.76, 0.92))
    if room.chance(0.5):
        table = room.put("table", room.size(1.1, 1.7, 0.75, 0.9, 0.72, 0.76), 0.6)
        if table:
            _chairs(room, table)
            _clutter(room, table, 2.5)
    _clutter(room, room.stand("dresser", room.size(0.8, 1.3, 0.4, 0.46, 0.75, 0.95)), 2.0, (*TABLE_TOPS, "table_lamp"))


def _kitchen(room: Furnisher) -> None:
    wall = max(range(4), key=lambda k: room.rng.random() + (k not in {o.wall for o in room.openings}))
    length = wall_frame(room.size_m, wall)[2]
    edge = room.uniform(0.02, 0.3)
    while edge + 0.6 < length - 0.02:  # the run of units along one wall, broken by doors and tall windows
        width = room.uniform(0.5, 0.9)
        kind = str(room.rng.choice(["worktop", "worktop", "sink", "cooker", "fridge"], p=[0.4, 0.2, 0.15, 0.15, 0.1]))
        width = 0.6 if kind in ("cooker", "fridge") else min(width, length - 0.02 - edge)
        size = (width, 0.66, room.uniform(1.6, 2.0)) if kind == "fridge" else (width, 0.62, 0.9)
        unit = room.add(room.on_wall(kind, wall, edge + width / 2, size))
        if unit and kind != "fridge":
            hung = (width, 0.35, 0.7)
            hood = kind == "cooker"
            room.add(room.on_wall("hood" if hood else "wall_unit", wall, edge + width / 2, hung, 1.45, 0.02))
            if kind == "worktop":
                _clutter(room, unit, 1.5, ("kettle", "bottle", "bowl", "cup", "box", "vase"))
        edge += width if unit else 0.2
    table = room.put("table", room.size(0.9, 1.6, 0.75, 0.9, 0.72, 0.76), 0.5, 30)
    if table:
        _chairs(room, table)
        _clutter(room, table, 3.0, ("bowl", "cup", "bottle", "vase", "flowers", "books"))
    room.stand("bookshelf", room.size(0.6, 1.0, 0.28, 0.34, 1.2, 2.0))
    _clutter(room, room.stand("dresser", room.size(0.8, 1.2, 0.42, 0.48, 0.85, 0.95)), 2.0)


def _office(room: Furnisher) -> None:
    for _ in range(room.rng.integers(2, 4)):
        size = room.size(1.2, 1.6, 0.65, 0.8, 0.72, 0.75)
        desk = room.stand("desk", size) if room.chance(0.7) else room.put("desk", size, 0.4)
        if desk:
            wide = room.uniform(0.5, 0.66)
            room.top(
                desk, "screen", (wide, 0.18, wide * 0.72), room.uniform(-0.25, 0.25), -0.15, room.rng.normal(0, 0.1)
            )
            room.top(desk, "keyboard", room.size(*SMALL_M["keyboard"]), 0.0, 0.17, 0.0)
            chair = room.size(0.56, 0.62, 0.56, 0.62, 0.92, 1.08)
            turn = np.pi + room.rng.normal(0, 0.4)
            room.before(desk, "office_chair", chair, room.uniform(0.1, 0.35), room.rng.normal(0, 0.12), turn)
            _clutter(room, desk, 2.0, ("books", "cup", "box", "laptop", "table_lamp", "flowers"))
    for _ in range(room.rng.integers(1, 4)):
        room.stand("bookshelf", room.size(0.8, 1.2, 0.3, 0.38, 1.1, 2.1))
    _clutter(room, room.stand("drawers", room.size(0.42, 0.8, 0.45, 0.55, 0.6, 1.2)), 1.5, ("books", "box", "flowers"))
    room.put("basket", room.size(0.26, 0.32, 0.26, 0.32, 0.3, 0.4))


def _bedroom(room: Furnisher) -> None:
    bed = room.stand("bed", room.size(0.95, 1.8, 2.02, 2.12, 0.85, 1.1), tries=40)
    if bed:
        for sign in (-1, 1):
            night = room.beside(bed, "nightstand", room.size(0.38, 0.46, 0.36, 0.42, 0.46, 0.58), sign)
            if night and room.chance(0.7):
                room.top(night, "table_lamp", room.size(*SMALL_M["table_lamp"]), 0.0, 0.0)
            _clutter(room, night, 0.8, ("books", "cup"))
        if room.chance(0.6):
            _lay_rug(room, bed)
    room.stand("wardrobe", room.size(1.0, 1.9, 0.56, 0.62, 1.85, 2.2))
    dresser = room.stand("dresser", room.size(0.8, 1.3, 0.42, 0.48, 0.75, 1.0))
    _clutter(room, dresser, 2.0, ("vase", "box", "books", "flowers", "table_lamp"))
    if room.chance(0.5):
        desk = room.stand("desk", room.size(1.0, 1.3, 0.55, 0.65, 0.73, 0.75))
        _clutter(room, desk, 2.0, ("laptop", "books", "cup", "table_lamp"))
        if desk:
            room.before(desk, "chair", room.size(*LOOSE_M["chair"]), room.uniform(0.05, 0.3))
    if room.chance(0.5):
        room.stand("bookshelf", room.size(0.6, 1.0, 0.28, 0.34, 0.9, 1.9))
    if room.chance(0.4):
        room.put("armchair", room.size(0.72, 0.85, 0.74, 0.84, 0.78, 0.92))


def _clutter(room: Furnisher, host: Piece | None, mean: float, kinds: tuple[str, ...] = TABLE_TOPS) -> None:
    """Small objects on top of a piece, if there is one."""
    for _ in range(room.count(mean)):
        kind = str(room.rng.choice(kinds))
        if host:
            room.top(host, kind, room.size(*SMALL_M[kind]))


def _chairs(room: Furnisher, table: Piece, kind: str = "chair") -> None:
    """Chairs around a table, most of them pulled out a little, each turned a little."""
    w, d = table.size_m[:2]
    for side, (reach, length) in enumerate(((d, w), (w, d), (d, w), (w, d))):
        for slot in range(max(1, int(length / 0.62))):
            if room.chance(0.25):
                continue
            size = room.size(0.40, 0.46, 0.44, 0.5, 0.82, 0.98)
            along = (slot + 0.5) / max(1, int(length / 0.62)) * length - length / 2
            out = reach / 2 + size[1] / 2 + room.uniform(0.02, 0.2)
            angle = side * np.pi / 2
            base = table.at(along * np.cos(angle) - out * np.sin(angle), along * np.sin(angle) + out * np.cos(angle))
            yaw = table.yaw_rad + angle + np.pi + room.rng.normal(0, 0.12)
            room.add(room.piece(kind, base, yaw, size), 0.01)


FURNISH: dict[str, Callable[[Furnisher], None]] = {
    "living": _living,
    "kitchen": _kitchen,
    "office": _office,
    "bedroom": _bedroom,
}
"""Flavour → what furnishes it."""
