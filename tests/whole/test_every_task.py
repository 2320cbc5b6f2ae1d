"""Every task, with its default model, in every arm, on the pairs that ship; scores of two steps mean nothing."""

import numpy as np
import pytest

from bench.plugins.registry import Registry
from bench.run.jobs import draw_gallery as gallery
from bench.run.jobs import features
from bench.run.stored_sets import load_set
from bench.suites.load import Suite
from toy_runs import InlineRun

ARMS = ["refined", "source_refined", "adabn", "real@8", "hybrid@8", "refined_hybrid@8:finetune", "oracle"]


@pytest.fixture(autouse=True)
def few_features_and_pictures(monkeypatch):
    monkeypatch.setitem(features.SIZES, "light", (24, 32))
    monkeypatch.setattr(gallery, "N_ROWS", 1)
    monkeypatch.setattr(gallery, "N_CHANGED", 1)


@pytest.mark.parametrize(
    ("task", "pair"),
    [
        ("classification", "objects"),
        ("pose", "objects"),
        ("segmentation", "street"),
        ("depth:cap_m=50,median_scaling=true", "street"),
        ("detection", "street"),
        ("segmentation:multi_scale=true", "indoor"),
        ("depth", "indoor"),
        ("avoidance", "indoor"),
        ("detection", "vending"),
    ],
)
def test_a_task_runs_in_every_arm_on_a_shipped_pair(task, pair, tmp_path):
    table = {"pair": pair, "task": task, "seeds": 1, "refiners": ["histogram"], "arms": ARMS, "train_steps": 2}
    limits = {"source_images": 24, "target_images": 16, "test_images": 8}
    suite = Suite.model_validate({"name": "every", "title": "every", "tables": [{**table, "limits": limits}]})
    done = InlineRun(suite, tmp_path, Registry())
    assert done.listener.failures == {}
    assert {record.cell.arm for record in done.outcome.records} == {"source", *ARMS}
    for record in done.outcome.records:
        assert record.cell.task == task
        assert record.pair.stand_in
        assert record.contributions.unpack().mean() == pytest.approx(record.primary.value)
        assert np.isfinite([metric.value for metric in record.metrics]).all()
    assert_scores_follow_from_stored_predictions(done)


def assert_scores_follow_from_stored_predictions(done: InlineRun) -> None:
    """Without the network: predictions of the whole test set at once, compared with its labels again."""
    table = done.plan.suite.tables[0]
    entries = {order.kind: [] for order in done.executor.orders}
    for order in done.executor.orders:
        entries[order.kind].append(done.store.find(order.key))
    (target,) = [entry for entry in entries["prepare"] if "target_test" in entry.meta["sets"]]
    test = load_set(target, "target_test")
    columns = (*table.task.labels, *table.task.geometry)
    labels = {name: test.columns[name].take(np.arange(test.n_images)) for name in columns}
    for entry in entries["score"]:
        with np.load(entry.path / "predictions.npz", allow_pickle=False) as stored:
            predictions = {name: stored[name] for name in stored.files}
        metrics = table.task.score(table.task.statistics(predictions, labels, table.space), table.space)
        assert metrics == pytest.approx(entry.meta["metrics"])
