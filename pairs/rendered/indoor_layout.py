"""Layouts of furnished rooms: what stands where, drawn from one random generator.

A room is the box [0, width] × [0, depth] × [0, height] in metres, z up. Its four walls are numbered counter-clockwise
from y = 0; wall k has a frame (along, into the room, up), which is also the frame of a piece that stands against it.

A :class:`Piece` is a box with a yaw that holds all its geometry: x across, y towards its front, z up, origin at the
middle of its bottom. Pieces are placed one after the other and refused where their box meets another one's, a door's
swing or a window, so that no two of them interpenetrate. Rooms come in four flavours: living, kitchen, office, bedroom.

``layout_gap`` g shifts what the target's rooms look like: (1 + g) times as many loose pieces and small objects, rooms
smaller by a factor 1 − 0.15 g (not below 0.7), a camera 0.25 g m lower (not below 0.5 m) that looks 6 g° further down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import dist, hypot

import numpy as np

WALL_M = 0.16  # thickness of the walls that openings cut
FOV_DEG = 72.0
CAMERA_CLEARANCE_M = 0.3
OBSTACLE_BAND_M = (0.1, 1.6)  # heights above the floor between which a surface is an obstacle


@dataclass(frozen=True)
class Piece:
    """One piece of furniture or one small object; ``seed`` draws the details of its shape."""

    kind: str
    base_m: tuple[float, float, float]  # middle of its bottom
    yaw_rad: float
    size_m: tuple[float, float, float]  # across, front to back, high
    seed: int = 0

    def axes(self) -> np.ndarray:
        """``(2, 2)``: unit vectors across and to the front, on the floor."""
        cos, sin = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        return np.array([[cos, sin], [-sin, cos]])

    def at(self, x: float, y: float, z: float = 0.0) -> tuple[float, float, float]:
        """World coordinates of a point of the piece."""
        ground = np.asarray(self.base_m[:2]) + np.array([x, y]) @ self.axes()
        return float(ground[0]), float(ground[1]), self.base_m[2] + z


@dataclass(frozen=True)
class Opening:
    """A hole in a wall: from ``start_m`` on along it, from ``sill_m`` to ``head_m`` above the floor."""

    kind: str  # "window" or "door"
    wall: int
    start_m: float
    width_m: float
    sill_m: float
    head_m: float


@dataclass(frozen=True)
class Layout:
    """A room, its openings and pieces, and the camera in it (yaw from +x towards +y, pitch up positive)."""

    flavour: str  # "living", "kitchen", "office" or "bedroom"
    room_m: tuple[float, float, float]
    openings: tuple[Opening, ...]
    pieces: tuple[Piece, ...]
    rug_m: tuple[float, float, float, float] | None  # centre x, y and size x, y; flat on the floor
    camera_m: tuple[float, float, float]
    yaw_rad: float
    pitch_rad: float


def wall_frame(room_m: Sequence[float], wall: int) -> tuple[np.ndarray, float, float]:
    """Start corner ``(2,)``, yaw and length of a wall."""
    width, depth = room_m[:2]
    start = ((0.0, 0.0), (width, 0.0), (width, depth), (0.0, depth))[wall]
    return np.array(start), wall * np.pi / 2, (width, depth)[wall % 2]


def overlap(a: Piece, b: Piece, gap_m: float = 0.0) -> bool:
    """Whether two boxes come closer than ``gap_m`` on the floor plan while their heights meet (separating axes)."""
    if min(a.base_m[2] + a.size_m[2], b.base_m[2] + b.size_m[2]) - max(a.base_m[2], b.base_m[2]) <= 1e-6:
        return False
    if dist(a.base_m[:2], b.base_m[:2]) > (hypot(*a.size_m[:2]) + hypot(*b.size_m[:2])) / 2 + gap_m:
        return False
    between = np.subtract(b.base_m[:2], a.base_m[:2])
    halves = [np.asarray(p.size_m[:2])[:, None] / 2 * p.axes() for p in (a, b)]
    for axis in np.concatenate([a.axes(), b.axes()]):
        reach = sum(np.abs(half @ axis).sum() for half in halves)
        if abs(between @ axis) > reach + gap_m - 1e-9:
            return False
    return True


def clear_distances(
    layout_pieces: Sequence[Piece],
    room_m: Sequence[float],
    origin: np.ndarray,
    angles: np.ndarray,
    band_m: tuple[float, float],
) -> np.ndarray:
    """Metres on the floor plan from ``origin`` along each angle to a wall or to a piece that reaches into the band."""
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        nearest = (np.where(rays > 0, np.asarray(room_m[:2]) - origin, origin) / np.abs(rays)).min(axis=1)
        for piece in layout_pieces:
            if piece.base_m[2] > band_m[1] or piece.base_m[2] + piece.size_m[2] < band_m[0]:
                continue
            local, at = rays @ piece.axes().T, piece.axes() @ (origin - piece.base_m[:2])
            half = np.asarray(piece.size_m[:2]) / 2
            entry, leave = np.sort([(-half - at) / local, (half - at) / local], axis=0)
            near, far = entry.max(axis=1), leave.min(axis=1)
            nearest = np.where((near <= far) & (near > 0), np.minimum(nearest, near), nearest)
    return nearest
