"""Real images saved, on curves whose answer is known."""

import doctest
from itertools import pairwise

import numpy as np
import pytest

from bench.api.errors import DataError
from bench.stats import TooFew
from bench.stats import hybrid_curves as curves
from bench.stats.hybrid_curves import monotone, reached, saved

K = np.array([5.0, 10, 20, 40, 80])


def score(k):
    """A learning curve: 10 points for each factor e in 1 + k."""
    return 10 * np.log1p(k)


def values(means, n_seeds=4, n_images=30, arm=0.0, image=0.0, chance=0.0, shared=0.0, seed=0):
    """Contributions ``(P, S, M)`` around ``means`` with effects of arm × seed, arm × image, both, and shared ones."""
    rng = np.random.default_rng(seed)
    n_arms = len(means)
    return (
        np.asarray(means, float)[:, None, None]
        + arm * rng.normal(size=(n_arms, n_seeds, 1))
        + image * rng.normal(size=(n_arms, 1, n_images))
        + chance * rng.normal(size=(n_arms, n_seeds, n_images))
        + shared * (rng.normal(size=(1, n_seeds, 1)) + rng.normal(size=(1, 1, n_images)))
    )


def test_doctests():
    assert doctest.testmod(curves).failed == 0


def test_monotone_is_the_isotonic_regression():
    isotonic = pytest.importorskip("sklearn.isotonic").isotonic_regression
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(50, 7)) + np.linspace(0, 2, 7)
    assert monotone(scores) == pytest.approx(np.stack([isotonic(row) for row in scores]))


def test_a_curve_is_inverted_where_it_was_measured_and_nowhere_else():
    levels = score(np.array([5, 7, 10, 33, 80]))
    found = reached(K, np.broadcast_to(score(K), (5, 5)), levels)
    assert found == pytest.approx([5, 7, 10, 33, 80])
    beyond = reached(K, np.broadcast_to(score(K), (2, 5)), np.array([score(4.9), score(80.1)]))
    assert list(beyond) == [-np.inf, np.inf]


def test_a_flat_stretch_counts_its_fewest_images():
    assert reached(np.array([1, 2, 4]), np.array([1.0, 1.0, 2.0]), np.array(1.0)) == pytest.approx(1)
    assert reached(np.array([1, 2, 4]), np.array([0.0, 1.0, 1.0]), np.array(1.0)) == pytest.approx(2)


@pytest.mark.parametrize(("own_k", "worth"), [(0, 25), (10, 25), (20, 12), (40, 40)])
def test_savings_without_noise_are_exact(own_k, worth):
    """A row that scores what ``worth`` real images score saves ``worth - own_k``, whatever all rows share."""
    everything = values([*score(K), score(worth)], shared=2.0)
    found = saved(K, everything[:-1], own_k, everything[-1])
    assert (found.value, found.low, found.high) == pytest.approx((worth - own_k,) * 3, abs=1e-6)
    assert (found.least, found.most) == (5 - own_k, 80 - own_k)


@pytest.mark.parametrize(("worth", "beyond"), [(100, np.inf), (2, -np.inf)])
def test_beyond_the_measured_range_is_said_and_not_extrapolated(worth, beyond):
    everything = values([*score(K), score(worth)])
    found = saved(K, everything[:-1], 10, everything[-1])
    assert (found.value, found.low, found.high) == (beyond,) * 3


def test_an_interval_may_leave_the_range_at_one_end():
    everything = values([*score(K), score(70)], arm=2.0)
    found = saved(K, everything[:-1], 0, everything[-1])
    assert 5 < found.low < 80
    assert found.high == np.inf


@pytest.mark.parametrize(
    ("n_seeds", "noise"),
    [(3, {"arm": 0.7}), (5, {"arm": 1.0}), (5, {"image": 4.0, "chance": 5.0}), (10, {"arm": 1.0, "image": 4.0})],
    ids=str,
)
def test_the_interval_covers_the_true_savings(n_seeds, noise, monkeypatch):
    monkeypatch.setattr(curves, "DRAWS", 1000)
    covered, draws = 0, 300
    for draw in range(draws):
        everything = values([*score(K), score(30)], n_seeds, shared=3.0, seed=draw, **noise)
        found = saved(K, everything[:-1], 10, everything[-1], seed=draw)
        covered += found.low <= 20 <= found.high
    print(f"\nS={n_seeds} {noise}: covered {covered / draws:.3f}")
    assert 0.92 <= covered / draws <= 0.99, "three seeds err on the safe side"


def test_blocks_of_images_widen_the_interval():
    everything = np.repeat(values([*score(K), score(30)], n_images=10, image=4.0), 6, axis=2)
    groups = np.repeat(np.arange(10), 6)
    alone, blocked = (saved(K, everything[:-1], 0, everything[-1], g) for g in (None, groups))
    assert blocked.high - blocked.low > 1.5 * (alone.high - alone.low)
    assert blocked.value == alone.value


def test_equal_values_give_equal_intervals_and_more_savings_rank_higher():
    everything = values([*score(K), score(15), score(30), score(60)], arm=0.3)
    found = [saved(K, everything[:5], 0, own) for own in everything[5:]]
    assert found == [saved(K, everything[:5], 0, own) for own in everything[5:]]
    assert all(a.value < b.value and a.low < b.low for a, b in pairwise(found))


def test_bad_input_is_named():
    everything = values(score(K))
    with pytest.raises(TooFew, match=r"n too small \(have 1, need 2\): add task seeds"):
        saved(K, everything[:, :1], 0, everything[0, :1])
    with pytest.raises(DataError, match="two or more rising k"):
        saved(K[::-1], everything, 0, everything[0])
    with pytest.raises(DataError, match="two or more rising k"):
        saved(K[:1], everything[:1], 0, everything[0])
