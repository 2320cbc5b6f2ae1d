"""Haze: Koschmieder's law on numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pairs.rendered.haze import hazed


def test_half_of_the_light_is_the_airs_at_the_half_value_depth() -> None:
    radiance = np.array([[[4.0, 2.0, 1.0], [0.0, 0.0, 0.0]]])  # sky, and a black wall at ln 2 / β
    seen = hazed(radiance, np.array([[0.0, 100 * np.log(2)]]), 0.01)
    np.testing.assert_allclose(seen, [[[4.0, 2.0, 1.0], [2.0, 1.0, 0.5]]])


def test_no_extinction_changes_nothing() -> None:
    radiance = np.random.default_rng(0).random((5, 6, 3)).astype(np.float32)
    assert hazed(radiance, np.full((5, 6), 30.0), 0.0) == pytest.approx(radiance)


def test_without_sky_the_air_is_as_bright_as_the_brightest_tenth() -> None:
    radiance = np.ones((1, 10, 3)) * np.arange(10)[None, :, None]
    seen = hazed(radiance, np.full((1, 10), 1e9), 1.0)
    np.testing.assert_allclose(seen, 9.0)
