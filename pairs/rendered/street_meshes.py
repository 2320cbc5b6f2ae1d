"""Meshes and models of the pair ``street``, on top of :mod:`pairs.rendered.meshes`.

Architecture has texture coordinates **in metres** (so that a texture has one scale on every wall; the looks divide by
the size of its tile); what is round keeps coordinates in [0, 1]. A :class:`Model` collects meshes by *material*, a
plain name such as ``"rubber"``: what that looks like is the look's business. Models stand on z = 0 and face +y.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pairs.rendered.meshes import Mesh, displaced, merged, moved, superellipsoid, translation, tube

Point = Sequence[float] | np.ndarray


class Model:
    """Meshes by material; ``add`` them, ``include`` another model, move or reshape all, read them ``merged``."""

    def __init__(self) -> None:
        self._meshes: dict[tuple[str, bool], list[Mesh]] = {}

    def add(self, material: str, *meshes: Mesh) -> None:
        for mesh in meshes:
            self._meshes.setdefault((material, mesh["smooth"]), []).append(mesh)

    def include(self, other: Model) -> None:
        """Add all meshes of ``other``."""
        for material, mesh in other.merged():
            self.add(material, mesh)

    def moved(self, matrix: np.ndarray) -> Model:
        """The model under a ``(4, 4)`` rigid motion."""
        return self.reshaped(lambda points: points @ matrix[:3, :3].T + matrix[:3, 3])

    def reshaped(self, shape: Callable[[np.ndarray], np.ndarray]) -> Model:
        """The model with its vertices ``(V, 3)`` taken through ``shape``."""
        made = Model()
        for material, mesh in self.merged():
            made.add(material, mesh | {"vertices": shape(mesh["vertices"])})
        return made

    def merged(self) -> Iterator[tuple[str, Mesh]]:
        """One mesh for each material and kind of normals, in the order of their first use."""
        for (material, _), meshes in self._meshes.items():
            yield material, merged(meshes)


def placed(x_m: float, y_m: float, z_m: float = 0.0, turn_rad: float = 0.0) -> np.ndarray:
    """``(4, 4)``: turned counter-clockwise about z (seen from above), then moved."""
    cos, sin = np.cos(turn_rad), np.sin(turn_rad)
    return np.array([[cos, -sin, 0, x_m], [sin, cos, 0, y_m], [0, 0, 1, z_m], [0, 0, 0, 1]], float)


def facing(mesh: Mesh, eye: np.ndarray) -> Mesh:
    """The mesh with its flat faces turned towards the point ``eye``; smooth ones stay, since they are closed."""
    if mesh["smooth"]:
        return mesh
    a, b, c = mesh["vertices"][mesh["faces"]].transpose(1, 0, 2)
    away = np.einsum("ij,ij->i", np.cross(b - a, c - a), eye - a) < 0
    return mesh | {"faces": np.where(away[:, None], mesh["faces"][:, ::-1], mesh["faces"])}


def quad(a: Point, b: Point, c: Point, d: Point) -> Mesh:
    """The parallelogram a b c d, counter-clockwise seen from outside; u along ab, v along ad, in metres."""
    corners = np.array([a, b, c, d], float)
    u, v = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])
    uv = np.array([[0, 0], [u, 0], [u, v], [0, v]])
    return {"vertices": corners, "faces": np.array([[0, 1, 2], [0, 2, 3]]), "uv": uv, "smooth": False}


def polygon(corners: Point, uv: np.ndarray) -> Mesh:
    """A flat convex polygon ``(n, 3)``, counter-clockwise seen from outside."""
    fan = np.array([[0, i, i + 1] for i in range(1, len(corners) - 1)])
    return {"vertices": np.asarray(corners, float), "faces": fan, "uv": np.asarray(uv, float), "smooth": False}


def wall(a: Point, b: Point, z0: float, z1: float) -> Mesh:
    """A vertical rectangle over the ground line a → b, seen from its right; u starts at a, v = z."""
    mesh = quad((*a, z0), (*b, z0), (*b, z1), (*a, z1))
    return mesh | {"uv": mesh["uv"] + (0.0, z0)}


_BLOCK_CORNERS = np.array(
    [[0, 1, 5, 4], [1, 3, 7, 5], [3, 2, 6, 7], [2, 0, 4, 6], [4, 5, 7, 6], [2, 3, 1, 0]]
)  # four walls, top, bottom; corner number = x + 2 y + 4 z
_BLOCK_FACES = (4 * np.arange(6)[:, None, None] + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)


def block(low: Point, high: Point) -> Mesh:
    """An axis-parallel box between two corners; u along the ground, v = z on the walls, in metres."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    x, y, z = np.tile((x0, x1), 4), np.tile(np.repeat((y0, y1), 2), 2), np.repeat((z0, z1), 4)
    corners = np.column_stack([x, y, z])[_BLOCK_CORNERS]
    uv = np.stack([corners[..., 0], corners[..., 2]], axis=-1)
    uv[1::2, :, 0] = corners[1::2, :, 1]
    uv[4:] = corners[4:, :, :2]
    return {"vertices": corners.reshape(-1, 3), "faces": _BLOCK_FACES, "uv": uv.reshape(-1, 2), "smooth": False}


def loft(rings: np.ndarray, closed: bool = True, smooth: bool = True) -> Mesh:
    """A skin over ``rings (n, m, 3)``, coordinates in metres.

    ``closed`` rings run clockwise seen against the direction of n and get lids at both ends; open ones are bands.
    """
    n, m = rings.shape[:2]
    index = np.arange(n * m).reshape(n, m)
    across = np.concatenate([index, index[:, :1]], axis=1) if closed else index
    a, b, c, d = across[:-1, :-1], across[:-1, 1:], across[1:, 1:], across[1:, :-1]
    faces = [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    around = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(rings, axis=1), axis=2).mean(0))])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(rings, axis=0), axis=2).mean(1))])
    if closed:
        fan = np.array([[0, i, i + 1] for i in range(1, m - 1)])
        faces += [fan[:, ::-1], fan + (n - 1) * m]
    uv = np.stack(np.meshgrid(around, along), -1).reshape(-1, 2)
    return {"vertices": rings.reshape(-1, 3), "faces": np.concatenate(faces), "uv": uv, "smooth": smooth}


def rod(points: Sequence[Point], radii: Sequence[float] | float, sides: int = 8) -> Mesh:
    """A round bar through ``points``, of one radius or one at each point."""
    return tube(np.array(points, float), np.array(radii, float), sides)


def capsule(a: Point, b: Point, radius_a: float, radius_b: float) -> Mesh:
    """A limb from a to b with round ends."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    axis = (b - a) / np.linalg.norm(b - a)
    ends = ((0.9, 0.35), (0.5, 0.87))
    path = [a - t * radius_a * axis for t, _ in ends] + [a, b] + [b + t * radius_b * axis for t, _ in ends[::-1]]
    radii = [r * radius_a for _, r in ends] + [radius_a, radius_b] + [r * radius_b for _, r in ends[::-1]]
    return rod(path, radii)


def ellipsoid(centre: Point, radii: Point, sides: int = 12) -> Mesh:
    return moved(superellipsoid(tuple(radii), 1.0, 1.0, sides), translation(*centre))


def disc(centre: Point, radius: float, facing: Point, sides: int = 14) -> Mesh:
    """A flat disc whose normal is ``facing`` (unit, horizontal)."""
    right = np.cross((0.0, 0.0, 1.0), facing)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    flat = radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return polygon(np.asarray(centre) + flat[:, :1] * right + flat[:, 1:] * np.array([0.0, 0.0, 1.0]), flat)


def blob(centre: Point, radii: Point, sides: int, rng: np.random.Generator) -> Mesh:
    """A bumpy ellipsoid: foliage."""
    bumpy = displaced(superellipsoid((1.0, 1.0, 1.0), 1.0, 1.0, sides), rng, amplitude=0.12, wavelength=1.0)
    return bumpy | {"vertices": bumpy["vertices"] * radii + centre, "smooth": False}


def leaves(centre: Point, radii: Point, n: int, size_m: float, rng: np.random.Generator) -> Mesh:
    """``n`` small squares, turned at random, strewn over an ellipsoid; each shows its own place of the texture."""
    direction = rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    middle = direction * rng.uniform(0.8, 1.12, (n, 1)) * radii + centre
    normal = direction + rng.normal(0, 0.6, (n, 3))
    e1 = np.cross(normal, rng.normal(size=(n, 3)))
    e1 /= np.linalg.norm(e1, axis=1, keepdims=True)
    e2 = np.cross(normal, e1)
    e2 /= np.linalg.norm(e2, axis=1, keepdims=True)
    half = size_m * rng.uniform(0.3, 0.7, (n, 1))
    corners = [middle + half * (i * e1 + j * e2) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    faces = (4 * np.arange(n)[:, None, None] + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)
    uv = np.repeat(rng.random((n, 2)), 4, axis=0) + np.tile([[0, 0], [1, 0], [1, 1], [0, 1]], (n, 1)) * 0.05
    return {"vertices": np.stack(corners, axis=1).reshape(-1, 3), "faces": faces, "uv": uv, "smooth": False}
