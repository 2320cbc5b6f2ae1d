"""Buildings of the pair ``street``: terraces, shops, houses and flats with windows, doors, roofs and chimneys.

A building stands behind its front, which lies on x = 0 from y = 0 to its length and looks towards −x; it runs back
along +x. Windows are panes in frames that stand proud of the wall by a few centimetres, with sills and, on some,
lintels: enough relief for shadows at 128 × 96 pixels. Only the front and the two gables have windows.
"""

from __future__ import annotations

import numpy as np

from pairs.rendered.meshes import Mesh
from pairs.rendered.street_meshes import Model, block, polygon, quad, wall

WALLS = (
    "brick red",
    "brick yellow",
    "brick brown",
    "plaster white",
    "plaster cream",
    "plaster grey",
    "concrete",
    "stone",
)
N_PANES = 8
"""Kinds of window panes (what is seen behind them): materials ``pane k``."""
_STOREYS = {"terrace": (2, 3), "shop": (2, 4), "house": (2, 2), "flats": (4, 6)}
_UNIT = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)


def building(kind: str, length_m: float, finish: str, rng: np.random.Generator) -> Model:
    """``kind``: ``terrace``, ``shop``, ``house`` or ``flats``; ``finish``: one of :data:`WALLS`."""
    model = Model()
    fewest, most = _STOREYS[kind]
    storeys = int(rng.integers(fewest, most + 1))
    storey = rng.uniform(2.7, 3.3)
    deep, high = rng.uniform(8, 11), storeys * storey + 0.4
    shift = rng.uniform(0, 8, 2)
    for a, b in (
        ((0, length_m), (0, 0)),
        ((0, 0), (deep, 0)),
        ((deep, 0), (deep, length_m)),
        ((deep, length_m), (0, length_m)),
    ):
        side = wall(a, b, 0, high)
        model.add(finish, side | {"uv": side["uv"] + shift})
    flat = kind == "flats" or (kind == "shop" and rng.random() < 0.5)
    _roof(model, finish, length_m, deep, high, flat, rng)
    n = max(1, round(length_m / rng.uniform(2.2, 3.2)))
    bay = length_m / n
    wide, tall = bay * rng.uniform(0.36, 0.5), storey * rng.uniform(0.42, 0.55)
    trim = "frame white" if rng.random() < 0.75 else "frame dark"
    doors = set(rng.choice(n, size=max(1, n // 3), replace=False).tolist())
    for floor in range(storeys):
        z = floor * storey + 0.32 * storey
        if floor == 0 and kind == "shop":
            _shop_front(model, length_m, storey, rng)
            continue
        for i in range(n):
            y = (i + 0.5) * bay
            if floor == 0 and i in doors:
                _door(model, y, rng)
                z_door = 2.35
                model.add(trim, block((-0.05, y - 0.55, z_door), (0.02, y + 0.55, z_door + 0.12)))
            else:
                _window(model, y, z, wide, tall, trim, rng)
    for y in (0.0, length_m):
        for floor in range(storeys):
            if rng.random() < 0.5:
                _gable_window(model, y, rng.uniform(2, deep - 2), floor * storey + 0.32 * storey, wide, tall, trim, rng)
    if rng.random() < 0.5:
        z = storey + 0.1 if kind == "shop" else high - 0.3
        model.add("stone", block((-0.1, 0, z), (0.02, length_m, z + 0.22)))
    if rng.random() < 0.6:
        y = rng.choice((0.12, length_m - 0.12))
        model.add("dark", block((-0.1, y - 0.05, 0), (0.0, y + 0.05, high)))
    return model


def _roof(
    model: Model, finish: str, length: float, deep: float, high: float, flat: bool, rng: np.random.Generator
) -> None:
    if flat:
        model.add("stone", block((-0.15, -0.02, high), (deep, length + 0.02, high + 0.25)))
        return
    tiles = f"tiles {rng.integers(2)}"
    rise = deep / 2 * rng.uniform(0.55, 0.85)
    over = 0.35
    drop = over * rise / (deep / 2)
    if rng.random() < 0.3:  # the gable faces the road
        rise = min(length / 2 * 0.9, 4.0)
        slope = [
            ((-over, 0 - 0.2, high), (deep, -0.2, high)),
            ((deep, length + 0.2, high), (-over, length + 0.2, high)),
        ]
        for (a, b), ridge in zip(slope, ((deep, -over), (-over, deep)), strict=True):
            model.add(tiles, quad(a, b, (ridge[0], length / 2, high + rise), (ridge[1], length / 2, high + rise)))
        gable = np.array([(0, length, high), (0, 0, high), (0, length / 2, high + rise * 0.97)])
        model.add(finish, polygon(gable, gable[:, 1:]))
    else:
        ridge_z = high + rise
        front = quad(
            (-over, length, high - drop), (-over, 0, high - drop), (deep / 2, 0, ridge_z), (deep / 2, length, ridge_z)
        )
        back = quad(
            (deep + over, 0, high - drop),
            (deep + over, length, high - drop),
            (deep / 2, length, ridge_z),
            (deep / 2, 0, ridge_z),
        )
        model.add(tiles, front, back)
        for y in (0.0, length):
            gable = np.array([(0, y, high), (deep, y, high), (deep / 2, y, ridge_z)])
            model.add(finish, polygon(gable, gable[:, ::2]))
        model.add(
            "frame white", block((-over - 0.05, 0, high - drop - 0.12), (-over + 0.04, length, high - drop + 0.04))
        )
    for y in rng.uniform(0.1, 0.9, rng.integers(1, 3)) * length:
        chimney = block((deep / 2 - 0.4, y - 0.5, high), (deep / 2 + 0.4, y + 0.5, high + rise + 1.1))
        model.add("brick red" if finish.startswith("plaster") else finish, chimney)
        pots = [
            block((deep / 2 - 0.12, y + d - 0.1, high + rise + 1.1), (deep / 2 + 0.12, y + d + 0.1, high + rise + 1.45))
            for d in (-0.25, 0.25)
        ]
        model.add("pot", *pots)


def _window(model: Model, y: float, z: float, wide: float, tall: float, trim: str, rng: np.random.Generator) -> None:
    """Frame, two panes behind it, a bar across, a sill."""
    x = -0.04
    a, b = y - wide / 2, y + wide / 2
    frame = [
        ((a, z), (a + 0.07, z + tall)),
        ((b - 0.07, z), (b, z + tall)),
        ((a, z), (b, z + 0.07)),
        ((a, z + tall - 0.07), (b, z + tall)),
    ]
    frame.append(((a, z + tall / 2 - 0.03), (b, z + tall / 2 + 0.03)))
    model.add(trim, *(block((x - 0.03, y0, z0), (0.01, y1, z1)) for (y0, z0), (y1, z1) in frame))
    model.add(f"pane {rng.integers(N_PANES)}", _pane(a, b, z, z + tall, x + 0.02))
    model.add("stone", block((-0.16, a - 0.1, z - 0.12), (0.01, b + 0.1, z)))


def _pane(y0: float, y1: float, z0: float, z1: float, x: float) -> Mesh:
    """A pane that looks towards −x, with u and v from 0 to 1 over it."""
    mesh = quad((x, y1, z0), (x, y0, z0), (x, y0, z1), (x, y1, z1))
    return mesh | {"uv": _UNIT}


def _gable_window(
    model: Model, y: float, x: float, z: float, wide: float, tall: float, trim: str, rng: np.random.Generator
) -> None:
    out = -1 if y == 0 else 1
    low, high = sorted((y, y + out * 0.04))
    model.add(trim, block((x - wide / 2, low, z), (x + wide / 2, high, z + tall)))
    a, b = (x - wide / 2 + 0.07, x + wide / 2 - 0.07)[:: 1 if out < 0 else -1]
    y += out * 0.05
    mesh = quad((a, y, z + 0.07), (b, y, z + 0.07), (b, y, z + tall - 0.07), (a, y, z + tall - 0.07))
    model.add(f"pane {rng.integers(N_PANES)}", mesh | {"uv": _UNIT})


def _door(model: Model, y: float, rng: np.random.Generator) -> None:
    model.add(f"door {rng.integers(5)}", block((-0.06, y - 0.48, 0.1), (0.01, y + 0.48, 2.1)))
    model.add(f"pane {rng.integers(N_PANES)}", _pane(y - 0.48, y + 0.48, 2.12, 2.36, -0.02))
    model.add("stone", block((-0.45, y - 0.65, 0), (0.01, y + 0.65, 0.12)))


def _shop_front(model: Model, length: float, storey: float, rng: np.random.Generator) -> None:
    """Large panes between pillars under a fascia, and sometimes an awning."""
    fascia = f"fascia {rng.integers(5)}"
    n = max(1, round(length / 2.6))
    bay = length / n
    door = rng.integers(n)
    for i in range(n):
        a, b = i * bay + 0.12, (i + 1) * bay - 0.12
        model.add(f"pane {rng.integers(N_PANES)}", _pane(a, b, 0.1 if i == door else 0.55, storey - 0.7, -0.03))
        model.add(fascia, block((-0.09, i * bay - 0.1, 0), (0.0, i * bay + 0.14, storey - 0.6)))
        if i != door:
            model.add(fascia, block((-0.07, a, 0), (0.0, b, 0.55)))
    model.add(fascia, block((-0.2, 0.05, storey - 0.7), (0.0, length - 0.05, storey - 0.05)))
    for y in np.arange(0.18 * length, 0.8 * length, 0.42):
        if rng.random() < 0.8:
            model.add("lettering", block((-0.22, y, storey - 0.52), (-0.2, y + 0.26, storey - 0.22)))
    if rng.random() < 0.35:
        z = storey - 0.7
        slope = quad((-1.3, length - 0.3, z - 0.5), (-1.3, 0.3, z - 0.5), (-0.1, 0.3, z), (-0.1, length - 0.3, z))
        model.add(f"awning {rng.integers(3)}", slope)


def garden_wall(length_m: float, finish: str) -> Model:
    """A wall along y from 0, 0.9 m high, with a coping."""
    model = Model()
    model.add(finish, block((-0.11, 0, 0), (0.11, length_m, 0.9)))
    model.add("stone", block((-0.15, 0, 0.9), (0.15, length_m, 0.98)))
    return model
