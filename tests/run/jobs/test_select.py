"""Choosing a checkpoint without labels: the statistics, the job that records them, and what they must not change."""

import doctest

import numpy as np
import pytest

from bench.api.errors import DataError
from bench.metrics import selection
from bench.metrics.selection import TEMPERATURE, prediction_entropy, soft_neighbourhood_density
from bench.plugins.registry import Registry
from bench.run.jobs.train import checkpoint_steps
from bench.run.plan import make_plan
from bench.suites.load import Suite
from bench.suites.resolve import resolve
from toy_runs import InlineRun, toy_suite


def random_probabilities(n_images=40, n_classes=5, sharpness=2.0, seed=0):
    logits = sharpness * np.random.default_rng(seed).normal(size=(n_images, n_classes))
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def test_doctests():
    assert doctest.testmod(selection).failed == 0


def test_entropy_is_scipys():
    entropy = pytest.importorskip("scipy.stats").entropy
    p = random_probabilities()
    assert prediction_entropy(p) == pytest.approx(entropy(p, axis=1).mean())
    assert prediction_entropy(np.full((3, 4), 0.25)) == pytest.approx(np.log(4))
    assert prediction_entropy(np.eye(4)) == 0


def test_density_is_the_papers_formula_term_by_term():
    p = random_probabilities(7)
    f = p / np.linalg.norm(p, axis=1, keepdims=True)
    entropies = []
    for i in range(7):
        q = np.array([np.exp(f[i] @ f[j] / TEMPERATURE) for j in range(7) if j != i])
        q /= q.sum()
        entropies.append(-(q * np.log(q)).sum())
    assert soft_neighbourhood_density(p) == pytest.approx(np.mean(entropies))


def test_density_prefers_few_large_clusters_and_ignores_order():
    classes = np.eye(4)[np.arange(40) % 4]
    pairs = random_probabilities(40, 20, sharpness=8.0)
    assert soft_neighbourhood_density(classes) == pytest.approx(np.log(9), abs=1e-6)
    assert soft_neighbourhood_density(classes) > soft_neighbourhood_density(pairs)
    p = random_probabilities()
    assert soft_neighbourhood_density(p[::-1]) == pytest.approx(soft_neighbourhood_density(p))


def test_bad_input_is_named():
    with pytest.raises(DataError, match=r"n too small \(have 1, need 2\)"):
        soft_neighbourhood_density(np.array([[1.0, 0.0]]))
    for wrong in (np.array([[0.5, 0.6]]), np.array([[np.nan, 1.0]]), np.array([[-0.5, 1.5]])):
        with pytest.raises(DataError, match="sum to 1"):
            prediction_entropy(wrong)


def test_checkpoints_end_with_the_last_step():
    assert checkpoint_steps(500, 4) == (125, 250, 375, 500)
    assert checkpoint_steps(3, 5) == (1, 2, 3)
    assert checkpoint_steps(10, 0) == ()


def test_checkpoints_change_no_score_and_no_key_of_a_suite_without_them(run_inline, tmp_path, registry):
    suite = {"seeds": 2, "refiners": ["darker"], "arms": ["refined", "adabn", "oracle"]}
    without = run_inline(toy_suite(**suite))
    with_them = InlineRun(toy_suite(**suite, checkpoints=3), tmp_path / "other", registry)
    assert with_them.listener.failures == {}
    assert with_them.scores == without.scores
    assert with_them.executor.counts["select"] == 2 * (2 + 1)
    by_arm = {}
    for record in with_them.outcome.records:
        by_arm.setdefault(record.cell.arm, []).append(record)
    assert all(record.selection is None for arm in ("adabn", "oracle") for record in by_arm[arm])
    for record in (*by_arm["source"], *by_arm["refined"]):
        assert [checkpoint.step for checkpoint in record.selection.checkpoints] == [4, 8, 12]
        last = record.selection.checkpoints[-1]
        assert last.target_score == pytest.approx(record.primary.value)
        assert 0 <= last.entropy <= np.log(3)
        assert last.density >= 0
        assert 0 <= last.source_score <= 1
    assert all(record.selection is None for record in without.outcome.records)
    # Keys that published leaderboards and stores rest on: the description must not mention what is off.
    digests = {record.cell.id: record.digests["training"] for record in without.outcome.records}
    again = InlineRun(toy_suite(**suite), tmp_path / "again", registry)
    assert {record.cell.id: record.digests["training"] for record in again.outcome.records} == digests
    changed = {record.cell.id: record.digests["training"] for record in with_them.outcome.records}
    assert {cell for cell in digests if digests[cell] != changed[cell]} == {
        cell for cell in digests if "oracle" not in cell
    }


def test_the_action_of_a_training_without_checkpoints_says_nothing_of_them(run_inline):
    from bench.run.jobs import train

    run = run_inline(toy_suite(seeds=1, arms=["oracle"]))
    orders = [order for order in run.executor.orders if order.kind == "train"]
    assert all("checkpoints" not in train.action(order.spec, order.inputs) for order in orders)


@pytest.mark.parametrize(("task", "pair", "measurable"), [("segmentation", "street", True), ("depth", "indoor", False)])
def test_maps_of_classes_are_measured_and_maps_of_metres_say_why_not(task, pair, measurable, tmp_path):
    table = {"pair": pair, "task": task, "seeds": 1, "arms": ["source"], "train_steps": 2, "checkpoints": 2}
    limits = {"source_images": 8, "target_images": 8, "test_images": 4}
    suite = Suite.model_validate(
        {"name": "s", "title": "s", "tables": [{**table, "measures": False, "limits": limits}]}
    )
    run = InlineRun(suite, tmp_path, Registry())
    assert run.listener.failures == {}
    for record in run.outcome.records:
        first, last = record.selection.checkpoints
        assert (first.step, last.step) == (1, 2)
        assert last.target_score == pytest.approx(record.primary.value)
        assert (last.entropy is not None, last.density is not None) == (measurable, measurable)
        assert ("predicts no class probabilities" in record.selection.problem) != measurable


def test_a_suite_asks_for_two_checkpoints_at_least(registry):
    with pytest.raises(ValueError, match="greater than or equal to 2"):
        toy_suite(checkpoints=1)
    assert make_plan(resolve(toy_suite(checkpoints=2, arms=["oracle"]), registry)).jobs
