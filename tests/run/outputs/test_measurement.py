"""What a run leaves beside its records: measurements that follow the plan, fail alone, and say what is missing."""

import numpy as np
import pytest

from bench.api import UserError
from bench.results.measurement import read_measurements
from bench.run.jobs import domain_gap, features
from bench.run.plan import make_plan
from bench.run.plan.graph import work_by_table
from bench.run.store import Entry
from bench.suites.resolve import resolve
from bench.training.weights import BUNDLED_MODEL, BUNDLED_SHA256
from toy_runs import toy_suite

MEASURED = {"measures": True, "seeds": 1}


@pytest.fixture(autouse=True)
def few_small_images(monkeypatch):
    monkeypatch.setitem(features.SIZES, "light", (24, 32))


def test_every_refined_set_is_measured_and_what_left_the_suite_is_removed(run_inline):
    run = run_inline(toy_suite(**MEASURED, arms=["refined"], refiners=["darker", "same"]))
    found = {(m.kind, m.of.refiner): m for m in read_measurements(run.results)}
    assert {refiner for kind, refiner in found if kind == "domain_gap"} == {"darker", "same"}
    assert {m.status for m in found.values()} == {"ok"}
    assert {m.digests["pair"] for m in found.values()} == {run.outcome.records[0].pair.digest}
    left = run_inline(toy_suite(**MEASURED, arms=["refined"], refiners=["same"]))
    assert {m.of.refiner for m in read_measurements(left.results)} == {"same"}
    run_inline(toy_suite(arms=["refined"], seeds=1, refiners=["same"]))
    assert read_measurements(run.results) == []


def test_a_domain_gap_says_what_it_rests_on_and_what_would_take_more_images(run_inline):
    run = run_inline(toy_suite(**MEASURED, arms=["refined"], refiners=["darker"]))
    gap = next(m for m in read_measurements(run.results) if m.kind == "domain_gap")
    assert gap.about == {
        "encoder": BUNDLED_MODEL,
        "weights_sha256": BUNDLED_SHA256,
        "resized_to_px": "32x32",
        "n_source": "24",
        "n_refined": "24",
        "n_target": "24",
        "n_features": "1280",
    }
    for when in ("before", "after"):
        assert gap.value(f"kid_{when}").low < gap.value(f"kid_{when}").value < gap.value(f"kid_{when}").high
        assert 0 <= gap.value(f"two_sample_{when}").low <= gap.value(f"two_sample_{when}").high <= 100
        assert gap.value(f"colour_{when}").value > 0
        assert gap.value(f"spectrum_{when}").value > 0
        assert str(gap.value(f"frechet_{when}")) == "not measurable: n too small (have 24, need 2560)"


@pytest.mark.parametrize(
    ("n", "d", "kid", "frechet"),
    [(24, 12, "", ""), (23, 12, "", "have 23, need 24"), (19, 6, "have 19, need 20", "")],
)
def test_a_figure_is_given_only_where_there_are_images_enough(tmp_path, n, d, kid, frechet):
    rng = np.random.default_rng(0)
    inputs = {}
    for role in domain_gap.ROLES:
        folder = tmp_path / role
        folder.mkdir()
        for name, shape in (("features", (n, d)), ("colours", (3, 256)), ("spectrum", (16,))):
            np.save(folder / f"{name}.npy", rng.random(shape))
        inputs[role] = Entry("key", folder, {}, {})
    values = domain_gap.run(domain_gap.Spec(side_px=96), inputs, tmp_path, None)["values"]
    for name, few in (("kid", kid), ("frechet", frechet), ("two_sample", kid)):
        for when in ("before", "after"):
            found = values[f"{name}_{when}"]
            assert found["reason"] == (f"n too small ({few})" if few else "")
            assert (found["value"] is None) == bool(few)


def test_features_of_source_and_target_are_computed_once_for_all_refiners(run_inline):
    run = run_inline(toy_suite(**MEASURED, arms=["refined"], refiners=["darker", "same", "twice"], refiner_seeds=2))
    # Source, target, darker and twice, whose seeds differ; `same` has the source's own images.
    assert run.executor.counts["features"] == 2 + 1 + 2


def test_a_measure_that_fails_fails_no_row_and_says_why(run_inline, monkeypatch):
    def broken(*_):
        raise RuntimeError("the lens cap is on")

    monkeypatch.setattr("bench.run.jobs.features._encoder", broken)
    run = run_inline(toy_suite(**MEASURED, arms=["refined"], refiners=["darker"]))
    assert run.outcome.complete
    gap = next(m for m in read_measurements(run.results) if m.kind == "domain_gap")
    assert gap.status == "failed"
    assert "the lens cap is on" in gap.reason
    assert "the lens cap is on" in str(gap.value("kid_after"))


def test_a_refiner_that_fails_leaves_measurements_that_say_so(run_inline):
    run = run_inline(toy_suite(**MEASURED, arms=["refined"], refiners=["raises", "darker"]))
    found = {m.of.refiner: m for m in read_measurements(run.results) if m.kind == "domain_gap"}
    assert found["darker"].status == "ok"
    assert "the flux capacitor is empty" in found["raises"].reason


def test_a_file_that_is_no_measurement_is_named(run_inline, tmp_path):
    run = run_inline(toy_suite(**MEASURED, arms=["refined"], refiners=["same"]))
    path = next((run.results / "measurements").iterdir())
    path.write_text(path.read_text().replace("domain_gap", "horoscope"))
    with pytest.raises(UserError, match=f"{path.name} is not a measurement of schema 1: kind"):
        read_measurements(run.results)


def test_the_judge_is_the_oracle_and_without_target_labels_the_source_which_is_said(run_inline):
    run = run_inline(toy_suite(**MEASURED, arms=["refined"], refiners=["darker"]))
    kept = next(m for m in read_measurements(run.results) if m.kind == "label_preservation")
    assert kept.about["judge"].startswith("`oracle`")
    assert kept.about["reference"].startswith("unrefined")
    unlabelled = run_inline(toy_suite(**MEASURED, pair="toy_unlabelled", arms=["refined"], refiners=["darker"]))
    kept = next(m for m in read_measurements(unlabelled.results) if m.kind == "label_preservation")
    assert "confounded by realism" in kept.about["judge"]
    assert str(kept.value("similarity")) == "not measurable: no masks"
    assert str(kept.value("edges_kept")) == "not measurable: no masks, boxes or depth"


def test_a_plain_table_is_judged_by_its_own_oracle_and_without_target_labels_by_the_strong_source(registry):
    for pair, recipe in (("toy", "plain"), ("toy_unlabelled", "strong")):
        suite = toy_suite(pair=pair, recipe="plain", measures=True, arms=["refined"], refiners=["darker"])
        plan = make_plan(resolve(suite, registry))
        trained = {plan.jobs[p.jobs["train"]].spec.recipe for p in plan.products if p.kind == "label_preservation"}
        assert trained == {recipe}


def test_a_suite_may_leave_measures_out_and_what_it_measures_is_in_the_dry_run(registry):
    with_measures, without = (
        make_plan(resolve(toy_suite(arms=["refined"], refiners=["darker"], measures=asked), registry))
        for asked in (True, False)
    )
    assert without.products == ()
    more = {job.kind for job in with_measures.jobs.values()} - {job.kind for job in without.jobs.values()}
    assert more == {"features", "domain_gap", "judge", "label_preservation"}
    charged = [job.id for work in work_by_table(with_measures) for job in work.jobs]
    assert sorted(charged) == sorted(with_measures.jobs)


def test_images_in_which_the_judge_finds_no_labels_any_more_are_flagged_by_the_score(run_inline):
    suite = toy_suite(arms=["refined"], measures=True, seeds=1, refiners=["darker:factor=0", "same"], train_steps=60)
    found = {m.of.refiner: m for m in read_measurements(run_inline(suite).results) if m.kind == "label_preservation"}
    assert found["same"].flags == ()
    assert found["same"].value("score_kept").value == found["same"].value("score_to_identity").value == 100
    assert found["darker:factor=0"].flags == ("score",)
    assert len(found["same"].per_image["changed_most"].unpack()) == 8
    assert len(found["same"].per_image["judged"].unpack()) == 12
