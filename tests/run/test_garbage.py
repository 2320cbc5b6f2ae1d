"""What `data gc` removes, on a store that a suite of toys has filled."""

import pytest

from bench.api import UserError
from bench.plugins.registry import Registry
from bench.run.garbage import referenced, referenced_here, remove, unreferenced
from bench.suites.load import save_suite
from toy_runs import TOYS, toy_suite

SUITE = toy_suite(arms=["refined", "oracle"], refiners=["histogram"])
SMALLER = toy_suite(arms=["oracle"])


@pytest.fixture
def run(run_inline):
    return run_inline(SUITE)


def test_what_a_suite_needs_stays_and_the_rest_goes(run, registry):
    store, needed = run.store, referenced(run.store, [SMALLER], registry)
    stale = unreferenced(store, needed)
    kinds = {order.kind for order in run.executor.orders if order.key in stale}
    assert {"fit", "refine", "train", "score"} <= kinds
    assert "prepare" not in kinds
    assert remove(store, stale) == list(stale)
    assert unreferenced(store, needed) == {}
    assert all(store.find(key) is None for key in stale)
    assert all(store.find(key) is not None for key in needed)


def test_nothing_goes_that_the_suite_itself_needs(run, registry):
    assert unreferenced(run.store, referenced(run.store, [SUITE], registry)) == {}


def test_an_entry_in_use_stays(run):
    key = next(path.name for path in (run.store.root / "objects").glob("*/*"))
    with run.store.lock(key):
        assert remove(run.store, [key]) == []
    assert run.store.find(key) is not None


def test_suites_of_the_results_beside_the_store_count(run, registry):
    assert unreferenced(run.store, referenced_here(run.store, registry))
    save_suite(SUITE, run.store.root.parent / "toys" / "suite.yaml")
    assert unreferenced(run.store, referenced_here(run.store, registry)) == {}


def test_a_suite_that_was_run_with_a_plug_in_asks_for_it(run):
    save_suite(SUITE, run.store.root.parent / "toys" / "suite.yaml")
    with pytest.raises(UserError, match="toy"):
        referenced_here(run.store, Registry())


def test_the_command_says_what_went(run, cli):
    save_suite(SMALLER, run.store.root.parent / "toys" / "suite.yaml")
    options = ("data", "gc", "--store", str(run.store.root), "--plugin", str(TOYS))
    assert "would be removed" in cli(*options, "--dry-run").stdout
    said = cli(*options).stdout
    assert "entries removed" in said
    assert not said.startswith(f"{run.store.root}: 0 entries")
    assert f"{run.store.root}: 0 entries removed" in cli(*options).stdout
