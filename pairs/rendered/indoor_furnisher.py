"""Puts pieces into a room, one after the other, where nothing is in the way (:mod:`pairs.rendered.indoor_rooms`)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pairs.rendered.indoor_layout import Opening, Piece, overlap, wall_frame


@dataclass
class Furnisher:
    """A room while it is being furnished."""

    rng: np.random.Generator
    layout_gap: float
    openings: list[Opening] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    kept_free: list[Piece] = field(default_factory=list)
    rug_m: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        shrink = max(0.7, 1 - 0.15 * self.layout_gap)
        self.size_m = (self.uniform(3.4, 5.8) * shrink, self.uniform(3.4, 5.8) * shrink, self.uniform(2.4, 2.8))

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
