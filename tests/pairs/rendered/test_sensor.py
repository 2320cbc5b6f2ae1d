"""The camera: seeded, exposes, keeps what it should and adds what it says."""

from dataclasses import replace

import numpy as np
import pytest

from pairs.rendered.sensor import Sensor, photograph, plain_picture

CLEAN = Sensor(
    vignetting=(0, 0), blur_px=(0, 0), exposure_error_stops=(0, 0), gain=(0, 0), read_noise=(0, 0),
    balance_error_stops=(0, 0), sharpening=(0, 0), jpeg_quality=(100, 100),
)  # fmt: skip
GREY = np.full((32, 40, 3), 0.07)


def shot(sensor: Sensor, radiance: np.ndarray = GREY, seed: int = 0) -> np.ndarray:
    return photograph(radiance, np.random.default_rng(seed), sensor).astype(float)


def test_the_plain_picture_is_srgb() -> None:
    radiance = np.array([[[0.0, 0.25, 4.0]]])
    assert plain_picture(radiance, 2.0).ravel().tolist() == [0, 188, 255]


def test_metering_makes_exposure_independent_of_the_lamps_power() -> None:
    np.testing.assert_array_equal(shot(CLEAN), shot(CLEAN, GREY * 37))
    np.testing.assert_array_equal(plain_picture(GREY, None), plain_picture(GREY * 37, None))


def test_a_clean_camera_leaves_grey_grey_and_even() -> None:
    picture = shot(CLEAN)
    assert np.ptp(picture) <= 1


@pytest.mark.parametrize(
    "change",
    [{"gain": (0.01, 0.01)}, {"read_noise": (0.02, 0.02)}, {"vignetting": (0.4, 0.4)}],
    ids=["shot noise", "read noise", "vignetting"],
)
def test_each_flaw_shows(change: dict[str, tuple[float, float]]) -> None:
    assert shot(replace(CLEAN, **change)).std() > 2


def test_vignetting_darkens_the_corners() -> None:
    picture = shot(replace(CLEAN, vignetting=(0.4, 0.4)))
    assert picture[0, 0].mean() < picture[16, 20].mean() - 10


def test_blur_softens_an_edge_and_white_balance_tints() -> None:
    edge = np.concatenate([GREY * 0.2, GREY], axis=1)
    steps = [np.abs(np.diff(shot(replace(CLEAN, blur_px=(b, b)), edge)[16], axis=0)).max() for b in (0.0, 1.5)]
    assert steps[1] < 0.6 * steps[0]
    red, green, blue = shot(replace(CLEAN, balance_error_stops=(0.3, 0.3))).mean(axis=(0, 1))
    assert red > green + 5
    assert blue > green + 5


def test_equal_seeds_give_equal_pictures() -> None:
    np.testing.assert_array_equal(shot(Sensor()), shot(Sensor()))
    assert (shot(Sensor()) != shot(Sensor(), seed=1)).any()
