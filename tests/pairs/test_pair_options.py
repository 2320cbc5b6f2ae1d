"""A pair's options: in suites and records by variant, in ids by value; rows kept from refiners' fits."""

from pathlib import Path

import numpy as np
import pytest

from bench.api import UserError
from bench.plugins.registry import Registry
from bench.run.plan import make_plan
from bench.suites.resolve import resolve
from toy_runs import InlineRun, toy_suite

PLUGIN = """
from dataclasses import replace

import numpy as np
import torch

from bench.api import Frozen, Refiner
from toys import Toy


class Choosy(Toy):
    name, version = "choosy", 1

    class Params(Frozen):
        held_out: int = 2

    def source(self, size, fit, limits):
        splits = super().source(size, fit, limits)
        return replace(splits, fit_rows=self._kept(splits.train))

    def target(self, size, fit, limits):
        splits = super().target(size, fit, limits)
        return replace(splits, fit_rows=self._kept(splits.train))

    def _kept(self, images):
        return np.flatnonzero(images.columns["class_id"].array != self.params.held_out)


class Counts(Refiner):
    name, version = "counts", 1

    def fit(self, source, target, budget, context):
        self.seen = torch.tensor([source.n_images, target.n_images])

    def refine(self, batch, generators):
        return dict(batch.inputs)

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]
"""


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    file = tmp_path / "choosy.py"
    file.write_text(PLUGIN)
    return Registry([file])


def test_refiners_learn_from_the_rows_that_a_pair_leaves_them_and_refine_all(tmp_path, registry):
    suite = toy_suite(pair="choosy:held_out=0", refiners=["counts"], arms=["refined"], seeds=1)
    done = InlineRun(suite, tmp_path, registry)
    assert done.listener.failures == {}
    by_kind = {order.kind: done.store.find(order.key) for order in done.executor.orders}
    from safetensors.numpy import load_file

    np.testing.assert_array_equal(load_file(by_kind["fit"].path / "state.safetensors")["seen"], [64, 40])
    images = np.load(by_kind["refine"].path / "source_train.image.npy")
    assert len(images) == 96
    assert {record.cell.pair for record in done.outcome.records} == {"choosy:held_out=0"}


def test_another_option_is_another_preparation(registry):
    plans = [make_plan(resolve(toy_suite(pair=pair), registry)) for pair in ("choosy", "choosy:held_out=0")]
    prepared = [{job.id for job in plan.jobs.values() if job.kind == "prepare"} for plan in plans]
    assert not prepared[0] & prepared[1]


def test_a_wrong_option_names_the_right_ones(registry):
    with pytest.raises(UserError, match="pair 'choosy' has no parameter 'hold_out'; did you mean 'held_out'"):
        resolve(toy_suite(pair="choosy:hold_out=0"), registry)
