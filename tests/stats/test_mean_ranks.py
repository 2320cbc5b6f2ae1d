"""Mean ranks against scipy and Demšar's worked example."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.api.errors import DataError
from bench.stats.mean_ranks import mean_ranks

# Demšar (2006), table 6: AUC of four decision trees on 14 data sets.
AUC = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
NAMES = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")


def test_the_papers_example():
    found = mean_ranks(NAMES, AUC)
    by_name = dict(zip(found.names, found.ranks, strict=True))
    assert by_name == pytest.approx({"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}, abs=1e-3)
    assert found.critical_difference == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=1e-3)
    assert found.p == pytest.approx(scipy_stats.f.sf(3.69, 3, 39), abs=5e-4)
    # The paper, at 0.10, tells C4.5 from the pruned ones; at 0.05 nothing is told apart.
    assert found.cliques == ((0, 3),)


def test_clear_differences_are_told_apart_in_overlapping_cliques():
    scores = np.random.default_rng(0).normal(size=(20, 5)) + np.arange(5)
    found = mean_ranks("abcde", scores)
    assert found.names == tuple("edcba")
    assert found.p < 1e-6
    assert all(first < last for first, last in found.cliques)
    assert (0, 4) not in found.cliques


def test_equal_scores_share_their_rank():
    found = mean_ranks("ab", np.ones((6, 2)))
    assert found.ranks == (1.5, 1.5)
    assert found.p == pytest.approx(1)


@pytest.mark.parametrize("scores", [np.ones((5, 3)), np.ones((6, 1)), np.full((6, 3), np.nan)])
def test_too_few_tasks_or_methods_are_refused(scores):
    with pytest.raises(DataError, match="at least 6 tasks"):
        mean_ranks("abc"[: scores.shape[1]], scores)
