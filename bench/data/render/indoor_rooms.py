"""Furnishes rooms: the distribution of the layouts of the pair `indoor` (:mod:`bench.data.render.indoor_layout`).

A flavour is a list of wishes: each is tried at a few random places and dropped where nothing is free. Order matters, as
it does for people: openings and curtains, then what stands against walls, then the middle, then what lies on top.
The camera stands at a free point, at least 0.3 m from everything, and looks where there is room in front of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bench.data.render.indoor_layout import (
    CAMERA_CLEARANCE_M,
    FLAVOURS,
    FOV_DEG,
    OBSTACLE_BAND_M,
    Layout,
    Opening,
    Piece,
    clear_distances,
    overlap,
    wall_frame,
)

TABLE_TOPS = ("books", "cup", "vase", "bowl", "bottle", "box", "laptop", "flowers")


def draw_layout(rng: np.random.Generator, layout_gap: float) -> Layout:
    """One furnished room with a camera in it; ``layout_gap`` as :mod:`bench.data.render.indoor_layout` says."""
    while True:
        room = _Furnisher(rng, layout_gap)
        view = _camera(room, layout_gap)
        if view is not None:
            rug, flavour = room.rug_m, room.flavour
            return Layout(flavour, room.size_m, tuple(room.openings), tuple(room.pieces), rug, *view)


@dataclass
class _Furnisher:
    """A room while it is being furnished."""

    rng: np.random.Generator
    layout_gap: float
    openings: list[Opening] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    kept_free: list[Piece] = field(default_factory=list)
    rug_m: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        shrink = max(0.7, 1 - 0.15 * self.layout_gap)
        self.flavour = str(self.rng.choice(FLAVOURS))
        self.size_m = (self.uniform(3.4, 5.8) * shrink, self.uniform(3.4, 5.8) * shrink, self.uniform(2.4, 2.8))
        self.open_walls()
        {"living": _living, "kitchen": _kitchen, "office": _office, "bedroom": _bedroom}[self.flavour](self)
        self.finish()

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def count(self, mean: float) -> int:
        """A Poisson number, more under a layout gap."""
        return int(self.rng.poisson(mean * (1 + self.layout_gap)))

    def size(self, *ranges: float) -> tuple[float, float, float]:
        """Across, front to back, high: a uniform draw from each of three (low, high) ranges."""
        w, d, h = (self.uniform(*ranges[i : i + 2]) for i in (0, 2, 4))
        return w, d, h

    def add(self, piece: Piece, gap_m: float = 0.0) -> Piece | None:
        """The piece if it lies in the room and meets nothing, else ``None``."""
        half = np.asarray(piece.size_m[:2]) / 2
        reach = np.abs(piece.axes().T) @ half
        centre = np.asarray(piece.base_m[:2])
        inside = (centre >= reach - 1e-6).all() and (centre <= np.asarray(self.size_m[:2]) - reach + 1e-6).all()
        if not inside or piece.base_m[2] + piece.size_m[2] > self.size_m[2] + 1e-6:
            return None
        if any(overlap(piece, other, gap_m) for other in self.pieces):
            return None
        if any(overlap(piece, other) for other in self.kept_free):
            return None
        self.pieces.append(piece)
        return piece

    def piece(
        self, kind: str, base_m: tuple[float, float, float], yaw: float, size: tuple[float, float, float]
    ) -> Piece:
        return Piece(kind, base_m, float(yaw), size, int(self.rng.integers(2**31)))

    def on_wall(
        self,
        kind: str,
        wall: int,
        along_m: float,
        size: tuple[float, float, float],
        z: float = 0.0,
        off_m: float = 0.02,
    ) -> Piece:
        """A piece with its back ``off_m`` from a wall, its middle ``along_m`` from the wall's start."""
        start, yaw, _ = wall_frame(self.size_m, wall)
        local = np.array([along_m, off_m + size[1] / 2])
        ground = start + local @ np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
        return self.piece(kind, (float(ground[0]), float(ground[1]), z), yaw, size)

    def stand(
        self, kind: str, size: tuple[float, float, float], z: float = 0.0, off_m: float = 0.02, tries: int = 14
    ) -> Piece | None:
        """A piece against a random wall."""
        for _ in range(tries):
            wall = int(self.rng.integers(4))
            length = wall_frame(self.size_m, wall)[2]
            if length < size[0] + 0.1:
                continue
            along = self.uniform(size[0] / 2 + 0.04, length - size[0] / 2 - 0.04)
            placed = self.add(self.on_wall(kind, wall, along, size, z, off_m), 0.04)
            if placed:
                return placed
        return None

    def put(self, kind: str, size: tuple[float, float, float], gap_m: float = 0.1, tries: int = 14) -> Piece | None:
        """A piece anywhere on the floor, turned by about a multiple of 90°."""
        for _ in range(tries):
            base = (self.uniform(0.3, self.size_m[0] - 0.3), self.uniform(0.3, self.size_m[1] - 0.3), 0.0)
            yaw = self.rng.integers(4) * np.pi / 2 + self.rng.normal(0, 0.15)
            placed = self.add(self.piece(kind, base, yaw, size), gap_m)
            if placed:
                return placed
        return None

    def before(
        self,
        host: Piece,
        kind: str,
        size: tuple[float, float, float],
        gap_m: float,
        side: float = 0.0,
        turn: float = np.pi,
    ) -> Piece | None:
        """A piece ``gap_m`` before the front of another, moved ``side`` metres, facing it (or turned otherwise)."""
        y = host.size_m[1] / 2 + gap_m + size[1] / 2
        return self.add(self.piece(kind, host.at(side, y), host.yaw_rad + turn, size))

    def beside(self, host: Piece, kind: str, size: tuple[float, float, float], sign: int) -> Piece | None:
        """A piece next to another, their backs in line."""
        x = sign * (host.size_m[0] / 2 + 0.06 + size[0] / 2)
        y = (size[1] - host.size_m[1]) / 2
        return self.add(self.piece(kind, host.at(x, y), host.yaw_rad, size), 0.01)

    def top(
        self,
        host: Piece,
        kind: str,
        size: tuple[float, float, float],
        x: float | None = None,
        y: float | None = None,
        turn: float | None = None,
    ) -> Piece | None:
        """An object on top of a piece, at random unless told where."""
        free = [max(0.0, (host.size_m[i] - max(size[:2])) / 2 - 0.04) for i in (0, 1)]
        for _ in range(6):
            at = [self.uniform(-f, f) if fixed is None else fixed for f, fixed in zip(free, (x, y), strict=True)]
            yaw = host.yaw_rad + (self.rng.normal(0, 0.5) if turn is None else turn)
            placed = self.add(self.piece(kind, host.at(at[0], at[1], host.size_m[2]), yaw, size), 0.005)
            if placed:
                return placed
        return None

    def clutter(self, host: Piece | None, mean: float, kinds: tuple[str, ...] = TABLE_TOPS) -> None:
        """Small objects on top of a piece."""
        for _ in range(self.count(mean) if host else 0):
            kind = str(self.rng.choice(kinds))
            self.top(host, kind, self.size(*SMALL_M[kind]))

    def chairs(self, table: Piece, kind: str = "chair") -> None:
        """Chairs around a table, most of them pulled out a little, each turned a little."""
        w, d = table.size_m[:2]
        for side, (reach, length) in enumerate(((d, w), (w, d), (d, w), (w, d))):
            for slot in range(max(1, int(length / 0.62))):
                if self.chance(0.25):
                    continue
                size = self.size(0.40, 0.46, 0.44, 0.5, 0.82, 0.98)
                along = (slot + 0.5) / max(1, int(length / 0.62)) * length - length / 2
                out = reach / 2 + size[1] / 2 + self.uniform(0.02, 0.2)
                angle = side * np.pi / 2
                base = table.at(
                    along * np.cos(angle) - out * np.sin(angle), along * np.sin(angle) + out * np.cos(angle)
                )
                yaw = table.yaw_rad + angle + np.pi + self.rng.normal(0, 0.12)
                self.add(self.piece(kind, base, yaw, size), 0.01)

    def open_walls(self) -> None:
        """One door; a window or two, often with curtains, a radiator or a sill free below."""
        walls = list(self.rng.permutation(4))
        length = wall_frame(self.size_m, walls[0])[2]
        width = self.uniform(0.82, 0.95)
        start = self.uniform(0.15, length - width - 0.15)
        self.openings.append(Opening("door", int(walls[0]), start, width, 0.0, 2.02))
        self.kept_free.append(self.on_wall("swing", walls[0], start + width / 2, (width + 0.2, 0.7, 2.1), off_m=0))
        for wall in walls[1 : 2 + self.chance(0.55)]:
            length = wall_frame(self.size_m, wall)[2]
            width = self.uniform(0.9, min(2.4, length - 0.9))
            sill = self.uniform(0.8, 1.0) if self.chance(0.8) else 0.15
            start = self.uniform(0.4, length - width - 0.4)
            head = self.uniform(2.0, self.size_m[2] - 0.25)
            self.openings.append(Opening("window", int(wall), start, width, sill, head))
            middle = start + width / 2
            if self.chance(0.5):
                side, h = self.uniform(0.24, 0.36), head + 0.12
                drop = 0.02 if self.chance(0.7) else sill - 0.1
                for sign in (-1, 1):
                    along = middle + sign * (width + side) / 2
                    self.add(self.on_wall("curtain", wall, along, (side, 0.1, h - drop), drop))
            if sill > 0.7 and self.flavour != "kitchen" and self.chance(0.6):
                self.add(self.on_wall("radiator", wall, middle, (min(width, self.uniform(0.7, 1.3)), 0.1, 0.55), 0.1))
            reach = self.on_wall("view", wall, middle, (width, 0.35, head - sill + 0.03), sill - 0.03, off_m=0)
            self.kept_free.append(reach)

    def finish(self) -> None:
        """What any room may have: pictures, plants, a shelf, loose things on the floor, a lamp under the ceiling."""
        for _ in range(self.count(0.9)):
            self.put(*_loose(self), gap_m=0.05)
        if self.chance(0.55):
            self.stand("plant", self.size(0.34, 0.55, 0.34, 0.55, 0.7, 1.5), off_m=0.06)
        for _ in range(self.rng.integers(1, 4)):
            z = self.uniform(1.2, 1.45)
            self.stand("picture", self.size(0.35, 0.9, 0.03, 0.03, 0.35, 0.75), z, off_m=0.001)
        if self.flavour == "office":
            kind, size = "panel", (1.2, 0.3, 0.07)
        else:
            wide = self.uniform(0.34, 0.5)
            kind, size = (
                ("pendant", (wide, wide, self.uniform(0.5, 0.75))) if self.chance(0.6) else ("dome", (wide, wide, 0.12))
            )
        x, y = self.size_m[0] / 2, self.size_m[1] / 2
        self.add(self.piece(kind, (x, y, self.size_m[2] - size[2]), 0.0, size))


def _loose(room: _Furnisher) -> tuple[str, tuple[float, float, float]]:
    """Something that stands about on the floor."""
    kind = str(room.rng.choice(["stool", "pouf", "basket", "carton", "floor_lamp", "chair", "side_table"]))
    return kind, room.size(*LOOSE_M[kind])


LOOSE_M: dict[str, tuple[float, ...]] = {
    "stool": (0.32, 0.4, 0.32, 0.4, 0.44, 0.66),
    "pouf": (0.45, 0.6, 0.45, 0.6, 0.35, 0.45),
    "basket": (0.3, 0.42, 0.3, 0.42, 0.35, 0.55),
    "carton": (0.3, 0.55, 0.28, 0.42, 0.2, 0.45),
    "floor_lamp": (0.36, 0.46, 0.36, 0.46, 1.4, 1.7),
    "chair": (0.4, 0.46, 0.44, 0.5, 0.82, 0.98),
    "side_table": (0.4, 0.5, 0.4, 0.5, 0.45, 0.58),
}
SMALL_M: dict[str, tuple[float, ...]] = {
    "books": (0.2, 0.26, 0.15, 0.19, 0.04, 0.16),
    "cup": (0.08, 0.1, 0.08, 0.1, 0.08, 0.11),
    "vase": (0.11, 0.18, 0.11, 0.18, 0.18, 0.34),
    "bowl": (0.2, 0.3, 0.2, 0.3, 0.08, 0.13),
    "bottle": (0.07, 0.09, 0.07, 0.09, 0.24, 0.33),
    "box": (0.14, 0.3, 0.12, 0.24, 0.1, 0.22),
    "laptop": (0.32, 0.36, 0.3, 0.32, 0.2, 0.23),
    "flowers": (0.22, 0.34, 0.22, 0.34, 0.3, 0.5),
    "table_lamp": (0.24, 0.32, 0.24, 0.32, 0.38, 0.55),
    "kettle": (0.17, 0.2, 0.17, 0.2, 0.2, 0.25),
    "keyboard": (0.4, 0.44, 0.13, 0.15, 0.02, 0.03),
}


def _lay_rug(room: _Furnisher, under: Piece) -> None:
    w, d = (s + room.uniform(0.7, 1.5) for s in under.size_m[:2])
    turned = abs(np.sin(under.yaw_rad)) > 0.7
    size = np.minimum((d, w) if turned else (w, d), 2 * np.asarray(room.size_m[:2]))
    low = np.maximum(np.asarray(under.base_m[:2]) - size / 2, 0.05)
    high = np.minimum(np.asarray(under.base_m[:2]) + size / 2, np.asarray(room.size_m[:2]) - 0.05)
    x, y, sx, sy = map(float, (*((low + high) / 2), *(high - low)))
    room.rug_m = (x, y, sx, sy)


def _living(room: _Furnisher) -> None:
    sofa = room.stand("sofa", room.size(1.5, 2.2, 0.82, 0.95, 0.72, 0.88))
    if sofa:
        gap = room.uniform(0.3, 0.5)
        table = room.before(sofa, "coffee_table", room.size(0.8, 1.2, 0.5, 0.7, 0.36, 0.46), gap)
        room.clutter(table, 2.0)
        if table and room.chance(0.7):
            _lay_rug(room, table)
        if room.chance(0.5):
            lamp = room.size(*LOOSE_M["floor_lamp"])
            room.beside(sofa, "floor_lamp", lamp, int(room.rng.choice([-1, 1])))
    bench = room.stand("tv_bench", room.size(1.2, 1.8, 0.38, 0.46, 0.42, 0.58))
    if bench:
        wide = room.uniform(0.85, min(1.25, bench.size_m[0]))
        room.top(bench, "screen", (wide, 0.16, wide * 0.6), 0.0, -0.08, 0.0)
        room.clutter(bench, 1.0, ("vase", "books", "box", "flowers"))
    for _ in range(room.rng.integers(1, 3)):
        room.stand("bookshelf", room.size(0.7, 1.3, 0.28, 0.36, 1.3, 2.1))
    if room.chance(0.6):
        room.put("armchair", room.size(0.75, 0.9, 0.76, 0.86, 0.76, 0.92))
    if room.chance(0.5):
        table = room.put("table", room.size(1.1, 1.7, 0.75, 0.9, 0.72, 0.76), 0.6)
        if table:
            room.chairs(table)
            room.clutter(table, 2.5)
    room.clutter(room.stand("dresser", room.size(0.8, 1.3, 0.4, 0.46, 0.75, 0.95)), 2.0, (*TABLE_TOPS, "table_lamp"))


def _kitchen(room: _Furnisher) -> None:
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
                room.clutter(unit, 1.5, ("kettle", "bottle", "bowl", "cup", "box", "vase"))
        edge += width if unit else 0.2
    table = room.put("table", room.size(0.9, 1.6, 0.75, 0.9, 0.72, 0.76), 0.5, 30)
    if table:
        room.chairs(table)
        room.clutter(table, 3.0, ("bowl", "cup", "bottle", "vase", "flowers", "books"))
    room.stand("bookshelf", room.size(0.6, 1.0, 0.28, 0.34, 1.2, 2.0))
    room.clutter(room.stand("dresser", room.size(0.8, 1.2, 0.42, 0.48, 0.85, 0.95)), 2.0)


def _office(room: _Furnisher) -> None:
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
            room.clutter(desk, 2.0, ("books", "cup", "box", "laptop", "table_lamp", "flowers"))
    for _ in range(room.rng.integers(1, 4)):
        room.stand("bookshelf", room.size(0.8, 1.2, 0.3, 0.38, 1.1, 2.1))
    room.clutter(room.stand("drawers", room.size(0.42, 0.8, 0.45, 0.55, 0.6, 1.2)), 1.5, ("books", "box", "flowers"))
    room.put("basket", room.size(0.26, 0.32, 0.26, 0.32, 0.3, 0.4))


def _bedroom(room: _Furnisher) -> None:
    bed = room.stand("bed", room.size(0.95, 1.8, 2.02, 2.12, 0.85, 1.1), tries=40)
    if bed:
        for sign in (-1, 1):
            night = room.beside(bed, "nightstand", room.size(0.38, 0.46, 0.36, 0.42, 0.46, 0.58), sign)
            if night and room.chance(0.7):
                room.top(night, "table_lamp", room.size(*SMALL_M["table_lamp"]), 0.0, 0.0)
            room.clutter(night, 0.8, ("books", "cup"))
        if room.chance(0.6):
            _lay_rug(room, bed)
    room.stand("wardrobe", room.size(1.0, 1.9, 0.56, 0.62, 1.85, 2.2))
    dresser = room.stand("dresser", room.size(0.8, 1.3, 0.42, 0.48, 0.75, 1.0))
    room.clutter(dresser, 2.0, ("vase", "box", "books", "flowers", "table_lamp"))
    if room.chance(0.5):
        desk = room.stand("desk", room.size(1.0, 1.3, 0.55, 0.65, 0.73, 0.75))
        room.clutter(desk, 2.0, ("laptop", "books", "cup", "table_lamp"))
        if desk:
            room.before(desk, "chair", room.size(*LOOSE_M["chair"]), room.uniform(0.05, 0.3))
    if room.chance(0.5):
        room.stand("bookshelf", room.size(0.6, 1.0, 0.28, 0.34, 0.9, 1.9))
    if room.chance(0.4):
        room.put("armchair", room.size(0.72, 0.85, 0.74, 0.84, 0.78, 0.92))


def _camera(room: _Furnisher, layout_gap: float) -> tuple[tuple[float, float, float], float, float] | None:
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


def _in_view(room: _Furnisher, at: np.ndarray, yaw: float) -> int:
    """How many pieces that stand on something have their middle in the field of view, within four metres."""
    to = np.array([piece.base_m[:2] for piece in room.pieces if piece.base_m[2] < 1.1]) - at
    ahead, aside = to @ [np.cos(yaw), np.sin(yaw)], to @ [-np.sin(yaw), np.cos(yaw)]
    return int(((ahead > 0.6) & (ahead < 4) & (np.abs(aside) < ahead * np.tan(np.deg2rad(FOV_DEG / 2)))).sum())
