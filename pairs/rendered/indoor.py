"""The pair `indoor` (96×96): furnished rooms, for segmentation, depth and avoidance.

* Layout: :mod:`~pairs.rendered.indoor_rooms` furnishes a room and puts a camera into it, 1.0–1.6 m high, pitch −20°
  to +5°, 72° wide; the layout gap is documented in :mod:`~pairs.rendered.indoor_layout`.
* Shape: the shell is built here, pieces by :mod:`~pairs.rendered.indoor_furniture` and
  :mod:`~pairs.rendered.indoor_objects`; both looks have the same meshes, all of them labelled.
* Look: materials in :mod:`~pairs.rendered.indoor_looks`, light in :mod:`~pairs.rendered.indoor_lights`.

Classes: what covers something counts as what it covers (a rug is floor, a curtain window, the contents of a shelf are
shelf, skirting boards are wall); kitchen units and fridges are cabinets; pictures, screens, plants, radiators and small
things are objects. The depth of a window is that of its pane. Surfaces 0.1 to 1.6 m above the floor are obstacles.
Not in here: people, mirrors, open doors, several rooms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from pairs.rendered import meshes
from pairs.rendered.indoor_kinds import BUILDERS, CLASSES
from pairs.rendered.indoor_kit import Kit, joined
from pairs.rendered.indoor_layout import FOV_DEG, OBSTACLE_BAND_M, WALL_M, Layout, Opening, wall_frame
from pairs.rendered.indoor_lights import add_lights, free_point
from pairs.rendered.indoor_looks import source_material, target_material
from pairs.rendered.indoor_rooms import draw_layout
from pairs.rendered.scene import Camera, Generator, Look, Part


class Indoor(Generator):
    """Rooms as a cheap engine draws them, and as a path tracer and a camera see them."""

    name: ClassVar[str] = "indoor"
    version: ClassVar[int] = 1
    size: ClassVar[tuple[int, int]] = (96, 96)
    class_names: ClassVar[tuple[str, ...]] = CLASSES
    depth_range_m: ClassVar[tuple[float, float]] = (0.1, 10.0)
    safe_distance_m: ClassVar[float | None] = 1.8
    obstacle_band_m: ClassVar[tuple[float, float] | None] = OBSTACLE_BAND_M
    samples: ClassVar[Mapping[Look, int]] = {"source": 4, "target": 64}
    columns: ClassVar[tuple[str, ...]] = ("mask", "depth_m", "intrinsics", "camera_height_m", "up")

    def layout(self, rng: np.random.Generator, layout_gap: float) -> Layout:
        return draw_layout(rng, layout_gap)

    def camera(self, layout: Layout) -> Camera:
        width, height = self.size
        focal = width / (2 * np.tan(np.deg2rad(FOV_DEG / 2)))
        sin, cos = np.sin(layout.yaw_rad), np.cos(layout.yaw_rad)
        up, level = np.sin(layout.pitch_rad), np.cos(layout.pitch_rad)
        pose = np.eye(4)
        pose[:3, :3] = np.array([[sin, -cos, 0], [cos * up, sin * up, -level], [cos * level, sin * level, up]]).T
        pose[:3, 3] = layout.camera_m
        return Camera(width, height, (focal, focal, width / 2, height / 2), pose)

    def integrator(self, look: Look) -> dict[str, Any]:
        if look == "source":
            return {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0}
        return {"type": "path", "max_depth": 4, "rr_depth": 9}

    def scene(self, layout: Layout, look: Look, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Part]]:
        shapes, parts = _shapes(layout)
        glazing = {name for name in shapes if name.startswith("pane")}
        slots = {name: name.rsplit("-", 1)[1] for name in shapes}
        scene: dict[str, Any] = {}
        if look == "source":
            materials = {slot: source_material(slot, rng) for slot in sorted(set(slots.values()))}
            for name, mesh in shapes.items():
                bsdf, ambient = materials[slots[name]]
                scene[name] = meshes.painted(mesh, bsdf) | {"emitter": ambient}
            lamp = free_point(layout, rng)
            power = 2.4 * float(np.sqrt(layout.room_m[0] * layout.room_m[1]))
            scene["lamp"] = {"type": "point", "position": lamp, "intensity": {"type": "rgb", "value": power}}
            return scene, parts
        for slot in sorted(set(slots.values()) - {"glazing"}):
            scene[f"paint-{slot}"] = target_material(slot, layout.flavour, rng)
        for name, mesh in shapes.items():
            if name not in glazing:
                scene[name] = meshes.painted(mesh, {"type": "ref", "id": f"paint-{slots[name]}"})
        add_lights(scene, {name: shapes[name] for name in sorted(glazing)}, layout, rng)
        return scene, parts


def _shapes(layout: Layout) -> tuple[dict[str, meshes.Mesh], dict[str, Part]]:
    """Meshes by name (``number-kind-slot``, panes ``pane…-glazing``) and their parts; the same for both looks."""
    shapes: dict[str, meshes.Mesh] = {}
    parts: dict[str, Part] = {}

    def place(kit: Kit, name: str, class_name: str, instance: int = 0, base: Any = (0, 0, 0), yaw: float = 0.0) -> None:
        for slot, solids in kit.slots.items():
            shapes[f"{name}-{slot}"] = joined(solids, base, yaw)
            parts[f"{name}-{slot}"] = Part(CLASSES.index(class_name), instance)

    width, depth, height = layout.room_m
    left, right, y = -WALL_M, width + WALL_M, (-WALL_M, depth + WALL_M)
    for name, z, x in (("floor", 0.0, (left, right)), ("ceiling", height, (right, left))):  # they face up and down
        kit = Kit(np.random.default_rng(0))
        kit.sheet(name, np.array([[[a, b, z] for b in y] for a in x]))
        place(kit, name, name)
    if layout.rug_m:
        x0, y0, sx, sy = layout.rug_m
        kit = Kit(np.random.default_rng(0))
        kit.box("rug", (x0 - sx / 2, y0 - sy / 2, -0.01), (x0 + sx / 2, y0 + sy / 2, 0.002), fit=(0, 1))
        place(kit, "rug", "floor")
    for wall in range(4):
        start, yaw, length = wall_frame(layout.room_m, wall)
        openings = [o for o in layout.openings if o.wall == wall]
        place(_wall(length, height, openings), f"wall{wall}", "wall", 0, (*start, 0), yaw)
        for i, opening in enumerate(openings):
            build = {"door": _door, "window": _window}[opening.kind]
            place(build(opening), f"{opening.kind}{wall}{i}", opening.kind, 0, (*start, 0), yaw)
            if opening.kind == "window":
                place(_pane(opening), f"pane{wall}{i}", "window", 0, (*start, 0), yaw)
    for number, piece in enumerate(layout.pieces, 1):
        class_name, build_piece = BUILDERS[piece.kind]
        kit = Kit(np.random.default_rng(piece.seed))
        build_piece(kit, *piece.size_m)
        place(kit, f"{number}-{piece.kind}", class_name, number, piece.base_m, piece.yaw_rad)
    return shapes, parts


def _wall(length: float, height: float, openings: list[Opening]) -> Kit:
    """A wall with holes, and its skirting board, in the wall's frame (y < 0 is inside the wall)."""
    kit, edge = Kit(np.random.default_rng(0)), -WALL_M
    for o in [*sorted(openings, key=lambda o: o.start_m), None]:
        end = o.start_m if o else length + WALL_M
        kit.box("wall", (edge, -WALL_M, 0), (end, 0, height), aligned=True)
        board = (max(edge, 0.0), min(end, length))
        kit.box("trim", (board[0] + 0.07 * (edge > 0), 0, 0), (board[1] - 0.07 * (o is not None), 0.012, 0.08))
        if o:
            edge = o.start_m + o.width_m
            kit.box("wall", (o.start_m, -WALL_M, o.head_m), (edge, 0, height), aligned=True)
            if o.sill_m > 0:
                kit.box("wall", (o.start_m, -WALL_M, 0), (edge, 0, o.sill_m), aligned=True)
                kit.box("trim", (o.start_m - 0.07, 0, 0), (edge + 0.07, 0.012, 0.08))
    return kit


def _door(o: Opening) -> Kit:
    kit, left, right = Kit(np.random.default_rng(0)), o.start_m, o.start_m + o.width_m
    kit.box("trim", (left - 0.07, -0.1, 0), (left + 0.02, 0.014, o.head_m + 0.07))
    kit.box("trim", (right - 0.02, -0.1, 0), (right + 0.07, 0.014, o.head_m + 0.07))
    kit.box("trim", (left, -0.1, o.head_m - 0.02), (right, 0.014, o.head_m + 0.07))
    kit.box("door", (left, -0.08, 0), (right, -0.04, o.head_m))
    for low, high in ((0.2, 0.85), (1.05, o.head_m - 0.2)):
        kit.box("door", (left + 0.14, -0.04, low), (right - 0.14, -0.028, high))
    kit.box("steel", (right - 0.1, -0.04, 0.93), (right - 0.06, -0.036, 1.13))
    kit.rod("steel", (right - 0.08, -0.04, 1.05), (right - 0.08, 0.005, 1.05), 0.009)
    kit.rod("steel", (right - 0.08, 0.0, 1.05), (right - 0.2, 0.0, 1.05), 0.009)
    return kit


def _window(o: Opening) -> Kit:
    kit, left, right, bar = Kit(np.random.default_rng(0)), o.start_m, o.start_m + o.width_m, 0.05
    n = max(1, round(o.width_m / 0.75))
    for i in range(n + 1):
        x = left + bar / 2 + i * (o.width_m - bar) / n
        kit.box("trim", (x - bar / 2, -0.12, o.sill_m), (x + bar / 2, -0.05, o.head_m))
    for z in (o.sill_m, o.head_m - bar):
        kit.box("trim", (left, -0.12, z), (right, -0.05, z + bar))
    if o.sill_m > 0.5:
        kit.box("trim", (left, -0.05, o.sill_m - 0.02), (right, 0.05, o.sill_m + 0.012))
    return kit


def _pane(o: Opening) -> Kit:
    """The glass: a rectangle that faces the room, its texture upright seen from inside."""
    kit, right = Kit(np.random.default_rng(0)), o.start_m + o.width_m
    corners = np.array([[[x, -0.1, z] for z in (o.sill_m, o.head_m)] for x in (right, o.start_m)])
    kit.sheet("glazing", corners)
    pane = kit.slots["glazing"][0]
    pane["uv"] = np.array([(u, v) for u in (1.0, 0.0) for v in (0.0, 1.0)])
    return kit
