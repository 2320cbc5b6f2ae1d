"""From a scene to radiance and to labels, with Mitsuba 3 (variant ``scalar_rgb``, one thread).

*Colours*: linear RGB, box filter, n samples a pixel. Mitsuba's pinhole draws a camera with square pixels and no
distortion directly; any other camera gets a pinhole view that holds its field of view, 1.5 times as fine in the
centre, averaged over 3 × 3 bilinear look-ups a pixel.

*Labels*: never through a filter. One ray a pixel, through the pixel's centre by the exact inverse of the camera's
formula (:mod:`pairs.rendered.scene`), meets the labelled shapes alone: the shape's part, and with t the distance
along the unit ray d, ``depth = t · d_z``. So ids are whole numbers and depth is one surface's, also at edges.

Mitsuba 3: W. Jakob et al., https://mitsuba-renderer.org. One scalar intersection takes about 2 µs from Python, which
is less than a second label pass costs, and needs no second sensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.api import PluginError, UserError
from pairs.rendered.scene import Buffers, Camera, Part

OVERSAMPLING = 1.5
"""Pinhole pixels along the side of a pixel in the centre of a distorted image."""
_LOOKUPS = 3
_MITSUBA_AXES = np.diag([-1.0, -1.0, 1.0, 1.0])  # Mitsuba's camera has x left and y up


def mitsuba() -> Any:
    """The module ``mitsuba``, set to ``scalar_rgb`` and one thread (blocks, hence noise, would depend on their number).

    Raises
    ------
    UserError: it is not installed.
    """
    try:
        import drjit
        import mitsuba as mi
    except ModuleNotFoundError as error:
        raise UserError(
            f"rendering needs the extra 'render', but {error.name!r} is not installed: pip install 'realgain[render]'"
        ) from error
    mi.set_variant("scalar_rgb")
    mi.set_log_level(mi.LogLevel.Error)
    drjit.set_thread_count(1)
    return mi


def radiance(
    scene: Mapping[str, Any], integrator: Mapping[str, Any], camera: Camera, samples: int, seed: int
) -> np.ndarray:
    """``(H, W, 3) float32`` linear RGB of ``scene`` with ``samples`` paths a pixel.

    Raises
    ------
    PluginError: a radiance is negative or not finite: the scene is wrong.
    """
    fx, fy, _, _ = camera.intrinsics
    plain = fx == fy and camera.distortion == (0.0, 0.0)
    view = camera if plain else _covering_pinhole(camera)
    if not plain:
        samples = max(1, round(samples / OVERSAMPLING**2))
    mi = mitsuba()
    world = {"type": "scene", "integrator": dict(integrator), "sensor": _sensor(mi, view, samples)}
    loaded = mi.load_dict({**world, **_native(mi, scene)}, parallel=False, optimize=False)
    drawn = np.array(mi.render(loaded, spp=samples, seed=seed), np.float32)
    if not np.isfinite(drawn).all() or drawn.min() < 0:
        raise PluginError("the scene renders radiances that are negative or not finite: check its emitters and bsdfs")
    return drawn if plain else _resample(drawn, view, camera)


def label_buffers(scene: Mapping[str, Any], parts: Mapping[str, Part], camera: Camera) -> Buffers:
    """What one ray through each pixel's centre meets of the shapes named in ``parts``; see :class:`Buffers`.

    Raises
    ------
    PluginError: ``parts`` names no shape, or one that the scene does not have.
    """
    names = [name for name in scene if name in parts]
    if not names or set(names) != set(parts):
        raise PluginError(f"parts must name shapes of the scene; unknown: {sorted(set(parts) - set(scene)) or 'all'}")
    mi = mitsuba()
    bare = {name: _without_material(scene[name]) for name in names}
    loaded = mi.load_dict({"type": "scene", **_native(mi, bare)}, parallel=False, optimize=False)
    number = {name: i for i, name in enumerate(names)}
    directions = pixel_rays(camera)
    origin = mi.ScalarPoint3f(*camera.to_world[:3, 3])
    part = np.full(camera.height * camera.width, -1, np.int32)
    t = np.zeros(len(part))
    for i, direction in enumerate((directions.reshape(-1, 3) @ camera.to_world[:3, :3].T).tolist()):
        hit = loaded.ray_intersect_preliminary(mi.Ray3f(origin, direction))
        if hit.is_valid():
            part[i], t[i] = number[hit.shape.id()], hit.t
    size = (camera.height, camera.width)
    depth_m = (t * directions[..., 2].ravel()).astype(np.float32)
    return Buffers(part.reshape(size), depth_m.reshape(size), tuple(parts[name] for name in names), camera)


def pixel_rays(camera: Camera) -> np.ndarray:
    """``(H, W, 3) float64`` unit directions, in camera axes, through the centres of the pixels."""
    u, v = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    rays = np.stack([*_unproject(camera, u, v), np.ones_like(u)], axis=-1)
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True)


def _unproject(camera: Camera, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x/z and y/z of the rays through image points: Newton's method on r + k1·r³ + k2·r⁵ = r_d."""
    fx, fy, cx, cy = camera.intrinsics
    k1, k2 = camera.distortion
    a, b = (u - cx) / fx, (v - cy) / fy
    distorted = np.hypot(a, b)
    r = distorted.copy()
    for _ in range(30):
        slope = 1 + 3 * k1 * r**2 + 5 * k2 * r**4
        if (slope <= 0).any():
            raise PluginError(
                f"distortion {camera.distortion} folds the image of {camera.width} × {camera.height} pixels"
            )
        r -= (r * (1 + k1 * r**2 + k2 * r**4) - distorted) / slope
    scale = 1 / (1 + k1 * r**2 + k2 * r**4)
    return a * scale, b * scale


def _covering_pinhole(camera: Camera) -> Camera:
    """A pinhole at the same place that sees all that ``camera`` sees."""
    u = np.concatenate([np.linspace(0, camera.width, 33)] * 2 + [np.repeat([0.0, camera.width], 33)])
    v = np.concatenate([np.repeat([0.0, camera.height], 33), *[np.linspace(0, camera.height, 33)] * 2])
    a, b = _unproject(camera, u, v)
    focal = OVERSAMPLING * max(camera.intrinsics[:2])
    left, top = np.floor(focal * a.min()) - 1, np.floor(focal * b.min()) - 1
    right, bottom = np.ceil(focal * a.max()) + 1, np.ceil(focal * b.max()) + 1
    return Camera(int(right - left), int(bottom - top), (focal, focal, -left, -top), camera.to_world)


def _resample(drawn: np.ndarray, view: Camera, camera: Camera) -> np.ndarray:
    """The colours of ``camera`` from those of a pinhole at the same place."""
    from scipy.ndimage import map_coordinates

    offsets = (np.arange(_LOOKUPS) + 0.5) / _LOOKUPS
    u, v = np.meshgrid(
        (np.arange(camera.width)[:, None] + offsets).ravel(), (np.arange(camera.height)[:, None] + offsets).ravel()
    )
    a, b = _unproject(camera, u, v)
    focal, _, cx, cy = view.intrinsics
    at = np.stack([focal * b + cy - 0.5, focal * a + cx - 0.5])
    fine = np.stack([map_coordinates(drawn[..., c], at, order=1, mode="nearest") for c in range(3)], axis=-1)
    return fine.reshape(camera.height, _LOOKUPS, camera.width, _LOOKUPS, 3).mean(axis=(1, 3))


def _sensor(mi: Any, camera: Camera, samples: int) -> dict[str, Any]:
    focal, _, cx, cy = camera.intrinsics
    return {
        "type": "perspective",
        "fov": float(np.degrees(2 * np.arctan(camera.width / (2 * focal)))),
        "fov_axis": "x",
        "principal_point_offset_x": 0.5 - cx / camera.width,
        "principal_point_offset_y": 0.5 - cy / camera.height,
        "near_clip": 1e-3,
        "far_clip": 1e5,
        "to_world": mi.ScalarTransform4f(camera.to_world @ _MITSUBA_AXES),
        "sampler": {"type": "independent", "sample_count": samples},
        "film": {
            "type": "hdrfilm",
            "width": camera.width,
            "height": camera.height,
            "pixel_format": "rgb",
            "component_format": "float32",
            "rfilter": {"type": "box"},
        },
    }


def _native(mi: Any, scene: Mapping[str, Any]) -> dict[str, Any]:
    """The scene with arrays, meshes and references written as Mitsuba objects."""
    made: dict[str, Any] = {}

    def convert(name: str, value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.shape == (4, 4):
            return mi.ScalarTransform4f(value)
        if not isinstance(value, Mapping):
            return value
        if value.get("type") == "ref":
            if value["id"] not in scene:
                raise PluginError(f"the scene refers to {value['id']!r}, which it does not have")
            return entry(value["id"])
        if value.get("type") == "mesh":
            return _mesh(mi, name, {key: convert(key, item) for key, item in value.items()})
        inner = {key: convert(key, item) for key, item in value.items()}
        if inner.get("type") == "bitmap" and "data" in inner:
            pixels = np.ascontiguousarray(inner.pop("data"), np.float32)
            inner = {"bitmap": mi.Bitmap(pixels if pixels.ndim == 3 else pixels[..., None]), "raw": True} | inner
        return inner

    def entry(name: str) -> Any:
        """Top-level entry ``name``; what is referred to becomes one object that all its users share."""
        if name not in made:
            value = convert(name, scene[name])
            made[name] = mi.load_dict(value) if name in shared else value
        return made[name]

    shared = set(_references(scene))
    return {name: entry(name) for name in scene}


def _references(value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return []
    if value.get("type") == "ref":
        return [value["id"]]
    return [name for item in value.values() for name in _references(item)]


def _mesh(mi: Any, name: str, mesh: Mapping[str, Any]) -> Any:
    vertices, faces = np.asarray(mesh["vertices"], float), np.asarray(mesh["faces"])
    to_world = mesh.get("to_world")
    if to_world is not None:
        matrix = np.array(to_world.matrix, float)
        vertices = vertices @ matrix[:3, :3].T + matrix[:3, 3]
    properties = mi.Properties()
    for key in ("bsdf", "emitter"):
        if key in mesh:
            item = mesh[key]
            properties[key] = mi.load_dict(item) if isinstance(item, dict) else item
    uv = mesh.get("uv")
    loaded = mi.Mesh(
        name,
        len(vertices),
        len(faces),
        properties,
        has_vertex_normals=mesh.get("smooth", True),
        has_vertex_texcoords=uv is not None,
    )
    values = mi.traverse(loaded)
    values["vertex_positions"] = vertices.astype(np.float32).ravel()
    values["faces"] = faces.astype(np.uint32).ravel()
    if uv is not None:
        values["vertex_texcoords"] = np.asarray(uv, np.float32).ravel()
    values.update()
    return loaded


def _without_material(shape: Any) -> Any:
    """A shape as label rays need it: what is nested in it (bsdf, emitter, references) left out."""
    if not isinstance(shape, Mapping):
        return shape
    return {key: value for key, value in shape.items() if not isinstance(value, Mapping)}
