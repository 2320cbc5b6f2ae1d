"""The products of the pair ``vending``: eight classes, each a loft, deformed by a few numbers.

A *loft* joins rings. Ring ``i`` at height ``z`` is a closed section ``s(u)``, u in [0, 1), scaled to half-width ``a`` and
half-depth ``b`` and moved back by ``y``::

    p(u, i) = (a·sx(u), b·sy(u) + y, z),        u = 0.5 faces the camera (−y), u = 0 is the seam at the back

The sections are a circle and a rounded square. A class is a table of rings (metres), cut into *pieces*: runs of rings of
one paint (``print`` carries the design of :mod:`bench.data.render.vending_prints`, ``fill`` what shows through a clear
wall, ``cap`` a plain colour, ``metal``). Deformation, in this order: a scale for each axis, bumps (foil, along the
normal's horizontal part), a bend (sideways shift growing with the square of the height), tilt (lying, leaning), yaw.

A product touches its shelf at its lowest vertex. Its *footprint*, the convex hull of its vertices seen from above, is
what :mod:`bench.data.render.vending` keeps apart, so no two products interpenetrate, however they are deformed. Nothing
is simulated: a leaning product is held by nothing, and a lying can cannot roll.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import ConvexHull

CLASS_NAMES = ("bottle", "can", "carton", "crisp bag", "jar", "chocolate bar", "cup", "sandwich box")


@dataclass(frozen=True)
class Product:
    """One product on a shelf.

    Attributes
    ----------
    class_id: position in :data:`CLASS_NAMES`; design: which print (:data:`vending_prints.N_DESIGNS` of them a class).
    scale: factors along x, y, z before it is tilted; bend_m: sideways shift (x, y) of the top.
    bump_m, bump_seed: amplitude of the bumps and their pattern.
    tilt_rad: turn about x (π/2 lies on its back, its top to the rear); roll_rad: about z before that; yaw_rad: after.
    position: x, y of its origin and z of the shelf's surface, world metres.
    """

    class_id: int
    design: int
    scale: tuple[float, float, float]
    bend_m: tuple[float, float]
    bump_m: float
    bump_seed: int
    tilt_rad: float
    roll_rad: float
    yaw_rad: float
    position: tuple[float, float, float]


@dataclass(frozen=True)
class Piece:
    """A run of rings in one paint: world vertices ``(V, 3)`` metres, faces ``(F, 3)`` int, uv ``(V, 2)`` in [0, 1]."""

    paint: str
    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray


@dataclass(frozen=True)
class Form:
    """The undeformed shape of a class.

    Attributes
    ----------
    square: corner radius of the section over its half-side; 1 is a circle.
    rings: rows z, a, b, y in metres, bottom to top.
    pieces: (paint, first ring, last ring), bottom to top; together they close the surface.
    foil: largest amplitude of its bumps in metres; rings are then refined to carry them.
    bend: largest shift of the top, metres. lies: probability of lying at ``layout_gap`` 0. lean: largest lean, radians.
    """

    square: float
    rings: np.ndarray
    pieces: tuple[tuple[str, int, int], ...]
    foil: float = 0.0
    bend: float = 0.0
    lies: float = 0.2
    lean: float = 0.0

    @property
    def rolls(self) -> bool:
        return self.square == 1.0 and not self.foil


def _round(profile: list[tuple[float, float]]) -> np.ndarray:
    """Rings of a solid of revolution from (z, radius)."""
    z, radius = np.asarray(profile).T
    return np.stack([z, radius, radius, np.zeros_like(z)], axis=1)


FORMS: tuple[Form, ...] = (
    Form(  # bottle
        square=1.0,
        rings=_round(
            [(0.003, 0), (0, 0.022), (0.002, 0.029), (0.008, 0.0325), (0.05, 0.0325), (0.056, 0.031), (0.058, 0.0312)]
            + [(0.118, 0.0312), (0.120, 0.031), (0.127, 0.0325), (0.145, 0.031), (0.162, 0.0245), (0.176, 0.0165)]
            + [(0.184, 0.013), (0.191, 0.0128), (0.191, 0.0155), (0.208, 0.0152), (0.210, 0.0135), (0.210, 0)]
        ),
        pieces=(("fill", 0, 6), ("print", 6, 7), ("fill", 7, 14), ("cap", 14, 18)),
        bend=0.006,
        lies=0.25,
    ),
    Form(  # can
        square=1.0,
        rings=_round(
            [(0.007, 0), (0.006, 0.018), (0, 0.0235), (0.001, 0.0255), (0.009, 0.0325), (0.012, 0.033)]
            + [(0.100, 0.033), (0.103, 0.0325), (0.112, 0.0275), (0.1155, 0.0275), (0.1145, 0.0255), (0.111, 0.0245)]
            + [(0.111, 0)]
        ),
        pieces=(("metal", 0, 4), ("print", 4, 8), ("metal", 8, 12)),
        bend=0.002,
        lies=0.25,
    ),
    Form(  # carton with a gable
        square=0.12,
        rings=np.array(
            [(0, 0, 0, 0), (0, 0.034, 0.034, 0), (0.06, 0.0345, 0.0345, 0), (0.118, 0.034, 0.034, 0)]
            + [(0.119, 0.034, 0.034, 0), (0.150, 0.033, 0.003, 0), (0.151, 0.033, 0.0016, 0), (0.164, 0.033, 0.0016, 0)]
            + [(0.164, 0, 0, 0)]
        ),
        pieces=(("print", 0, 4), ("cap", 4, 8)),
        bend=0.005,
        lies=0.2,
    ),
    Form(  # crisp bag
        square=1.0,
        rings=np.array(
            [(0, 0, 0, 0), (0, 0.066, 0.001, 0), (0.010, 0.065, 0.0015, 0), (0.022, 0.060, 0.016, 0)]
            + [(0.045, 0.058, 0.025, 0), (0.085, 0.058, 0.028, 0), (0.125, 0.059, 0.020, 0), (0.148, 0.062, 0.010, 0)]
            + [(0.160, 0.065, 0.0015, 0), (0.172, 0.066, 0.001, 0), (0.172, 0, 0, 0)]
        ),
        pieces=(("print", 0, 10),),
        foil=0.0035,
        bend=0.02,
        lies=0.3,
        lean=0.25,
    ),
    Form(  # jar
        square=1.0,
        rings=_round(
            [(0.003, 0), (0, 0.027), (0.001, 0.034), (0.007, 0.0395), (0.020, 0.040), (0.021, 0.0405), (0.058, 0.0405)]
            + [
                (0.059, 0.040),
                (0.068, 0.039),
                (0.076, 0.034),
                (0.077, 0.036),
                (0.093, 0.036),
                (0.095, 0.034),
                (0.095, 0),
            ]
        ),
        pieces=(("fill", 0, 5), ("print", 5, 6), ("fill", 6, 9), ("cap", 9, 13)),
        bend=0.0,
        lies=0.1,
    ),
    Form(  # chocolate bar
        square=0.5,
        rings=np.array(
            [(0, 0, 0, 0), (0, 0.027, 0.0008, 0), (0.010, 0.0265, 0.001, 0), (0.015, 0.0245, 0.009, 0)]
            + [(0.075, 0.0245, 0.0105, 0), (0.135, 0.0245, 0.009, 0), (0.140, 0.0265, 0.001, 0)]
            + [(0.150, 0.027, 0.0008, 0), (0.150, 0, 0, 0)]
        ),
        pieces=(("print", 0, 8),),
        foil=0.0012,
        bend=0.01,
        lies=0.45,
        lean=0.2,
    ),
    Form(  # cup
        square=1.0,
        rings=_round(
            [(0.003, 0), (0.002, 0.026), (0, 0.027), (0.001, 0.029), (0.083, 0.0395), (0.083, 0.043), (0.086, 0.0435)]
            + [(0.0865, 0.042), (0.0875, 0)]
        ),
        pieces=(("cap", 0, 3), ("print", 3, 4), ("metal", 4, 8)),
        bend=0.003,
        lies=0.1,
    ),
    Form(  # sandwich box: a wedge, its slanted face a window
        square=0.08,
        rings=np.array(
            [(0, 0, 0, 0), (0, 0.058, 0.042, 0), (0.006, 0.058, 0.042, 0), (0.098, 0.058, 0.006, 0.036)]
            + [(0.106, 0.057, 0.002, 0.039), (0.106, 0, 0, 0.039)]
        ),
        pieces=(("cap", 0, 2), ("print", 2, 3), ("cap", 3, 5)),
        bend=0.003,
        lies=0.1,
    ),
)

_AROUND = 40


@lru_cache(maxsize=256)
def pieces(product: Product) -> tuple[Piece, ...]:
    """The deformed product in world coordinates."""
    form = FORMS[product.class_id]
    made, posed = [], []
    for paint, first, last in form.pieces:
        rings = form.rings[first : last + 1]
        rings = _refine(rings, 0.004 if form.foil else 0.02)
        v = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(rings[:, [0, 2]], axis=0).T))])
        points, faces, uv = _loft(rings, 1 - v / v[-1], form.square)  # a print's first row is at the top
        points = _deform(points, product, form.rings[:, 0].max())
        made.append((paint, faces, uv))
        posed.append(points)
    lowest = min(points[:, 2].min() for points in posed)
    offset = np.array(product.position) - (0, 0, lowest)
    return tuple(Piece(paint, p + offset, faces, uv) for (paint, faces, uv), p in zip(made, posed, strict=True))


def footprint(product: Product) -> np.ndarray:
    """``(K, 2)`` corners, anticlockwise, of the convex hull of the product seen from above, metres."""
    points = np.concatenate([piece.vertices[:, :2] for piece in pieces(product)])
    return points[ConvexHull(points).vertices]


def apart(one: np.ndarray, other: np.ndarray, gap_m: float) -> bool:
    """Whether a straight line keeps two convex footprints at least ``gap_m`` apart (separating axes)."""
    for corners in (one, other):
        edges = np.roll(corners, -1, axis=0) - corners
        normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.linalg.norm(edges, axis=1, keepdims=True)
        a, b = one @ normals.T, other @ normals.T
        if np.any((a.min(0) - b.max(0) >= gap_m) | (b.min(0) - a.max(0) >= gap_m)):
            return True
    return False


def _section(square: float) -> tuple[np.ndarray, np.ndarray]:
    """Unit section ``(n + 1, 2)`` that begins and ends at the back, and its arc length scaled to [0, 1]."""
    if square == 1.0:
        angle = np.linspace(0, 2 * np.pi, _AROUND + 1)
        points = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
    else:
        angle = np.linspace(0, np.pi / 2, 5)
        corner = (1 - square) + square * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        turns = [np.array([[1, 0], [0, 1]]), np.array([[0, -1], [1, 0]]), -np.eye(2), np.array([[0, 1], [-1, 0]])]
        corners = [corner @ turn for turn in turns]
        flat = np.linspace(0, 1, 7)[1:-1, None]
        points = [np.linspace((0, 1), corners[0][0], 4)[:-1]]
        for i, arc in enumerate(corners):
            after = corners[i + 1][0] if i < 3 else np.array([0.0, 1.0])
            points += [arc, arc[-1] + flat * (after - arc[-1])]
        points = np.concatenate([*points, [[0.0, 1.0]]]) * (-1, 1)
    u = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return points, u / u[-1]


def _refine(rings: np.ndarray, step_m: float) -> np.ndarray:
    """The same profile with rings no further apart than ``step_m``."""
    out = [rings[:1]]
    for low, high in zip(rings[:-1], rings[1:], strict=True):
        n = int(np.ceil(np.abs(high - low)[[0]].max() / step_m)) or 1
        out.append(low + np.arange(1, n + 1)[:, None] / n * (high - low))
    return np.concatenate(out)


def _loft(rings: np.ndarray, v: np.ndarray, square: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    section, u = _section(square)
    z, a, b, y = (column[:, None] for column in rings.T)
    points = np.stack(np.broadcast_arrays(a * section[:, 0], b * section[:, 1] + y, z), axis=-1)
    n_rings, n_around = points.shape[:2]
    uv = np.stack(np.broadcast_arrays(u, v[:, None]), axis=-1)
    i = np.arange((n_rings - 1) * n_around).reshape(n_rings - 1, n_around)[:, :-1]
    quads = np.stack([i, i + 1, i + n_around + 1, i + n_around], axis=-1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    points = points.reshape(-1, 3)
    a, b, c = points[faces].swapaxes(0, 1)
    whole = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 0  # rings of radius 0 make triangles without a normal
    return points, faces[whole], uv.reshape(-1, 2)


def _deform(points: np.ndarray, product: Product, height: float) -> np.ndarray:
    x, y, z = points.T
    if product.bump_m:
        rng = np.random.default_rng(product.bump_seed)
        wave = rng.normal(size=(6, 3)) * (45, 60, 45)
        phase = rng.uniform(0, 2 * np.pi, (6, 1))
        bumps = np.sin(wave @ points.T + phase).sum(0) / np.sqrt(6)
        inside = np.clip(np.abs(y) / 0.006, 0, 1)  # the seals stay flat
        y = y + np.sign(y) * product.bump_m * bumps * inside
    x, y, z = np.array(product.scale)[:, None] * (x, y, z)
    t = (z / height) ** 2
    points = np.stack([x + product.bend_m[0] * t, y + product.bend_m[1] * t, z], axis=1)
    roll, tilt, yaw = product.roll_rad, product.tilt_rad, product.yaw_rad
    return points @ _about_z(roll).T @ _about_x(-tilt).T @ _about_z(yaw).T


def _about_z(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def _about_x(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
