"""The pair ``street``: a procedural street from a driver's seat, with the 11 classes of CamVid under their ids.

====  ==========  ====  ========  ====  ==========  ====  =============
 0    Sky          3    Road       6    SignSymbol   9    Pedestrian
 1    Building     4    Pavement   7    Fence       10    Bicyclist
 2    Pole         5    Tree       8    Car        255    ignore
====  ==========  ====  ========  ====  ==========  ====  =============

What belongs where, as in CamVid's 11 classes: lane markings are Road; kerbs are Pavement; grass and hedges are Tree;
garden walls are Building; traffic lights' heads are SignSymbol, their posts Pole; vans are Car; a bicycle belongs to
its rider. Litter bins are 255.

Labels: ``mask``, ``depth_m`` (0 for the sky and beyond 100 m), ``boxes`` with ``box_class`` 8, 9 or 10 (the ids of the
mask) for every car, pedestrian and bicyclist of which at least 20 pixels are seen, ``intrinsics``,
``camera_height_m`` above the road, ``up``. The road is the plane z = 0; its markings lie 3 mm above it.

Layouts and what ``layout_gap`` changes: :mod:`pairs.rendered.street_layout`; the two looks:
:mod:`pairs.rendered.street_looks` and :mod:`pairs.rendered.street_sky`. Haze of 1/1500 to 1/200 per metre lies
over the target. Nothing moves, nothing is wet, and it is never night.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from pairs.rendered.meshes import Mesh
from pairs.rendered.scene import Camera, Generator, Look, Part, look_at
from pairs.rendered.street_buildings import WALLS, building, garden_wall
from pairs.rendered.street_cars import car
from pairs.rendered.street_furniture import bollard, fence, hedge, lamp, litter_bin, sign, traffic_light, tree
from pairs.rendered.street_layout import LEFT, LENGTH_M, RIGHT, Placed, StreetLayout, car_kind, street_layout
from pairs.rendered.street_looks import CLOTHS, PAINTS, ambient, bsdf
from pairs.rendered.street_meshes import Model, facing, loft, placed
from pairs.rendered.street_people import bicyclist, pedestrian
from pairs.rendered.street_sky import source_light, target_light

CLASS_NAMES = (
    "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist",
)  # fmt: skip
SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(11)
KERB_M = 0.12
"""Height of the pavement, and of everything behind it, above the road."""
MARKING_M = 0.003
BEHIND_M = -6.0
"""The ground begins behind the camera, so that shadows and bounced light reach it as they would."""


class StreetGenerator(Generator):
    name = "street"
    version = 1
    size = (128, 96)
    class_names = CLASS_NAMES
    depth_range_m = (1.0, 100.0)
    samples: ClassVar = {"source": 16, "target": 64}
    columns = ("mask", "depth_m", "boxes", "box_class", "intrinsics", "camera_height_m", "up")
    extinction_per_m = (1 / 1500, 1 / 200)
    empty_class = SKY
    min_box_px = 20

    def layout(self, rng: np.random.Generator, layout_gap: float) -> StreetLayout:
        return street_layout(rng, layout_gap)

    def camera(self, layout: StreetLayout) -> Camera:
        width, height = self.size
        x, y, _ = layout.pose(0.0, -layout.lane_m / 2)
        yaw, pitch, roll = layout.yaw_rad, layout.pitch_rad, layout.roll_rad
        forward = np.array([np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
        position = np.array([x, y, layout.camera_height_m])
        focal = layout.focal * width
        return Camera(width, height, (focal, focal, width / 2, height / 2), look_at(position, position + forward, roll))

    def scene(
        self, layout: StreetLayout, look: Look, rng: np.random.Generator
    ) -> tuple[dict[str, Any], dict[str, Part]]:
        models: dict[tuple[int, int], Model] = {}  # by (class, instance); −1 = without a class
        standing = [
            (class_id, _stood(layout, item, model)) for item in layout.objects for class_id, model in _models(item)
        ]
        n_instances = 0
        for class_id, model in _ground(layout) + standing:
            thing = class_id in (CAR, PEDESTRIAN, BICYCLIST)
            n_instances += thing
            models.setdefault((class_id, n_instances if thing else 0), Model()).include(model)
        pose = self.camera(layout).to_world
        scene: dict[str, Any] = source_light(pose[:3, 2], rng) if look == "source" else target_light(rng)
        parts: dict[str, Part] = {}
        for (class_id, instance), model in models.items():
            for material, mesh in model.merged():
                if material not in scene:
                    scene[material] = bsdf(material, look, rng)
                name = f"shape {len(parts)}"
                # A surface shines to its front alone; turned in both looks, so that depths are equal bit by bit.
                scene[name] = {"type": "mesh", **facing(mesh, pose[:3, 3]), "bsdf": {"type": "ref", "id": material}}
                if look == "source":
                    scene[name]["emitter"] = ambient(material)
                parts[name] = Part(class_id, instance)
        return scene, parts

    def integrator(self, look: Look) -> dict[str, Any]:
        if look == "source":  # the flat sky is an emitter: it must be seen
            return {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0, "hide_emitters": False}
        return {"type": "path", "max_depth": 6, "rr_depth": 4}


# ---------------------------------------------------------------------------------------------- objects


def _models(item: Placed) -> list[tuple[int, Model]]:
    """The models of an object with their classes."""
    rng = np.random.default_rng(item.seed)
    tones = np.random.default_rng(item.tone)
    cloth = (f"cloth {tones.integers(len(CLOTHS))}", f"cloth {tones.integers(len(CLOTHS))}")
    finish = WALLS[tones.integers(len(WALLS))]
    match item.kind:
        case "car":
            return [(CAR, car(car_kind(item), f"paint {tones.integers(len(PAINTS))}", rng))]
        case "pedestrian":
            return [(PEDESTRIAN, pedestrian(cloth, rng))]
        case "bicyclist":
            return [(BICYCLIST, bicyclist(cloth, f"paint {tones.integers(len(PAINTS))}", rng))]
        case "terrace" | "shop" | "house" | "flats":
            return [(BUILDING, building(item.kind, item.length_m, finish, rng))]
        case "garden wall":
            return [(BUILDING, garden_wall(item.length_m, finish))]
        case "panels" | "pickets" | "railings":
            return [(FENCE, fence(item.kind, item.length_m, rng))]
        case "hedge":
            return [(TREE, hedge(item.length_m, rng))]
        case "tree":
            return [(TREE, tree(item.length_m, 16 / max(16.0, 8 + item.along_m), rng))]
        case "lamp":
            return [(POLE, lamp(item.length_m))]
        case "bollard":
            return [(POLE, bollard())]
        case "bin":
            return [(-1, litter_bin())]
        case "sign":
            return list(zip((POLE, SIGN), sign(rng), strict=True))
        case "traffic light":
            return list(zip((POLE, SIGN), traffic_light(rng), strict=True))
    raise ValueError(f"a street has no {item.kind!r}")


def _stood(layout: StreetLayout, item: Placed, model: Model) -> Model:
    """The model in the world: fronts, fences and hedges follow the road's arc, all else stands rigidly."""
    base = KERB_M if item.across_m <= -layout.left_m or item.across_m >= layout.right_m else 0.0
    lined = item.kind in _LINED
    if lined and abs(np.sin(item.turn_rad)) < 0.5:
        back = np.sign(np.cos(item.turn_rad))  # −1 for what faces right from the left side

        def bend(points: np.ndarray) -> np.ndarray:
            along = item.along_m + back * (points[:, 1] - item.length_m / 2)
            x, y, _ = layout.pose(along, item.across_m + back * points[:, 0])
            return np.column_stack([x, y, points[:, 2] + base])

        return model.reshaped(bend)
    x, y, heading = layout.pose(item.along_m, item.across_m)
    centred = placed(0.0, -item.length_m / 2 if lined else 0.0)
    return model.moved(placed(float(x), float(y), base, item.turn_rad - float(heading)) @ centred)


_LINED = frozenset(("terrace", "shop", "house", "flats", "garden wall", "panels", "pickets", "railings", "hedge"))


# ----------------------------------------------------------------------------------------------- ground


def _ground(layout: StreetLayout) -> list[tuple[int, Model]]:
    """Road with markings, and on each side kerb, pavement and what lies behind."""
    road, pavement, green = Model(), Model(), Model()
    road.add("asphalt", _strip(layout, (-layout.left_m, 0.0), (layout.right_m, 0.0)))
    for along, across, length, width, material in _markings(layout):
        z = MARKING_M
        low, high = across - width / 2, across + width / 2
        road.add(material, _strip(layout, (low, z), (high, z), along, along + length))
    edges = zip((LEFT, RIGHT), (layout.left_m, layout.right_m), layout.pavement_m, layout.paved, strict=True)
    for side, edge, wide, paved in edges:
        at = [side * (edge + d) for d in (0.0, 0.14, wide, wide + 45.0)]
        pavement.add(
            "kerb", _strip(layout, (at[0], 0.0), (at[0], KERB_M)), _strip(layout, (at[0], KERB_M), (at[1], KERB_M))
        )
        pavement.add("slabs", _strip(layout, (at[1], KERB_M), (at[2], KERB_M)))
        behind = _strip(layout, (at[2], KERB_M), (at[3], KERB_M))
        if paved:
            pavement.add("slabs", behind)
        else:
            green.add("grass", behind)
    far = LENGTH_M + 10
    green.add("grass", _strip(layout, (-60.0, -0.01), (60.0, -0.01), far - 30, far + 40))
    return [(ROAD, road), (PAVEMENT, pavement), (TREE, green)]


def _markings(layout: StreetLayout) -> Iterator[tuple[float, float, float, float, str]]:
    """Strips of paint: along, across, length, width in metres, material."""
    for along in np.arange(BEHIND_M, LENGTH_M, 6.0):
        yield along, 0.0, 3.6, 0.12, "line"
    for edge, lane in ((-layout.left_m, -layout.lane_m), (layout.right_m, layout.lane_m)):
        if abs(edge) > abs(lane):  # parking bays
            for along in np.arange(BEHIND_M, LENGTH_M, 2.0):
                yield along, lane, 1.0, 0.1, "line"
        elif layout.yellow_lines:
            inwards = -np.sign(edge)
            for offset in (0.25, 0.45):
                yield BEHIND_M, edge + inwards * offset, LENGTH_M, 0.09, "yellow line"
    if layout.zebra_m is not None:
        for across in np.arange(-layout.left_m + 0.5, layout.right_m - 0.3, 1.1):
            yield layout.zebra_m - 1.5, across, 3.0, 0.55, "line"


def _strip(
    layout: StreetLayout,
    a: tuple[float, float],
    b: tuple[float, float],
    start_m: float = BEHIND_M,
    stop_m: float = LENGTH_M + 10,
) -> Mesh:
    """The band between the lines (across, z) = ``a`` and ``b``, along the arc; u across, v along, in metres."""
    along = np.linspace(start_m, stop_m, max(2, round((stop_m - start_m) / 3) + 1))
    lines = []
    for across, z in (a, b):
        x, y, _ = layout.pose(along, across)
        lines.append(np.column_stack([x, y, np.full(len(along), z)]))
    mesh = loft(np.stack(lines, axis=1), closed=False, smooth=False)
    return mesh | {"uv": np.column_stack([np.tile([a[0] + a[1], b[0] + b[1]], len(along)), np.repeat(along, 2)])}
