import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bench.api.errors import DataError
from bench.metrics.pose import angles_deg, mean_angle_error


@pytest.fixture
def rotations() -> tuple[np.ndarray, np.ndarray]:
    """200 pairs of random rotations as (200, 4) float32, half of them near each other."""
    true = Rotation.random(200, random_state=0)
    turn = Rotation.random(200, random_state=1).as_rotvec()
    turn[:100] *= 0.01
    predicted = Rotation.from_rotvec(turn) * true
    return tuple(r.as_quat(scalar_first=True).astype(np.float32) for r in (true, predicted))


def test_hand_worked_case() -> None:
    # Against no rotation at all: none, a quarter turn about x, a half turn about z, the identity's other sign.
    true = np.array([[1, 0, 0, 0]] * 4, np.float32)
    half = np.sqrt(0.5)
    predicted = np.array([[1, 0, 0, 0], [half, half, 0, 0], [0, 0, 0, 1], [-1, 0, 0, 0]], np.float32)
    angles = angles_deg(true, predicted)
    assert angles == pytest.approx([0, 90, 180, 0])
    assert mean_angle_error(angles) == pytest.approx(67.5)


def test_agrees_with_scipy(rotations: tuple[np.ndarray, np.ndarray]) -> None:
    true, predicted = rotations
    between = Rotation.from_quat(true, scalar_first=True).inv() * Rotation.from_quat(predicted, scalar_first=True)
    np.testing.assert_allclose(angles_deg(true, predicted), np.degrees(between.magnitude()), atol=1e-6)


def test_agrees_with_the_formula_of_the_paper(rotations: tuple[np.ndarray, np.ndarray]) -> None:
    true, predicted = (q.astype(np.float64) for q in rotations)
    true, predicted = (q / np.linalg.norm(q, axis=1, keepdims=True) for q in (true, predicted))
    by_cosine = 2 * np.degrees(np.arccos(np.minimum(1, np.abs((true * predicted).sum(axis=1)))))
    np.testing.assert_allclose(angles_deg(*rotations), by_cosine, atol=1e-5)


def test_ground_truth_as_prediction_is_exactly_perfect(rotations: tuple[np.ndarray, np.ndarray]) -> None:
    assert mean_angle_error(angles_deg(rotations[0], rotations[0])) == 0


def test_both_signs_and_any_length_are_the_same_rotation(rotations: tuple[np.ndarray, np.ndarray]) -> None:
    true, predicted = rotations
    angles = angles_deg(true, predicted)
    np.testing.assert_allclose(angles_deg(true, -predicted), angles, rtol=1e-12)
    np.testing.assert_allclose(angles_deg(-true, 3 * predicted), angles, rtol=1e-5)


def test_opposite_rotations_are_never_further_than_a_half_turn(rotations: tuple[np.ndarray, np.ndarray]) -> None:
    angles = angles_deg(*rotations)
    assert angles.min() >= 0
    assert angles.max() <= 180
    orthogonal = np.array([[0, 0, 1, 0]], np.float32)
    assert angles_deg(np.array([[0, 1, 0, 0]], np.float32), orthogonal) == pytest.approx([180])


def test_order_of_images_does_not_matter(rotations: tuple[np.ndarray, np.ndarray]) -> None:
    true, predicted = rotations
    order = np.random.default_rng(0).permutation(len(true))
    np.testing.assert_array_equal(angles_deg(true[order], predicted[order]), angles_deg(true, predicted)[order])


@pytest.mark.parametrize("wrong", [[0, 0, 0, 0], [np.nan, 0, 0, 1], [np.inf, 0, 0, 0]])
@pytest.mark.parametrize("which", ["true", "predicted"])
def test_what_is_no_rotation_is_refused_with_its_row(wrong: list[float], which: str) -> None:
    good = np.array([[1, 0, 0, 0], [0, 1, 0, 0]], np.float32)
    bad = good.copy()
    bad[1] = wrong
    with pytest.raises(DataError, match=f"{which} quaternion .* of row 1 .* is no rotation"):
        angles_deg(*((bad, good) if which == "true" else (good, bad)))


def test_shapes_that_do_not_match_are_refused() -> None:
    with pytest.raises(DataError, match=r"two \(N, 4\) arrays; found \(2, 4\) and \(1, 4\)"):
        angles_deg(np.ones((2, 4)), np.ones((1, 4)))
    with pytest.raises(DataError, match=r"found \(2, 3\) and \(2, 3\)"):
        angles_deg(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(DataError, match="at least one image"):
        mean_angle_error(np.empty(0))
