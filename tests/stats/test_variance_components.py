"""Variance components on data whose components are known."""

import doctest

import numpy as np
import pytest

from bench.api.errors import DataError
from bench.stats import TooFew
from bench.stats import variance_components as components
from bench.stats.variance_components import variance_components


def crossed(fit, train, rest, n_fits, n_trainings, rng):
    return (
        70
        + fit * rng.normal(size=(n_fits, 1))
        + train * rng.normal(size=(1, n_trainings))
        + rest * rng.normal(size=(n_fits, n_trainings))
    )


def test_doctests():
    assert doctest.testmod(components).failed == 0


def test_components_are_those_of_a_textbook_layout():
    """Mean squares by hand: rows 1, 4; columns 2, 2, 3.5; MS_fit 13.5, MS_train 1.5, MS_rest 1.5."""
    split = variance_components(np.array([[1.0, 1.0, 1.0], [3.0, 3.0, 6.0]]))
    assert split.fit.value**2 == pytest.approx((13.5 - 1.5) / 3)
    assert split.train.value == 0
    assert split.rest.value**2 == pytest.approx(1.5)
    assert split.fit_share == pytest.approx(4 / 5.5)


@pytest.mark.parametrize(("n_fits", "n_trainings"), [(2, 5), (3, 3), (5, 5)])
@pytest.mark.parametrize("truth", [(2.0, 1.0, 0.5), (0.5, 2.0, 1.0), (1.0, 1.0, 1.0)], ids=str)
def test_intervals_cover_the_true_components(truth, n_fits, n_trainings, monkeypatch):
    monkeypatch.setattr(components, "DRAWS", 2000)
    rng = np.random.default_rng([n_fits, n_trainings])
    draws, covered = 400, np.zeros(3)
    for _ in range(draws):
        split = variance_components(crossed(*truth, n_fits, n_trainings, rng))
        covered += [d.low <= true <= d.high for d, true in zip(split, truth, strict=True)]
    print(f"\n{n_fits} × {n_trainings}, {truth}: covered {covered / draws}")
    assert (covered / draws >= 0.92).all()
    assert (covered / draws <= 0.995).all(), "conservative where a component is small beside the others"


def test_estimates_centre_on_the_true_components():
    rng = np.random.default_rng(0)
    splits = [variance_components(crossed(2.0, 1.0, 0.3, 4, 5, rng)) for _ in range(400)]
    found = np.mean([[deviation.value**2 for deviation in split] for split in splits], axis=0)
    assert found == pytest.approx([4.0, 1.0, 0.09], rel=0.15)


def test_a_refiner_without_chance_has_no_spread_of_the_fit():
    scores = np.repeat(np.array([[70.1, 71.3, 69.7]]), 4, axis=0)
    split = variance_components(scores)
    assert (split.fit, split.rest) == ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert split.train.value == pytest.approx(scores[0].std(ddof=1))
    assert np.isnan(variance_components(np.full((3, 3), 0.1)).fit_share)


def test_bad_input_is_named():
    with pytest.raises(TooFew, match=r"have 1, need 2\): add refiner seeds"):
        variance_components(np.ones((1, 5)))
    with pytest.raises(TooFew, match=r"have 1, need 2\): add task seeds"):
        variance_components(np.ones((5, 1)))
    with pytest.raises(DataError, match="a finite number for each"):
        variance_components(np.array([[1.0, np.nan], [1.0, 1.0]]))
