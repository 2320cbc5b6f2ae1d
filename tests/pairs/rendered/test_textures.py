"""Textures are seeded, tile, and stay in range."""

from collections.abc import Callable

import numpy as np
import pytest

from pairs.rendered import textures

RED, WHITE = (0.7, 0.2, 0.1), (0.95, 0.95, 0.95)
MAKERS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "mottled": lambda rng: textures.mottled(rng, RED, 64),
    "bricks": lambda rng: textures.bricks(rng, RED, WHITE, 64),
    "wood": lambda rng: textures.wood(rng, WHITE, RED, 64, planks=4),
    "checks": lambda rng: textures.checks(rng, RED, WHITE, 64),
    "stripes": lambda rng: textures.stripes(rng, (RED, WHITE), 64, wobble=0.1),
    "marble": lambda rng: textures.marble(rng, WHITE, RED, 64),
    "speckles": lambda rng: textures.speckles(rng, WHITE, (RED,), 64),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_texture_is_a_seeded_reflectance(name: str) -> None:
    first, again, other = (MAKERS[name](np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1
    assert first.std() > 0.01
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_noise_tiles() -> None:
    noise = textures.noise(np.random.default_rng(0), 128, 4, octaves=2)
    inside = np.abs(np.diff(noise, axis=1)).max()
    assert np.abs(noise[:, 0] - noise[:, -1]).max() <= 1.5 * inside


def test_colours_become_linear() -> None:
    assert textures.linear([0.0, 0.5, 1.0]) == pytest.approx([0, 0.2140, 1], abs=1e-4)
