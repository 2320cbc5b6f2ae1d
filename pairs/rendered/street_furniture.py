"""What stands along the road of the pair ``street``: trees, hedges, lamps, signs, traffic lights, bollards, fences.

Each function returns a :class:`~pairs.rendered.street_meshes.Model` at the origin; signs and traffic lights are two
models, post and head, since those are two classes. A tree is a trunk with boughs under a crown of bumpy blobs strewn
with loose leaves.
"""

from __future__ import annotations

import numpy as np

from pairs.rendered.meshes import Mesh
from pairs.rendered.street_meshes import Model, Point, blob, block, disc, leaves, polygon, rod

N_FOLIAGE = 3
"""Kinds of leaves: materials ``foliage k`` and ``leaf k``."""


def tree(height_m: float, detail: float, rng: np.random.Generator) -> Model:
    """A broad-leaved tree, or (one in six) a slim conifer; ``detail`` ≤ 1 makes leaves fewer and larger."""
    model = Model()
    kind = int(rng.integers(N_FOLIAGE))
    if rng.random() < 1 / 6:
        model.add("bark", rod([(0, 0, 0), (0, 0, 0.5 * height_m)], (0.14, 0.09)))
        tiers = 5
        for i in range(tiers):
            share = i / tiers
            radius = 0.2 * height_m * (1 - share) + 0.15
            _crown(
                model,
                kind,
                (0, 0, height_m * (0.18 + 0.78 * share)),
                (radius, radius, 0.16 * height_m),
                110,
                detail,
                rng,
            )
        return model
    fork = height_m * rng.uniform(0.28, 0.4)
    bend = rng.normal(0, 0.12, 2)
    model.add(
        "bark",
        rod(
            [(0, 0, -0.1), (*bend / 2, fork / 2), (*bend, fork), (*(1.6 * bend), 1.5 * fork)],
            (0.026 * height_m, 0.021 * height_m, 0.018 * height_m, 0.01 * height_m),
        ),
    )
    spread = height_m * rng.uniform(0.2, 0.32)
    for i in range(rng.integers(6, 9)):
        angle = 2.4 * i + rng.uniform(-0.4, 0.4)
        reach = spread * rng.uniform(0.35, 0.75) * (i > 0)
        centre = np.array([reach * np.cos(angle), reach * np.sin(angle), height_m * rng.uniform(0.5, 0.8)])
        radius = spread * rng.uniform(0.5, 0.75)
        if detail > 0.5:
            model.add("bark", rod([(*bend, fork), centre], (0.012 * height_m, 0.004 * height_m), 5))
        _crown(model, kind, centre, (radius, radius, 0.8 * radius), 170, detail, rng)
    return model


def hedge(length_m: float, rng: np.random.Generator) -> Model:
    """A clipped hedge along y, 1 to 1.6 m high."""
    model = Model()
    kind = int(rng.integers(N_FOLIAGE))
    height, n = rng.uniform(1.0, 1.6), max(1, round(length_m / 1.2))
    for y in (np.arange(n) + 0.5) * length_m / n:
        _crown(model, kind, (0, y, 0.5 * height), (0.42, 0.75 * length_m / n, 0.58 * height), 80, 1.0, rng)
    return model


def _crown(
    model: Model, kind: int, centre: Point, radii: Point, n_leaves: int, detail: float, rng: np.random.Generator
) -> None:
    n, size_m = max(8, round(n_leaves * detail)), (0.18 + 0.07 * max(radii)) / np.sqrt(detail)
    model.add(f"foliage {kind}", blob(centre, radii, 14 if detail > 0.5 else 8, rng))
    model.add(f"leaf {kind}", leaves(centre, radii, n, size_m, rng))


def lamp(height_m: float) -> Model:
    """A street lamp; its arm reaches towards −x."""
    model = Model()
    model.add("pole", rod([(0, 0, 0), (0, 0, 1.2)], 0.1), rod([(0, 0, 1.2), (0, 0, height_m)], (0.075, 0.055)))
    arm = [(0, 0, height_m - 0.1), (-0.25, 0, height_m + 0.25), (-0.9, 0, height_m + 0.4), (-1.5, 0, height_m + 0.4)]
    model.add("pole", rod(arm, 0.045, 6), block((-2.05, -0.14, height_m + 0.34), (-1.4, 0.14, height_m + 0.5)))
    return model


def bollard() -> Model:
    model = Model()
    model.add("dark pole", rod([(0, 0, 0), (0, 0, 0.95)], (0.08, 0.07)))
    model.add("white", rod([(0, 0, 0.75), (0, 0, 0.85)], 0.078))
    return model


def litter_bin() -> Model:
    model = Model()
    model.add("bin", rod([(0, 0, 0), (0, 0, 0.95)], (0.24, 0.27), 12))
    model.add("dark", rod([(0, 0, 0.95), (0, 0, 1.05)], (0.27, 0.1), 12))
    return model


def sign(rng: np.random.Generator) -> tuple[Model, Model]:
    """Pole and plate of a road sign that faces −y: two kinds of discs, a triangle, two of boards."""
    pole, plate = Model(), Model()
    kind = rng.integers(5)
    height = rng.uniform(2.2, 2.9)
    size = rng.uniform(0.36, 0.5)
    front = -0.075
    if kind == 0:
        plate.add("sign red", *_coin(height, size))
        plate.add("sign white", disc((0, front - 0.012, height), 0.76 * size, (0, -1, 0), 20))
        plate.add("sign black", block((-0.1, front - 0.02, height - 0.16), (0.1, front - 0.014, height + 0.16)))
    elif kind == 1:
        plate.add("sign red", *_coin(height, size))
        plate.add(
            "sign white", block((-0.7 * size, front - 0.02, height - 0.09), (0.7 * size, front - 0.014, height + 0.09))
        )
    elif kind == 2:
        plate.add("sign red", _triangle(height, 1.25 * size, front))
        plate.add("sign white", _triangle(height, 0.85 * size, front - 0.014))
        plate.add("sign black", block((-0.05, front - 0.03, height - 0.2), (0.05, front - 0.02, height + 0.2)))
    else:
        wide, high = rng.uniform(0.5, 0.95), rng.uniform(0.3, 0.5)
        colour = ("sign blue", "sign green")[rng.integers(2)] if kind == 3 else "sign white"
        ink = "sign black" if kind == 4 else "sign white"
        plate.add(colour, block((-wide, front, height - high), (wide, -0.055, height + high)))
        for row in np.linspace(-0.6, 0.6, 3) * high:
            x1 = wide * rng.uniform(0.1, 0.8)
            plate.add(
                ink, block((-0.85 * wide, front - 0.01, height + row - 0.07), (x1, front - 0.004, height + row + 0.07))
            )
    pole.add("pole", rod([(0, 0, 0), (0, 0, height + 0.3)], 0.05))
    return pole, plate


def _coin(height: float, radius: float) -> list[Mesh]:
    return [
        rod([(0, -0.055, height), (0, -0.075, height)], radius, 20),
        disc((0, -0.08, height), radius, (0, -1, 0), 20),
    ]


def _triangle(height: float, side: float, y: float) -> Mesh:
    low, high = height - 0.45 * side, height + 0.75 * side
    corners = np.array([(-0.7 * side, y, low), (0.7 * side, y, low), (0, y, high)])
    return polygon(corners, corners[:, ::2])


def traffic_light(rng: np.random.Generator) -> tuple[Model, Model]:
    """Post and signal head that faces −y."""
    pole, head = Model(), Model()
    pole.add("dark pole", rod([(0, 0, 0), (0, 0, 3.3)], 0.07))
    head.add("sign black", block((-0.22, -0.24, 2.3), (0.22, -0.06, 3.4)))
    lit = rng.integers(3)
    for i, colour in enumerate(("green", "amber", "red")):
        name = f"{colour} light" if i == lit else "dark"
        head.add(name, disc((0, -0.25, 2.5 + 0.34 * i), 0.13, (0, -1, 0)))
    return pole, head


def fence(kind: str, length_m: float, rng: np.random.Generator) -> Model:
    """A fence along y from 0: ``panels`` of boards, white ``pickets``, or metal ``railings``."""
    model = Model()
    if kind == "panels":
        height = rng.uniform(1.3, 1.8)
        n = max(1, round(length_m / 1.9))
        for i in range(n):
            y0, y1 = length_m * i / n, length_m * (i + 1) / n
            model.add("boards", block((-0.03, y0 + 0.05, 0.05), (0.03, y1 - 0.05, height)))
            model.add("boards", block((-0.06, y0 - 0.05, 0), (0.06, y0 + 0.06, height + 0.08)))
            model.add("boards", block((-0.05, y0, height - 0.04), (0.05, y1, height + 0.02)))
        return model
    pitch, width, height = (0.17, 0.1, 1.0) if kind == "pickets" else (0.24, 0.045, 1.15)
    material = "picket" if kind == "pickets" else "railing"
    for y in np.arange(0, length_m, pitch):
        model.add(material, block((-0.02, y, 0.05), (0.02, y + width, height)))
    for z in (0.18, height - 0.15):
        model.add(material, block((-0.03, 0, z), (0.03, length_m, z + 0.09)))
    for y in np.arange(0, length_m + 0.1, 2.0):
        model.add(material, block((-0.05, y - 0.05, 0), (0.05, y + 0.05, height + 0.08)))
    return model
