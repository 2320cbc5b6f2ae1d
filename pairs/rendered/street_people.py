"""Pedestrians and bicyclists of the pair ``street``: capsules for limbs, posed by joint angles.

A walker's hips, knees, shoulders and elbows follow one phase of the gait; a rider sits on a bicycle of tubes, feet on
the pedals and hands on the bar. Statures 1.15 to 1.9 m. Clothes are materials ``cloth k``; faces and fingers are not
modelled.
"""

from __future__ import annotations

import numpy as np

from pairs.rendered.meshes import moved, rotation, torus
from pairs.rendered.street_meshes import Model, block, capsule, ellipsoid, placed, rod


def pedestrian(cloth: tuple[str, str], rng: np.random.Generator) -> Model:
    """A walker in a top and trousers (or a skirt, a long coat, with a bag) of two materials, facing +y."""
    top, trousers = cloth
    model = Model()
    stature = rng.uniform(1.15, 1.4) if rng.random() < 0.12 else rng.normal(1.72, 0.07)
    k = stature / 1.75
    broad = k * rng.uniform(0.92, 1.2)
    swing = rng.uniform(-1, 1)
    skin = f"skin {rng.integers(3)}"
    hip_z = 0.92 * k
    for side in (-1, 1):
        hip = np.array([side * 0.09 * broad, 0, hip_z])
        thigh = side * swing * 0.42
        knee = hip + 0.44 * k * np.array([0, np.sin(thigh), -np.cos(thigh)])
        shin = thigh - max(0.0, -side * swing) * 0.5
        ankle = knee + 0.42 * k * np.array([0, np.sin(shin), -np.cos(shin)])
        model.add(
            trousers, capsule(hip, knee, 0.085 * broad, 0.062 * broad), capsule(knee, ankle, 0.06 * broad, 0.045 * k)
        )
        foot = ankle - (0, 0, 0.045 * k)
        model.add("shoe", capsule(foot - (0, 0.05 * k, 0), foot + _by(0, 0.15 * k, -0.01), 0.045 * k, 0.04 * k))
        shoulder = np.array([side * 0.19 * broad, 0, 1.42 * k])
        upper = -side * swing * 0.5
        elbow = shoulder + 0.29 * k * np.array([side * 0.14, np.sin(upper), -np.cos(upper)])
        fore = upper + 0.35
        wrist = elbow + 0.25 * k * np.array([0, np.sin(fore), -np.cos(fore)])
        model.add(
            top, capsule(shoulder, elbow, 0.056 * broad, 0.046 * broad), capsule(elbow, wrist, 0.045 * broad, 0.036 * k)
        )
        model.add(skin, ellipsoid(wrist - (0, 0, 0.06 * k), (0.035 * k, 0.04 * k, 0.075 * k), 8))
    _torso(model, top, (0, 0, hip_z - 0.04), (0, 0.0, 1.46 * k), 0.17 * broad, 0.2 * broad)
    style = rng.random()
    if style < 0.3:
        model.add(top, rod([(0, 0, 0.55 * k), (0, 0, 1.0 * k)], (0.21 * broad, 0.15 * broad), 10))
    elif style < 0.45:
        model.add(trousers, rod([(0, 0, 0.5 * k), (0, 0, 0.98 * k)], (0.2 * broad, 0.14 * broad), 10))
    if rng.random() < 0.35:
        low = np.array([-0.15, -0.3, 1.02]) * k
        model.add("bag", block(low, low + np.array([0.3, 0.16, 0.42]) * k))
    _head(model, np.array([0, 0.02, 1.62]) * k, k, skin, rng)
    return model


def bicyclist(cloth: tuple[str, str], frame: str, rng: np.random.Generator) -> Model:
    """A rider and the bicycle under them, facing +y; the middle of the wheelbase stands at the origin."""
    top, trousers = cloth
    model = Model()
    skin = f"skin {rng.integers(3)}"
    for y in (-0.52, 0.52):
        model.add("rubber", moved(torus(0.33, 0.024, 20, 6), placed(0.0, y, 0.345) @ rotation((0, 1, 0), np.pi / 2)))
        for turn in np.linspace(0, np.pi, 5, endpoint=False):
            spoke = 0.33 * np.array([0, np.cos(turn), np.sin(turn)])
            model.add("hub", rod([_by(0, y, 0.345) - spoke, _by(0, y, 0.345) + spoke], 0.005, 3))
    crank, seat, head, bar = (0, -0.08, 0.3), (0, -0.22, 0.9), (0, 0.36, 0.88), (0, 0.38, 1.02)
    rear, front = (0, -0.52, 0.345), (0, 0.52, 0.345)
    edges = [(crank, seat), (crank, head), ((0, -0.2, 0.82), head), (crank, rear), (rear, seat), (front, bar)]
    model.add(frame, *(rod([a, b], 0.022, 6) for a, b in edges))
    model.add(
        "dark",
        rod([(-0.27, 0.36, 1.04), (0.27, 0.36, 1.04)], 0.018, 6),
        ellipsoid((0, -0.24, 0.94), (0.09, 0.14, 0.05)),
    )
    lean = rng.uniform(0.2, 0.42)
    hip = np.array([0, -0.2, 0.98])
    neck = hip + 0.55 * np.array([0, np.sin(lean), np.cos(lean)])
    turn = rng.uniform(0, 2 * np.pi)
    for side in (-1, 1):
        socket = hip + _by(side * 0.09, 0, 0)
        foot = np.array(
            [side * 0.11, -0.08 + 0.17 * np.cos(turn + side * np.pi / 2), 0.3 + 0.17 * np.sin(turn + side * np.pi / 2)]
        )
        knee = _joint(socket, foot + _by(0, -0.03, 0.1), 0.44, 0.44)
        model.add(trousers, capsule(socket, knee, 0.085, 0.062), capsule(knee, foot + _by(0, -0.03, 0.1), 0.06, 0.045))
        model.add("shoe", capsule(foot + _by(0, -0.07, 0.04), foot + _by(0, 0.12, 0.03), 0.045, 0.04))
        shoulder = neck + _by(side * 0.19, 0, -0.04)
        hand = np.array([side * 0.24, 0.35, 1.07])
        elbow = (shoulder + hand) / 2 + _by(side * 0.05, -0.02, -0.07)
        model.add(top, capsule(shoulder, elbow, 0.056, 0.046), capsule(elbow, hand, 0.045, 0.036))
        model.add(skin, ellipsoid(hand, (0.04, 0.05, 0.04), 8))
    _torso(model, top, hip, neck, 0.17, 0.2)
    if rng.random() < 0.3:
        model.add("bag", block(neck + _by(-0.16, -0.34, -0.42), neck + _by(0.16, -0.16, 0.0)))
    _head(model, neck + _by(0, 0.08, 0.19), 1.0, "helmet" if rng.random() < 0.5 else skin, rng, skin)
    return model


def _by(x_m: float, y_m: float, z_m: float) -> np.ndarray:
    return np.array([x_m, y_m, z_m])


def _joint(a: np.ndarray, b: np.ndarray, first: float, second: float) -> np.ndarray:
    """The knee between hip ``a`` and ankle ``b``, bent forward: two segments of given lengths (law of cosines)."""
    along = b - a
    distance = min(float(np.linalg.norm(along)), first + second - 1e-3)
    along = along / np.linalg.norm(along)
    reach = (first**2 - second**2 + distance**2) / (2 * distance)
    forward = np.array([0.0, 1.0, 0.0]) - along[1] * along
    return a + reach * along + np.sqrt(max(first**2 - reach**2, 0)) * forward / np.linalg.norm(forward)


def _torso(
    model: Model, material: str, hips: tuple | np.ndarray, neck: tuple | np.ndarray, waist: float, chest: float
) -> None:
    low, high = np.asarray(hips, float), np.asarray(neck, float)
    at = [low + share * (high - low) for share in (0.0, 0.12, 0.4, 0.8, 0.97, 1.0)]
    skin = rod(at, (0.7 * waist, waist, 0.92 * waist, chest, 0.6 * chest, 0.3 * chest), 12)
    points = skin["vertices"].copy()
    middle = low[1] + (points[:, 2] - low[2]) / (high[2] - low[2]) * (high[1] - low[1])
    points[:, 1] = middle + 0.65 * (points[:, 1] - middle)  # a chest is broader than deep
    model.add(material, skin | {"vertices": points})


def _head(model: Model, centre: np.ndarray, k: float, cap: str, rng: np.random.Generator, skin: str = "") -> None:
    skin = skin or cap
    model.add(
        skin,
        ellipsoid(centre, (0.078 * k, 0.095 * k, 0.118 * k)),
        capsule(centre - (0, 0.02, 0.17 * k), centre, 0.055 * k, 0.05 * k),
    )
    hair = cap if cap != skin else f"hair {rng.integers(3)}"
    model.add(hair, ellipsoid(centre + np.array([0, -0.025, 0.035]) * k, np.array([0.087, 0.095, 0.1]) * k))
