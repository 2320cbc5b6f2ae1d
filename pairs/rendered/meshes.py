"""Meshes for scenes: primitives, sweeps and smooth deformations, in pure NumPy.

A mesh is the dictionary that :mod:`pairs.rendered.scene` names: ``vertices (V, 3) float64`` metres,
``faces (F, 3) int64`` counter-clockwise seen from outside, ``uv (V, 2)`` in [0, 1], ``smooth``. Add ``bsdf`` with
:func:`painted`. Vertices are shared only where the surface is smooth, so that creases stay sharp; deformations are
functions of position alone, so they never tear what touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Mesh = dict[str, Any]

CREASE_RAD = 0.6
"""A profile that bends by more than this gets a sharp edge."""


# ---------------------------------------------------------------------------------------------- primitives


def box(size: tuple[float, float, float], divisions: int = 1) -> Mesh:
    """A box about the origin with edges x, y, z; each face has ``divisions`` × ``divisions`` squares."""
    sides = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            frame = np.roll(np.eye(3), axis, axis=1)  # rows: the face's two directions and its normal
            normal, across, along = frame[0] * sign, frame[1], frame[2] * sign
            grid, uv, faces = _grid(divisions, divisions)
            points = normal + (2 * grid[:, :1] - 1) * across + (2 * grid[:, 1:] - 1) * along
            sides.append({"vertices": points * np.array(size) / 2, "faces": faces, "uv": uv})
    return merged(sides) | {"smooth": False} if divisions == 1 else merged(sides)


def plane(width: float, depth: float, divisions: int = 1) -> Mesh:
    """A rectangle about the origin in z = 0 that faces up, ``width`` along x and ``depth`` along y."""
    grid, uv, faces = _grid(divisions, divisions)
    points = np.concatenate([(grid - 0.5) * (width, depth), np.zeros((len(grid), 1))], axis=1)
    return {"vertices": points, "faces": faces, "uv": uv, "smooth": True}


def lathe(profile: np.ndarray | Sequence[tuple[float, float]], segments: int = 32) -> Mesh:
    """``profile (n, 2)``: radius and z in metres, from below to above, turned about the z axis.

    Close the solid by radius 0 at the ends. Bends beyond :data:`CREASE_RAD` are sharp.
    """
    points = np.asarray(profile, float)
    heading = np.unwrap(np.arctan2(*np.diff(points, axis=0).T))
    breaks = np.nonzero(np.abs(np.diff(heading)) > CREASE_RAD)[0] + 1
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    strips = []
    for start, stop in zip([0, *breaks], [*breaks, len(points) - 1], strict=True):
        rows = slice(start, stop + 1)
        radius, z = points[rows].T
        x, y = np.multiply.outer(radius, np.cos(angle)), np.multiply.outer(radius, np.sin(angle))
        ring = np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], axis=-1)
        v = np.broadcast_to((length[rows] / length[-1])[:, None], x.shape)
        u = np.broadcast_to(angle / (2 * np.pi), x.shape)
        faces = _grid(stop - start, segments)[2][:, ::-1]
        strips.append({"vertices": ring.reshape(-1, 3), "faces": faces, "uv": np.stack([u, v], -1).reshape(-1, 2)})
    return merged(strips)


def cylinder(radius: float, height: float, segments: int = 32, rings: int = 1) -> Mesh:
    """A closed cylinder about the z axis, centred on the origin."""
    return cone(radius, radius, height, segments, rings)


def cone(bottom: float, top: float, height: float, segments: int = 32, rings: int = 1) -> Mesh:
    """A closed truncated cone about the z axis, centred on the origin; radii in metres."""
    side = np.linspace((bottom, -height / 2), (top, height / 2), rings + 1)
    ends = [[(0.0, -height / 2)]] if bottom > 0 else [], [[(0.0, height / 2)]] if top > 0 else []
    return lathe(np.concatenate([*ends[0], side, *ends[1]]), segments)


def sphere(radius: float, segments: int = 32) -> Mesh:
    """A sphere about the origin, its poles on the z axis."""
    return superellipsoid((radius, radius, radius), 1.0, 1.0, segments)


def superellipsoid(radii: tuple[float, float, float], north: float, east: float, segments: int = 32) -> Mesh:
    """Barr's superellipsoid: exponents 1, 1 give an ellipsoid, towards 0 a box with round edges, 2 an octahedron."""
    grid, uv, faces = _grid(segments // 2, segments)
    latitude, longitude = (grid[:, 0] - 0.5) * np.pi, (grid[:, 1] * 2 - 1) * np.pi

    def power(x: np.ndarray, exponent: float) -> np.ndarray:
        return np.sign(x) * np.abs(x) ** exponent

    flat = power(np.cos(latitude), north)
    points = np.stack(
        [
            flat * power(np.cos(longitude), east),
            flat * power(np.sin(longitude), east),
            power(np.sin(latitude), north),
        ],
        axis=-1,
    )
    return {"vertices": points * np.array(radii), "faces": faces[:, ::-1], "uv": uv[:, ::-1], "smooth": True}


def torus(major: float, minor: float, segments: int = 32, sides: int = 16) -> Mesh:
    """A torus about the z axis; ``major`` to the middle of the tube, ``minor`` the tube's radius."""
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    return lathe(np.stack([major + minor * np.cos(angle), minor * np.sin(angle)], axis=-1), segments)


def tube(path: np.ndarray, radius: float | np.ndarray, sides: int = 12) -> Mesh:
    """A round tube along ``path (n, 3)``; ``radius`` one number or ``(n,)``. Ends are closed by caps."""
    path = np.asarray(path, float)
    radii = np.broadcast_to(radius, len(path))
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent[0], np.eye(3)[np.argmin(np.abs(tangent[0]))])
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    rings = []
    for centre, along, r in zip(path, tangent, radii, strict=True):  # the side vector is carried along: no twist
        side = side - along * (side @ along)
        side /= np.linalg.norm(side)
        other = np.cross(along, side)
        rings.append(centre + r * (np.multiply.outer(np.cos(angle), side) + np.multiply.outer(np.sin(angle), other)))
    _, uv, faces = _grid(len(path) - 1, sides)
    wall = {"vertices": np.concatenate(rings), "faces": faces[:, ::-1], "uv": uv[:, ::-1]}
    fan = np.stack([np.zeros(sides, int), np.arange(1, sides + 1), np.arange(2, sides + 2)], axis=-1)
    caps = [
        {"vertices": np.vstack([path[end], rings[end]]), "faces": order, "uv": np.full((sides + 2, 2), 0.5)}
        for end, order in ((0, fan[:, ::-1]), (-1, fan))
    ]
    return merged([wall, *caps])


def prism(outline: np.ndarray, height: float) -> Mesh:
    """A simple polygon ``outline (n, 2)``, counter-clockwise, extruded from z = −height/2 to height/2."""
    outline = np.asarray(outline, float)
    low, span = outline.min(axis=0), np.ptp(outline, axis=0).max()
    ears = _triangulated(outline)
    lids = [
        {
            "vertices": np.column_stack([outline, np.full(len(outline), z)]),
            "faces": ears if z > 0 else ears[:, ::-1],
            "uv": (outline - low) / span,
        }
        for z in (-height / 2, height / 2)
    ]
    walls = []
    for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        corners = np.array([[*a, -height / 2], [*b, -height / 2], [*b, height / 2], [*a, height / 2]])
        u = np.linalg.norm(b - a) / span
        uv = np.array([[0, 0], [u, 0], [u, height / span], [0, height / span]])
        walls.append({"vertices": corners, "faces": np.array([[0, 1, 2], [0, 2, 3]]), "uv": uv})
    return merged([*lids, *walls]) | {"smooth": False}


# ------------------------------------------------------------------------------------------- combinations


def merged(meshes: list[Mesh]) -> Mesh:
    """One mesh of several; smooth where all of them are."""
    starts = np.cumsum([0, *(len(mesh["vertices"]) for mesh in meshes[:-1])])
    return {
        "vertices": np.concatenate([mesh["vertices"] for mesh in meshes]),
        "faces": np.concatenate([mesh["faces"] + start for mesh, start in zip(meshes, starts, strict=True)]),
        "uv": np.concatenate([mesh["uv"] for mesh in meshes]),
        "smooth": all(mesh.get("smooth", True) for mesh in meshes),
    }


def moved(mesh: Mesh, matrix: np.ndarray) -> Mesh:
    """The mesh with its vertices taken through a ``(4, 4)`` matrix (no mirror image)."""
    return mesh | {"vertices": mesh["vertices"] @ matrix[:3, :3].T + matrix[:3, 3]}


def painted(mesh: Mesh, bsdf: dict[str, Any]) -> dict[str, Any]:
    """The mesh as a scene entry with the material ``bsdf``, seen from both sides."""
    entry = {"type": "mesh", **mesh, "bsdf": bsdf}
    if bsdf["type"] not in ("ref", "twosided", "dielectric", "thindielectric"):
        entry["bsdf"] = {"type": "twosided", "nested": bsdf}
    return entry


def translation(x: float, y: float, z: float) -> np.ndarray:
    """``(4, 4)`` shift by metres."""
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def rotation(axis: tuple[float, float, float], angle_rad: float) -> np.ndarray:
    """``(4, 4)`` right-handed turn about an axis through the origin (Rodrigues)."""
    x, y, z = np.asarray(axis, float) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix = np.eye(4)
    matrix[:3, :3] += np.sin(angle_rad) * cross + (1 - np.cos(angle_rad)) * cross @ cross
    return matrix


# -------------------------------------------------------------------------------------------- deformations


def smooth_noise(rng: np.random.Generator, points: np.ndarray, wavelength: float, octaves: int = 2) -> np.ndarray:
    """``points (N, 3)`` → ``(N, 3)`` smooth random vectors of about unit size, with nothing finer than
    ``wavelength``/2^(octaves − 1) metres: sums of 12 random plane waves an octave, each half as high as the last."""
    total = np.zeros(points.shape)
    for octave in range(octaves):
        wave = rng.normal(size=(12, 3))
        wave *= 2 * np.pi * 2**octave / (wavelength * np.linalg.norm(wave, axis=1, keepdims=True))
        phase, height = rng.uniform(0, 2 * np.pi, 12), rng.normal(size=(12, 3)) / np.sqrt(6) / 2**octave
        total += np.cos(points @ wave.T + phase) @ height
    return total


def displaced(mesh: Mesh, rng: np.random.Generator, amplitude: float, wavelength: float, octaves: int = 2) -> Mesh:
    """The mesh with every vertex moved by ``amplitude`` metres times :func:`smooth_noise`."""
    vertices = mesh["vertices"]
    return mesh | {"vertices": vertices + amplitude * smooth_noise(rng, vertices, wavelength, octaves), "smooth": True}


def bent(mesh: Mesh, angle_rad: float) -> Mesh:
    """The mesh with its z axis bent into an arc of ``angle_rad`` over the mesh's height, towards +x."""
    x, y, z = mesh["vertices"].T
    height = np.ptp(z)
    if abs(angle_rad) < 1e-6 or height == 0:
        return mesh
    radius, angle = height / angle_rad, (z - z.min()) / height * angle_rad
    points = np.stack([radius - (radius - x) * np.cos(angle), y, z.min() + (radius - x) * np.sin(angle)], axis=-1)
    return mesh | {"vertices": points}


def twisted(mesh: Mesh, angle_rad: float) -> Mesh:
    """The mesh turned about its z axis, from nothing at the bottom to ``angle_rad`` at the top."""
    x, y, z = mesh["vertices"].T
    angle = (z - z.min()) / max(np.ptp(z), 1e-9) * angle_rad
    cos, sin = np.cos(angle), np.sin(angle)
    return mesh | {"vertices": np.stack([cos * x - sin * y, sin * x + cos * y, z], axis=-1)}


def _grid(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of a unit square ``(n, 2)`` row by row, the same as uv, and faces counter-clockwise in (row, column)."""
    r, c = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, columns + 1), indexing="ij")
    points = np.stack([r.ravel(), c.ravel()], axis=-1)
    first = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    down, right = first + columns + 1, first + 1
    faces = np.concatenate([np.stack([first, down, down + 1], -1), np.stack([first, down + 1, right], -1)])
    return points, points.copy(), faces


def _triangulated(outline: np.ndarray) -> np.ndarray:
    """Ears of a simple counter-clockwise polygon: ``(n − 2, 3)`` positions in it."""

    def turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
        return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    left, ears = list(range(len(outline))), []
    while len(left) > 3:
        for i in range(len(left)):
            corner = left[i - 1], left[i], left[(i + 1) % len(left)]
            a, b, c = outline[list(corner)]
            inside = any(
                turn(a, b, outline[p]) >= 0 and turn(b, c, outline[p]) >= 0 and turn(c, a, outline[p]) >= 0
                for p in left
                if p not in corner
            )
            if turn(a, b, c) > 0 and not inside:
                ears.append(corner)
                del left[i]
                break
        else:
            raise ValueError("the outline must be a simple polygon, counter-clockwise")
    return np.array([*ears, tuple(left)])
