import numpy as np
import pytest
import torch
from skimage.exposure import match_histograms

from bench.testing import check_refiner
from refiners.histogram import Histogram, Params


@pytest.mark.parametrize("params", [Params(), Params(dither=True), Params(n_images=1)])
def test_keeps_the_contract(params):
    check_refiner(Histogram(params))


@pytest.mark.parametrize("shape", [(32, 32), (21, 13), (1, 1)])
def test_agrees_with_scikit_image_on_one_reference(fit, refine, shape):
    """To 1e-6, where ours ends in float32."""
    rng = np.random.default_rng(0)
    source = rng.integers(20, 120, (4, *shape, 3), dtype=np.uint8) // 3 * 3
    target = rng.integers(90, 256, (1, *shape, 3), dtype=np.uint8) // 5 * 5
    refined = refine(fit(Histogram(), target, source), source)
    for image, got in zip(source, refined, strict=True):
        want = match_histograms(image / 255, target[0] / 255, channel_axis=-1)
        np.testing.assert_allclose(got, want, atol=1e-6)


def test_source_and_target_may_differ_in_size(fit, refine, photographs):
    """The map is one of distributions: the same target at twice the size gives the same result."""
    twice = photographs[:1].repeat(2, axis=1).repeat(2, axis=2)
    first = refine(fit(Histogram(), photographs[:1]), photographs)
    np.testing.assert_allclose(refine(fit(Histogram(), twice), photographs), first, atol=1e-6)


def test_target_itself_is_left_alone(fit, refine, photographs):
    refined = refine(fit(Histogram(), photographs[3:4]), photographs[3:4])
    np.testing.assert_allclose(refined, photographs[3:4] / 255, atol=1e-6)


def test_order_of_levels_is_kept(fit, refine, photographs):
    refined = refine(fit(Histogram(), photographs[::-1].copy()), photographs)
    for channel in range(3):
        before, after = photographs[0, ..., channel].ravel(), refined[0, ..., channel].ravel()
        order = np.argsort(before, kind="stable")
        assert (np.diff(after[order]) >= 0).all()


def test_cdf_is_averaged_over_targets(fit, refine):
    """Half black and half white targets: the lower half of a ramp becomes dark, the upper half white."""
    target = np.stack([np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)])
    ramp = np.tile(np.array([[10, 20], [30, 40]], np.uint8)[..., None], 3)[None]
    refined = refine(fit(Histogram(), target), ramp)[0, ..., 0]
    # F_t has the knots (1/2, level 0) and (1, level 255); the ramp's shares are 1/4, 1/2, 3/4, 1
    np.testing.assert_allclose(refined, [[0, 0], [0.5, 1]], atol=1e-6)


def test_number_of_targets_is_limited_and_recorded(fit, photographs):
    assert fit(Histogram(Params(n_images=5)), photographs).state_dict()["n_images"] == 5
    assert fit(Histogram(Params(n_images=500)), photographs).state_dict()["n_images"] == 12


def test_choice_of_targets_comes_from_the_seed(fit, photographs):
    cdfs = [fit(Histogram(Params(n_images=3)), photographs, seed=seed).state_dict()["cdf"] for seed in (0, 0, 1)]
    assert torch.equal(cdfs[0], cdfs[1])
    assert not torch.equal(cdfs[0], cdfs[2])


def test_constant_channel_becomes_the_highest_target_level(fit, refine, photographs):
    flat = np.full((1, 32, 32, 3), 77, np.uint8)
    refined = refine(fit(Histogram(), photographs[:1]), flat)
    np.testing.assert_allclose(refined[0, 0, 0], photographs[0].max(axis=(0, 1)) / 255, atol=1e-6)


def test_dither_adds_at_most_half_a_level_and_no_bias(fit, refine, photographs):
    plain = refine(fit(Histogram(), photographs), photographs[:4])
    dithered = refine(fit(Histogram(Params(dither=True)), photographs), photographs[:4])
    inside = (plain > 1 / 255) & (plain < 254 / 255)
    noise = 255 * (dithered - plain)[inside]
    assert np.abs(noise).max() <= 0.5 + 1e-4
    assert noise.std() == pytest.approx(12**-0.5, rel=0.05)
    assert abs(noise.mean()) < 0.02


def test_no_target_images_is_refused():
    with pytest.raises(ValueError, match="n_images"):
        Params(n_images=0)
