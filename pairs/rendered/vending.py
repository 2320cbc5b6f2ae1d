"""The generator of the pair ``vending``: products on the shelves of a vending machine, seen by its fixed camera.

After Wang et al. 2019 (arXiv 1904.12294), who render scanned products inside the machine that a wide-angle camera
watches. Here the products are lofts (:mod:`pairs.rendered.vending_products`) with drawn prints
(:mod:`pairs.rendered.vending_prints`), and the camera stands before the closed door, since the door is to reflect.

*Layout*: n = 3 + Binomial(7, 0.6) products, fewer where one finds no place; each of any class and design, standing or
lying, deformed, on one of two shelves. Their footprints stay 2 mm apart, and no more than 60 % of a product's bounds in
the picture lies inside those of one before it. ``layout_gap`` g (1 and above are alike) shifts, linearly from g = 0:

* number: the Binomial's rate from 0.6 to 0.9;
* class balance: weights from equal to e^1.2 (bottle) … e^−1.2 (sandwich box), in the order of the ids;
* shelf filling: from any depth to centres in the front 65 % of the shelves.

*Labels*, 128 × 128: boxes of visible pixels. No box where less than :data:`MIN_VISIBLE` of a product's outline shows
or less than :data:`MIN_AREA` of the picture; ``foreground`` has its pixels all the same. Everything in front of a
product is part of the label scene: rails and the frame hide products as they do in the picture.

*Source*: a point lamp, matt uniform colours, 9 samples. *Target*: path traced with one bounce of indirect light, 64
samples; see :mod:`pairs.rendered.vending_machine` for its lamps, and for what is faked about the door. The empty
machine (the background template) is lit by the means of all lamp settings and reflects room 0.

Camera: 90 px focal length at 128 px, Brown's k1 = −0.14, k2 = 0.018, 75° across and 100° from corner to corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from pairs.rendered.meshes import painted
from pairs.rendered.scene import Buffers, Camera, Generator, Look, Part, look_at
from pairs.rendered.vending_machine import DEPTH_M, HALF_WIDTH_M, SHELVES_M, Conditions, cabinet, lamps, product_paint
from pairs.rendered.vending_prints import N_DESIGNS
from pairs.rendered.vending_products import CLASS_NAMES, Product, apart, footprint, form_of, pieces

CAMERA = Camera(
    width=128,
    height=128,
    intrinsics=(90.0, 90.0, 64.0, 64.0),
    to_world=look_at(np.array((0.0, -0.27, 0.35)), np.array((0.0, 0.1, 0.225))),
    distortion=(-0.14, 0.018),
)
MIN_VISIBLE = 0.2
"""Visible pixels over the area of the convex hull of all that the product would show if nothing hid it."""
MIN_AREA = 0.0025
"""Visible pixels over those of the picture; 41 pixels of 128 × 128."""

_TRIES = 60
_GAP_M, _MARGIN_M = 0.002, 0.006  # between footprints; between these and the walls or the front edge
_MAX_HIDDEN = 0.6


@dataclass(frozen=True)
class Layout:
    """The products of one image, numbered from 1 in this order; none for the empty machine."""

    products: tuple[Product, ...]


class Vending(Generator):
    """Vending machine; see the module's docstring."""

    name = "vending"
    version = 1
    size = (128, 128)
    class_names = CLASS_NAMES
    depth_range_m = (0.1, 1.0)
    samples: ClassVar = {"source": 9, "target": 64}
    columns = ("boxes", "box_class", "foreground", "intrinsics")
    min_box_px = 1  # MIN_AREA decides, at any size

    def layout(self, rng: np.random.Generator, layout_gap: float) -> Layout:
        """Products drawn one by one; one that has found no place after :data:`_TRIES` is left out."""
        gap = min(layout_gap, 1.0)
        n_wanted = 3 + int(rng.binomial(7, 0.6 + 0.3 * gap))
        placed: list[Product] = []
        for _ in range(n_wanted):
            product = _candidate(rng, gap)
            for _ in range(_TRIES):
                x, y = rng.uniform(-HALF_WIDTH_M, HALF_WIDTH_M), rng.uniform(0, DEPTH_M * (1 - 0.35 * gap))
                shelf = SHELVES_M[rng.integers(len(SHELVES_M))]
                product = replace(product, position=(float(x), float(y), shelf))
                if _fits(product, placed):
                    placed.append(product)
                    break
        return Layout(tuple(placed))

    def empty_layout(self) -> Layout:
        """The machine without a product."""
        return Layout(())

    def camera(self, layout: Layout) -> Camera:
        """The same :data:`CAMERA` for every layout."""
        return CAMERA

    def integrator(self, look: Look) -> dict[str, Any]:
        """The target sees one indirect bounce (the door's sheet counts as another vertex of the path)."""
        return super().integrator(look) if look == "source" else {"type": "path", "max_depth": 4, "rr_depth": 4}

    def scene(self, layout: Layout, look: Look, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Part]]:
        """Cabinet, products and lamps; all but the lamps are labelled."""
        conditions = Conditions.draw(rng) if layout.products else Conditions()
        scene = cabinet(look)
        parts = {name: Part(-1) for name in scene}
        for number, product in enumerate(layout.products, start=1):
            for piece in pieces(product):
                name = f"product_{number}_{len(parts)}"
                mesh = {"vertices": piece.vertices, "faces": piece.faces, "uv": piece.uv}
                scene[name] = painted(mesh, product_paint(piece.paint, product, look))
                parts[name] = Part(product.class_id, number, foreground=True)
        return scene | lamps(look, conditions), parts

    def labels(self, layout: Layout, buffers: Buffers) -> dict[str, np.ndarray]:
        """``boxes``, ``box_class``, ``foreground`` and ``intrinsics``; hidden and tiny products have no box."""
        from scipy.spatial import ConvexHull

        instance = np.array([part.instance for part in buffers.parts] + [0])[buffers.part]
        visible = np.bincount(instance.ravel(), minlength=len(layout.products) + 1)
        unboxed = set()
        for number, product in enumerate(layout.products, start=1):
            outline = ConvexHull(project(buffers.camera, _points(product))).volume  # in 2-D, the area
            if visible[number] < max(MIN_VISIBLE * outline, MIN_AREA * instance.size):
                unboxed.add(number)
        boxed = [replace(part, instance=0) if part.instance in unboxed else part for part in buffers.parts]
        return super().labels(layout, replace(buffers, parts=tuple(boxed)))


def project(camera: Camera, points: np.ndarray) -> np.ndarray:
    """World points ``(N, 3)`` metres, before the camera → ``(N, 2)`` pixels u, v (the camera's formula)."""
    x, y, z = ((points - camera.to_world[:3, 3]) @ camera.to_world[:3, :3]).T
    fx, fy, cx, cy = camera.intrinsics
    k1, k2 = camera.distortion
    a, b = x / z, y / z
    r2 = a**2 + b**2
    s = 1 + k1 * r2 + k2 * r2**2
    return np.stack([fx * s * a + cx, fy * s * b + cy], axis=1)


def _candidate(rng: np.random.Generator, gap: float) -> Product:
    """A product without a place."""
    weights = np.exp(gap * np.linspace(1.2, -1.2, len(CLASS_NAMES)))
    class_id = int(rng.choice(len(CLASS_NAMES), p=weights / weights.sum()))
    form = form_of(class_id)
    lies = rng.random() < form.lies
    tilt, turn = (np.pi / 2, np.pi) if lies else (rng.uniform(0, form.lean_rad), 0.6)
    scale, bend = rng.uniform(0.92, 1.08, 3), form.bend_mm / 1000 * rng.uniform(-1, 1, 2)
    return Product(
        class_id=class_id,
        design=int(rng.integers(N_DESIGNS)),
        scale=(float(scale[0]), float(scale[1]), float(scale[2])),
        bend_m=(float(bend[0]), float(bend[1])),
        bump_m=form.foil_mm / 1000 * float(rng.uniform(0.4, 1)),
        bump_seed=int(rng.integers(2**31)),
        tilt_rad=float(tilt),
        roll_rad=float(rng.uniform(-np.pi, np.pi)) if lies and form.rolls else 0.0,
        yaw_rad=float(rng.uniform(-turn, turn)),
        position=(0.0, 0.0, 0.0),
    )


def _fits(product: Product, placed: Sequence[Product]) -> bool:
    corners = footprint(product)
    x, y = corners.T
    if abs(x).max() > HALF_WIDTH_M - _MARGIN_M or y.min() < _MARGIN_M or y.max() > DEPTH_M - _MARGIN_M:
        return False
    low, high = _bounds(product)
    for other in placed:
        same_shelf = other.position[2] == product.position[2]
        if same_shelf and not apart(corners, footprint(other), _GAP_M):
            return False
        other_low, other_high = _bounds(other)
        shared = np.clip(np.minimum(high, other_high) - np.maximum(low, other_low), 0, None).prod()
        behind = high - low if product.position[1] > other.position[1] else other_high - other_low
        if shared > _MAX_HIDDEN * behind.prod():
            return False
    return True


def _points(product: Product) -> np.ndarray:
    return np.concatenate([piece.vertices for piece in pieces(product)])


def _bounds(product: Product) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest u, v of the product in :data:`CAMERA`."""
    seen = project(CAMERA, _points(product))
    return seen.min(axis=0), seen.max(axis=0)
