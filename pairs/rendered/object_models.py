"""The ten objects of the pair ``objects``: solids of primitives, sweeps and smoothly displaced meshes.

Each function draws one object about its own axes, x forward and z up, in any unit; :func:`model` centres it and scales
it to :data:`RADIUS_M`. No rotation takes one of them to itself (a plane of mirror symmetry is no rotation), so that a
pose has one quaternion, ± aside. Shapes are fixed: the random number generators of the displacements have fixed seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from pairs.rendered import meshes
from pairs.rendered.meshes import Mesh, moved, rotation, translation

RADIUS_M = 0.1
"""Of the sphere about the object's origin that holds the object."""

X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
QUARTER = np.pi / 2


@dataclass(frozen=True)
class Piece:
    """One uniformly coloured piece of an object: its mesh, its sRGB colour and what it is made of."""

    mesh: Mesh
    colour: tuple[float, float, float]
    material: str  # paint, wood, metal, rubber or clay: how the target's look draws it


def _camera() -> list[Piece]:
    body = meshes.superellipsoid((0.45, 1.0, 0.62), 0.2, 0.2, 32)
    grip = moved(meshes.superellipsoid((0.3, 0.24, 0.6), 0.4, 0.6, 24), translation(0.38, -0.82, 0.0))
    lens = moved(
        meshes.lathe([(0, -0.5), (0.5, -0.5), (0.5, 0.1), (0.44, 0.5), (0.36, 0.5), (0.3, 0.35), (0, 0.3)]),
        translation(0.7, 0.18, -0.04) @ rotation(Y, QUARTER),
    )
    ring = moved(meshes.cylinder(0.53, 0.14), translation(0.85, 0.18, -0.04) @ rotation(Y, QUARTER))
    finder = moved(meshes.box((0.6, 0.56, 0.26)), translation(0.0, 0.18, 0.72))
    button = moved(meshes.cylinder(0.14, 0.2, 20), translation(0.1, -0.7, 0.68))
    dial = moved(meshes.cylinder(0.2, 0.16, 20), translation(-0.05, 0.75, 0.66))
    return [
        Piece(body, (0.25, 0.25, 0.29), "rubber"),
        Piece(grip, (0.16, 0.16, 0.17), "rubber"),
        Piece(lens, (0.45, 0.46, 0.5), "metal"),
        Piece(ring, (0.85, 0.65, 0.15), "metal"),
        Piece(finder, (0.7, 0.7, 0.72), "metal"),
        Piece(button, (0.85, 0.15, 0.12), "paint"),
        Piece(dial, (0.75, 0.75, 0.75), "metal"),
    ]  # fmt: skip


def _can() -> list[Piece]:
    """A watering can."""
    body = meshes.lathe([(0, -0.8), (0.72, -0.8), (0.66, -0.2), (0.6, 0.45), (0.45, 0.52), (0.3, 0.55), (0, 0.55)])
    s = np.linspace(0, 1, 14)[:, None]
    spout = meshes.tube(np.hstack([0.5 + 1.2 * s, 0 * s, -0.5 + 1.3 * s**1.3]), np.linspace(0.2, 0.1, 14))
    rose = moved(meshes.cone(0.1, 0.32, 0.3), translation(1.78, 0, 0.92) @ rotation(Y, 0.8))
    a = np.linspace(0.15, 2.9, 20)[:, None]
    handle = meshes.tube(np.hstack([-0.35 + 0.75 * np.cos(a + 0.6), 0 * a, 0.25 + 0.85 * np.sin(a + 0.6)]), 0.09)
    return [
        Piece(body, (0.16, 0.5, 0.3), "paint"),
        Piece(spout, (0.2, 0.56, 0.34), "paint"),
        Piece(rose, (0.82, 0.66, 0.25), "metal"),
        Piece(handle, (0.82, 0.66, 0.25), "metal"),
    ]


def _cactus() -> list[Piece]:
    rng = np.random.default_rng(3)
    pot = moved(
        meshes.lathe([(0, -0.5), (0.42, -0.5), (0.55, 0.25), (0.64, 0.25), (0.64, 0.45), (0.5, 0.45), (0, 0.35)]),
        translation(0, 0, -0.85),
    )
    trunk = moved(meshes.superellipsoid((0.4, 0.36, 1.1), 0.7, 1.0, 40), translation(0, 0, 0.35))
    s = np.linspace(0, 1, 14)
    low = meshes.tube(np.stack([0.3 + 0.55 * np.sin(s * 1.5), 0 * s, 0.05 + 0.75 * s**2.2], 1), 0.2 - 0.07 * s**4)
    high = meshes.tube(np.stack([-0.08 * s, -0.25 - 0.4 * np.sin(s * 1.5), 0.55 + 0.5 * s**2], 1), 0.16 - 0.06 * s**4)
    flower = moved(meshes.superellipsoid((0.2, 0.2, 0.13), 1.0, 1.6, 20), translation(0.12, 0.05, 1.47))
    stone = moved(meshes.displaced(meshes.sphere(0.24, 20), rng, 0.04, 0.3), translation(0.3, 0.42, -0.36))
    return [
        Piece(pot, (0.76, 0.38, 0.22), "clay"),
        Piece(meshes.displaced(trunk, rng, 0.02, 0.5), (0.28, 0.55, 0.24), "rubber"),
        Piece(low, (0.3, 0.58, 0.26), "rubber"),
        Piece(high, (0.33, 0.62, 0.28), "rubber"),
        Piece(flower, (0.92, 0.35, 0.55), "paint"),
        Piece(stone, (0.8, 0.78, 0.72), "clay"),
    ]  # fmt: skip


def _car() -> list[Piece]:
    side = [(-1.25, -0.25), (1.25, -0.25), (1.3, 0.02), (1.15, 0.2), (0.5, 0.28), (-1.2, 0.3), (-1.3, 0.1)]
    cabin = [(-1.15, 0.28), (0.5, 0.28), (0.1, 0.75), (-0.95, 0.75)]
    upright = rotation(X, QUARTER)
    wheels = [
        moved(
            meshes.lathe([(0, -0.12), (0.22, -0.12), (0.3, -0.08), (0.3, 0.08), (0.22, 0.12), (0, 0.12)], 24),
            translation(x, y, -0.27) @ upright,
        )
        for x in (-0.75, 0.78)
        for y in (-0.55, 0.55)
    ]
    lamps = [moved(meshes.sphere(0.13, 16), translation(1.24, y, 0.02)) for y in (-0.36, 0.36)]
    wing = moved(meshes.box((0.3, 1.1, 0.07)), translation(-1.2, 0, 0.55))
    post = moved(meshes.box((0.12, 0.7, 0.28)), translation(-1.2, 0, 0.4))
    spare = moved(meshes.cylinder(0.24, 0.1, 24), translation(-0.35, 0.0, 0.8))
    return [
        Piece(moved(meshes.prism(np.array(side), 1.0), upright), (0.82, 0.13, 0.12), "paint"),
        Piece(moved(meshes.prism(np.array(cabin), 0.84), upright), (0.6, 0.78, 0.88), "metal"),
        Piece(meshes.merged(wheels), (0.13, 0.13, 0.14), "rubber"),
        Piece(meshes.merged(lamps), (0.95, 0.88, 0.5), "paint"),
        Piece(meshes.merged([wing, post]), (0.9, 0.9, 0.88), "paint"),
        Piece(spare, (0.95, 0.75, 0.15), "paint"),
    ]  # fmt: skip


def _drill() -> list[Piece]:
    motor = moved(
        meshes.lathe([(0, -0.8), (0.3, -0.8), (0.4, -0.6), (0.4, 0.3), (0.3, 0.6), (0, 0.6)]), rotation(Y, QUARTER)
    )
    chuck = moved(meshes.cone(0.28, 0.16, 0.45), translation(0.8, 0, 0) @ rotation(Y, QUARTER))
    bit = moved(meshes.cylinder(0.07, 0.8, 12), translation(1.35, 0, 0) @ rotation(Y, QUARTER))
    grip = moved(meshes.superellipsoid((0.26, 0.2, 0.7), 0.4, 0.7, 24), translation(-0.42, 0, -0.75) @ rotation(Y, 0.2))
    battery = moved(meshes.box((0.85, 0.5, 0.35)), translation(-0.45, 0, -1.45))
    trigger = moved(meshes.box((0.14, 0.16, 0.3)), translation(-0.1, 0, -0.5))
    side = moved(meshes.cylinder(0.13, 0.6, 16), translation(0.35, 0.55, 0) @ rotation(X, QUARTER))
    return [
        Piece(motor, (0.93, 0.72, 0.1), "paint"),
        Piece(meshes.merged([chuck, bit]), (0.55, 0.56, 0.58), "metal"),
        Piece(grip, (0.2, 0.2, 0.22), "rubber"),
        Piece(battery, (0.22, 0.22, 0.25), "paint"),
        Piece(trigger, (0.85, 0.18, 0.1), "paint"),
        Piece(side, (0.2, 0.2, 0.22), "rubber"),
    ]


def _duck() -> list[Piece]:
    rng = np.random.default_rng(5)
    body = meshes.displaced(meshes.superellipsoid((1.0, 0.68, 0.55), 1.0, 1.0, 40), rng, 0.02, 0.8)
    tail = moved(meshes.cone(0.34, 0.03, 0.7, 20), translation(-1.0, 0, 0.35) @ rotation(Y, -0.8))
    head = moved(meshes.sphere(0.46, 28), translation(0.62, 0, 0.85))
    beak = moved(meshes.superellipsoid((0.34, 0.24, 0.1), 1.0, 0.8, 20), translation(1.15, 0, 0.8))
    wings = [
        moved(
            meshes.superellipsoid((0.5, 0.12, 0.28), 1.0, 1.0, 20),
            translation(-0.15, y, 0.12) @ rotation(Z, -0.2 * np.sign(y)),
        )
        for y in (-0.66, 0.66)
    ]
    eyes = [moved(meshes.sphere(0.09, 12), translation(0.92, y, 1.0)) for y in (-0.3, 0.3)]
    hat = moved(
        meshes.lathe([(0, 0), (0.4, 0), (0.4, 0.06), (0.25, 0.06), (0.25, 0.4), (0, 0.4)], 24),
        translation(0.56, 0, 1.25),
    )
    return [
        Piece(meshes.merged([body, tail, head]), (0.97, 0.82, 0.18), "rubber"),
        Piece(meshes.merged(wings), (0.92, 0.66, 0.1), "rubber"),
        Piece(beak, (0.94, 0.42, 0.08), "rubber"),
        Piece(meshes.merged(eyes), (0.05, 0.05, 0.06), "paint"),
        Piece(hat, (0.2, 0.3, 0.7), "paint"),
    ]  # fmt: skip


def _hammer() -> list[Piece]:
    handle = meshes.superellipsoid((0.16, 0.12, 1.2), 0.25, 0.8, 24)
    band = moved(meshes.superellipsoid((0.2, 0.16, 0.5), 0.25, 0.8, 24), translation(0, 0, -0.75))
    neck = moved(meshes.box((0.62, 0.34, 0.36)), translation(0.05, 0, 1.2))
    face = moved(
        meshes.lathe([(0, -0.2), (0.18, -0.2), (0.18, 0.05), (0.3, 0.1), (0.3, 0.3), (0, 0.3)], 24),
        translation(0.5, 0, 1.2) @ rotation(Y, QUARTER),
    )
    s = np.linspace(0, 1, 12)
    claws = [
        meshes.tube(
            np.stack([-0.2 - 0.75 * s, y * (0.5 + s), 1.25 + 0.08 * np.sin(3 * s) - 0.42 * s**2], 1), 0.13 - 0.08 * s
        )
        for y in (-0.12, 0.12)
    ]
    return [
        Piece(handle, (0.74, 0.53, 0.3), "wood"),
        Piece(band, (0.15, 0.3, 0.65), "rubber"),
        Piece(meshes.merged([neck, face, *claws]), (0.5, 0.51, 0.54), "metal"),
    ]  # fmt: skip


def _lamp() -> list[Piece]:
    base = moved(
        meshes.lathe([(0, -0.1), (0.62, -0.1), (0.62, 0.0), (0.5, 0.1), (0, 0.12)]), translation(-0.2, 0, -1.1)
    )
    lower = meshes.tube(np.array([[-0.2, 0, -1.05], [-0.62, 0, 0.05]]), 0.08)
    upper = meshes.tube(np.array([[-0.62, 0, 0.05], [0.3, 0, 0.85]]), 0.08)
    joint = moved(meshes.sphere(0.16, 16), translation(-0.62, 0, 0.05))
    shade = moved(
        meshes.lathe([(0, 0.36), (0.18, 0.36), (0.24, 0.2), (0.62, -0.4), (0.56, -0.4), (0.18, 0.2), (0, 0.22)]),
        translation(0.5, 0, 0.78) @ rotation(Y, -0.6),
    )
    bulb = moved(meshes.sphere(0.22, 20), translation(0.62, 0, 0.6))
    knob = moved(meshes.cylinder(0.14, 0.22, 16), translation(0.12, 0.28, -0.98))
    return [
        Piece(base, (0.3, 0.32, 0.36), "metal"),
        Piece(meshes.merged([lower, upper]), (0.75, 0.76, 0.78), "metal"),
        Piece(shade, (0.12, 0.45, 0.62), "paint"),
        Piece(bulb, (0.98, 0.95, 0.85), "clay"),
        Piece(meshes.merged([joint, knob]), (0.85, 0.2, 0.15), "paint"),
    ]


def _plane() -> list[Piece]:
    hull = moved(
        meshes.lathe([(0, -1.3), (0.08, -1.28), (0.2, -0.6), (0.3, 0.2), (0.3, 0.7), (0.22, 0.95), (0, 1.0)]),
        rotation(Y, QUARTER),
    )
    upper = moved(meshes.box((0.5, 2.4, 0.07)), translation(0.35, 0, 0.45))
    lower = moved(meshes.box((0.45, 2.0, 0.07)), translation(0.2, 0, -0.22))
    struts = [moved(meshes.box((0.06, 0.06, 0.7)), translation(0.28, y, 0.1)) for y in (-0.85, 0.85)]
    tail = moved(meshes.box((0.3, 0.9, 0.06)), translation(-1.15, 0, 0.08))
    fin = moved(
        meshes.prism(np.array([(-1.35, 0.0), (-0.9, 0.1), (-1.15, 0.55), (-1.35, 0.55)]), 0.07), rotation(X, QUARTER)
    )
    nose = moved(meshes.cone(0.16, 0.02, 0.25, 20), translation(1.08, 0, 0) @ rotation(Y, QUARTER))
    blades = moved(meshes.box((0.05, 0.14, 1.1)), translation(1.08, 0, 0) @ rotation(X, 0.6))
    pilot = moved(meshes.sphere(0.17, 16), translation(-0.15, 0, 0.38))
    return [
        Piece(hull, (0.85, 0.2, 0.16), "paint"),
        Piece(meshes.merged([upper, lower]), (0.93, 0.88, 0.72), "paint"),
        Piece(meshes.merged([tail, fin]), (0.18, 0.32, 0.62), "paint"),
        Piece(meshes.merged([*struts, blades]), (0.66, 0.46, 0.26), "wood"),
        Piece(nose, (0.7, 0.7, 0.72), "metal"),
        Piece(pilot, (0.42, 0.26, 0.16), "clay"),
    ]


def _teapot() -> list[Piece]:
    belly = meshes.lathe(
        [(0, -0.62), (0.45, -0.62), (0.72, -0.35), (0.82, 0.0), (0.72, 0.32), (0.45, 0.55), (0.38, 0.58), (0, 0.6)]
    )
    lid = moved(meshes.lathe([(0, 0), (0.42, 0), (0.38, 0.08), (0.12, 0.16), (0, 0.17)]), translation(0, 0, 0.58))
    knob = moved(meshes.sphere(0.14, 16), translation(0, 0, 0.86))
    s = np.linspace(0, 1, 14)
    spout = meshes.tube(np.stack([0.62 + 0.72 * s, 0 * s, -0.2 + 0.75 * s**1.8], 1), 0.22 - 0.12 * s)
    a = np.linspace(-1.15, 1.15, 18)
    handle = meshes.tube(np.stack([-0.62 - 0.6 * np.cos(a), 0 * a, 0.05 + 0.45 * np.sin(a)], 1), 0.1)
    return [
        Piece(belly, (0.9, 0.9, 0.93), "clay"),
        Piece(meshes.merged([lid, knob]), (0.15, 0.28, 0.6), "clay"),
        Piece(spout, (0.15, 0.28, 0.6), "clay"),
        Piece(handle, (0.72, 0.32, 0.2), "wood"),
    ]  # fmt: skip


_BUILDERS: dict[str, Callable[[], list[Piece]]] = {
    "camera": _camera,
    "can": _can,
    "cactus": _cactus,
    "car": _car,
    "drill": _drill,
    "duck": _duck,
    "hammer": _hammer,
    "lamp": _lamp,
    "plane": _plane,
    "teapot": _teapot,
}

NAMES = tuple(_BUILDERS)


@cache
def model(name: str) -> tuple[Piece, ...]:
    """The pieces of object ``name``, the middle of its bounding box at the origin, within :data:`RADIUS_M` of it."""
    pieces = _BUILDERS[name]()
    points = np.concatenate([piece.mesh["vertices"] for piece in pieces])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    scale = RADIUS_M / np.linalg.norm(points - middle, axis=1).max()
    resize = np.diag([scale, scale, scale, 1.0]) @ translation(*-middle)
    return tuple(Piece(moved(piece.mesh, resize), piece.colour, piece.material) for piece in pieces)
