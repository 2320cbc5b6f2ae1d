import pytest

from bench.api import Pair, UserError
from bench.api.names import split_variant
from bench.cli.comparison import Asked
from bench.data.own.pair import OwnParams
from bench.data.sets.pair_base import PlacedPair
from bench.plugins.registry import Registry
from bench.suites.arms import Arm
from bench.suites.load import Suite, load_suite, save_suite, shipped
from bench.suites.narrow import narrowed, with_refiners
from bench.suites.own_folders import own_suite
from bench.suites.resolve import resolve
from toy_runs import toy_suite

GOOD = """
name: mine
title: A suite
tables:
  - pair: toy
    task: classification
    refiners: [histogram]
    arms: [refined, {arm: oracle}]
"""


@pytest.fixture
def suite_file(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_every_shipped_suite_resolves(registry, monkeypatch, tmp_path):
    monkeypatch.setenv("REALGAIN_DATA", str(tmp_path))
    for name in shipped():
        suite = load_suite(name)
        if any(issubclass(registry.get(Pair, split_variant(table.pair)[0]), PlacedPair) for table in suite.tables):
            with pytest.raises(
                UserError, match="is no folder; put it there"
            ):  # tests/data/sets/test_sets.py puts it there
                resolve(suite, registry)
        else:
            assert resolve(suite, registry).name == name


def test_a_suite_file_is_read_and_completed_with_its_baselines(suite_file, registry):
    resolved = resolve(load_suite(suite_file(GOOD)), registry)
    rows = {
        (table.recipe, str(arm), refiner.variant if refiner else "")
        for table in resolved.tables
        for arm, refiner in table.rows
    }
    assert rows == {
        ("strong", "source", ""),
        ("strong", "refined", "histogram"),
        ("strong", "oracle", ""),
        ("plain", "source", ""),
    }


def test_a_grid_of_k_is_an_arm_for_each(suite_file, registry):
    text = GOOD.replace(
        "[refined, {arm: oracle}]", '["real@{5, 9}", {arm: "refined_hybrid@{3,9}:finetune", refiners: [histogram]}]'
    )
    suite = load_suite(suite_file(text))
    assert [arm.arm for arm in suite.tables[0].arms] == [
        "real@5",
        "real@9",
        "refined_hybrid@3:finetune",
        "refined_hybrid@9:finetune",
    ]
    assert suite.tables[0].arms[3].refiners == ("histogram",)
    with pytest.raises(UserError, match=r"no arm 'real@'.*several as 'real@\{5,10,20\}'"):
        resolve(load_suite(suite_file(GOOD.replace("{arm: oracle}", '"real@{}"'))), registry)
    with pytest.raises(UserError, match="no arm 'real@x'"):
        resolve(load_suite(suite_file(GOOD.replace("{arm: oracle}", '"real@{5,x}"'))), registry)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("refiners:", "refinrs:"), r"unknown key 'tables\[0\]\.refinrs'; did you mean 'refiners'\?"),
        (("name: mine", "name: mine\nsedes: 3"), r"unknown key 'sedes'\. Allowed: name, tables, title"),
        (("arm: oracle", "arm: oracle, refinrs: [x]"), r"unknown key 'tables\[0\]\.arms\[1\]\.refinrs'; did you mean"),
        (("title: A suite\n", ""), "key 'title' is missing"),
        (("task: classification", "task: classification\n    seeds: 0"), r"tables\[0\]\.seeds: .*found 0"),
        (("task: classification", "task: classification\n    seeds: many"), r"tables\[0\]\.seeds: .*found 'many'"),
        (("task: classification", "task: classification\n    seeds: true"), r"tables\[0\]\.seeds: .*found True"),
        (("task: classification", "task: classification\n    limits: {test_images: 0}"), r"test_images: .*found 0"),
        (
            ("task: classification", "task: classification\n    task: depth"),
            "key 'task' stands twice in one mapping, line 5",
        ),
        (("name: mine", "name: store"), "name: .*found 'store'"),
        (("name: mine", "name: [mine"), "not readable as YAML"),
        ((GOOD, "- just a list"), "found list at the top"),
    ],
)
def test_a_wrong_suite_file_is_refused_in_one_line(suite_file, change, message):
    with pytest.raises(UserError, match=message) as caught:
        load_suite(suite_file(GOOD.replace(*change)))
    assert "\n" not in str(caught.value)


def test_a_saved_suite_is_the_suite_that_was_run(tmp_path, suite_file):
    suite = load_suite(suite_file(GOOD))
    save_suite(suite, tmp_path / "suite.yaml")
    assert load_suite(str(tmp_path / "suite.yaml")) == suite


def test_an_unknown_suite_gets_the_nearest_right_name():
    with pytest.raises(UserError, match=r"no suite 'quik'; did you mean 'quick'\?"):
        load_suite("quik")
    with pytest.raises(UserError, match=r"no suite file gone\.yaml; shipped suites: "):
        load_suite("gone.yaml")


def test_yaml_cannot_make_python_objects(suite_file):
    with pytest.raises(UserError, match="not readable as YAML"):
        load_suite(suite_file("name: !!python/object/apply:os.system ['true']"))


@pytest.mark.parametrize("text", ["hybrid@50", "refined_hybrid@5:finetune", "source@2N", "adabn", "real@1"])
def test_arms_are_read_and_spelt_alike(text):
    assert str(Arm.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("refind", "did you mean 'refined'"),
        ("hybrd@50", "did you mean 'hybrid@K'"),
        ("hybrid", "did you mean 'hybrid@K'"),
        ("real@0", "Available: "),
        ("real@5:finetune", "Available: "),
        ("end2end", "did you mean 'end_to_end'"),
    ],
)
def test_an_unknown_arm_gets_the_nearest_right_one(text, message):
    with pytest.raises(UserError, match=message):
        Arm.parse(text)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"pair": "toy_unlabelled", "arms": ["oracle"]},
            "pair 'toy_unlabelled' cannot serve arm 'oracle': .*'class_id'",
        ),
        ({"pair": "toy_unlabelled", "arms": ["hybrid@5"]}, "pair 'toy_unlabelled' cannot serve arm 'hybrid@5'"),
        ({"pair": "toy_unlabelled", "arms": ["source@2N"]}, "cannot serve arm 'source@2N': .*rendered anew"),
        ({"arms": ["real@61"]}, "cannot serve arm 'real@61': it has 60 labelled real training images"),
        ({"arms": ["refined"], "refiners": ["needs_depth"]}, "cannot serve refiner 'needs_depth': it reads 'depth_m'"),
        ({"arms": ["refined"]}, "arm 'refined' needs refiners"),
        ({"arms": ["end_to_end"], "refiners": ["same"]}, "'same' cannot serve arm 'end_to_end': it trains no task net"),
        (
            {"arms": [{"arm": "refined", "refiners": ["fda"]}], "refiners": ["same"]},
            "refiner 'fda' is not in its table",
        ),
        ({"arms": [{"arm": "oracle", "refiners": ["same"]}], "refiners": ["same"]}, "takes no refiner"),
        (
            {"refiners": ["fda:beta=0.05", "fda:beta=0.050"]},
            "'fda:beta=0.05' and 'fda:beta=0.050' are the same refiner",
        ),
        ({"arms": ["hybrid@5:finetune"], "train_steps": 1}, "needs train_steps of 2 or more"),
        ({"arms": ["adabn"], "model": "pixelda_mnist"}, "model 'pixelda_mnist' cannot serve arm 'adabn'"),
        ({"task": "clasification"}, "no task 'clasification'; did you mean 'classification'"),
        ({"pair": "digit"}, "no pair 'digit'; did you mean 'digits'"),
        ({"model": "light_cn"}, "'light_cn'.*did you mean 'light_cnn'"),
        ({"model": "light_cnn:pretraind=none"}, "no parameter 'pretraind'; did you mean 'pretrained'"),
    ],
)
def test_what_cannot_be_served_is_refused_before_anything_is_made(registry, table, message):
    with pytest.raises(UserError, match=message):
        resolve(toy_suite(**table), registry)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_steps": 13}, "have the same recipe 'strong': put their arms into one table"),
        ({"recipe": "plain", "train_steps": 13}, "differ in train_steps, fit_steps or limits"),
        ({"recipe": "plain", "limits": {"source_images": 30}}, "differ in train_steps, fit_steps or limits"),
    ],
)
def test_tables_that_their_records_could_not_tell_apart_are_refused(registry, change, message):
    suite = toy_suite()
    other = suite.tables[0].model_validate(suite.tables[0].model_dump() | change)
    with pytest.raises(UserError, match=message):
        resolve(suite.model_copy(update={"tables": (suite.tables[0], other)}), registry)


def test_the_arms_that_need_no_labels_are_served_without_any(registry):
    table = {"pair": "toy_unlabelled", "arms": ["refined", "adabn"], "refiners": ["histogram"]}
    assert len(resolve(toy_suite(**table), registry).tables[0].rows) == 3


def rows(suite, registry):
    table = resolve(suite, registry).tables[0]
    return [(str(arm), refiner.variant if refiner else "") for arm, refiner in table.rows]


def test_a_refiner_is_added_to_what_every_refiner_of_a_table_gets(registry):
    suite = with_refiners(toy_suite(arms=["source_refined", "oracle"], refiners=["same"]), ["darker:factor=0.9", "fda"])
    assert rows(suite, registry) == [
        ("source", ""),
        ("source_refined", "same"),
        ("source_refined", "darker:factor=0.9"),
        ("source_refined", "fda"),
        ("oracle", ""),
        ("refined", "darker:factor=0.9"),
        ("refined", "fda"),
    ]


def test_a_refiner_that_the_suite_has_already_stands_there_once(registry):
    suite = toy_suite(arms=["refined"], refiners=["same"])
    assert rows(with_refiners(suite, ["same"]), registry) == rows(suite, registry)
    assert with_refiners(suite, []) is suite


def test_a_refiner_cannot_be_added_where_none_are_compared(registry):
    with pytest.raises(UserError, match="suite 'toys' compares no refiners, so there is no table to add 'same' to"):
        with_refiners(toy_suite(arms=["oracle"]), ["same"])


def test_tables_without_refiners_stay_as_they_are(registry):
    suite = load_suite("quick")
    plain = suite.tables[0].model_copy(update={"refiners": (), "arms": suite.tables[0].arms[1:3]})
    both = suite.model_copy(update={"tables": (suite.tables[0], plain)})
    added = with_refiners(both, ["same"])
    assert added.tables[1] == plain
    assert "same" in added.tables[0].refiners


def suite_of(*tables):
    entries = [{"pair": "toy", "arms": ["oracle"], **table} for table in tables]
    return Suite.model_validate({"name": "mine", "title": "mine", "tables": entries})


def test_tables_of_one_task_are_picked_and_trained_with_other_models():
    suite = suite_of({"task": "classification"}, {"task": "depth"}, {"task": "depth", "recipe": "plain"})
    picked = narrowed(suite, ["depth:crop=garg"], ["unet", "t2net_depth"])
    assert picked.name == "mine-depth_crop_garg-unet-t2net_depth"
    assert [(t.task, t.model, t.recipe) for t in picked.tables] == [
        ("depth:crop=garg", "unet", "strong"),
        ("depth:crop=garg", "unet", "plain"),
        ("depth:crop=garg", "t2net_depth", "strong"),
        ("depth:crop=garg", "t2net_depth", "plain"),
    ]
    assert narrowed(suite) is suite
    with pytest.raises(UserError, match=r"'mine' has no table of task 'dept'; did you mean 'depth'\? It has: classif"):
        narrowed(suite, ["dept"])


TWO_RECIPES = Suite.model_validate(
    {
        "name": "two",
        "title": "two",
        "tables": [
            {
                "pair": "toy",
                "task": "classification",
                "refiners": ["histogram", "fda:beta=0.05"],
                "arms": ["refined", "adabn", {"arm": "refined_hybrid@20", "refiners": ["histogram"]}],
            },
            {
                "pair": "toy",
                "task": "classification",
                "recipe": "plain",
                "refiners": ["histogram"],
                "arms": ["refined", "oracle"],
            },
        ],
    }
)


def test_a_row_can_be_asked_for_alone():
    picked = narrowed(TWO_RECIPES, rows=["refined fda:beta=0.05", "adabn"])
    (table,) = picked.tables  # the plain one has neither
    assert [(entry.arm, entry.refiners) for entry in table.arms] == [("refined", ("fda:beta=0.05",)), ("adabn", None)]
    assert table.refiners == ("fda:beta=0.05",)
    assert picked.name == "two-refined_fda_beta_0.05-adabn"
    assert [table.recipe for table in narrowed(TWO_RECIPES, rows=["refined histogram"]).tables] == ["strong", "plain"]
    assert [table.arms for table in narrowed(TWO_RECIPES, rows=["source"]).tables] == [(), ()]
    with pytest.raises(UserError, match=r"no table has a row 'refined fda:beta=0.5'; did you mean 'refined fda:beta=0"):
        narrowed(TWO_RECIPES, rows=["refined fda:beta=0.5"])


def test_a_row_alone_plans_the_same_jobs_as_its_suite(registry):
    from bench.run.plan import make_plan

    alone = narrowed(TWO_RECIPES, rows=["refined histogram"])
    of_whole, of_row = (make_plan(resolve(suite, registry)) for suite in (TWO_RECIPES, alone))
    jobs = {planned.cell.id: planned.jobs for planned in of_whole.cells}
    assert len(of_row.cells) == 4 * 5  # refined and source, under both recipes
    assert all(planned.jobs == jobs[planned.cell.id] for planned in of_row.cells)


def test_the_steps_of_training_say_nothing_about_a_fit():
    table, budgets = {"pair": "digits", "task": "classification", "arms": ["oracle"], "train_steps": 60}, []
    for more in ({}, {"fit_steps": 7}):
        suite = Suite.model_validate({"name": "s", "title": "s", "tables": [{**table, **more}]})
        budgets.append(resolve(suite, Registry()).tables[0].budget)
    assert [budget.train_steps for budget in budgets] == [60, 60]
    assert [budget.fit_at_most(400) for budget in budgets] == [400, 7]
    assert budgets[1].fit_at_most(3) == 3


def test_a_smoke_run_is_short_in_both():
    assert all(table.train_steps and table.fit_steps for table in load_suite("smoke").tables)


def test_the_command_line_caps_fits_of_suites_and_of_own_folders():
    asked = Asked(suite="quick", fit_steps=9).to_suite()
    assert {table.fit_steps for table in asked.tables} == {9}
    assert {table.train_steps for table in asked.tables} == {table.train_steps for table in load_suite("quick").tables}
    own = own_suite("depth", dict.fromkeys(OwnParams.model_fields, "") | {"source": "a", "target": "b"}, fit_steps=9)
    assert own.tables[0].fit_steps == 9
