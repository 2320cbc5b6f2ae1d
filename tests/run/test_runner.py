import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from bench.api import Pair
from bench.api.imageset import ImageSet
from bench.report.frame import cell_frame
from bench.report.leaderboard import leaderboard
from bench.results.record import read_records
from bench.run import timings
from bench.run.store import MANIFEST, Store
from toy_runs import toy_suite

EVERYTHING = {
    "arms": [
        "refined",
        "source_refined",
        "source@2N",
        "adabn",
        "real@6",
        "hybrid@6",
        "refined_hybrid@6:finetune",
        "oracle",
    ],
    "refiners": ["histogram"],
}


def test_every_arm_runs_to_a_record_with_all_that_it_must_state(run_inline):
    run = run_inline(toy_suite(**EVERYTHING))
    assert run.outcome.complete
    records = read_records(run.results)
    assert len(records) == len(run.plan.cells) == 2 * (9 + 1)
    for record in records:
        assert record.primary.name == "accuracy"
        assert record.contributions.unpack().mean() == pytest.approx(record.primary.value)
        assert record.pair.n_target_test == 45
        assert record.training["steps"] == 12
        assert record.cost.images_seen == 12 * record.training["batch_size"]
        assert {"train", "subset"} <= set(record.seeds)
        assert {"training", "weights", "test"} <= set(record.digests)


def test_identity_lands_on_the_source_training_without_training_twice(run_inline):
    suite = toy_suite(arms=["refined", "source_refined"], refiners=["identity", "same"])
    run = run_inline(suite)
    # Two seeds of source, strong and plain; every refined and mixed row of both refiners shares the strong ones.
    assert run.executor.counts["train"] == 4
    source = {r.cell.task_seed: r for r in run.outcome.records if r.cell.arm == "source" and r.cell.recipe == "strong"}
    refined = [r for r in run.outcome.records if r.cell.refiner]
    assert len(refined) == 8
    for record in refined:
        twin = source[record.cell.task_seed]
        assert record.digests["training"] == twin.digests["training"]
        assert record.primary == twin.primary


def test_a_refiner_that_changes_images_is_trained(run_inline):
    run = run_inline(toy_suite(arms=["refined"], refiners=["darker"]))
    assert run.executor.counts["train"] == 6
    assert len({r.digests["training"] for r in run.outcome.records}) == 6


def test_a_second_run_does_nothing_and_says_the_same(run_inline):
    suite = toy_suite(**EVERYTHING)
    first = run_inline(suite)
    second = run_inline(suite)
    assert second.executor.orders == []
    assert {r.cell.id: r for r in second.outcome.records} == {r.cell.id: r for r in first.outcome.records}


def test_adding_a_refiner_changes_nobody_elses_numbers(run_inline, tmp_path, registry):
    from toy_runs import InlineRun

    alone = run_inline(toy_suite(arms=["refined", "hybrid@6"], refiners=["histogram"]))
    suite = toy_suite(arms=["refined", "hybrid@6"], refiners=["reinhard", "histogram", "fda"])
    afresh = InlineRun(suite, tmp_path / "afresh", registry)
    assert alone.scores.items() <= afresh.scores.items()


def test_a_corrupt_entry_is_made_again_and_only_that(run_inline, tmp_path):
    suite = toy_suite(arms=["refined"], refiners=["histogram"])
    first = run_inline(suite)
    (refined,) = [o for o in first.executor.orders if o.kind == "refine"]
    file = first.store.path(refined.key) / "source_train.image.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 255
    file.write_bytes(content)
    second = run_inline(suite)
    assert [o.kind for o in second.executor.orders] == ["refine"]
    assert second.scores == first.scores


@pytest.mark.parametrize(
    ("refiner", "reason"),
    [
        ("raises", "RuntimeError: the flux capacitor is empty"),
        ("grows", "17"),
        ("gives_nan", "(?i)nan|finite"),
        ("too_bright", r"\[0, 1\]"),
    ],
)
def test_a_bad_refiner_fails_its_row_with_its_reason_and_nothing_else(run_inline, refiner, reason):
    run = run_inline(toy_suite(arms=["refined", "oracle"], refiners=["histogram", refiner]))
    failed = [r for r in run.outcome.records if r.status == "failed"]
    assert {(r.cell.refiner, r.cell.task_seed) for r in failed} == {(refiner, 0), (refiner, 1)}
    for record in failed:
        assert re.search(reason, record.reason), record.reason
        assert refiner in record.reason
        assert "\n" not in record.reason
    assert not run.outcome.complete
    assert len(run.scores) == len(run.plan.cells) - 2


def test_a_failed_job_is_tried_again_by_the_next_run(run_inline):
    suite = toy_suite(arms=["refined"], refiners=["raises"])
    run_inline(suite)
    assert [o.kind for o in run_inline(suite).executor.orders] == ["fit"]


def test_records_of_cells_that_left_the_suite_are_removed(run_inline):
    run_inline(toy_suite(arms=["oracle", "real@6"]))
    run = run_inline(toy_suite(arms=["oracle"]))
    assert {r.cell.arm for r in read_records(run.results)} == {"source", "oracle"}


def test_a_refinement_counts_its_progress_over_both_splits(run_inline):
    """A job without progress is stopped in the end; a count that began anew for ``source_val`` would show none."""
    run = run_inline(toy_suite(arms=["refined"], refiners=["twice"], seeds=1))
    (order,) = [o for o in run.executor.orders if o.kind == "refine"]
    steps = run.executor.steps[order.key]
    assert steps == sorted(set(steps))
    assert steps[-1] == (2 * (96 + 12), 2 * (96 + 12))


def test_several_views_are_stored_and_trained_on(run_inline):
    run = run_inline(toy_suite(arms=["refined"], refiners=["twice"]))
    (record, *_) = [r for r in run.outcome.records if r.cell.arm == "refined"]
    assert record.training["n_images"] == {"refined": 2 * 96}
    (order,) = [o for o in run.executor.orders if o.kind == "refine"]
    images = np.load(run.store.path(order.key) / "source_train.image.npy")
    assert images.shape == (192, 16, 16, 3)
    assert not np.array_equal(images[:96], images[96:])


def test_target_labels_are_not_where_a_fit_could_load_them(run_inline):
    run = run_inline(toy_suite(arms=["refined"], refiners=["histogram"]))
    (order,) = [o for o in run.executor.orders if o.kind == "fit"]
    sets = order.inputs["target"].meta["sets"]
    assert set(sets["target_train"]["columns"]) == {"image"}


def test_the_drawn_real_images_are_nested_stratified_and_equal_for_all_arms(run_inline, registry):
    from bench.run.jobs.train import labelled_order
    from bench.run.stored_sets import load_set

    run = run_inline(toy_suite(arms=["real@6", "hybrid@6"]))
    target = next(o for o in run.executor.orders if o.kind == "prepare" and o.spec.side == "target")
    labelled = load_set(run.store.find(target.key), "target_train_labelled")
    order = labelled_order(labelled, ("class_id",), 5)
    assert sorted(order) == list(range(60))
    for k in (3, 6, 30):
        counts = np.bincount(labelled.columns["class_id"].take(order[:k]), minlength=3)
        assert counts.max() - counts.min() <= 1
    assert not np.array_equal(order, labelled_order(labelled, ("class_id",), 6))
    specs = [o.spec for o in run.executor.orders if o.kind == "train"]
    by_seed = {spec.seed: spec.subset_seed for spec in specs}
    assert all(by_seed[spec.seed] == spec.subset_seed for spec in specs)
    assert len(set(by_seed.values())) == 2


def test_a_store_made_by_other_pixels_is_not_mixed_up(run_inline, monkeypatch):
    """The pair's name and version stay, its pixels change (another Pillow, say): nothing downstream is reused."""
    suite = toy_suite(arms=["refined"], refiners=["darker"])
    first = run_inline(suite)
    source = next(o for o in first.executor.orders if o.kind == "prepare" and o.spec.side == "source")
    shutil.rmtree(first.store.path(source.key))
    pair = type(first.plan.suite.tables[0].pair)
    original = pair.source
    monkeypatch.setattr(pair, "source", lambda self, *asked: _brighter(original(self, *asked)))
    second = run_inline(suite)
    assert second.executor.counts["train"] == first.executor.counts["train"]
    digests = {r.pair.digest for r in second.outcome.records}
    assert len(digests) == 1
    assert digests != {r.pair.digest for r in first.outcome.records}


def _brighter(splits):
    columns = {name: column.array for name, column in splits.train.columns.items()}
    columns["image"] = np.minimum(columns["image"], 254) + 1
    return replace(splits, train=ImageSet.from_arrays(**columns))


def test_the_limit_of_a_job_is_20_times_its_estimate_or_the_least(run_inline, tmp_path):
    suite = toy_suite(arms=["oracle"], seeds=1)
    job = next(job for job in run_inline(suite).plan.jobs.values() if job.kind == "train")
    assert timings.limit(job, {}, 0.0) == pytest.approx(20 * job.seconds)
    assert timings.limit(job, {job.signature: timings.Timing(0.0, 3.0)}, 0.0) == pytest.approx(60 * job.seconds)
    assert timings.limit(job, {}, 120.0) == 120.0
    run = run_inline(suite, Store(tmp_path / "other"))
    assert {order.limit_seconds for order in run.executor.orders} == {timings.LEAST_LIMIT_SECONDS}


def test_manifests_say_what_was_measured(run_inline):
    run = run_inline(toy_suite(arms=["oracle"], seeds=1))
    for order in run.executor.orders:
        assert (run.store.path(order.key) / MANIFEST).is_file()
        assert run.store.find(order.key).meta["seconds"] > 0


def test_a_cell_whose_score_comes_before_its_source_is_recorded_all_the_same(tmp_path, registry):
    """``oracle`` trains on no source image; its record states the pair's digest, which the source is part of."""
    from toy_runs import InlineExecutor, InlineRun

    class Backwards(InlineExecutor):
        def submit(self, order):
            super().submit(order)
            self.pending.sort(key=lambda o: getattr(o.spec, "side", "") == "source")

    run = InlineRun(toy_suite(arms=["oracle"]), tmp_path, registry, executor_class=Backwards)
    assert run.outcome.complete
    assert run.executor.counts["score"] == 6


def test_end_to_end_scores_the_network_that_the_fit_trained_once_for_each_seed(run_inline):
    suite = toy_suite(arms=["end_to_end", "refined"], refiners=["joint"], seeds=3)
    done = run_inline(suite)
    assert done.executor.counts["fit"] == 3
    records = [record for record in done.outcome.records if record.cell.arm == "end_to_end"]
    assert len({record.digests["weights"] for record in records}) == 3
    for record in records:
        assert record.status == "ok"
        assert (record.training["steps"], record.cost.images_seen) == (3, 24)
        assert record.cost.train_seconds == 0 < record.cost.fit_seconds
    (table,) = [table for table in leaderboard(cell_frame(list(done.outcome.records))) if table.recipe == "strong"]
    row = table.find("end_to_end", "joint")
    assert row is not None
    assert row.rank is None
    assert row.reason == "trained inside the refiner's fit, in 3 steps"
    assert table.steps == (12,)


def test_labels_that_no_task_could_learn_from_stop_the_run_before_training(run_inline, registry, monkeypatch):
    suite = toy_suite(arms=["oracle"])
    pair = registry.get(Pair, "toy")
    original = pair.source

    def mislabelled(self, *asked):
        splits = original(self, *asked)
        splits.train.columns["class_id"].array[5] = 7
        return splits

    monkeypatch.setattr(pair, "source", mislabelled)
    done = run_inline(suite)
    assert done.executor.counts["train"] == 2  # of oracle, which needs no source
    assert (
        "source_train, row 5, column 'class_id': class 7; allowed: 0..2" in done.listener.failures["prepare toy source"]
    )


def test_a_plug_in_file_that_changed_is_refitted_without_being_asked(tmp_path):
    from bench.plugins.registry import Registry
    from toy_runs import TOYS, InlineRun

    file = tmp_path / "mine.py"
    source = (
        "import torch\nfrom bench.api import Refiner\nclass Mine(Refiner):\n    name, version = 'mine', 1\n"
        "    def fit(self, source, target, budget, context): ...\n"
        "    def refine(self, batch, generators): return {'image': batch.inputs['image'] * 0.9}\n"
    )

    def n_fits_and_trainings(text: str) -> tuple[int, int]:
        file.write_text(text)
        suite = toy_suite(arms=["refined"], refiners=["mine", "darker"])
        counts = InlineRun(suite, tmp_path, Registry([TOYS, file])).executor.counts
        return counts["fit"], counts["train"]

    assert n_fits_and_trainings(source)[0] == 2
    assert n_fits_and_trainings(source) == (0, 0)
    # Its own fit and images are made anew; they are the same images, so nothing is trained on them again.
    assert n_fits_and_trainings(source + "# a remark\n") == (1, 0)
    assert n_fits_and_trainings(source.replace("0.9", "0.8")) == (1, 2)
