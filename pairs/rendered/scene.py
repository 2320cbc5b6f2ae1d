"""What a generator of rendered pairs writes: layouts, cameras and scenes in two looks.

One *layout* says what stands where, a *look* says how it is drawn. ``source`` is what a cheap engine draws, ``target``
what a physically based renderer and a camera see. Both looks of a layout have equal labels, because the label rays
(:mod:`pairs.rendered.trace`) meet the labelled shapes alone.

World: metres, z up. Camera axes: x right, y down, z forward (OpenCV). The pixel (column u, row v) has its centre at
(u + ½, v + ½), and a point (x, y, z) in camera axes projects, with Brown's radial distortion (k1, k2), to::

    a = x/z,  b = y/z,  s = 1 + k1·r² + k2·r⁴  with r² = a² + b²;    (fx·s·a + cx, fy·s·b + cy)

Nothing here imports Mitsuba. A scene is a Mitsuba scene dictionary in which three things may be written plainly:

* ``to_world`` of a shape, emitter or texture: a ``(4, 4)`` array;
* a mesh: ``{"type": "mesh", "vertices": (V, 3) float, "faces": (F, 3) int, "uv": (V, 2) float or absent,
  "smooth": bool (default True: vertex normals), "bsdf": {…}}``, as :mod:`pairs.rendered.meshes` makes them;
* a bitmap: ``{"type": "bitmap", "data": (H, W, 3) or (H, W) float32 linear reflectance in [0, 1], …}``, as
  :mod:`pairs.rendered.textures` makes them.

References (``{"type": "ref", "id": "wood"}``) to bsdfs of the same scene work as in Mitsuba; instances do not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from pairs.rendered.sensor import Sensor

Look = Literal["source", "target"]
LOOKS: tuple[Look, ...] = ("source", "target")
IGNORE = 255
"""Mask value of pixels without a class."""


@dataclass(frozen=True)
class Camera:
    """Where the camera is and how it projects; see the module's docstring for the axes and the formula.

    Attributes
    ----------
    width, height: image size in pixels.
    intrinsics: fx, fy, cx, cy in pixels.
    to_world: ``(4, 4) float64``, camera axes → world metres; its last column is the camera's position.
    distortion: k1, k2; the formula must grow with r out to the image's corners.
    """

    width: int
    height: int
    intrinsics: tuple[float, float, float, float]
    to_world: np.ndarray
    distortion: tuple[float, float] = (0.0, 0.0)


def look_at(position: np.ndarray, target: np.ndarray, roll_rad: float = 0.0) -> np.ndarray:
    """``(4, 4) float64`` pose of a camera at ``position`` that sees ``target`` in its centre, the world's z up.

    ``roll_rad`` turns the camera clockwise about its view axis. The view axis must not be vertical.
    """
    forward = np.asarray(target, float) - np.asarray(position, float)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    cos, sin = np.cos(roll_rad), np.sin(roll_rad)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([cos * right + sin * down, cos * down - sin * right, forward], axis=1)
    pose[:3, 3] = position
    return pose


@dataclass(frozen=True)
class Part:
    """What a labelled shape is.

    Attributes
    ----------
    class_id: position in ``class_names``; −1 = no class, which the mask writes as 255. Give −1 to a shape that has no
        class but hides others: label rays pass through shapes that are not labelled.
    instance: 0 = none, otherwise counted from 1; an object of several shapes repeats its number.
    foreground: whether its pixels belong to the column ``foreground``.
    """

    class_id: int
    instance: int = 0
    foreground: bool = False


@dataclass(frozen=True)
class Buffers:
    """What the label rays met, one ray through each pixel's centre.

    Attributes
    ----------
    part: ``(H, W) int32`` index into ``parts``; −1 where no labelled shape is.
    depth_m: ``(H, W) float32`` metres along the view axis (not along the ray); 0 where no labelled shape is.
    parts: of the labelled shapes, in the scene's order.
    camera: the one that saw them.
    """

    part: np.ndarray
    depth_m: np.ndarray
    parts: tuple[Part, ...]
    camera: Camera


class Generator(ABC):
    """Draws layouts and writes them as scenes; stateless, so that an image depends on its seed alone.

    Class attributes
    ----------------
    name: of the pair; ``version``: raise it whenever an image or a label changes.
    size: width and height of the images that ship.
    depth_range_m: near and far; ``depth_m`` is 0 (unknown) outside.
    safe_distance_m: what an avoidance task calls safe, or ``None``.
    obstacle_band_m: heights above the floor (low, high) between which a surface is an obstacle, or ``None``.
    samples: samples a pixel of each look; at least 64 for the target, so that the gap is look, not noise.
    columns: label and geometry columns that :meth:`labels` makes.
    extinction_per_m: range of the haze over the target (:mod:`pairs.rendered.haze`), or ``None``.
    empty_class: mask value where no labelled shape is (the sky's id, say).
    min_box_px: an instance with fewer visible pixels gets no box.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    size: ClassVar[tuple[int, int]]
    class_names: ClassVar[tuple[str, ...]]
    depth_range_m: ClassVar[tuple[float, float]]
    safe_distance_m: ClassVar[float | None] = None
    obstacle_band_m: ClassVar[tuple[float, float] | None] = None
    samples: ClassVar[Mapping[Look, int]]
    columns: ClassVar[tuple[str, ...]]
    extinction_per_m: ClassVar[tuple[float, float] | None] = None
    empty_class: ClassVar[int] = IGNORE
    min_box_px: ClassVar[int] = 12

    @abstractmethod
    def layout(self, rng: np.random.Generator, layout_gap: float) -> Any:
        """A frozen dataclass: what is where, and no looks.

        ``layout_gap`` 0 draws from the distribution of all sets that ship; > 0 shifts it, as the generator documents.
        """

    @abstractmethod
    def camera(self, layout: Any) -> Camera:
        """The camera of a layout, at :attr:`size`."""

    @abstractmethod
    def scene(self, layout: Any, look: Look, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Part]]:
        """Shapes, bsdfs and emitters by name (no sensor, film nor integrator), and the part of each labelled shape.

        Labelled shapes are the same in both looks and in the same places; unlabelled clutter may differ, and must then
        never stand between the camera and a labelled shape.
        """

    def integrator(self, look: Look) -> dict[str, Any]:
        """Mitsuba's integrator: direct light alone for the source, eight bounces for the target."""
        if look == "source":
            return {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0, "hide_emitters": True}
        return {"type": "path", "max_depth": 8, "rr_depth": 5}

    def exposure(self, look: Look) -> float | None:
        """Factor from radiance to the sensor's [0, 1]; ``None`` meters each image, as a camera does (the target)."""
        return 1.0 if look == "source" else None

    def sensor(self) -> Sensor:
        """The camera that takes the target's pictures; override it for another one."""
        return Sensor()

    def empty_layout(self) -> Any | None:
        """The layout whose target look becomes the asset ``background_template`` (a fixed camera), or ``None``."""
        return None

    def labels(self, layout: Any, buffers: Buffers) -> dict[str, np.ndarray]:
        """The columns of one image, without the leading axis; boxes as ``(n, 4)``, unpadded.

        The default makes ``mask``, ``foreground``, ``depth_m``, ``boxes`` and ``box_class`` (of the visible pixels),
        ``intrinsics``, ``camera_height_m`` and ``up``, as far as :attr:`columns` names them; subclasses add their own.
        """
        camera = buffers.camera
        boxes, box_class = visible_boxes(buffers, self.min_box_px)
        near, far = self.depth_range_m
        depth_m = buffers.depth_m
        made = {
            "mask": _of_parts(
                buffers, [IGNORE if p.class_id < 0 else p.class_id for p in buffers.parts], self.empty_class
            ).astype(np.uint8),
            "foreground": _of_parts(buffers, [p.foreground for p in buffers.parts], False).astype(bool),
            "depth_m": np.where((depth_m >= near) & (depth_m <= far), depth_m, 0).astype(np.float32),
            "boxes": boxes,
            "box_class": box_class,
            "intrinsics": np.asarray(camera.intrinsics, np.float32),
            "camera_height_m": np.float32(camera.to_world[2, 3]),
            "up": camera.to_world[2, :3].astype(np.float32),  # the world's z in camera axes: Rᵀ (0, 0, 1)
        }
        return {name: np.asarray(value) for name, value in made.items() if name in self.columns}


def visible_boxes(buffers: Buffers, min_box_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes ``(n, 4) float32`` xyxy around the visible pixels of each instance, and class ids ``(n,) int64``.

    A box holds its pixels whole: one pixel at (u, v) gives (u, v, u + 1, v + 1). Instances come in order of number.
    """
    instance = _of_parts(buffers, [p.instance for p in buffers.parts], 0)
    class_of = {p.instance: p.class_id for p in reversed(buffers.parts) if p.instance and p.class_id >= 0}
    boxes, classes = [], []
    for number in sorted(class_of):
        v, u = np.nonzero(instance == number)
        if len(v) >= min_box_px:
            boxes.append((u.min(), v.min(), u.max() + 1, v.max() + 1))
            classes.append(class_of[number])
    return np.asarray(boxes, np.float32).reshape(-1, 4), np.asarray(classes, np.int64)


def _of_parts(buffers: Buffers, values: list[Any], empty: Any) -> np.ndarray:
    """``(H, W)`` value of the part at each pixel, ``empty`` where there is none."""
    return np.asarray([*values, empty])[buffers.part]  # index −1 is the last: empty
