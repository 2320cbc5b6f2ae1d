"""Light of the target's rooms, and the lamp of the source's, in the pair `indoor`.

All emitters of the target are easy to sample, each by its power, so that 64 paths a pixel leave little noise:

* window panes: area lights that show a blurred view of sky and trees;
* the ceiling: a faint area light, for what lamps and windows throw at it, which paths would find slowly;
* lampshades, three at most; most rooms have their lamps on;
* sunshine on the floor, in half of the rooms: a projector in a window, since rays of a real sun cannot pass a pane
  that is a light itself; so its rays spread a little, and its patch has soft edges.

One room in six is seen in the evening. Radiances are relative: the camera meters every picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pairs.rendered.indoor_layout import Layout, Piece, overlap, wall_frame
from pairs.rendered.meshes import Mesh
from pairs.rendered.scene import look_at
from pairs.rendered.textures import bitmap, linear, noise


def add_lights(scene: dict[str, Any], panes: dict[str, Mesh], layout: Layout, rng: np.random.Generator) -> None:
    """Panes, lamps (three at most: more lights, more noise) and, often, the sun; each sampled by its power."""
    evening = bool(rng.random() < 1 / 6)
    for name, pane in panes.items():
        view = _window_view(rng, evening)
        power = np.pi * _area(pane) * float(view.mean())
        light = {"type": "area", "radiance": bitmap(view), "sampling_weight": power}
        black = {"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.0}}
        scene[name] = {"type": "mesh", **pane, "bsdf": black, "emitter": light}
    bounced = rng.uniform(0.12, 0.25) if evening else rng.uniform(0.25, 0.5)
    light = {"type": "area", "radiance": {"type": "rgb", "value": bounced}}
    scene["ceiling-ceiling"] |= {
        "emitter": light | {"sampling_weight": np.pi * bounced * _area(scene["ceiling-ceiling"])}
    }
    shades = [name for name in scene if name.endswith("-shade") and not name.startswith("paint")]
    shades.sort(key=lambda name: _area(scene[name]), reverse=True)
    for name in shades[:3]:
        if evening or rng.random() < 0.7:
            flux = rng.uniform(6, 16) if scene[name]["vertices"][:, 2].min() > 1.7 else rng.uniform(2, 5)
            tint = np.array([1.0, 0.97, 0.92] if layout.flavour == "office" else [1.0, 0.86, 0.68])
            radiance = [float(c) for c in tint * flux / (np.pi * _area(scene[name]))]
            light = {"type": "area", "radiance": {"type": "rgb", "value": radiance}, "sampling_weight": float(flux)}
            scene[name] |= {"emitter": light}
    if evening or rng.random() < 0.4:
        return
    windows = [o for o in layout.openings if o.kind == "window"]
    sunny = windows[rng.integers(len(windows))]
    start, turn, _ = wall_frame(layout.room_m, sunny.wall)
    along, inwards = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    height, azimuth = np.deg2rad(rng.uniform(25, 45)), np.deg2rad(rng.uniform(-40, 40))
    beam = np.array([*(np.cos(azimuth) * inwards + np.sin(azimuth) * along) * np.cos(height), -np.sin(height)])
    at = np.array(
        [
            *(start + along * (sunny.start_m + sunny.width_m / 2) - 0.04 * inwards),
            0.7 * sunny.head_m + 0.3 * sunny.sill_m,
        ]
    )
    reach = at[2] / np.sin(height)  # to the floor
    scene["sun"] = {
        "type": "projector",
        "irradiance": bitmap(_sunbeam(rng)),
        "scale": float(rng.uniform(1.5, 4) * reach**2),
        "to_world": look_at(at, at + beam) @ np.diag([-1.0, -1.0, 1.0, 1.0]),
        "fov": float(np.degrees(2 * np.arctan(0.4 * sunny.width_m / reach))),
        "sampling_weight": 10.0,
    }


def _area(mesh: Mesh) -> float:
    """Surface of a mesh in m²."""
    a, b, c = (mesh["vertices"][mesh["faces"][:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def free_point(layout: Layout, rng: np.random.Generator) -> list[float]:
    """A point below the ceiling that is inside no piece: above the camera, if no other is found."""
    z = layout.room_m[2] - 0.35
    for _ in range(20):
        x, y = (float(rng.uniform(0.8, side - 0.8)) for side in layout.room_m[:2])
        bulb = Piece("bulb", (x, y, z - 0.1), 0.0, (0.3, 0.3, 0.2))
        if not any(overlap(bulb, piece) for piece in layout.pieces):
            return [x, y, z]
    return [layout.camera_m[0], layout.camera_m[1], layout.camera_m[2] + 0.2]


def _window_view(rng: np.random.Generator, evening: bool) -> np.ndarray:
    """``(64, 64, 3)`` radiance of a pane, top row first: sky, a blurred line of trees and houses, ground."""
    rows = np.linspace(0, 1, 64)[:, None]
    skyline = 0.5 + 0.25 * (noise(rng, 64, (1, 3), 4)[:1] - 0.5)
    edge = 1 / (1 + np.exp(-(rows - skyline) * 25))
    sky = np.array([0.85, 0.94, 1.0]) * (1.15 - 0.3 * rows)[..., None]
    land = linear([0.45, 0.52, 0.38]) * (0.5 + 0.9 * noise(rng, 64, 6, 3))[..., None]
    view = sky * (1 - edge[..., None]) + land * edge[..., None]
    brightness = rng.uniform(0.05, 0.25) if evening else rng.uniform(2.0, 4.5)
    tint = np.array([0.55, 0.7, 1.0]) if evening else np.ones(3)
    return (view * tint * brightness).astype(np.float32)


def _sunbeam(rng: np.random.Generator) -> np.ndarray:
    """``(64, 64, 3)``: the light that a window lets through: panes with soft edges between the bars."""
    n = int(rng.integers(1, 4))
    x = np.arange(64) / 64
    open_x = np.clip(8 * n * (0.5 - np.abs(n * x % 1 - 0.5)) / n - 0.5, 0, 1)
    open_y = np.clip(12 * (0.5 - np.abs(x - 0.5)) - 0.4, 0, 1)
    return (open_y[:, None, None] * open_x[:, None] * np.array([1.0, 0.88, 0.7])).astype(np.float32)
