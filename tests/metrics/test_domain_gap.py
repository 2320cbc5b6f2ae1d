"""Distances of image sets: against torchmetrics on the same features, on shifts of known size, and at their edges."""

import numpy as np
import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from bench.metrics.domain_gap import (
    colour_densities,
    colour_distance,
    frechet,
    kid,
    mean_log_power,
    reduction,
    spectrum_distance,
    two_sample_accuracy,
)
from bench.stats import TooFew


class Given(torch.nn.Module):
    """An encoder whose features are its input's."""

    num_features = 12

    def forward(self, x):
        return x.flatten(1)[:, :12].float()


def normal(n, shift=0.0, seed=0, d=12):
    return (np.random.default_rng(seed).normal(size=(n, d)) + shift).astype(np.float32)


def as_images(features):
    """Features in place of pixels; torchmetrics asks for uint8 only where it brings its own encoder."""
    return torch.from_numpy(features).reshape(len(features), 3, 2, 2)


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_kid_is_torchmetrics_kid_of_the_same_features(shift):
    x, y = normal(60), normal(60, shift, seed=1)
    theirs = KernelInceptionDistance(feature=Given(), subsets=1, subset_size=60, normalize=False)
    theirs.update(as_images(x), real=True)
    theirs.update(as_images(y), real=False)
    assert kid(x, y).value == pytest.approx(theirs.compute()[0].item(), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_frechet_is_torchmetrics_frechet_of_the_same_features(shift):
    x, y = normal(200), 1.5 * normal(300, shift, seed=1)
    theirs = FrechetInceptionDistance(feature=Given(), input_img_size=(3, 2, 2))
    theirs.update(as_images(x), real=True)
    theirs.update(as_images(y), real=False)
    assert frechet(x, y) == pytest.approx(theirs.compute().item(), rel=1e-4)


def test_frechet_of_equal_covariances_is_the_squared_shift():
    x = normal(100)
    assert frechet(x, x + np.float32(0.5)) == pytest.approx(12 * 0.25, rel=1e-5)
    assert frechet(x, x) == pytest.approx(0, abs=1e-5)


def test_kid_of_sets_of_different_sizes_is_the_mean_over_pairs():
    x, y = normal(25), normal(31, 0.3, seed=1)

    def k(a, b):
        return (float(a.astype(float) @ b.astype(float)) / 12 + 1) ** 3

    within_x = np.mean([k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    within_y = np.mean([k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    across = np.mean([k(a, b) for a in x for b in y])
    assert kid(x, y).value == pytest.approx(within_x + within_y - 2 * across)


def test_its_influences_are_those_of_leaving_an_image_out():
    x, y = normal(25), normal(31, 0.3, seed=1)
    found = kid(x, y)
    assert found.influence_x[3] == pytest.approx(kid(np.delete(x, 3, axis=0), y).value)
    assert found.influence_y[7] == pytest.approx(kid(x, np.delete(y, 7, axis=0)).value)


@pytest.mark.parametrize(("shift", "least"), [(0.0, 0.95), (0.3, 0.90)])
def test_the_interval_of_kid_covers_its_expectation(shift, least):
    """The kernel's expectation is known here by a large sample; where the sets are alike the jackknife errs wide."""
    truth = kid(normal(3000, seed=98), normal(3000, shift, seed=99)).value
    covered = 0
    for seed in range(120):
        found = kid(normal(60, seed=2 * seed), normal(60, shift, seed=2 * seed + 1)).estimate()
        covered += found.low <= truth <= found.high
    assert covered / 120 >= least


def test_a_gap_half_closed_is_resolved_by_the_paired_interval_where_the_single_ones_overlap():
    target, source = normal(80, seed=1), normal(80, 0.5, seed=2)
    before, after = kid(source, target), kid(source - np.float32(0.1), target)
    found = reduction(before, after)
    assert before.estimate().low < after.estimate().high
    assert found.low > 0
    assert found.value == pytest.approx(before.value - after.value)
    assert reduction(before, before) == (0.0, 0.0, 0.0)


def test_the_two_sample_test_is_at_chance_for_equals_and_perfect_for_strangers():
    same = two_sample_accuracy(normal(400), normal(400, seed=1))
    assert same.low <= 0.5 <= same.high
    apart = two_sample_accuracy(normal(400), normal(300, 5.0, seed=1))
    assert apart.value == 1.0
    assert apart.low == pytest.approx(1 / (1 + 1.959964**2 / 300), rel=1e-6)


def test_too_few_images_are_refused_with_what_is_needed():
    with pytest.raises(TooFew) as few:
        frechet(normal(30), normal(23))
    assert (few.value.have, few.value.need) == (23, 24)
    for measure in (kid, two_sample_accuracy):
        with pytest.raises(TooFew) as few:
            measure(normal(19), normal(100))
        assert (few.value.have, few.value.need) == (19, 20)


def test_a_change_of_lightness_is_its_size_in_the_colour_distance():
    dark, light = (np.full((2, 16, 16, 3), level, np.uint8) for level in (100, 130))
    # L* of the grey levels 100 and 130 is 42.4 and 54.2; a* and b* are alike, so a third of the difference.
    assert colour_distance(colour_densities(dark), colour_densities(light)) == pytest.approx(11.8 / 3, abs=0.2)
    assert colour_distance(colour_densities(dark), colour_densities(dark)) == 0


def test_half_the_contrast_is_six_decibels_in_the_spectrum_distance():
    noise = np.random.default_rng(0).integers(-60, 60, (8, 32, 32, 1))
    full, half = ((128 + scale * noise).repeat(3, axis=3).astype(np.uint8) for scale in (1.0, 0.5))
    apart = spectrum_distance(mean_log_power(full), mean_log_power(half))
    assert apart == pytest.approx(20 * np.log10(2), abs=0.2)
    assert spectrum_distance(mean_log_power(full), mean_log_power(np.minimum(full, 195) + 10)) < 0.1
