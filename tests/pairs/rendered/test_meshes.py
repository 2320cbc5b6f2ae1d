"""Meshes are closed, face outwards, and have the volumes of their formulas."""

import numpy as np
import pytest

from pairs.rendered import meshes
from pairs.rendered.object_models import NAMES, RADIUS_M, model

CORNER = np.array([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]])


def volume(mesh: meshes.Mesh) -> float:
    """Of a closed mesh that faces outwards (divergence theorem)."""
    a, b, c = (mesh["vertices"][mesh["faces"][:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(
    ("mesh", "expected"),
    [
        (meshes.box((1, 2, 3)), 6),
        (meshes.box((1, 2, 3), 3), 6),
        (meshes.cylinder(1, 2, 96), 2 * np.pi),
        (meshes.cone(1, 0, 3, 96), np.pi),
        (meshes.cone(0, 1, 3, 96), np.pi),
        (meshes.sphere(1, 96), 4 / 3 * np.pi),
        (meshes.torus(2, 0.5, 96, 48), np.pi**2),
        (meshes.tube(np.array([[0, 0, 0], [0, 0, 1], [0, 0, 2]]), 0.5, 96), np.pi / 2),
        (meshes.prism(CORNER, 1), 3),
        (meshes.bent(meshes.box((0.2, 0.2, 1), 12), 1.0), 0.04),
        (meshes.twisted(meshes.box((1, 1, 1), 12), 0.5), 1),
        (meshes.moved(meshes.box((1, 1, 1)), meshes.translation(3, 4, 5) @ meshes.rotation((1, 2, 3), 1.0)), 1),
    ],
)
def test_volume(mesh: meshes.Mesh, expected: float) -> None:
    assert volume(mesh) == pytest.approx(expected, rel=0.01)
    assert mesh["uv"].shape == (len(mesh["vertices"]), 2)


def test_a_displaced_mesh_does_not_tear_at_its_creases() -> None:
    mesh = meshes.cylinder(1, 2)
    moved = meshes.displaced(mesh, np.random.default_rng(0), 0.1, 0.8)
    assert np.abs(moved["vertices"] - mesh["vertices"]).max() > 0.05
    # Vertices doubled at creases and seams stay together.
    _, first, same = np.unique(mesh["vertices"].round(9), axis=0, return_index=True, return_inverse=True)
    np.testing.assert_allclose(moved["vertices"], moved["vertices"][first][same.ravel()], atol=1e-6)


def test_an_outline_that_crosses_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="simple polygon"):
        meshes.prism(np.array([[0, 0], [0, 1], [1, 1], [1, 0]]), 1)  # clockwise


@pytest.mark.parametrize("name", NAMES)
def test_no_rotation_takes_an_object_to_itself(name: str) -> None:
    """No turn about an axis of the object, which a symmetry of these shapes would be about, brings the surface back to
    within 5 % of its radius."""
    from scipy.spatial import cKDTree
    from scipy.spatial.transform import Rotation

    # Points even over the surface, else dense meshes of small pieces decide.
    rng = np.random.default_rng(0)
    samples = []
    for piece in model(name):
        corners = piece.mesh["vertices"][piece.mesh["faces"]]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
        n_points = round(3e5 * area.sum())
        chosen = corners[rng.choice(len(area), n_points, p=area / area.sum())]
        samples.append(np.einsum("nk,nkd->nd", rng.dirichlet((1, 1, 1), n_points), chosen))
    points = np.concatenate(samples)
    vertices = np.concatenate([piece.mesh["vertices"] for piece in model(name)])
    assert np.linalg.norm(vertices, axis=1).max() == pytest.approx(RADIUS_M)
    tree = cKDTree(points)
    for axis in "xyz":
        for degrees in range(30, 331, 30):
            turned = Rotation.from_euler(axis, degrees, degrees=True).apply(points[::20])
            assert np.quantile(tree.query(turned)[0], 0.98) > 0.05 * RADIUS_M, (axis, degrees)
