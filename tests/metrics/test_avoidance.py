import numpy as np
import pytest
from toy_rooms import BAND_M, CAMERA_HEIGHT_M, UP, WALL_M, add_board, floor_and_wall, intrinsics

from bench.api.errors import DataError
from bench.metrics.avoidance import MIN_PIXELS, collision_free, free_distance, log_error

SIDE = 160
K = intrinsics(SIDE, SIDE)


def distances(depth_m: np.ndarray, **changed) -> np.ndarray:
    arguments = {"intrinsics": K, "camera_height_m": CAMERA_HEIGHT_M, "up": UP, "band_m": BAND_M} | changed
    return free_distance(depth_m, **arguments)


def test_a_wall_behind_a_floor_is_the_obstacle_and_the_floor_is_none() -> None:
    found = distances(floor_and_wall(SIDE, SIDE))
    assert found.shape == (1, 16)
    assert found.dtype == np.float32
    assert found == pytest.approx(WALL_M)


def test_the_floor_counts_once_the_band_reaches_it() -> None:
    # The nearest floor in view is at z = height / tan 45°, seen half a pixel above the lower border.
    found = distances(floor_and_wall(SIDE, SIDE), band_m=(-0.01, 1.5))
    assert (found < 2).all()
    assert (found >= CAMERA_HEIGHT_M).all()


def test_a_board_shortens_the_bins_that_it_covers_and_no_others() -> None:
    depth = floor_and_wall(SIDE, SIDE)
    # At 2 m a bin is 0.25 m wide: from 0 to 0.5 m are bins 8 and 9.
    add_board(depth, z_m=2.0, left_m=0.0, right_m=0.5, top_m=1.2)
    expected = np.full(16, WALL_M)
    expected[8:10] = 2.0
    assert distances(depth)[0] == pytest.approx(expected)


def test_boards_below_and_above_the_band_are_no_obstacles() -> None:
    depth = floor_and_wall(SIDE, SIDE)
    add_board(depth, z_m=2.0, left_m=-2.0, right_m=0.0, top_m=0.08)
    assert distances(depth) == pytest.approx(WALL_M)
    assert distances(depth, band_m=(0.01, 1.5))[0, :8] == pytest.approx(2.0)
    depth = floor_and_wall(SIDE, SIDE)
    depth[:5] = 2.0  # a beam, 1 + 2·(80 − 5)/80 = 2.9 m up and more
    assert distances(depth) == pytest.approx(WALL_M)
    assert distances(depth, band_m=(0.1, 4.0)) == pytest.approx(2.0)


def test_height_follows_the_tilt_of_the_camera() -> None:
    """Pitched down by a quarter turn it sees the floor at its own height, everywhere at height 0."""
    depth = np.full((SIDE, SIDE), CAMERA_HEIGHT_M, np.float32)
    down = np.array([0.0, 0.0, -1.0], np.float32)
    assert (distances(depth, up=down) == 0).all()
    assert distances(depth, up=down, band_m=(-0.01, 0.01)) == pytest.approx(CAMERA_HEIGHT_M)


def test_the_distance_is_the_fifth_percentile_of_the_bin() -> None:
    depth = np.zeros((SIDE, SIDE), np.float32)
    rows = slice(74, 86)  # around the axis: inside the band at 5..6 m
    depth[rows] = np.random.default_rng(0).uniform(5, 6, (12, SIDE))
    expected = [np.percentile(depth[rows, first : first + 10], 5) for first in range(0, SIDE, 10)]
    assert distances(depth)[0] == pytest.approx(expected)
    depth[80, ::10] = 1.0  # one stray pixel of 120 in each bin is no obstacle
    assert (distances(depth)[0] >= 5).all()


@pytest.mark.parametrize(("n_pixels", "known"), [(MIN_PIXELS, True), (MIN_PIXELS - 1, False)])
def test_fewer_than_fifty_pixels_are_too_few(n_pixels: int, known: bool) -> None:
    depth = np.zeros((SIDE, SIDE), np.float32)
    rows, columns = np.divmod(np.arange(n_pixels), 10)
    depth[SIDE // 2 + rows, 30 + columns] = 3.0  # bin 3, just below the axis
    found = distances(depth)[0]
    assert found[3] == (3.0 if known else 0.0)
    assert (np.delete(found, 3) == 0).all()


def test_bins_of_a_width_that_sixteen_does_not_divide_cover_every_column_once() -> None:
    depth = np.zeros((100, 100), np.float32)
    for column in range(100):
        depth[:] = 0
        depth[:, column] = 3.0
        found = distances(depth, intrinsics=np.array([100, 100, 50, 50]), band_m=(-9.0, 9.0))[0]
        assert np.flatnonzero(found).tolist() == [column * 16 // 100]


def test_images_have_geometry_of_their_own() -> None:
    depth = np.stack([floor_and_wall(SIDE, SIDE)] * 2)
    # Told that it stands 5 m up, the second sees nothing within reach of its band.
    found = distances(depth, camera_height_m=np.array([1.0, 9.0]), up=np.stack([UP, UP]), intrinsics=np.stack([K, K]))
    assert found[0] == pytest.approx(WALL_M)
    assert (found[1] == 0).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"up": np.array([0, -2.0, 0])}, "up of row 0 .* length 2; it must be 1"),
        ({"band_m": (1.0, 1.0)}, "low must be below high"),
        ({"n_bins": 200}, "width 160 can't be cut into 200"),
    ],
)
def test_wrong_geometry_is_named(changed: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        distances(floor_and_wall(SIDE, SIDE), **changed)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_depth_that_is_none_is_named_by_row_and_pixel(value: float) -> None:
    depth = np.stack([floor_and_wall(SIDE, SIDE)] * 2)
    depth[1, 4, 7] = value
    with pytest.raises(DataError, match=r"depth_m of row 1 is \S+ m at pixel \(7, 4\)"):
        distances(depth)


def free(predicted: list[float], true: list[float], safe_m: float = 2.0) -> bool:
    return bool(collision_free(np.array([predicted]), np.array([true]), safe_m)[0])


def test_the_chosen_bin_and_both_its_neighbours_must_be_free() -> None:
    assert free([1, 1, 9, 1, 1], [1, 2, 2, 2, 1])
    assert not free([1, 1, 9, 1, 1], [1, 2, 1.9, 2, 1])
    assert not free([1, 1, 9, 1, 1], [1, 1.9, 2, 2, 1])
    assert not free([1, 1, 9, 1, 1], [1, 2, 2, 1.9, 1])


def test_at_the_border_one_neighbour_decides() -> None:
    assert free([9, 1, 1], [2, 2, 1])
    assert not free([9, 1, 1], [2, 1, 1])
    assert free([1, 1, 9], [1, 2, 2])
    assert not free([1, 1, 9], [2, 1, 2])


def test_an_ignored_bin_is_neither_chosen_nor_asked_about() -> None:
    # Bin 0 is predicted farthest but unknown: bin 3 is chosen, and judged by itself and bin 2 alone.
    assert free([9, 1, 1, 5, 1], [0, 1, 3, 3, 0])
    assert not free([9, 1, 1, 5, 1], [0, 3, 3, 1, 0])
    assert not free([9, 1, 1, 5, 1], [0, 3, 1, 3, 0])
    for in_ignored_bins in (0.1, 100.0):
        assert free([in_ignored_bins, 5, in_ignored_bins], [0, 3, 0])
        assert not free([in_ignored_bins, 5, in_ignored_bins], [0, 1, 0])


def test_of_equal_predictions_the_one_with_the_wider_way_is_chosen_then_the_leftmost() -> None:
    assert free([5, 5, 5, 1, 1], [9, 9, 9, 1, 1])  # bin 0 or 1, not bin 2 beside the obstacle
    assert not free([1, 5, 5, 5, 1], [9, 9, 9, 1, 1])  # bin 2
    assert free([5, 5, 5, 5, 5], [9, 9, 1, 1, 1])  # bin 0
    assert not free([5, 5, 5, 5, 5], [1, 1, 1, 9, 9])


def test_without_any_known_bin_nothing_is_free() -> None:
    assert not free([5, 5], [0, 0])
    assert (log_error(np.array([[5.0, 5.0]]), np.array([[0.0, 0.0]])) == 0).all()


def test_the_truth_goes_free_wherever_there_is_a_way_of_three_bins() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0.5, 1.9, (200, 16))
    first = rng.integers(0, 14, 200)
    for row, start in enumerate(first):
        true[row, start : start + 3] = 4.0
    assert collision_free(true, true, 2.0).all()
    assert not collision_free(1 / true, true, 2.0).any()
    assert (log_error(true, true) == 0).all()


def test_log_error_is_the_ratio_whatever_the_distance() -> None:
    true = np.array([[1.0, 4.0, 0.0]])
    assert log_error(2 * true + (true == 0), true)[0] == pytest.approx([np.log(2), np.log(2), 0])
    assert log_error(true / 2 + (true == 0), true)[0] == pytest.approx([np.log(2), np.log(2), 0])


@pytest.mark.parametrize("metric", [lambda p, t: collision_free(p, t, 2.0), log_error])
def test_rows_are_independent_of_each_other(metric) -> None:
    rng = np.random.default_rng(1)
    predicted, true = rng.uniform(0.5, 6, (40, 16)), rng.uniform(0.5, 6, (40, 16)) * (rng.random((40, 16)) < 0.7)
    order = rng.permutation(40)
    np.testing.assert_array_equal(metric(predicted[order], true[order]), metric(predicted, true)[order])
    one_by_one = [metric(predicted[row : row + 1], true[row : row + 1])[0] for row in range(40)]
    np.testing.assert_array_equal(one_by_one, metric(predicted, true))


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_predicted_distance_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(DataError, match="finite and above 0 m"):
        collision_free(np.array([[1.0, value]]), np.array([[1.0, 1.0]]), 2.0)


def test_predictions_of_another_number_of_bins_are_refused() -> None:
    with pytest.raises(DataError, match=r"\(1, 2\) and \(1, 3\)"):
        log_error(np.ones((1, 2)), np.ones((1, 3)))
