"""Tasks that break their contract in one way each, and the built-in ones, which keep it."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from bench.api import Budget, Metric, ModelSpec, Task, UserError
from bench.plugins.registry import Registry
from bench.testing import ConformanceError, check_task


class _Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, inputs):
        return self.linear(inputs["image"].mean(dim=(2, 3)))


class Colours(Task):
    """Which of three classes, by mean colour: keeps the contract."""

    name, version = "colours", 1
    labels = ("class_id",)
    metrics = (Metric("accuracy", higher_is_better=True, unit="%", scale=100.0),)
    augmentations = frozenset({"colour", "blur"})
    budgets: ClassVar = {"light": Budget(name="light", train_steps=10, batch_size=4)}
    models: ClassVar = {"linear": ModelSpec("linear", batch_norm=False, ms_per_image=0.1, summary="one layer")}
    default_model = "linear"

    def build(self, model, params, space, generator):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator.initial_seed())
            return _Network()

    def loss(self, network, inputs, labels):
        return nn.functional.cross_entropy(network(inputs), labels["class_id"])

    def predict(self, network, inputs):
        return {"class_id": network(inputs).argmax(dim=1).numpy()}

    def statistics(self, predictions, labels, space):
        return {"hit": predictions["class_id"] == labels["class_id"]}

    def score(self, statistics, space):
        return {"accuracy": float(statistics["hit"].mean())}

    def contributions(self, statistics, space):
        return statistics["hit"].astype(np.float64)


class Undeclared(Colours):
    labels = ("colour",)
    default_model = "big"


class BuildsFromGlobalState(Colours):
    def build(self, model, params, space, generator):
        return _Network()


class LearnsNothing(Colours):
    def loss(self, network, inputs, labels):
        return 0 * super().loss(network, inputs, labels)


class LosesItself(Colours):
    def loss(self, network, inputs, labels):
        return super().loss(network, inputs, labels) / 0


class ReadsWhatItDoesNotName(Colours):
    def loss(self, network, inputs, labels):
        return super().loss(network, inputs, labels) * labels["foreground"].float().mean()


class PeeksAtLabels(Colours):
    def predict(self, network, inputs):
        return {"class_id": inputs["class_id"].numpy()}


class NormalisesOverTheBatch(Colours):
    def predict(self, network, inputs):
        logits = network(inputs)
        return {"class_id": (logits - logits.mean(dim=0)).argmax(dim=1).numpy()}


class PredictsOnce(Colours):
    def predict(self, network, inputs):
        return {"class_id": np.zeros(7, np.int64)}


class TrainsInPredict(Colours):
    def predict(self, network, inputs):
        network.linear.bias.add_(1)
        return super().predict(network, inputs)


class CountsOthers(Colours):
    def statistics(self, predictions, labels, space):
        hit = predictions["class_id"] == labels["class_id"]
        return {"hit": hit, "n_hits": np.full(len(hit), hit.sum())}


class ScoresByOrder(Colours):
    def score(self, statistics, space):
        return {"accuracy": float((statistics["hit"] * np.arange(len(statistics["hit"]))).mean() + 1)}

    def contributions(self, statistics, space):
        return statistics["hit"] * np.arange(len(statistics["hit"])) + 1.0


class ForgetsItsMetric(Colours):
    def score(self, statistics, space):
        return {"precision": 1.0}


class ContributesSomethingElse(Colours):
    def contributions(self, statistics, space):
        return 2.0 * statistics["hit"]


def clauses(task):
    with pytest.raises(ConformanceError) as caught:
        check_task(task)
    return {violation.clause for violation in caught.value.violations}


@pytest.mark.parametrize("task", [Colours, Colours()])
def test_a_task_that_keeps_the_contract_passes(task):
    check_task(task)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (Undeclared, {"declaration"}),
        (BuildsFromGlobalState, {"build determinism", "global random state"}),
        (LearnsNothing, {"loss"}),
        (LosesItself, {"loss", "raises"}),
        (ReadsWhatItDoesNotName, {"labels"}),
        (PeeksAtLabels, {"labels"}),
        (NormalisesOverTheBatch, {"batch size"}),
        (PredictsOnce, {"predictions"}),
        (TrainsInPredict, {"weights"}),
        (CountsOthers, {"statistics"}),
        (ScoresByOrder, {"score"}),
        (ForgetsItsMetric, {"score"}),
        (ContributesSomethingElse, {"contributions"}),
    ],
)
def test_a_broken_task_fails_with_its_clause_alone(task, expected):
    assert clauses(task) == expected


def test_what_is_no_task_is_refused():
    with pytest.raises(UserError, match=r"check_task got int; it needs a subclass or an instance of bench\.api\.Task"):
        check_task(3)
    with pytest.raises(UserError, match="no model 'liner' for task 'colours'; did you mean 'linear'"):
        check_task(Colours, model="liner")


@pytest.mark.parametrize(
    "name",
    [
        "classification",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("pose", "segmentation", "depth", "detection", "avoidance")),
    ],
)
def test_the_built_in_tasks_keep_the_contract(name):
    check_task(Registry().get(Task, name))
