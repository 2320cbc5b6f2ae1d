import pytest

from bench.api import Task
from bench.plugins.registry import Registry
from bench.run.plan import make_plan
from bench.run.plan.graph import work_by_table
from bench.run.plan.phases import phases_of
from bench.suites.arms import Arm
from bench.suites.load import Suite, load_suite
from bench.suites.resolve import resolve
from toy_runs import toy_suite


def plan_of(registry, **table):
    return make_plan(resolve(toy_suite(**table), registry))


def test_planning_is_pure(registry):
    table = {"arms": ["refined", "hybrid@5", "adabn"], "refiners": ["histogram", "fda:beta=0.05"]}
    assert list(plan_of(registry, **table).jobs) == list(plan_of(registry, **table).jobs)


def test_inputs_come_before_what_needs_them(registry):
    plan = plan_of(registry, arms=["refined", "adabn"], refiners=["histogram"])
    seen = set()
    for job in plan.jobs.values():
        assert all(needed in seen for _, needed in job.inputs)
        seen.add(job.id)


def test_one_fit_serves_all_task_seeds_and_arms(registry):
    plan = plan_of(registry, arms=["refined", "source_refined", "refined_hybrid@5"], refiners=["histogram"], seeds=4)
    kinds = [job.kind for job in plan.jobs.values()]
    assert kinds.count("fit") == kinds.count("refine") == 1
    assert kinds.count("train") == 4 * 5  # three arms, source strong, source plain


def test_refiner_seeds_are_crossed_with_task_seeds(registry):
    plan = plan_of(registry, arms=["refined"], refiners=["histogram"], seeds=2, refiner_seeds=3)
    refined = {(p.cell.refiner_seed, p.cell.task_seed) for p in plan.cells if p.cell.arm == "refined"}
    assert refined == {(r, t) for r in range(3) for t in range(2)}
    source = [p for p in plan.cells if p.cell.arm == "source" and p.cell.recipe == "strong"]
    assert len(source) == 2


def test_adding_a_refiner_changes_no_other_job(registry):
    few = plan_of(registry, arms=["refined"], refiners=["histogram"])
    many = plan_of(registry, arms=["refined"], refiners=["fda", "histogram", "reinhard"])
    assert set(few.jobs) < set(many.jobs)
    seeds = {p.cell.id: p.seeds for p in many.cells}
    assert all(seeds[p.cell.id] == p.seeds for p in few.cells)


@pytest.mark.parametrize(
    "change",
    [{"train_steps": 13}, {"model": "pixelda_mnist"}, {"limits": {"source_images": 30}}, {"recipe": "plain"}],
)
def test_what_determines_a_training_is_in_its_id(registry, change):
    def train_ids(**table):
        return {job.id for job in plan_of(registry, arms=["oracle"], **table).jobs.values() if "oracle" in job.label}

    assert not train_ids() & train_ids(**change)


def test_parameters_are_in_the_id_and_spelling_is_not(registry):
    def fits(variant):
        plan = plan_of(registry, arms=["refined"], refiners=[variant])
        return [job.id for job in plan.jobs.values() if job.kind == "fit"]

    assert fits("fda:beta=0.05") == fits("fda:beta=0.050")
    assert fits("fda:beta=0.05") != fits("fda:beta=0.09")


@pytest.mark.parametrize("arm", ["source", "hybrid@5", "hybrid@5:finetune", "source_refined", "real@5", "source@2N"])
@pytest.mark.parametrize("steps", [1, 7, 400])
def test_every_arm_takes_exactly_the_budgets_steps(arm, steps):
    phases = phases_of(Arm.parse(arm), steps)
    assert sum(phase.steps for phase in phases) == steps
    assert all(sum(stream.fraction for stream in phase.streams) == 1 for phase in phases)


def test_half_of_a_hybrid_batch_is_real():
    (phase,) = phases_of(Arm.parse("refined_hybrid@5"), 10)
    assert {(stream.pool, stream.fraction, stream.k) for stream in phase.streams} == {
        ("refined", 0.5, None),
        ("labelled", 0.5, 5),
    }


def test_the_needs_of_a_refiner_tie_its_fit_to_task_and_model(tmp_path):
    from bench.plugins.registry import Registry
    from toy_runs import TOYS

    file = tmp_path / "needy.py"
    file.write_text(
        "from bench.api import Need, Refiner\n"
        "class Needy(Refiner):\n"
        "    name, version, needs = 'needy', 1, frozenset({Need.TASK_LOSS, Need.SOURCE_MODEL})\n"
        "    def fit(self, source, target, budget, context): ...\n"
        "    def refine(self, batch, generators): return dict(batch.inputs)\n"
    )
    registry = Registry([TOYS, file])

    def fit_job(model):
        plan = plan_of(registry, arms=["refined"], refiners=["needy"], model=model)
        (job,) = [job for job in plan.jobs.values() if job.kind == "fit"]
        return job

    light, tower = fit_job("light_cnn"), fit_job("pixelda_mnist")
    assert light.id != tower.id
    assert "source_model" in dict(light.inputs)
    assert light.spec.reads == ("class_id",)


def test_each_job_is_charged_to_the_first_table_that_needs_it(registry):
    tables = [
        {"pair": "toy", "task": "classification", "arms": ["oracle"], "seeds": 1},
        {
            "pair": "toy",
            "task": "classification",
            "model": "light_cnn",
            "arms": ["oracle"],
            "seeds": 1,
            "budget": "standard",
        },
    ]
    plan = make_plan(resolve(Suite.model_validate({"name": "two", "title": "t", "tables": tables}), registry))
    charged = [job.id for work in work_by_table(plan) for job in work.jobs]
    assert sorted(charged) == sorted(plan.jobs)
    assert [sum(job.kind == "prepare" for job in work.jobs) for work in work_by_table(plan)] == [2, 0]


def test_quick_trains_three_seeds_or_more_within_ten_minutes_of_two_cores():
    suite = load_suite("quick")
    works = work_by_table(make_plan(resolve(suite, Registry())))
    assert {table.task for table in load_suite("mini").tables} == set(Registry().names(Task))
    assert all(table.seeds >= 3 for table in suite.tables)
    for work in works:
        assert sum(job.seconds for job in work.jobs) <= work.core_seconds, work.title
    assert sum(work.core_seconds for work in works) <= 1200
