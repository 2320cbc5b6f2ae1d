"""Furnishes rooms: the distribution of the layouts of the pair `indoor` (:mod:`pairs.rendered.indoor_layout`).

A flavour is a list of wishes: each is tried at a few random places and dropped where nothing is free. Order matters, as
it does for people: openings and curtains, then what stands against walls, then the middle, then what lies on top.
The camera stands at a free point, at least 0.3 m from everything, and looks where there is room in front of it.
"""

from __future__ import annotations

import numpy as np

from pairs.rendered.indoor_flavours import FURNISH
from pairs.rendered.indoor_furnisher import Furnisher
from pairs.rendered.indoor_layout import (
    CAMERA_CLEARANCE_M,
    FOV_DEG,
    OBSTACLE_BAND_M,
    Layout,
    Opening,
    Piece,
    clear_distances,
    overlap,
    wall_frame,
)
from pairs.rendered.indoor_sizes import LOOSE_M


def draw_layout(rng: np.random.Generator, layout_gap: float) -> Layout:
    """One furnished room with a camera in it; ``layout_gap`` as :mod:`pairs.rendered.indoor_layout` says."""
    while True:
        room, flavour = Furnisher(rng, layout_gap), str(rng.choice(list(FURNISH)))
        _open_walls(room, flavour)
        FURNISH[flavour](room)
        _finish(room, flavour)
        view = _camera(room, layout_gap)
        if view is not None:
            return Layout(flavour, room.size_m, tuple(room.openings), tuple(room.pieces), room.rug_m, *view)


def _open_walls(room: Furnisher, flavour: str) -> None:
    """One door; a window or two, often with curtains, a radiator or a sill free below."""
    walls = list(room.rng.permutation(4))
    length = wall_frame(room.size_m, walls[0])[2]
    width = room.uniform(0.82, 0.95)
    start = room.uniform(0.15, length - width - 0.15)
    room.openings.append(Opening("door", int(walls[0]), start, width, 0.0, 2.02))
    room.kept_free.append(room.on_wall("swing", walls[0], start + width / 2, (width + 0.2, 0.7, 2.1), off_m=0))
    for wall in walls[1 : 2 + room.chance(0.55)]:
        length = wall_frame(room.size_m, wall)[2]
        width = room.uniform(0.9, min(2.4, length - 0.9))
        sill = room.uniform(0.8, 1.0) if room.chance(0.8) else 0.15
        start = room.uniform(0.4, length - width - 0.4)
        head = room.uniform(2.0, room.size_m[2] - 0.25)
        room.openings.append(Opening("window", int(wall), start, width, sill, head))
        middle = start + width / 2
        if room.chance(0.5):
            side, h = room.uniform(0.24, 0.36), head + 0.12
            drop = 0.02 if room.chance(0.7) else sill - 0.1
            for sign in (-1, 1):
                along = middle + sign * (width + side) / 2
                room.add(room.on_wall("curtain", wall, along, (side, 0.1, h - drop), drop))
        if sill > 0.7 and flavour != "kitchen" and room.chance(0.6):
            room.add(room.on_wall("radiator", wall, middle, (min(width, room.uniform(0.7, 1.3)), 0.1, 0.55), 0.1))
        reach = room.on_wall("view", wall, middle, (width, 0.35, head - sill + 0.03), sill - 0.03, off_m=0)
        room.kept_free.append(reach)


def _finish(room: Furnisher, flavour: str) -> None:
    """What any room may have: pictures, plants, a shelf, loose things on the floor, a lamp under the ceiling."""
    for _ in range(room.count(0.9)):
        room.put(*_loose(room), gap_m=0.05)
    if room.chance(0.55):
        room.stand("plant", room.size(0.34, 0.55, 0.34, 0.55, 0.7, 1.5), off_m=0.06)
    for _ in range(room.rng.integers(1, 4)):
        z = room.uniform(1.2, 1.45)
        room.stand("picture", room.size(0.35, 0.9, 0.03, 0.03, 0.35, 0.75), z, off_m=0.001)
    if flavour == "office":
        kind, size = "panel", (1.2, 0.3, 0.07)
    else:
        wide = room.uniform(0.34, 0.5)
        kind, size = (
            ("pendant", (wide, wide, room.uniform(0.5, 0.75))) if room.chance(0.6) else ("dome", (wide, wide, 0.12))
        )
    x, y = room.size_m[0] / 2, room.size_m[1] / 2
    room.add(room.piece(kind, (x, y, room.size_m[2] - size[2]), 0.0, size))


def _loose(room: Furnisher) -> tuple[str, tuple[float, float, float]]:
    """Something that stands about on the floor."""
    kind = str(room.rng.choice(["stool", "pouf", "basket", "carton", "floor_lamp", "chair", "side_table"]))
    return kind, room.size(*LOOSE_M[kind])


def _camera(room: Furnisher, layout_gap: float) -> tuple[tuple[float, float, float], float, float] | None:
    """Position, yaw and pitch at a free point with some room in front, or ``None`` where the room has none."""
    height = max(0.5, room.uniform(1.0, 1.6) - 0.25 * layout_gap)
    pitch = np.deg2rad(room.uniform(-20, 5) - 6 * layout_gap)
    fan = np.deg2rad(np.linspace(-FOV_DEG / 2, FOV_DEG / 2, 25))
    for attempt in range(90):
        at = np.array([room.uniform(0.3, side - 0.3) for side in room.size_m[:2]])
        around = 2 * CAMERA_CLEARANCE_M
        probe = Piece("camera", (float(at[0]), float(at[1]), 0.0), 0.0, (around, around, height + CAMERA_CLEARANCE_M))
        if any(overlap(probe, piece) for piece in room.pieces):
            continue
        yaw = room.uniform(-np.pi, np.pi)
        clear = clear_distances(room.pieces, room.size_m, at, yaw + fan, OBSTACLE_BAND_M)
        if clear.mean() > 1.3 and clear.max() > 2.2 and _in_view(room, at, yaw) >= (4 if attempt < 60 else 1):
            return (float(at[0]), float(at[1]), height), yaw, float(pitch)
    return None


def _in_view(room: Furnisher, at: np.ndarray, yaw: float) -> int:
    """How many pieces that stand on something have their middle in the field of view, within four metres."""
    to = np.array([piece.base_m[:2] for piece in room.pieces if piece.base_m[2] < 1.1]) - at
    ahead, aside = to @ [np.cos(yaw), np.sin(yaw)], to @ [-np.sin(yaw), np.cos(yaw)]
    return int(((ahead > 0.6) & (ahead < 4) & (np.abs(aside) < ahead * np.tan(np.deg2rad(FOV_DEG / 2)))).sum())
