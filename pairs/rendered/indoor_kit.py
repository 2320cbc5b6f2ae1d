"""The kit that rooms and furniture are built from: solids with texture coordinates, gathered by material slot.

Texture coordinates are in metres, so that a texture has the same scale on every piece; ``u`` runs along the longer side
of a box, as the grain of a board does. ``fit=(u0, u1)`` stretches that strip of a texture over a box instead: a
picture, a screen, the spine of a book. Solids of one slot become one mesh. Vertices are shared where a surface is
smooth and doubled where it has an edge, so that vertex normals are right everywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from pairs.rendered import meshes
from pairs.rendered.meshes import Mesh

Point = Sequence[float]

_SIDES = ((0, 1, 2), (1, 2, 0), (2, 0, 1))  # normal axis and the two axes that span the face, right-handed


class Kit:
    """Collects the solids of one piece in its own axes (metres; x across, y to the front, z up)."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.slots: dict[str, list[Mesh]] = defaultdict(list)

    def box(
        self, slot: str, low: Point, high: Point, fit: tuple[float, float] | None = None, aligned: bool = False
    ) -> None:
        """An axis-aligned box; ``aligned`` takes its texture coordinates from its place, so that neighbours fit."""
        corners = np.stack([np.minimum(low, high), np.maximum(low, high)]).astype(float)
        extent = corners[1] - corners[0]
        shift = self.rng.uniform(0, 3, 2)
        vertices: list[np.ndarray] = []
        uv: list[np.ndarray | tuple[float, float]] = []
        for normal, a, b in _SIDES:
            for end in (0, 1):
                order = ((0, 0), (1, 0), (1, 1), (0, 1)) if end else ((0, 0), (0, 1), (1, 1), (1, 0))
                for i, j in order:
                    point = np.empty(3)
                    point[[normal, a, b]] = corners[end, normal], corners[i, a], corners[j, b]
                    vertices.append(point)
                    if aligned:
                        uv.append(np.delete(point, normal))
                    elif fit:
                        share = (point - corners[0]) / extent
                        uv.append((fit[0] + share[0] * (fit[1] - fit[0]), share[2]))
                    else:
                        along, across = (a, b) if extent[a] >= extent[b] else (b, a)
                        uv.append((point[along] + shift[0], point[across] + shift[1]))
        faces = np.array([(0, 1, 2), (0, 2, 3)]) + 4 * np.arange(6)[:, None, None]
        self._add(slot, np.array(vertices), faces.reshape(-1, 3), np.array(uv))

    def cushion(self, slot: str, low: Point, high: Point, radius: float, bulge: float = 0.0) -> None:
        """A box with rounded edges, thinner at its rim than in its middle by the share ``bulge``."""
        low_, high_ = np.asarray(low, float), np.asarray(high, float)
        half = (high_ - low_) / 2
        radius = min(radius, 0.999 * float(half.min()))
        grid = np.array([-1, -0.93, -0.7, 0, 0.7, 0.93, 1])
        n = len(grid)
        a, b = (g.ravel() for g in np.meshgrid(grid, grid, indexing="ij"))
        i, j = (g.ravel() for g in np.meshgrid(np.arange(n - 1), np.arange(n - 1), indexing="ij"))
        quads = np.stack([i * n + j, (i + 1) * n + j, (i + 1) * n + j + 1, i * n + j + 1], axis=1)
        points, faces = [], []
        for k, (normal, u, v) in enumerate(_SIDES):
            for end in (-1, 1):
                face = np.empty((n * n, 3))
                face[:, normal], face[:, u], face[:, v] = end, a, b
                points.append(face)
                turned = quads if end > 0 else quads[:, ::-1]
                faces.append(turned + n * n * (2 * k + (end > 0)))
        cube = np.concatenate(points) * half
        inner = np.clip(cube, -(half - radius), half - radius)
        out = cube - inner
        vertices = inner + radius * out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
        rim = np.max(np.abs(vertices[:, :2]) / half[:2], axis=1)
        vertices[:, 2] *= 1 - bulge * rim**3
        _, first, back = np.unique(vertices.round(6), axis=0, return_index=True, return_inverse=True)
        vertices, quad = vertices[first], back.reshape(-1)[np.concatenate(faces)]
        triangles = np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])
        uv = np.stack([vertices[:, 0] + 0.4 * vertices[:, 1], vertices[:, 2] + 0.9 * vertices[:, 1]], axis=1)
        self._add(slot, vertices + (low_ + high_) / 2, triangles, uv + self.rng.uniform(0, 3, 2))

    def lathe(self, slot: str, centre: Point, profile: Sequence[Point], n: int = 20) -> None:
        """A profile (radius, z) from below to above, turned about the vertical through ``centre`` (x, y)."""
        solid = meshes.lathe(np.asarray(profile, float), n)
        self.slots[slot].append(meshes.moved(solid, meshes.translation(centre[0], centre[1], 0.0)))

    def rod(self, slot: str, start: Point, end: Point, radius: float, n: int = 10) -> None:
        """A closed cylinder between two points."""
        self.slots[slot].append(meshes.tube(np.array([start, end], float), radius, n))

    def sheet(self, slot: str, points: np.ndarray) -> None:
        """A smooth surface through a grid of points ``(n, m, 3)``; its front is on the side of first × second axis."""
        n, m = points.shape[:2]
        i, j = (g.ravel() for g in np.meshgrid(np.arange(n - 1), np.arange(m - 1), indexing="ij"))
        quad = np.stack([i * m + j, (i + 1) * m + j, (i + 1) * m + j + 1, i * m + j + 1], axis=1)
        length = [np.linalg.norm(np.diff(points, axis=k), axis=-1).sum(axis=k).mean() for k in (0, 1)]
        u, v = np.meshgrid(np.linspace(0, length[0], n), np.linspace(0, length[1], m), indexing="ij")
        faces = np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])
        self._add(slot, points.reshape(-1, 3).astype(float), faces, np.stack([u.ravel(), v.ravel()], axis=1))

    def _add(self, slot: str, vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray) -> None:
        self.slots[slot].append({"vertices": vertices, "faces": faces, "uv": uv, "smooth": True})


def joined(solids: Sequence[Mesh], base_m: Point = (0.0, 0.0, 0.0), yaw_rad: float = 0.0) -> Mesh:
    """One mesh of several solids, turned about the vertical by ``yaw_rad`` and moved to ``base_m``."""
    place = meshes.translation(*base_m) @ meshes.rotation((0, 0, 1), yaw_rad)
    return meshes.moved(meshes.merged(list(solids)), place)
