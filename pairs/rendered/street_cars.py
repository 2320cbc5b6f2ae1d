"""Cars and vans of the pair ``street``: lofted bodies, glazed cabins, wheels, lamps and number plates.

The body is a skin over rounded cross-sections whose lower and upper edges follow a side profile; the cabin is a second
skin that leans inwards, its panes told from its pillars face by face. Four kinds: hatchback, saloon, off-roader, van.
Lengths 3.7 to 5.2 m. Nothing inside, no moving parts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pairs.rendered.meshes import Mesh
from pairs.rendered.street_meshes import Model, block, disc, loft, quad, rod


class Shape(NamedTuple):
    """Side view of a kind of car, lengths in metres; y runs from the tail (−½) to the nose (+½) in car lengths."""

    length_m: float
    width_m: float
    belt_m: float
    roof_m: float
    bonnet_m: float
    clearance_m: float
    wheel_m: float
    cabin: tuple[float, float, float, float]
    """y of the rear window's foot and top, of the windscreen's top and foot."""
    blind: bool = False
    """No panes behind the front seats."""


KINDS: dict[str, Shape] = {
    "hatchback": Shape(3.9, 1.72, 0.92, 1.47, 0.86, 0.20, 0.30, (-0.49, -0.40, 0.06, 0.26)),
    "saloon": Shape(4.5, 1.78, 0.90, 1.42, 0.84, 0.19, 0.31, (-0.36, -0.20, 0.07, 0.24)),
    "off-roader": Shape(4.5, 1.88, 1.08, 1.74, 1.04, 0.27, 0.37, (-0.49, -0.45, 0.12, 0.24)),
    "van": Shape(5.2, 1.96, 1.15, 2.25, 1.06, 0.24, 0.34, (-0.495, -0.49, 0.26, 0.37), blind=True),
}
KIND_NAMES = tuple(KINDS)
WEIGHTS = (0.42, 0.26, 0.2, 0.12)


def car(kind: str, paint: str, rng: np.random.Generator) -> Model:
    """A car of :data:`KINDS`, its body of the material ``paint``; lengths vary by a few per cent."""
    shape = KINDS[kind]
    scale = rng.uniform(0.95, 1.05, 3)
    model = Model()
    length, half_width = shape.length_m * scale[0], shape.width_m / 2 * scale[1]
    belt, roof, bonnet = (z * scale[2] for z in (shape.belt_m, shape.roof_m, shape.bonnet_m))
    model.add(paint, _body(length, half_width, belt, bonnet, shape))
    _cabin(model, paint, length, half_width * 0.95, belt - 0.03, roof, shape)
    _wheels(model, length, half_width, shape.wheel_m)
    _trim(model, paint, length, half_width, belt, bonnet, shape)
    return model


def _body(length: float, half_width: float, belt: float, bonnet: float, shape: Shape) -> Mesh:
    """Rounded sections from tail to nose: ``(y, low, high, width factor)``."""
    low = shape.clearance_m
    foot = shape.cabin[3]
    stations = [
        (-0.5, low + 0.22, belt - 0.22, 0.86),
        (-0.495, low + 0.1, belt - 0.08, 0.92),
        (-0.47, low + 0.03, belt - 0.01, 0.97),
        (-0.38, low, belt, 1.0),
        (0.0, low, belt, 1.0),
        (foot, low, belt - 0.01, 1.0),
        ((foot + 0.46) / 2, low, (belt + bonnet) / 2, 0.99),
        (0.45, low + 0.02, bonnet - 0.06, 0.96),
        (0.485, low + 0.06, bonnet - 0.16, 0.9),
        (0.5, low + 0.16, bonnet - 0.3, 0.82),
    ]
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False) + np.pi / 20
    rounded = lambda wave: np.sign(wave) * np.abs(wave) ** 0.32  # noqa: E731
    rings = [
        np.column_stack(
            [
                half_width * factor * rounded(np.cos(angle)),
                np.full(20, y * length),
                (z0 + z1) / 2 + (z1 - z0) / 2 * rounded(np.sin(angle)),
            ]
        )[::-1]
        for y, z0, z1, factor in stations
    ]
    return loft(np.stack(rings))


def _cabin(model: Model, paint: str, length: float, half_width: float, belt: float, roof: float, shape: Shape) -> None:
    """Sections at the feet and tops of both windows and at the middle pillar; panes where glass belongs."""
    rear_foot, rear_top, front_top, front_foot = (y * length for y in shape.cabin)
    middle = rear_top + 0.52 * (front_top - rear_top)
    if shape.blind:
        middle = front_top - 0.19 * length
    top_width = half_width * 0.82 if not shape.blind else half_width * 0.94
    stations = [rear_foot, rear_top, rear_top + 0.12, middle - 0.05, middle + 0.05, front_top, front_foot]
    rings = []
    for y, z in zip(stations, (belt, roof - 0.04, roof, roof + 0.01, roof + 0.01, roof - 0.02, belt), strict=True):
        share = (z - belt) / (roof - belt)
        x = half_width + share * (top_width - half_width)
        rounding = 0.16 * share
        section = [(x, belt), (x, max(z - 0.09 * share, belt)), (x - rounding, z), (0, z + 0.03 * share)]
        section += [(-a, b) for a, b in section[2::-1]]
        rings.append([(a, y, b) for a, b in section[::-1]])
    rings_m = np.array(rings)
    panes_side = {3: False} if shape.blind else {2: True}
    panes_side |= {4: True, 5: True}
    for i in range(len(stations) - 1):
        for j in range(6):
            pane = (j in (0, 5) and panes_side.get(i, False)) or (j in (2, 3) and i in (0, 5))
            if shape.blind and i == 0:
                pane = False
            patch = loft(rings_m[i : i + 2, j : j + 2], closed=False, smooth=False)
            model.add("car glass" if pane else paint, patch)


def _wheels(model: Model, length: float, half_width: float, radius: float) -> None:
    for y in (-0.29 * length, 0.32 * length):
        for side in (-1, 1):
            x = side * (half_width - 0.02)
            arch = disc((side * (half_width + 0.006), y, radius + 0.02), radius + 0.06, (side, 0, 0))
            model.add("dark", arch)
            profile = (x - side * 0.18, x - side * 0.02, x + side * 0.025)
            model.add("rubber", rod([(p, y, radius) for p in profile], (radius, radius, radius * 0.9), 16))
            model.add("hub", disc((x + side * 0.034, y, radius), radius * 0.62, (side, 0, 0)))


def _trim(model: Model, paint: str, length: float, half_width: float, belt: float, bonnet: float, shape: Shape) -> None:
    """Lamps, mirrors, bumpers, number plates (white in front, yellow behind, as in Britain), the floor's shade."""
    nose, tail = 0.49 * length, -0.492 * length
    lamp_z = bonnet - 0.26
    for side in (-1, 1):
        x = side * half_width * 0.66
        model.add("headlamp", block((x - 0.17, nose - 0.12, lamp_z), (x + 0.17, nose + 0.01, lamp_z + 0.13)))
        high = 0.28 if shape.blind or shape.belt_m > 1 else 0.16
        x = side * half_width * 0.8
        rear = -0.5 * length - 0.015
        model.add("tail lamp", block((x - 0.11, rear, belt - 0.4), (x + 0.11, rear + 0.2, belt - 0.4 + high)))
        y = shape.cabin[3] * length - 0.25
        x = side * (half_width + 0.07)
        model.add(paint, block((x - 0.1, y, belt), (x + 0.1, y + 0.1, belt + 0.14)))
    low = shape.clearance_m
    wide = half_width * 0.9
    model.add("dark", block((-wide, nose - 0.15, low + 0.05), (wide, nose + 0.055, low + 0.19)))
    model.add("dark", block((-wide, tail - 0.055, low + 0.06), (wide, tail + 0.15, low + 0.2)))
    model.add("dark", block((-0.38, nose - 0.1, lamp_z), (0.38, nose + 0.03, lamp_z + 0.11)))
    plate = 0.26
    y0, y1, z = nose + 0.06, tail - 0.06, low + 0.24
    model.add("plate front", quad((plate, y0, z), (-plate, y0, z), (-plate, y0, z + 0.13), (plate, y0, z + 0.13)))
    model.add("plate rear", quad((-plate, y1, z), (plate, y1, z), (plate, y1, z + 0.13), (-plate, y1, z + 0.13)))
    model.add(
        "dark", block((-half_width * 0.8, -0.42 * length, low - 0.06), (half_width * 0.8, 0.42 * length, low + 0.1))
    )
