import numpy as np
import pytest

from bench.data.fitting import (
    GREY,
    fit_boxes,
    fit_depth,
    fit_image,
    fit_intrinsics,
    fit_mask,
    placement,
    unfit_boxes,
)

NATIVE, SIZE = (40, 20), (16, 16)
FITS = ("resize", "letterbox")


def test_a_letterbox_keeps_the_shape_and_fills_the_rest() -> None:
    image = np.full((20, 40, 3), 200, np.uint8)
    boxed = fit_image(image, SIZE, "letterbox")
    assert placement(NATIVE, SIZE, "letterbox") == (0, 4, 16, 8)
    assert boxed.shape == (16, 16, 3)
    assert (boxed[4:12] == 200).all()
    assert (boxed[:4] == GREY).all()
    assert (boxed[12:] == GREY).all()
    assert (fit_image(image, SIZE, "resize") == 200).all()


def test_bars_are_unknown_to_every_label() -> None:
    mask, depth = np.ones((20, 40), np.uint8), np.full((20, 40), 3.0, np.float32)
    for fitted, inside, bars in (
        (fit_mask(mask, SIZE, "letterbox"), 1, 255),
        (fit_mask(mask.astype(bool), SIZE, "letterbox"), True, False),
        (fit_depth(depth, SIZE, "letterbox"), 3.0, 0),
    ):
        assert (fitted[4:12] == inside).all()
        assert (np.delete(fitted, np.s_[4:12], axis=0) == bars).all()


def test_labels_are_never_blended() -> None:
    rng = np.random.default_rng(0)
    mask, depth = rng.integers(0, 9, (20, 40)).astype(np.uint8) * 20, rng.uniform(1, 9, (20, 40)).astype(np.float32)
    assert set(np.unique(fit_mask(mask, (13, 7), "resize"))) <= set(np.unique(mask))
    assert set(np.unique(fit_depth(depth, (13, 7), "resize"))) <= set(np.unique(depth))


@pytest.mark.parametrize("fit", FITS)
def test_boxes_come_back_and_follow_the_pixels(fit) -> None:
    boxes = np.array([[10, 4, 30, 12], [0, 0, 40, 20]], np.float32)
    fitted = fit_boxes(boxes, NATIVE, SIZE, fit)
    assert unfit_boxes(fitted, NATIVE, SIZE, fit) == pytest.approx(boxes, abs=1e-4)
    image = np.zeros((20, 40, 3), np.uint8)
    image[4:12, 10:30] = 255
    rows, columns = np.nonzero(fit_image(image, SIZE, fit)[..., 0] > 190)
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == pytest.approx(fitted[0], abs=1)


def test_predictions_beyond_the_image_are_clipped_to_it() -> None:
    assert unfit_boxes(np.array([[-5.0, 0, 20, 16]]), NATIVE, SIZE, "letterbox").tolist() == [[0, 0, 40, 20]]


@pytest.mark.parametrize("fit", FITS)
def test_intrinsics_project_a_point_to_where_its_pixel_went(fit) -> None:
    intrinsics, point = np.array([30.0, 31.0, 19.0, 11.0]), np.array([0.3, -0.2, 1.0])

    def project(fx, fy, cx, cy):
        return np.array([fx * point[0] + cx, fy * point[1] + cy])

    native = project(*intrinsics)
    moved = fit_boxes(np.array([[*native, *native]]), NATIVE, SIZE, fit)[0, :2]
    assert project(*fit_intrinsics(intrinsics, NATIVE, SIZE, fit)) == pytest.approx(moved, rel=1e-5)


def test_an_image_of_the_working_size_is_left_alone() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    for fit in FITS:
        assert np.array_equal(fit_image(image, SIZE, fit), image)
