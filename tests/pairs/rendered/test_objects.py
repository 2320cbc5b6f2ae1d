"""The generator ``objects``: rotations, labels that match the formula, clutter that hides nothing."""

import numpy as np
import pytest

from pairs.rendered import trace
from pairs.rendered.object_models import NAMES, model
from pairs.rendered.objects import ELEVATION_RAD, Layout, Objects, rotation_matrix
from pairs.rendered.scene import Part

OBJECTS = Objects()


def layouts(n_images: int) -> list[Layout]:
    return [OBJECTS.layout(np.random.default_rng(seed), 0.0) for seed in range(n_images)]


def test_objects_stand_upright_and_are_seen_from_all_sides() -> None:
    quaternions = np.array([layout.quaternion for layout in layouts(2000)])
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1)
    assert quaternions[:, 0].min() >= 0
    # The view axis in the object's axes: its azimuth is anything, and it looks down on a standing object.
    views = np.array([rotation_matrix(q)[2] for q in quaternions])
    azimuth = np.arctan2(views[:, 1], views[:, 0])
    assert np.abs([np.cos(azimuth).mean(), np.sin(azimuth).mean()]).max() < 0.05
    elevation = np.arcsin(-views[:, 2])
    assert ELEVATION_RAD[0] <= elevation.min() < elevation.max() <= ELEVATION_RAD[1]
    np.testing.assert_allclose(np.quantile(elevation, 0.5), np.mean(ELEVATION_RAD), atol=0.03)


def test_the_rotation_matrix_is_scipys() -> None:
    from scipy.spatial.transform import Rotation

    for layout in layouts(5):
        w, x, y, z = layout.quaternion
        np.testing.assert_allclose(rotation_matrix(layout.quaternion), Rotation.from_quat([x, y, z, w]).as_matrix())


def test_a_layout_gap_moves_objects_away() -> None:
    near, far = (OBJECTS.layout(np.random.default_rng(0), gap) for gap in (0.0, 1.0))
    assert far.place_m[2] == pytest.approx(1.25 * near.place_m[2])
    assert far.class_id == near.class_id


@pytest.mark.parametrize("seed", range(4))
def test_pixels_lie_where_the_pose_puts_the_object(seed: int) -> None:
    pytest.importorskip("mitsuba")
    layout = layouts(seed + 1)[seed]
    scene, parts = OBJECTS.scene(layout, "source", np.random.default_rng(0))
    labels = OBJECTS.labels(layout, trace.label_buffers(scene, parts, OBJECTS.camera(layout)))

    vertices = np.concatenate([piece.mesh["vertices"] for piece in model(NAMES[labels["class_id"]])])
    x, y, z = (vertices @ rotation_matrix(labels["quaternion"]).T + layout.place_m).T
    fx, fy, cx, cy = labels["intrinsics"]
    u, v = fx * x / z + cx, fy * y / z + cy
    assert min(u.min(), v.min()) > 0
    assert max(u.max(), v.max()) < 64
    rows, columns = np.nonzero(labels["foreground"])
    seen = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    np.testing.assert_allclose(seen, (u.min(), u.max(), v.min(), v.max()), atol=2.5)  # tips thinner than a pixel
    known = labels["depth_m"] > 0
    np.testing.assert_array_equal(known, labels["foreground"])
    assert z.min() - 1e-3 <= labels["depth_m"][known].min()
    assert labels["depth_m"].max() <= z.max() + 1e-3


@pytest.mark.parametrize("seed", range(6))
def test_nothing_stands_before_the_object_in_the_targets_look(seed: int) -> None:
    pytest.importorskip("mitsuba")
    layout = layouts(seed + 1)[seed]
    camera = OBJECTS.camera(layout)
    scene, parts = OBJECTS.scene(layout, "target", np.random.default_rng(seed))
    alone = trace.label_buffers(scene, parts, camera)
    # Lamps are there too: their shapes have an emitter, and must not hide the object either.
    shapes = {name: Part(0) for name, entry in scene.items() if entry["type"] in ("mesh", "rectangle")}
    among_all = trace.label_buffers(scene, shapes, camera)
    visible = alone.part >= 0
    np.testing.assert_array_equal(among_all.depth_m[visible], alone.depth_m[visible])
    assert (among_all.part >= 0).mean() > 0.9  # table and wall fill the picture
