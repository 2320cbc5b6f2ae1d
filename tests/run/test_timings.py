from dataclasses import replace

import pytest

from bench.run import timings
from bench.run.plan import make_plan
from bench.suites.resolve import resolve
from toy_runs import toy_suite

START, SPEED = 6.0, 2.5


def with_work(plan, job, factor):
    """The plan with a job of ``factor`` times the work."""
    longer = replace(job, seconds=factor * job.seconds)
    return replace(plan, jobs={**plan.jobs, job.id: longer}), longer


@pytest.fixture
def plan(registry):
    return make_plan(resolve(toy_suite(arms=["oracle"]), registry))


@pytest.fixture
def training(plan):
    return next(job for job in plan.jobs.values() if job.kind == "train" and "strong" in job.label)


def test_measured_times_correct_the_next_estimates(plan, tmp_path):
    trainings = [job for job in plan.jobs.values() if job.kind == "train" and "strong" in job.label]
    taken = trainings[0].seconds + 100
    timings.save(tmp_path, plan, {trainings[0].id: taken})
    known = timings.load(tmp_path)
    assert timings.estimate(trainings[1], known) == pytest.approx(taken)
    other = next(job for job in plan.jobs.values() if job.kind == "score")
    assert timings.estimate(other, known) == other.seconds


@pytest.mark.parametrize("n_times", [100, 1000])
def test_the_start_of_a_short_job_is_not_its_speed(plan, training, tmp_path, n_times):
    """After a run of two steps, one of hundreds is not estimated as if each step took as long as the start."""
    _, short = with_work(plan, training, 1e-3)
    few, _ = with_work(plan, training, 1e-3)
    timings.save(tmp_path, few, {training.id: START + short.seconds})
    many, long = with_work(plan, training, 1e-3 * n_times)
    assert timings.estimate(long, timings.load(tmp_path)) == pytest.approx(START + long.seconds)
    timings.save(tmp_path, many, {training.id: START + SPEED * long.seconds})
    known = timings.load(tmp_path)
    assert timings.estimate(training, known) == pytest.approx(START + SPEED * training.seconds, rel=0.05)


def test_sizes_and_models_are_told_apart(plan, training):
    spec = training.spec
    larger = spec.model_copy(update={"space": spec.space.model_copy(update={"width": 99})})
    other = spec.model_copy(update={"model": spec.model.model_copy(update={"name": "other"})})
    signatures = {replace(training, spec=changed).signature for changed in (spec, larger, other)}
    assert len(signatures) == 3


@pytest.mark.parametrize("content", ["{", '{"a": 2.5}', "[1]", '{"a": [[1]]}'])
def test_a_file_that_is_not_understood_counts_for_nothing(tmp_path, content):
    (tmp_path / "timings.json").write_text(content)
    assert timings.load(tmp_path) == {}


def test_no_measurements_are_no_factors(tmp_path):
    assert timings.load(tmp_path) == {}
