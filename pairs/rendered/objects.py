"""Generator of the pair ``objects``: one of ten objects standing on a table, seen from half a metre, 64 × 64.

*Layout*: the class; the rotation, as LineMod's: any azimuth of the object, any elevation of the camera in
:data:`ELEVATION_RAD`, a roll within ± :data:`ROLL_RAD` (uniform over SO(3), nothing learns from hundreds of images: the
oracle's angle error was that of a guess, 126°); the object's place: depth uniform in :data:`DISTANCE_M`, its centre up
to :data:`OFFSET_PX` from the image's. A layout gap g moves the target's objects away, depth × (1 + g/4).
fx = fy = 125 px, so the whole object is always in view.

*Labels*: ``class_id``; ``quaternion`` (w, x, y, z), w ≥ 0, of the rotation R in x_camera = R x_object + t;
``foreground``; ``depth_m`` on the object alone, 0 = unknown elsewhere (the two looks share no background).

*Source*: uniform colours, Lambert's law, one lamp at the camera, so no shadow; no texture, black
background: what Synthetic LineMod shows. *Target*: the object, on a table among things behind it and before a
wall, all textured and in random materials, under a window, a lamp and a sky of random colours, path traced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pairs.rendered import meshes, textures
from pairs.rendered.meshes import moved, painted, rotation, translation
from pairs.rendered.object_models import NAMES, RADIUS_M, Piece, model
from pairs.rendered.scene import Buffers, Camera, Generator, Look, Part, look_at

SIDE = 64
FOCAL_PX = 125.0
DISTANCE_M = (0.46, 0.60)
OFFSET_PX = 4.0
ELEVATION_RAD = (0.2, 1.1)  # of the camera above the table
ROLL_RAD = 0.3


@dataclass(frozen=True)
class Layout:
    """One object before a camera, whose elevation above the table and roll are in radians. ``quaternion`` (w, x, y, z),
    w ≥ 0, and ``place_m`` (3,) are in camera axes."""

    class_id: int
    quaternion: np.ndarray
    place_m: np.ndarray
    elevation_rad: float
    roll_rad: float


class Objects(Generator):
    """See the module's docstring."""

    name = "objects"
    version = 2
    size = (SIDE, SIDE)
    class_names = NAMES
    depth_range_m = (0.2, 1.2)
    samples: ClassVar[Mapping[Look, int]] = {"source": 16, "target": 64}
    columns = ("class_id", "quaternion", "foreground", "depth_m", "intrinsics")

    def layout(self, rng: np.random.Generator, layout_gap: float) -> Layout:
        from scipy.spatial.transform import Rotation

        class_id = int(rng.integers(len(NAMES)))
        azimuth = rng.uniform(0, 2 * np.pi)
        depth = rng.uniform(*DISTANCE_M) * (1 + layout_gap / 4)
        offset = rng.uniform(-OFFSET_PX, OFFSET_PX, 2) / FOCAL_PX * depth
        elevation, roll = rng.uniform(*ELEVATION_RAD), rng.uniform(-ROLL_RAD, ROLL_RAD)
        to_world = _camera_pose(elevation, roll, depth)
        standing = to_world[:3, :3].T @ rotation((0.0, 0.0, 1.0), azimuth)[:3, :3]
        quaternion = Rotation.from_matrix(standing).as_quat(canonical=True, scalar_first=True)
        return Layout(class_id, quaternion, np.array([*offset, depth]), float(elevation), float(roll))

    def camera(self, layout: Layout) -> Camera:
        """The view axis meets the world's origin; the object is near it."""
        pose = _camera_pose(layout.elevation_rad, layout.roll_rad, float(layout.place_m[2]))
        return Camera(SIDE, SIDE, (FOCAL_PX, FOCAL_PX, SIDE / 2, SIDE / 2), pose)

    def scene(self, layout: Layout, look: Look, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Part]]:
        camera = self.camera(layout)
        in_camera = np.eye(4)
        in_camera[:3, :3], in_camera[:3, 3] = rotation_matrix(layout.quaternion), layout.place_m
        to_world = camera.to_world @ in_camera
        scene: dict[str, Any] = {}
        lowest = np.inf
        for i, piece in enumerate(model(NAMES[layout.class_id])):
            mesh = moved(piece.mesh, to_world)
            lowest = min(lowest, mesh["vertices"][:, 2].min())
            scene[f"piece{i}"] = painted(mesh, _plain(piece) if look == "source" else _material(piece, rng))
        parts = {name: Part(layout.class_id, instance=1, foreground=True) for name in scene}
        if look == "source":
            lamp = {"type": "point", "position": camera.to_world[:3, 3].tolist()}
            scene["lamp"] = lamp | {"intensity": {"type": "rgb", "value": float(3 * layout.place_m[2] ** 2)}}
        else:
            scene |= _surroundings(lowest, camera, layout, rng)
        return scene, parts

    def labels(self, layout: Layout, buffers: Buffers) -> dict[str, np.ndarray]:
        return super().labels(layout, buffers) | {
            "class_id": np.array(layout.class_id, np.int64),
            "quaternion": layout.quaternion.astype(np.float32),
        }


def _camera_pose(elevation_rad: float, roll_rad: float, distance_m: float) -> np.ndarray:
    away = np.array([-np.cos(elevation_rad), 0.0, np.sin(elevation_rad)])
    return look_at(away * distance_m, np.zeros(3), roll_rad)


def rotation_matrix(quaternion: np.ndarray) -> np.ndarray:
    """``(3, 3)`` of a unit quaternion (w, x, y, z)."""
    w, x, y, z = quaternion
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


# --------------------------------------------------------------------------------------------- materials


def _plain(piece: Piece) -> dict[str, Any]:
    return {"type": "diffuse", "reflectance": textures.rgb(piece.colour)}


def _material(piece: Piece, rng: np.random.Generator) -> dict[str, Any]:
    """The piece as it is made: its colour faded, dirtied or off by a shade, and the sheen of its material."""
    colour = np.clip(np.array(piece.colour) * rng.uniform(0.75, 1.1) + rng.normal(0, 0.05, 3), 0.03, 0.95)
    if piece.material == "wood":
        texture = textures.wood(rng, colour * 1.1, colour * 0.55)
    elif piece.material == "metal":
        texture = textures.mottled(rng, colour, contrast=0.15, cells=6)
    elif piece.material == "clay":
        texture = textures.speckles(rng, colour, (colour * 0.7, colour * 1.05), count=120, radius=0.02)
    else:
        texture = textures.mottled(rng, colour, contrast=rng.uniform(0.05, 0.3), cells=2)
    roughness, metallic, specular = {
        "paint": (rng.uniform(0.12, 0.35), 0.0, 0.5),
        "wood": (rng.uniform(0.4, 0.7), 0.0, 0.4),
        "metal": (rng.uniform(0.2, 0.4), 0.85, 0.5),
        "rubber": (rng.uniform(0.45, 0.75), 0.0, 0.4),
        "clay": (rng.uniform(0.3, 0.6), 0.0, 0.4),
    }[piece.material]
    return {
        "type": "principled",
        "base_color": textures.bitmap(texture),
        "roughness": roughness,
        "metallic": metallic,
        "specular": specular,
    }


def _household_colour(rng: np.random.Generator) -> np.ndarray:
    """Mostly greys, browns and pastels, as walls, tables and boxes are; now and then a strong colour."""
    grey, strong = rng.uniform(0.2, 0.9), rng.uniform(0.05, 0.95, 3)
    return np.clip(grey + rng.beta(1.0, 2.5) * (strong - grey), 0.03, 0.95)


def _surface(rng: np.random.Generator, kinds: tuple[str, ...]) -> np.ndarray:
    """A random texture of one of ``kinds`` in random colours."""
    kind = kinds[rng.integers(len(kinds))]
    hue = _household_colour(rng)
    other = np.clip(hue * rng.uniform(0.5, 1.4) + rng.normal(0, 0.08, 3), 0.05, 0.95)
    if kind == "wood":
        tone = np.array([0.75, 0.55, 0.36]) * rng.uniform(0.5, 1.15)
        return textures.wood(rng, np.clip(tone, 0, 1), tone * 0.5, planks=int(rng.integers(1, 6)), rings=3)
    if kind == "bricks":
        red = np.array([0.62, 0.32, 0.24]) * rng.uniform(0.7, 1.3) + rng.normal(0, 0.04, 3)
        return textures.bricks(rng, np.clip(red, 0.05, 0.9), (0.7, 0.68, 0.64))
    if kind == "marble":
        return textures.marble(rng, (0.85, 0.84, 0.8), hue * 0.6)
    if kind == "checks":
        return textures.checks(rng, hue, other, squares=int(rng.choice([4, 8, 12])))
    if kind == "stripes":
        return textures.stripes(rng, (hue, other, hue * 0.8), count=int(rng.integers(2, 5)) * 3, wobble=0.05)
    if kind == "speckles":
        return textures.speckles(rng, hue, (other, hue * 0.6, _household_colour(rng)))
    return textures.mottled(rng, hue, contrast=0.3)


# ------------------------------------------------------------------------------------------- surroundings


def _surroundings(floor_z: float, camera: Camera, layout: Layout, rng: np.random.Generator) -> dict[str, Any]:
    """Table, wall, things on the table and lights; all of it farther from the camera than the object, or under it."""
    every = ("wood", "marble", "checks", "stripes", "speckles", "plaster")
    table = meshes.plane(3.0, 3.0)
    wall_x = rng.uniform(0.35, 0.9)
    wall = moved(meshes.plane(3.0, 3.0), translation(wall_x, 0, 0) @ rotation((0, 1, 0), -np.pi / 2))
    turn = rotation((0, 0, 1), rng.uniform(-0.5, 0.5))
    scene: dict[str, Any] = {
        "table": painted(
            moved(table, translation(0, 0, floor_z) @ rotation((0, 0, 1), rng.uniform(0, 6.3))),
            _glossy(textures.bitmap(_surface(rng, every), (8, 8)), rng),
        ),
        "wall": painted(
            moved(wall, turn),
            {"type": "diffuse", "reflectance": textures.bitmap(_surface(rng, ("bricks", *every)), (5, 5))},
        ),
    }
    for i in range(int(rng.integers(4, 9))):
        scene[f"thing{i}"] = _thing(floor_z, camera, layout, rng, every)
    return scene | _lights(rng)


def _thing(floor_z: float, camera: Camera, layout: Layout, rng: np.random.Generator, kinds: tuple[str, ...]) -> Any:
    """A box, a tin or a ball on the table, moved back until all of it lies behind the object."""
    size = rng.uniform(0.04, 0.16, 3)
    kind = rng.integers(4)
    if kind <= 1:
        mesh = meshes.box(tuple(size))
    elif kind == 2:
        mesh = meshes.cylinder(size[0] / 2, size[2])
    else:
        size[2] = size[0]
        mesh = meshes.sphere(size[0] / 2)
    mesh = moved(mesh, rotation((0, 0, 1), rng.uniform(0, 6.3)))
    x, y = rng.uniform(0.1, 0.4), rng.uniform(-0.35, 0.35)
    forward = camera.to_world[:3, 2]
    nearest = layout.place_m[2] + RADIUS_M
    placed = moved(mesh, translation(x, y, floor_z + size[2] / 2))
    depth = ((placed["vertices"] - camera.to_world[:3, 3]) @ forward).min()
    placed = moved(placed, translation(max(0.0, nearest - depth) / forward[0], 0, 0))
    return painted(placed, _glossy(textures.bitmap(_surface(rng, kinds)), rng))


def _glossy(reflectance: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return {"type": "principled", "base_color": reflectance, "roughness": rng.uniform(0.15, 0.8), "specular": 0.4}


def _lights(rng: np.random.Generator) -> dict[str, Any]:
    """A window to one side, a lamp above, and the sky's dim light from everywhere, each in its own tint."""
    side = float(rng.choice([-1.0, 1.0]))
    azimuth = side * rng.uniform(0.5, 2.4)  # from the wall's direction
    reach = rng.uniform(0.8, 1.2)
    window_at = np.array([-np.cos(azimuth) * reach, np.sin(azimuth) * reach, rng.uniform(0.3, 0.8)])
    lamp_at = np.array([rng.uniform(-0.5, 0.3), rng.uniform(-0.6, 0.6), rng.uniform(0.5, 1.0)])

    def area(at: np.ndarray, half: float, power: float, warmth: float) -> dict[str, Any]:
        tint = np.array([1 + 0.35 * warmth, 1.0, 1 - 0.45 * warmth])
        pose = _facing(at, half)
        return {
            "type": "rectangle",
            "to_world": pose,
            "emitter": {"type": "area", "radiance": {"type": "rgb", "value": (power / half**2 * tint).tolist()}},
        }

    return {
        "window": area(window_at, rng.uniform(0.15, 0.4), rng.uniform(0.3, 1.2), rng.uniform(-0.6, 0.1)),
        "lamp": area(lamp_at, rng.uniform(0.04, 0.12), rng.uniform(0.05, 0.6), rng.uniform(0.2, 1.0)),
        "sky": {
            "type": "constant",
            "radiance": {"type": "rgb", "value": (rng.uniform(0.03, 0.2) * rng.uniform(0.8, 1.2, 3)).tolist()},
        },
    }


def _facing(at: np.ndarray, half: float) -> np.ndarray:
    """``(4, 4)``: Mitsuba's rectangle (normal +z, half edge 1) at ``at``, facing the world's origin."""
    normal = -at / np.linalg.norm(at)
    across = np.cross((0.0, 0.0, 1.0), normal)
    across /= np.linalg.norm(across)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([half * across, half * np.cross(normal, across), normal], axis=1)
    pose[:3, 3] = at
    return pose
