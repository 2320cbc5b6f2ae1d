"""What stands where in a street: the layout of the pair ``street``.

The road is an arc of curvature κ. A place is given in road coordinates: ``along_m`` the centre line from below the
camera, ``across_m`` to the right of it; the arc turns (s, t) into world metres with the heading φ = κ·s::

    x = (1 − cos φ)/κ + t·cos φ        y = sin φ/κ − t·sin φ

Driving is on the left. Both kerbs are followed by a pavement; behind it stand *lots*: a building at the pavement's
edge, a house behind a front garden, or a park. Distributions (layout gap g = 0; what g > 0 changes in brackets):

* lane 2.7–3.3 m, parking bays 2.1 m wide on each side with probability 0.6, pavements 1.6–3.2 m;
* curvature N(0, 1/220) per metre, cut at ±1/80; fx = fy = 0.80–1.0 image widths [· (1 + 0.3 g)];
* camera 1.35–1.65 m high [+ 0.8 g m: a van's driver], yaw ±8°, pitch N(0, 1.5°) [+ 4 g ° down], roll N(0, 0.7°);
* lots: building 0.55 [· (1 − 0.5 g)], garden 0.27, park 0.18, and the rest of the probability goes to parks;
* a parking bay is taken with 0.6 [+ 0.3 g, at most 0.95]; cars ahead in the lane 0.6, oncoming Poisson(1.2);
* pedestrians Poisson(4) on each pavement [· (1 + g)] and Poisson(0.7) crossing, 2 on a zebra; bicyclists Poisson(0.9)
  [· (1 + g)];
* signs Poisson(2) on each kerb [· (1 − 0.5 g)]; street trees every 9–20 m on 45 % of the kerbs [· (1 + g)].

Factors 1 − 0.5 g end at 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pairs.rendered.street_cars import KIND_NAMES, WEIGHTS

LENGTH_M = 130.0
"""How far the road is built; a row of trees or houses closes it."""
LEFT, RIGHT = -1, 1
Put = Callable[..., None]
"""``put(kind, along_m, across_m, turn_rad=0, length_m=0)`` draws tone and seed and adds the object."""


@dataclass(frozen=True)
class Placed:
    """An object, placed by its middle; ``turn_rad`` counter-clockwise from the road's direction.

    ``length_m`` is a front's or a fence's length, a tree's or a lamp's height, otherwise 0. ``tone`` picks colours,
    ``seed`` the form.
    """

    kind: str
    along_m: float
    across_m: float
    turn_rad: float
    length_m: float
    tone: int
    seed: int


@dataclass(frozen=True)
class StreetLayout:
    """The road's geometry, the camera's, and every object; no looks beyond the choice of ``tone``."""

    curvature: float
    left_m: float
    right_m: float
    lane_m: float
    pavement_m: tuple[float, float]
    paved: tuple[bool, bool]
    zebra_m: float | None
    yellow_lines: bool
    camera_height_m: float
    yaw_rad: float
    pitch_rad: float
    roll_rad: float
    focal: float
    objects: tuple[Placed, ...]

    def pose(
        self, along_m: float | np.ndarray, across_m: float | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """World x, y in metres and heading φ (clockwise seen from above) at road coordinates."""
        heading = self.curvature * np.asarray(along_m, float)
        arc = np.asarray(along_m, float)
        # sin(φ)/φ and (1 − cos φ)/φ are smooth at 0; np.sinc(x) = sin(πx)/(πx)
        x = arc * np.sin(heading / 2) * np.sinc(heading / 2 / np.pi) + across_m * np.cos(heading)
        y = arc * np.sinc(heading / np.pi) - across_m * np.sin(heading)
        return x, y, heading


def street_layout(rng: np.random.Generator, gap: float) -> StreetLayout:
    """Draw a layout; the module's docstring has the distributions."""
    lane = rng.uniform(2.7, 3.3)
    bays = rng.random(2) < 0.6
    left, right = lane + 2.1 * bays[0], lane + 2.1 * bays[1]
    pavement = (float(rng.uniform(1.6, 3.2)), float(rng.uniform(1.6, 3.2)))
    objects: list[Placed] = []

    def put(kind: str, along: float, across: float, turn: float = 0.0, length: float = 0.0) -> None:
        tone, seed = (int(v) for v in rng.integers(1 << 30, size=2))
        objects.append(Placed(kind, float(along), float(across), float(turn), float(length), tone, seed))

    for side, edge, wide, bay in ((LEFT, left, pavement[0], bays[0]), (RIGHT, right, pavement[1], bays[1])):
        _lots(rng, put, gap, side, edge + wide)
        _kerb(rng, put, gap, side, edge, wide)
        if bay:
            _parked(rng, put, gap, side, edge)
    for across in range(-40, 41, 13):  # the end of the view
        put("house" if rng.random() < 0.35 else "tree", LENGTH_M + rng.uniform(-3, 6), across, np.pi / 2, 11)
    if rng.random() < 0.6:
        put("car", rng.uniform(6.5, 30), -lane / 2 + rng.normal(0, 0.2))
    for _ in range(rng.poisson(1.2)):
        put("car", rng.uniform(8, 50), lane / 2 + rng.normal(0, 0.2), np.pi)
    for _ in range(rng.poisson(0.9 * (1 + gap))):
        if rng.random() < 0.65:
            put("bicyclist", rng.uniform(5.5, 16), -lane + rng.uniform(0.5, 1.6), rng.normal(0, 0.15))
        else:
            put("bicyclist", rng.uniform(6, 18), lane - rng.uniform(0.5, 1.4), np.pi + rng.normal(0, 0.15))
    zebra = float(rng.uniform(6.5, 18)) if rng.random() < 0.25 else None
    for _ in range(rng.poisson(0.7 if zebra is None else 2.0)):
        along, aside = (zebra or rng.uniform(6, 18)) + rng.uniform(-0.9, 0.9), rng.uniform(-left, right)
        put("pedestrian", along, aside, float(rng.choice((-1, 1))) * np.pi / 2)
    return StreetLayout(
        curvature=float(np.clip(rng.normal(0, 1 / 220), -1 / 80, 1 / 80)),
        left_m=left,
        right_m=right,
        lane_m=lane,
        pavement_m=pavement,
        paved=(bool(rng.random() < 0.7), bool(rng.random() < 0.7)),
        zebra_m=zebra,
        yellow_lines=bool(rng.random() < 0.4),
        camera_height_m=rng.uniform(1.35, 1.65) + 0.8 * gap,
        yaw_rad=np.radians(rng.uniform(-8, 8)),
        pitch_rad=np.radians(rng.normal(0, 1.5) - 4 * gap),
        roll_rad=np.radians(rng.normal(0, 0.7)),
        focal=rng.uniform(0.8, 1.0) * (1 + 0.3 * gap),
        objects=tuple(_apart(objects)),
    )


def _lots(rng: np.random.Generator, put: Put, gap: float, side: int, edge: float) -> None:
    """Lots from just before the camera to the end; buildings face the road."""
    along = rng.uniform(-14, -6)
    face = 0.0 if side == RIGHT else np.pi
    while along < LENGTH_M - 12:
        built = 0.55 * max(0.0, 1 - 0.5 * gap)
        lot = rng.choice(3, p=(built, 0.27, 0.73 - built))
        if lot == 0:
            kind = str(rng.choice(("terrace", "shop", "flats"), p=(0.45, 0.4, 0.15)))
            for _ in range(rng.integers(1, 4)):
                length = rng.uniform(6, 13)
                _front(put, kind, along, side * edge, face, length)
                along += length
            along += rng.choice((0.0, 2.5), p=(0.7, 0.3))
        elif lot == 1:
            length = rng.uniform(11, 16)
            setback = rng.uniform(3.5, 6.5)
            _front(put, "house", along + 1.5, side * (edge + setback), face, length - 3)
            border = str(
                rng.choice(("panels", "pickets", "railings", "garden wall", "hedge"), p=(0.26, 0.2, 0.24, 0.12, 0.18))
            )
            put(border, along + length / 2, side * (edge + 0.15), 0.0, length - 1.2)
            if rng.random() < 0.5:
                put("tree", along + rng.uniform(2, 9), side * (edge + rng.uniform(1.2, 2.2)), 0.0, rng.uniform(3.5, 6))
            along += length
        else:
            length = rng.uniform(14, 30)
            if rng.random() < 0.75:
                put(
                    str(rng.choice(("panels", "railings", "hedge"), p=(0.3, 0.5, 0.2))),
                    along + length / 2,
                    side * (edge + 0.2),
                    0.0,
                    length,
                )
            for _ in range(rng.integers(3, 7)):
                put("tree", along + rng.uniform(0, length), side * (edge + rng.uniform(2, 14)), 0.0, rng.uniform(5, 11))
            along += length
    for along in np.arange(10, LENGTH_M, 14):  # seen through the gaps
        put("tree", along + rng.uniform(0, 9), side * (edge + rng.uniform(17, 24)), 0.0, rng.uniform(7, 11))


def _front(put: Put, kind: str, along: float, across: float, face: float, length: float) -> None:
    """A building whose front starts at ``along``."""
    put(kind, along + length / 2, across, face, length)


def _kerb(rng: np.random.Generator, put: Put, gap: float, side: int, edge: float, wide: float) -> None:
    """Street furniture in the kerb's first half metre, people on the rest of the pavement."""
    near = side * (edge + 0.45)
    for along in np.arange(rng.uniform(6, 20), 110, rng.uniform(20, 30)):
        put("lamp", along, near, 0.0 if side == RIGHT else np.pi, rng.uniform(5, 8))
    if rng.random() < 0.45 * (1 + gap):
        pitch = rng.uniform(9, 20)
        for along in np.arange(rng.uniform(7, 14), 110, pitch):
            put("tree", along + rng.uniform(-1, 1), side * (edge + 0.6), 0.0, rng.uniform(4.5, 8.5))
    for _ in range(rng.poisson(2.0 * max(0.0, 1 - 0.5 * gap))):
        put("sign", rng.uniform(5.5, 30), near, rng.normal(0, 0.25))
    if rng.random() < 0.3:
        put("traffic light", rng.uniform(8, 28), near)
    if rng.random() < 0.25:
        for along in rng.uniform(6, 30) + 1.7 * np.arange(5):
            put("bollard", along, near)
    if rng.random() < 0.2:
        put("railings", rng.uniform(7, 25), side * (edge + 0.25), 0.0, rng.uniform(5, 12))
    if rng.random() < 0.3:
        put("bin", rng.uniform(6, 25), near)
    for _ in range(rng.poisson(4.0 * (1 + gap))):
        turn = rng.choice((0.0, np.pi)) + rng.normal(0, 0.3)
        put("pedestrian", 5 + 32 * rng.random() ** 1.6, side * (edge + rng.uniform(0.75, wide - 0.2)), turn)


def _parked(rng: np.random.Generator, put: Put, gap: float, side: int, edge: float) -> None:
    taken = min(0.6 + 0.3 * gap, 0.95)
    for along in np.arange(rng.uniform(3, 8), 85, 6.0):
        if rng.random() < taken:
            turn = (0.0 if side == LEFT or rng.random() < 0.2 else np.pi) + rng.normal(0, 0.02)
            put("car", along + rng.uniform(-0.4, 0.4), side * (edge - 1.05), turn)


def car_kind(placed: Placed) -> str:
    """Which of the kinds of cars ``placed`` is."""
    return str(np.random.default_rng(placed.seed).choice(KIND_NAMES, p=WEIGHTS))


_FOOTPRINT_M = {"car": (1.1, 2.7), "bicyclist": (0.4, 1.0), "pedestrian": (0.3, 0.3)}


def _apart(objects: list[Placed]) -> list[Placed]:
    """Road users do not run into each other: of two whose footprints overlap, the later drawn goes."""
    kept: list[Placed] = []
    for new in objects:
        if new.kind in _FOOTPRINT_M:
            wide, long = _FOOTPRINT_M[new.kind]
            clash = any(
                abs(old.across_m - new.across_m) < wide + _FOOTPRINT_M[old.kind][0]
                and abs(old.along_m - new.along_m) < long + _FOOTPRINT_M[old.kind][1]
                for old in kept
                if old.kind in _FOOTPRINT_M
            )
            if clash:
                continue
        kept.append(new)
    return kept
