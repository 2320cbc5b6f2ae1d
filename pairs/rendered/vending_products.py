"""The products of the pair ``vending``: eight classes, each a loft, deformed by a few numbers.

A *loft* joins rings. Ring ``i`` at height ``z`` is a closed section ``s(u)``, u in [0, 1), scaled to half-width ``a``
and half-depth ``b`` and moved back by ``y``::

    p(u, i) = (a·sx(u), b·sy(u) + y, z),        u = 0.5 faces the camera (−y), u = 0 is the seam at the back

The sections are a circle and a rounded square. A class is a table of rings, cut into *pieces*: runs of rings of one
paint (``print`` carries a design of :mod:`pairs.rendered.vending_prints`, ``fill`` is what shows through a clear
wall, ``cap`` a plain colour, ``metal`` bare). Deformation, in this order: bumps of a foil (along y), a scale for each
axis, a bend (sideways shift growing with the square of the height), a roll about the own axis, a tilt (lying, leaning),
a yaw.

A product touches its shelf at its lowest vertex. Its *footprint*, the convex hull of its vertices seen from above, is
what :mod:`pairs.rendered.vending` keeps apart, so no two products interpenetrate, however they are deformed. Nothing
is simulated: a leaning product is held by nothing, and a lying can cannot roll.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from pairs.rendered.meshes import rotation


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
    """The undeformed shape of a class; its rings from bottom to top, in millimetres.

    Attributes
    ----------
    z_mm, half_width_mm, half_depth_mm, back_mm: z, a, b and y of each ring; b defaults to a, and y to 0.
    pieces: (paint, first ring, last ring), bottom to top; together they close the surface.
    square: corner radius of the section over its half-side; 1 is a circle.
    foil_mm: largest amplitude of its bumps; rings are then refined to carry them.
    bend_mm: largest shift of its top. lean_rad: largest lean to the rear when it stands. lies: how often it lies.
    """

    z_mm: tuple[float, ...]
    half_width_mm: tuple[float, ...]
    pieces: tuple[tuple[str, int, int], ...]
    half_depth_mm: tuple[float, ...] = ()
    back_mm: tuple[float, ...] = ()
    square: float = 1.0
    foil_mm: float = 0.0
    bend_mm: float = 0.0
    lean_rad: float = 0.0
    lies: float = 0.0

    @property
    def rings_m(self) -> np.ndarray:
        """``(R, 4)``: z, a, b, y in metres."""
        a = self.half_width_mm
        return np.stack([self.z_mm, a, self.half_depth_mm or a, self.back_mm or np.zeros(len(a))], axis=1) / 1000

    @property
    def rolls(self) -> bool:
        """Whether it may lie on any side of its own."""
        return self.square == 1.0 and not self.foil_mm


FORMS: dict[str, Form] = {
    "bottle": Form(
        z_mm=(3, 0, 2, 8, 50, 56, 58, 118, 120, 127, 145, 162, 176, 184, 191, 191, 208, 210, 210),
        half_width_mm=(0, 22, 29, 32.5, 32.5, 31, 31.2, 31.2, 31, 32.5, 31, 24.5, 16.5, 13, 12.8, 15.5, 15.2, 13.5, 0),
        pieces=(("fill", 0, 6), ("print", 6, 7), ("fill", 7, 14), ("cap", 14, 18)),
        bend_mm=6,
        lies=0.3,
    ),
    "can": Form(
        z_mm=(7, 6, 0, 1, 9, 12, 100, 103, 112, 115.5, 114.5, 111, 111),
        half_width_mm=(0, 18, 23.5, 25.5, 32.5, 33, 33, 32.5, 27.5, 27.5, 25.5, 24.5, 0),
        pieces=(("metal", 0, 4), ("print", 4, 8), ("metal", 8, 12)),
        bend_mm=2,
        lies=0.3,
    ),
    "carton": Form(  # with a gable
        z_mm=(0, 0, 60, 118, 119, 150, 151, 164, 164),
        half_width_mm=(0, 34, 34.5, 34, 34, 33, 33, 33, 0),
        half_depth_mm=(0, 34, 34.5, 34, 34, 3, 1.6, 1.6, 0),
        pieces=(("print", 0, 4), ("cap", 4, 8)),
        square=0.12,
        bend_mm=5,
        lies=0.2,
    ),
    "crisp bag": Form(
        z_mm=(0, 0, 10, 22, 45, 85, 125, 148, 160, 172, 172),
        half_width_mm=(0, 66, 65, 60, 58, 58, 59, 62, 65, 66, 0),
        half_depth_mm=(0, 1, 1.5, 16, 25, 28, 20, 10, 1.5, 1, 0),
        pieces=(("print", 0, 10),),
        foil_mm=3.5,
        bend_mm=20,
        lean_rad=0.25,
        lies=0.3,
    ),
    "jar": Form(
        z_mm=(3, 0, 1, 7, 20, 21, 58, 59, 68, 76, 77, 93, 95, 95),
        half_width_mm=(0, 27, 34, 39.5, 40, 40.5, 40.5, 40, 39, 34, 36, 36, 34, 0),
        pieces=(("fill", 0, 5), ("print", 5, 6), ("fill", 6, 9), ("cap", 9, 13)),
        lies=0.15,
    ),
    "chocolate bar": Form(
        z_mm=(0, 0, 10, 15, 75, 135, 140, 150, 150),
        half_width_mm=(0, 27, 26.5, 24.5, 24.5, 24.5, 26.5, 27, 0),
        half_depth_mm=(0, 0.8, 1, 9, 10.5, 9, 1, 0.8, 0),
        pieces=(("print", 0, 8),),
        square=0.5,
        foil_mm=1.2,
        bend_mm=10,
        lean_rad=0.2,
        lies=0.5,
    ),
    "cup": Form(
        z_mm=(3, 2, 0, 1, 83, 83, 86, 86.5, 87.5),
        half_width_mm=(0, 26, 27, 29, 39.5, 43, 43.5, 42, 0),
        pieces=(("cap", 0, 3), ("print", 3, 4), ("metal", 4, 8)),
        bend_mm=3,
        lies=0.15,
    ),
    "sandwich box": Form(  # a wedge, its slanted face a window
        z_mm=(0, 0, 6, 98, 106, 106),
        half_width_mm=(0, 58, 58, 58, 57, 0),
        half_depth_mm=(0, 42, 42, 6, 2, 0),
        back_mm=(0, 0, 0, 36, 39, 39),
        pieces=(("cap", 0, 2), ("print", 2, 3), ("cap", 3, 5)),
        square=0.08,
        bend_mm=3,
        lies=0.05,
    ),
}
CLASS_NAMES = tuple(FORMS)


def form_of(class_id: int) -> Form:
    """The form of a class by its position in :data:`CLASS_NAMES`."""
    return FORMS[CLASS_NAMES[class_id]]


def pieces(product: Product) -> tuple[Piece, ...]:
    """The deformed product in world coordinates."""
    made, offset = _at_origin(replace(product, position=(0.0, 0.0, 0.0)))[0], np.array(product.position)
    return tuple(replace(piece, vertices=piece.vertices + offset) for piece in made)


def footprint(product: Product) -> np.ndarray:
    """``(K, 2)`` corners, anticlockwise, of the convex hull of the product seen from above, metres."""
    return _at_origin(replace(product, position=(0.0, 0.0, 0.0)))[1] + product.position[:2]


@lru_cache(maxsize=64)
def _at_origin(product: Product) -> tuple[tuple[Piece, ...], np.ndarray]:
    """Pieces and footprint of a product at the origin, kept while its place is looked for."""
    from scipy.spatial import ConvexHull

    form = form_of(product.class_id)
    rings = form.rings_m
    made = []
    for paint, first, last in form.pieces:
        run = _refined(rings[first : last + 1], step_m=0.004 if form.foil_mm else 0.02)
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(run[:, [0, 2]], axis=0).T))])
        points, faces, uv = _loft(run, 1 - along / along[-1], form.square)  # a print's first row is at the top
        made.append(Piece(paint, _deformed(points, product, height_m=rings[:, 0].max()), faces, uv))
    low = np.array((0, 0, min(piece.vertices[:, 2].min() for piece in made)))
    made = [replace(piece, vertices=piece.vertices - low) for piece in made]
    from_above = np.concatenate([piece.vertices[:, :2] for piece in made])
    return tuple(made), from_above[ConvexHull(from_above).vertices]


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
    """Unit section ``(n + 1, 2)`` from the back over the left to the front and round, and its arc length in [0, 1]."""
    arc = np.exp(1j * np.linspace(np.pi / 2, 0, 5 + round(6 * square)))  # x + iy, clockwise
    corner = (1 - square) * (1 + 1j) + square * arc
    around = np.concatenate([[1j], *(corner * (-1j) ** quarter for quarter in range(4)), [1j]])
    edges = [np.linspace(p, q, int(np.ceil(abs(q - p) / 0.3 - 1e-9)), endpoint=False) for p, q in pairwise(around)]
    around = np.concatenate([*edges, [1j]])
    u = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(around)))])
    return np.stack([-around.real, around.imag], axis=1), u / u[-1]


def _refined(rings: np.ndarray, step_m: float) -> np.ndarray:
    """The same profile with rings no further apart in height than ``step_m``."""
    out = [rings[:1]]
    for low, high in pairwise(rings):
        n = max(1, int(np.ceil(abs(high[0] - low[0]) / step_m)))
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
    p, q, r = points[faces].swapaxes(0, 1)
    whole = np.linalg.norm(np.cross(q - p, r - p), axis=1) > 0  # rings of radius 0 make triangles without a normal
    return points, faces[whole], uv.reshape(-1, 2)


def _deformed(points: np.ndarray, product: Product, height_m: float) -> np.ndarray:
    x, y, z = points.T
    if product.bump_m:
        rng = np.random.default_rng(product.bump_seed)
        waves = rng.normal(size=(6, 3)) * (45, 60, 45)  # radians a metre: folds of 5 to 20 cm
        bumps = np.sin(waves @ points.T + rng.uniform(0, 2 * np.pi, (6, 1))).sum(axis=0) / np.sqrt(6)
        inside = np.clip(np.abs(y) / 0.006, 0, 1)  # the seals stay flat
        y = y + np.sign(y) * product.bump_m * bumps * inside
    x, y, z = np.array(product.scale)[:, None] * (x, y, z)
    top = (z / height_m) ** 2
    points = np.stack([x + product.bend_m[0] * top, y + product.bend_m[1] * top, z], axis=1)
    turn = (
        rotation((0, 0, 1), product.yaw_rad)
        @ rotation((1, 0, 0), -product.tilt_rad)
        @ rotation((0, 0, 1), product.roll_rad)
    )
    return points @ turn[:3, :3].T
