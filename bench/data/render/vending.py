"""The generator of the pair ``vending``: products on the two shelves of a vending machine, seen by its fixed camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.spatial import ConvexHull

from bench.data.render.scene import Buffers, Camera, Generator, Look, Part, look_at
from bench.data.render.vending_machine import (
    DEPTH_M,
    HALF_WIDTH_M,
    SHELVES_M,
    Conditions,
    cabinet,
    lamps,
    product_paint,
)
from bench.data.render.vending_prints import N_DESIGNS
from bench.data.render.vending_products import CLASS_NAMES, FORMS, Product, apart, footprint, pieces

CAMERA = Camera(
    width=128,
    height=128,
    intrinsics=(84.0, 84.0, 64.0, 64.0),
    to_world=look_at(np.array((0.0, -0.27, 0.35)), np.array((0.0, 0.1, 0.225))),
    distortion=(-0.16, 0.022),
)
MIN_VISIBLE = 0.2
_GAP_M, _MARGIN_M = 0.003, 0.006
_MAX_HIDDEN = 0.6


@dataclass(frozen=True)
class Layout:
    products: tuple[Product, ...]


class Vending(Generator):
    name = "vending"
    version = 1
    size = (128, 128)
    class_names = CLASS_NAMES
    depth_range_m = (0.1, 1.0)
    samples: ClassVar = {"source": 9, "target": 64}
    columns = ("boxes", "box_class", "foreground", "intrinsics")
    min_box_px = 40

    def layout(self, rng: np.random.Generator, layout_gap: float) -> Layout:
        gap = min(layout_gap, 1.0)
        n_wanted = 3 + int(rng.binomial(7, 0.4 + 0.35 * gap))
        placed: list[Product] = []
        for _ in range(80):
            if len(placed) == n_wanted:
                break
            new = _candidate(rng, gap)
            if _fits(new, placed):
                placed.append(new)
        return Layout(tuple(placed))

    def empty_layout(self) -> Layout:
        return Layout(())

    def camera(self, layout: Layout) -> Camera:
        return CAMERA

    def integrator(self, look: Look) -> dict[str, Any]:
        return super().integrator(look) if look == "source" else {"type": "path", "max_depth": 5, "rr_depth": 3}

    def scene(self, layout, look, rng):
        conditions = Conditions.draw(rng) if layout.products else Conditions()
        scene = cabinet(look)
        parts = {name: Part(-1) for name in scene}
        for number, product in enumerate(layout.products, start=1):
            for k, piece in enumerate(pieces(product)):
                name = f"product_{number}_{k}"
                scene[name] = {"type": "mesh", "vertices": piece.vertices, "faces": piece.faces, "uv": piece.uv, "bsdf":
                               {"type": "twosided", "nested": product_paint(piece.paint, product, look)}}
                parts[name] = Part(product.class_id, number, True)
        return scene | lamps(look, conditions), parts

    def labels(self, layout, buffers):
        hidden = {n for n, product in enumerate(layout.products, start=1)
                  if _visible_share(n, product, buffers) < MIN_VISIBLE}
        shown = tuple(replace(p, instance=0) if p.instance in hidden else p for p in buffers.parts)
        return super().labels(layout, replace(buffers, parts=shown))


def project(camera: Camera, points: np.ndarray) -> np.ndarray:
    x, y, z = (points - camera.to_world[:3, 3]) @ camera.to_world[:3, :3].T.T if False else ((points - camera.to_world[:3, 3]) @ camera.to_world[:3, :3]).T
    k1, k2 = camera.distortion
    fx, fy, cx, cy = camera.intrinsics
    a, b = x / z, y / z
    r2 = a**2 + b**2
    s = 1 + k1 * r2 + k2 * r2**2
    return np.stack([fx * s * a + cx, fy * s * b + cy], axis=1)


def _candidate(rng, gap):
    weights = np.exp(gap * np.linspace(1.2, -1.2, len(CLASS_NAMES)))
    class_id = int(rng.choice(len(CLASS_NAMES), p=weights / weights.sum()))
    form = FORMS[class_id]
    lies = rng.random() < form.lies
    if lies:
        tilt, roll, yaw = np.pi / 2, rng.normal(0, 0.3) if not form.rolls else rng.uniform(-np.pi, np.pi), rng.uniform(-np.pi, np.pi)
    else:
        tilt, roll, yaw = rng.uniform(0, form.lean), 0.0, rng.normal(0, 0.35)
    return Product(
        class_id=class_id, design=int(rng.integers(N_DESIGNS)),
        scale=tuple(rng.uniform(0.92, 1.08, 3).tolist()),
        bend_m=tuple((form.bend * rng.uniform(-1, 1, 2)).tolist()),
        bump_m=form.foil * rng.uniform(0.4, 1), bump_seed=int(rng.integers(1 << 31)),
        tilt_rad=float(tilt), roll_rad=float(roll), yaw_rad=float(yaw),
        position=(float(rng.uniform(-HALF_WIDTH_M, HALF_WIDTH_M)), float(rng.uniform(0, DEPTH_M * (1 - 0.5 * gap))),
                  SHELVES_M[int(rng.random() < 0.5 - 0.15 * gap)]),
    )


def _fits(new, placed):
    outline = footprint(new)
    x, y = outline.T
    if np.abs(x).max() > HALF_WIDTH_M - _MARGIN_M or y.min() < _MARGIN_M or y.max() > DEPTH_M - _MARGIN_M:
        return False
    seen = _bounds(new)
    for other in placed:
        if other.position[2] == new.position[2] and not apart(outline, footprint(other), _GAP_M):
            return False
        theirs = _bounds(other)
        behind = seen if new.position[1] > other.position[1] else theirs
        shared = np.clip(np.minimum(seen[2:], theirs[2:]) - np.maximum(seen[:2], theirs[:2]), 0, None).prod()
        if shared > _MAX_HIDDEN * (behind[2:] - behind[:2]).prod():
            return False
    return True


def _bounds(product):
    seen = project(CAMERA, np.concatenate([p.vertices for p in pieces(product)]))
    return np.concatenate([seen.min(0), seen.max(0)])


def _visible_share(number, product, buffers):
    visible = np.isin(buffers.part, [i for i, p in enumerate(buffers.parts) if p.instance == number]).sum()
    outline = project(buffers.camera, np.concatenate([p.vertices for p in pieces(product)]))
    return visible / ConvexHull(outline).volume
