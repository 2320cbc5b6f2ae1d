"""What `data gc` would remove, on a store that two suites have filled."""

import pytest

from bench.api import UserError
from bench.registry import Registry
from bench.suite import save_suite
from bench.unreferenced import remove, suites_beside, unreferenced
from toy_runs import toy_suite


@pytest.fixture
def run(run_inline):
    return run_inline(toy_suite(arms=["refined", "oracle"], refiners=["histogram"]))


def test_what_a_suite_needs_stays_and_the_rest_goes(run, registry):
    store = run.store
    smaller = toy_suite(arms=["oracle"])
    stale = [key for key, _ in unreferenced(store, [smaller], registry)]
    kinds = sorted(order.kind for order in run.executor.orders if order.key in stale)
    assert kinds == ["fit", "refine", "score", "score", "train", "train"]
    assert remove(store, stale) == stale
    assert unreferenced(store, [smaller], registry) == []
    assert all(store.find(key) is None for key in stale)


def test_nothing_goes_that_the_suite_itself_needs(run, registry):
    assert unreferenced(run.store, [toy_suite(arms=["refined", "oracle"], refiners=["histogram"])], registry) == []


def test_an_entry_in_use_stays(run):
    key = next(path.name for path in (run.store.root / "objects").glob("*/*"))
    with run.store.lock(key):
        assert remove(run.store, [key]) == []
    assert run.store.find(key) is not None


def test_suites_of_the_results_beside_the_store_count(run):
    save_suite(toy_suite(arms=["oracle"]), run.store.root.parent / "toys" / "suite.yaml")
    assert "toys" in [suite.name for suite in suites_beside(run.store)]


def test_a_suite_with_a_plug_in_that_is_missing_stops_it(run):
    with pytest.raises(UserError, match="toy"):
        unreferenced(run.store, [toy_suite(arms=["oracle"])], Registry())
