import numpy as np
import pytest
from sklearn.metrics import mean_absolute_percentage_error, root_mean_squared_error

from bench.api.errors import DataError
from bench.metrics.depth import ERRORS, crop_window, depth_errors
from bench.metrics.scored_mean import scored_contributions, scored_mean

BOUNDS = {"min_depth_m": 0.001, "cap_m": 80.0}


@pytest.fixture
def maps() -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true depth of a 48×36 image; a fifth of the truth is unknown."""
    rng = np.random.default_rng(0)
    true = rng.uniform(1, 60, (36, 48)).astype(np.float32)
    predicted = (true * rng.uniform(0.6, 1.6, true.shape)).astype(np.float32)
    return predicted, true * (rng.random(true.shape) < 0.8)


def test_hand_worked_case() -> None:
    true, predicted = np.array([[2.0, 4.0, 0.0, 8.0]]), np.array([[2.0, 5.0, 7.0, 4.0]])
    found = depth_errors(predicted, true, **BOUNDS)
    assert found["abs_rel"] == pytest.approx((0 + 1 / 4 + 4 / 8) / 3)
    assert found["sq_rel"] == pytest.approx((0 + 1 / 4 + 16 / 8) / 3)
    assert found["rmse_m"] == pytest.approx(np.sqrt((0 + 1 + 16) / 3))
    assert found["rmse_log"] == pytest.approx(np.sqrt((np.log(5 / 4) ** 2 + np.log(2) ** 2) / 3))
    # Ratios 1, 1.25 and 2: 1.25 is not below 1.25¹, and 2 is not below 1.25³ = 1.953.
    assert [found[f"delta{n}"] for n in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert found["n_valid"] == 3


def test_the_truth_is_perfect(maps: tuple[np.ndarray, np.ndarray]) -> None:
    _, true = maps
    for scaling in (False, True):
        found = depth_errors(true, true, median_scaling=scaling, **BOUNDS)
        assert [found[name] for name in ERRORS] == [0, 0, 0, 0, 1, 1, 1]


def test_agrees_with_scikit_learn(maps: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, true = maps
    known = true > 0
    found = depth_errors(predicted, true, min_depth_m=0.001, cap_m=1000.0)
    assert found["abs_rel"] == pytest.approx(mean_absolute_percentage_error(true[known], predicted[known]))
    assert found["rmse_m"] == pytest.approx(root_mean_squared_error(true[known], predicted[known]))
    assert found["rmse_log"] == pytest.approx(root_mean_squared_error(np.log(true[known]), np.log(predicted[known])))
    assert found["n_valid"] == known.sum()


def test_order_of_pixels_does_not_matter(maps: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, true = maps
    order = np.random.default_rng(1).permutation(true.size)
    shuffled = depth_errors(predicted.ravel()[order][None], true.ravel()[order][None], **BOUNDS)
    assert shuffled == pytest.approx(depth_errors(predicted, true, **BOUNDS))


def test_the_cap_leaves_far_truth_out_and_clamps_what_is_predicted() -> None:
    true, predicted = np.array([[10.0, 40.0, 60.0]]), np.array([[10.0, 100.0, 30.0]])
    found = depth_errors(predicted, true, min_depth_m=0.001, cap_m=50.0)
    assert found["n_valid"] == 2
    assert found["abs_rel"] == pytest.approx((0 + 10 / 40) / 2)  # 100 m are taken for 50
    assert depth_errors(predicted, true, **BOUNDS)["abs_rel"] == pytest.approx((0 + 40 / 40 + 30 / 60) / 3)


def test_the_least_depth_leaves_near_truth_out_and_clamps_what_is_predicted() -> None:
    true, predicted = np.array([[0.5, 2.0]]), np.array([[0.5, 0.1]])
    found = depth_errors(predicted, true, min_depth_m=1.0, cap_m=50.0)
    assert found["n_valid"] == 1
    assert found["abs_rel"] == pytest.approx(1 / 2)


def test_bounds_themselves_count() -> None:
    true = np.array([[1.0, 50.0]])
    assert depth_errors(true, true, min_depth_m=1.0, cap_m=50.0)["n_valid"] == 2


@pytest.mark.parametrize(
    ("crop", "size", "rows", "columns"),
    [
        ("none", (1242, 375), (0, 375), (0, 1242)),
        # 375 · (0.40810811, 0.99189189) = 153.04, 371.96; 1242 · (0.03594771, 0.96405229) = 44.65, 1197.35
        ("garg", (1242, 375), (153, 371), (44, 1197)),
        # 375 · (0.3324324, 0.91351351) = 124.66, 342.57
        ("eigen", (1242, 375), (124, 342), (44, 1197)),
        ("nyu", (640, 480), (45, 471), (41, 601)),
    ],
)
def test_crops_keep_their_windows(crop, size, rows, columns) -> None:
    width, height = size
    assert crop_window(crop, width, height) == (slice(*rows), slice(*columns))
    true = np.ones((height, width), np.float32)
    predicted = np.full_like(true, 2.0)
    predicted[slice(*rows), slice(*columns)] = 1.0
    found = depth_errors(predicted, true, crop=crop, **BOUNDS)
    assert found["abs_rel"] == 0
    assert found["n_valid"] == (rows[1] - rows[0]) * (columns[1] - columns[0])
    for row, column in ((rows[0], columns[0]), (rows[1] - 1, columns[1] - 1)):
        predicted[row, column] = 2.0
        assert depth_errors(predicted, true, crop=crop, **BOUNDS)["abs_rel"] > 0
        predicted[row, column] = 1.0


def test_the_window_of_nyu_is_for_images_of_its_size() -> None:
    with pytest.raises(DataError, match="640×480 images; found one of 320×240"):
        crop_window("nyu", 320, 240)


def test_median_scaling_forgives_a_wrong_unit_and_nothing_else(maps: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, true = maps
    in_cm = depth_errors(100 * true, true, median_scaling=True, **BOUNDS)
    assert in_cm["abs_rel"] == pytest.approx(0, abs=1e-6)
    assert depth_errors(100 * true, true, **BOUNDS)["abs_rel"] > 1
    by_hand = predicted * np.median(true[true > 0]) / np.median(predicted[true > 0])
    scaled, expected = (
        depth_errors(predicted, true, median_scaling=True, **BOUNDS),
        depth_errors(by_hand, true, **BOUNDS),
    )
    assert scaled == pytest.approx(expected)
    assert scaled["abs_rel"] != pytest.approx(depth_errors(predicted, true, **BOUNDS)["abs_rel"])


def test_median_scaling_knows_only_what_the_crop_keeps() -> None:
    true = np.full((100, 100), 4.0)
    predicted = np.full_like(true, 2.0)
    predicted[:30] = 50.0  # above garg's window
    assert depth_errors(predicted, true, crop="garg", median_scaling=True, **BOUNDS)["abs_rel"] == pytest.approx(0)


def test_an_image_of_which_nothing_is_known_has_no_score() -> None:
    found = depth_errors(np.ones((4, 4)), np.zeros((4, 4)), **BOUNDS)
    assert set(found.values()) == {0.0}
    assert set(found) == {*ERRORS, "n_valid"}


@pytest.mark.parametrize(
    ("predicted", "true", "options", "message"),
    [
        (np.ones((2, 3)), np.ones((3, 2)), {}, r"\(2, 3\), \(3, 2\)"),
        (np.full((2, 2), np.nan), np.ones((2, 2)), {}, "predicted depth is not finite"),
        (np.zeros((2, 2)), np.ones((2, 2)), {"median_scaling": True}, "needs a positive median"),
    ],
)
def test_bad_input_is_named(predicted, true, options, message: str) -> None:
    with pytest.raises(DataError, match=message):
        depth_errors(predicted, true, **BOUNDS, **options)


def test_means_and_contributions_leave_images_without_a_score_out() -> None:
    values, scored = np.array([1.0, 3.0, 100.0, 5.0]), np.array([True, True, False, True])
    assert scored_mean(values, scored) == 3
    contributions = scored_contributions(values, scored)
    assert contributions.mean() == pytest.approx(3)
    assert contributions[2] == 3
    # Their spread over four images is that of the three scores: the variance of the mean of three.
    spread = contributions - 3
    assert (spread**2).sum() / 4**2 == pytest.approx(((values[scored] - 3) ** 2).sum() / 3**2)
    np.testing.assert_array_equal(scored_contributions(values, np.ones(4, bool)), values)
