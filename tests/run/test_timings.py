import pytest

from bench.run import timings
from bench.run.plan import make_plan
from bench.suites.resolve import resolve
from toy_runs import toy_suite


def test_measured_times_correct_the_next_estimates(registry, tmp_path):
    plan = make_plan(resolve(toy_suite(arms=["oracle"]), registry))
    trainings = [job for job in plan.jobs.values() if job.kind == "train" and "strong" in job.label]
    timings.save(tmp_path, plan, {trainings[0].id: 7 * trainings[0].seconds})
    factors = timings.load(tmp_path)
    assert timings.estimate(trainings[1], factors) == pytest.approx(7 * trainings[1].seconds)
    other = next(job for job in plan.jobs.values() if job.kind == "score")
    assert timings.estimate(other, factors) == other.seconds


def test_no_measurements_are_no_factors(tmp_path):
    assert timings.load(tmp_path) == {}
