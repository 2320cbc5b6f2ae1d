"""Labels and colours of traced scenes against formulas."""

import numpy as np
import pytest

from bench.api import PluginError, UserError
from pairs.rendered import trace
from pairs.rendered.scene import Camera, Part, look_at

POSE = look_at(np.array([0.1, -3.0, 1.0]), np.array([0.3, 0.0, 0.2]), roll_rad=0.1)
PINHOLE = Camera(24, 18, (20.0, 20.0, 10.0, 10.5), POSE)
WIDE = Camera(24, 18, (15.0, 14.0, 11.0, 9.0), POSE, distortion=(-0.2, 0.03))
CENTRE, RADIUS = np.array([0.2, 0.0, 0.3]), 0.6
WALL_Y = 0.9
SCENE = {
    "ball": {"type": "sphere", "center": CENTRE.tolist(), "radius": RADIUS, "bsdf": {"type": "ref", "id": "blue"}},
    "wall": {
        "type": "mesh",
        "vertices": np.array([[-9, WALL_Y, -9], [9, WALL_Y, -9], [9, WALL_Y, 9], [-9, WALL_Y, 9]]),
        "faces": np.array([[0, 1, 2], [0, 2, 3]]),
        "smooth": False,
        "bsdf": {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.8, 0.0, 0.0]}},
    },
    "blue": {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.0, 0.0, 0.8]}},
    "light": {"type": "constant"},
}
PARTS = {"ball": Part(3, instance=1), "wall": Part(7)}


def projected(camera: Camera, points: np.ndarray) -> np.ndarray:
    """The camera's formula as :mod:`pairs.rendered.scene` states it: camera axes ``(…, 3)`` → pixels."""
    a, b = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
    r2 = a * a + b * b
    s = 1 + camera.distortion[0] * r2 + camera.distortion[1] * r2**2
    fx, fy, cx, cy = camera.intrinsics
    return np.stack([fx * s * a + cx, fy * s * b + cy], axis=-1)


@pytest.mark.parametrize("camera", [PINHOLE, WIDE], ids=["pinhole", "wide-angle"])
def test_pixel_rays_project_back_to_pixel_centres(camera: Camera) -> None:
    u, v = np.meshgrid(np.arange(24) + 0.5, np.arange(18) + 0.5)
    np.testing.assert_allclose(projected(camera, trace.pixel_rays(camera)), np.stack([u, v], -1), atol=1e-9)


@pytest.mark.parametrize("camera", [PINHOLE, WIDE], ids=["pinhole", "wide-angle"])
def test_ids_and_depth_equal_the_formulas_of_a_plane_and_a_sphere(camera: Camera) -> None:
    pytest.importorskip("mitsuba")
    buffers = trace.label_buffers(SCENE, PARTS, camera)

    rays = trace.pixel_rays(camera)
    origin, turn = camera.to_world[:3, 3], camera.to_world[:3, :3]
    world = rays @ turn.T
    to_wall = (WALL_Y - origin[1]) / world[..., 1]
    half = world @ (CENTRE - origin)
    under_root = half**2 - (np.sum((CENTRE - origin) ** 2) - RADIUS**2)
    to_ball = np.where(under_root > 0, half - np.sqrt(np.maximum(under_root, 0)), np.inf)
    np.testing.assert_array_equal(buffers.part, np.where(to_ball < to_wall, 0, 1))
    assert buffers.part.dtype == np.int32
    assert (buffers.part == 0).any()
    np.testing.assert_allclose(buffers.depth_m, np.minimum(to_ball, to_wall) * rays[..., 2], rtol=2e-5)


@pytest.mark.parametrize("camera", [PINHOLE, WIDE], ids=["pinhole", "wide-angle"])
def test_colours_lie_where_the_labels_are(camera: Camera) -> None:
    pytest.importorskip("mitsuba")
    buffers = trace.label_buffers(SCENE, PARTS, camera)
    colours = trace.radiance(SCENE, {"type": "direct"}, camera, samples=16, seed=0)
    share_of_ball = colours[..., 2] / colours.sum(axis=2)
    inside = _eroded(buffers.part == 0)
    outside = _eroded(buffers.part == 1)
    assert inside.any()
    assert outside.any()
    assert share_of_ball[inside].min() > 0.9
    assert share_of_ball[outside].max() < 0.1


def test_shapes_without_a_part_are_invisible_to_label_rays() -> None:
    pytest.importorskip("mitsuba")
    buffers = trace.label_buffers(SCENE, {"wall": Part(7)}, PINHOLE)
    assert (buffers.part == 0).all()
    assert buffers.parts == (Part(7),)


def test_equal_seeds_give_equal_radiance_and_others_do_not() -> None:
    pytest.importorskip("mitsuba")
    first, again, other = (trace.radiance(SCENE, {"type": "path"}, PINHOLE, 4, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_wrong_scenes_are_refused_by_name() -> None:
    pytest.importorskip("mitsuba")
    with pytest.raises(PluginError, match="'lid'"):
        trace.label_buffers(SCENE, {"lid": Part(0)}, PINHOLE)
    lost = SCENE | {"ball": {"type": "sphere", "bsdf": {"type": "ref", "id": "green"}}}
    with pytest.raises(PluginError, match="'green'"):
        trace.radiance(lost, {"type": "direct"}, PINHOLE, 1, 0)


def test_a_distortion_that_folds_the_image_is_refused() -> None:
    with pytest.raises(PluginError, match="folds"):
        trace.pixel_rays(Camera(64, 64, (20.0, 20.0, 32.0, 32.0), np.eye(4), distortion=(-0.6, 0.0)))


def test_a_missing_mitsuba_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mitsuba", None)
    with pytest.raises(UserError, match=r"pip install 'realgain\[render\]'"):
        trace.mitsuba()


def _eroded(mask: np.ndarray) -> np.ndarray:
    """True where all nine neighbours are: pixels that no edge crosses."""
    padded = np.pad(mask, 1)
    rows, columns = mask.shape
    shifts = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return np.logical_and.reduce(shifts)
