"""``bench check``: a sound folder passes; whatever is broken in a copy of it is found, and said where and what."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.api import UserError
from bench.check import check_results
from bench.plugins.registry import Registry
from bench.report import write_report
from bench.results.measurement import read_measurements
from bench.results.record import Array, read_records
from bench.run.jobs import features
from bench.run.store import Store
from bench.suites.load import save_suite
from toy_runs import TOYS, InlineRun, toy_suite

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A results folder as ``run`` leaves it, its store beside it."""
    folder = tmp_path_factory.mktemp("sound") / "results"
    arms = ["refined", "source@2N", "real@9", "oracle"]
    suite = toy_suite(seeds=3, refiners=["same", "darker"], arms=arms)
    run = InlineRun(suite, folder, Registry([TOYS]), Store(folder.parent / "store"))
    save_suite(suite, folder / "suite.yaml")
    write_report(run.outcome.records, folder)
    return folder


@pytest.fixture
def copy(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "results")


def found(folder, store=None, **options):
    verdict = check_results(folder, Registry([TOYS]), store, n_cells=1000, **options)
    return [str(finding) for finding in verdict.findings]


def record_file(folder, *words):
    (path,) = [p for p in (folder / "records").iterdir() if all(word in p.name for word in words)]
    return path


def edit(path, change):
    """Change a record's JSON in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_sound_folder_passes_with_its_store_and_without(sound):
    with_store = check_results(sound, Registry([TOYS]), Store(sound.parent / "store"), n_cells=4, seed=1)
    assert (with_store.findings, with_store.unchecked) == ((), ())
    assert len(with_store.rescored) == 4
    alone = check_results(sound, Registry([TOYS]))
    assert alone.findings == ()
    assert alone.unchecked == ("stored predictions: no store is at hand",)
    assert len(alone.rescored) == 20


def test_which_cells_are_scored_again_is_drawn_anew_unless_asked(sound):
    def drawn(seed):
        return check_results(sound, Registry([TOYS]), n_cells=5, seed=seed, data=False).rescored

    assert drawn(3) == drawn(3)
    assert len({drawn(seed) for seed in range(6)}) > 1


def rewrite_report(folder):
    write_report(read_records(folder), folder)


def other_folder(folder):
    shutil.rmtree(folder)


def renamed(folder):
    path = record_file(folder, "oracle", "-s1-")
    path.rename(path.with_name("mine.json"))


def unreadable(folder):
    record_file(folder, "oracle", "-s1-").write_text("{")


def no_such_field(folder):
    edit(record_file(folder, "oracle", "-s1-"), lambda r: r.update(bonus=1))


def deleted(folder):
    record_file(folder, "oracle", "-s1-").unlink()
    rewrite_report(folder)


def failed(folder):
    def fail(record):
        record.update(status="failed", reason="the flux capacitor is empty", metrics=[], contributions=None)

    edit(record_file(folder, "strong-refined-darker", "-s1-"), fail)
    rewrite_report(folder)


def another_suite(folder):
    path = folder / "suite.yaml"
    path.write_text(path.read_text().replace("source@2N", "adabn"))


def no_plan(folder):
    path = folder / "suite.yaml"
    path.write_text(path.read_text().replace("darker", "brighter"))


def old_refiner(folder):
    edit(record_file(folder, "darker", "-s2-"), lambda r: r["versions"].update(refiner="0"))


def old_pair(folder):
    for path in (folder / "records").iterdir():
        edit(path, lambda r: r["pair"].update(digest="0" * 64))
    rewrite_report(folder)


def mixed_pairs(folder):
    edit(record_file(folder, "darker", "-s2-"), lambda r: r["pair"].update(digest="0" * 64))


def other_training(folder):
    edit(record_file(folder, "real@9", "-s0-"), lambda r: r["digests"].update(training="0" * 64))


def other_test_images(folder):
    edit(record_file(folder, "real@9", "-s0-"), lambda r: r["digests"].update(test="0" * 64))


def lucky_seed(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r["seeds"].update(train=12345))


def more_steps(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r["training"].update(steps=500))


def larger_batch(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r["training"].update(batch_size=128))


def more_images(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r["cost"].update(images_seen=10**6))


def larger_network(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r["cost"].update(n_parameters=10**6))


def real_images_in_between(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r["training"].update(real_fraction=0.5))


def two_torches(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r["environment"].update(torch="1.0"))
    rewrite_report(folder)


def other_code(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r["digests"].update({"code of train": "0" * 64}))
    rewrite_report(folder)


def no_code(folder):
    def forget(record):
        record["digests"] = {name: d for name, d in record["digests"].items() if not name.startswith("code of ")}

    edit(record_file(folder, "darker", "-s0-"), forget)
    rewrite_report(folder)


def rounded_up(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r["metrics"][0].update(value=0.999))


def other_hits(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r["per_image"].update(true_class=packed(np.arange(45) // 15)))


def other_contributions(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r.update(contributions=packed(np.full(45, 0.3))))


def broken_statistics(folder):
    edit(record_file(folder, "darker", "-s0-"), lambda r: r["per_image"].pop("predicted_class"))


def same_weights_other_score(folder):
    edit(record_file(folder, "refined-same", "-s0-"), lambda r: r["metrics"][0].update(value=0.5))


def touched_up_page(folder):
    path = folder / "leaderboard.md"
    path.write_text(path.read_text().replace("not resolved", "▲ gain"))


def scaled(folder, factor):
    """The scores of a published CSV, times a factor."""
    path = folder / "leaderboard.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame["score"] = [repr(float(score) * factor) if score else "" for score in frame["score"]]
    frame.to_csv(path, index=False, lineterminator="\n")


def touched_up_number(folder):
    scaled(folder, 1.00001)


def no_page(folder):
    (folder / "leaderboard.html").unlink()


def ranked_against_the_rule(folder):
    path = folder / "leaderboard.csv"
    path.write_text(path.read_text().replace(",labelled,", ",ranked,"))


def ranked_with_two_seeds(folder):
    record_file(folder, "darker", "-s1-").unlink()


def packed(array):
    return Array.pack(array).model_dump(mode="json")


@pytest.mark.parametrize(
    ("break_it", "where", "what"),
    [
        (renamed, "records/mine.json", "holds the cell toy-classification"),
        (unreadable, "oracle", "is not a record of schema 1: the file: Invalid JSON"),
        (no_such_field, "oracle", "is not a record of schema 1: bonus: Extra inputs"),
        (deleted, "suite.yaml", "asks for a cell that has no record: toy-classification-light_cnn-strong-oracle-r0-s1"),
        (failed, "darker", "has no score: the flux capacitor is empty"),
        (another_suite, "source@2N", "is no cell of suite.yaml"),
        (another_suite, "suite.yaml", "asks for a cell that has no record: toy-classification-light_cnn-strong-adabn"),
        (no_plan, "suite.yaml", "cannot be planned with the code at hand: no refiner 'brighter'"),
        (old_refiner, "darker", "made with version 0 of refiner darker, the code at hand has 1"),
        (old_pair, "20 more", "made from version 000000000000 of pair 'toy', which is not the one at hand"),
        (mixed_pairs, "toy · classification", "mixes versions of the pair"),
        (mixed_pairs, "records", "give no leaderboard: records of toy classification light_cnn light mix versions"),
        (other_training, "real@9", "its training is not the one that suite and data at hand describe"),
        (other_test_images, "real@9", "its test images have another digest than those at hand"),
        (lucky_seed, "darker", "its seed 'train' does not derive from the cell's names"),
        (more_steps, "darker", "steps is 500, the suite asks for 12"),
        (more_steps, "toy · classification", "arms differ in training steps: 12 ("),
        (larger_batch, "toy · classification", "arms differ in batch sizes: 64 ("),
        (more_images, "darker", "its training saw 1,000,000 images"),
        (larger_network, "toy · classification", "arms differ in numbers of parameters"),
        (real_images_in_between, "darker", "real_fraction is 0.5, the suite asks for 0.0"),
        (two_torches, "toy · classification", "mixes torch: t (20 cells), 1.0 (1 cells)"),
        (other_code, "toy · classification", "mixes code of train: "),
        (no_code, "toy · classification", "mixes code: 1 of 21 cells do not name theirs"),
        (rounded_up, "darker", "states accuracy 0.999, its statistics give"),
        (other_hits, "darker", "its contributions are not those that its statistics give"),
        (other_contributions, "darker", "its contributions are not those that its statistics give"),
        (broken_statistics, "darker", "its statistics cannot be scored (KeyError: 'predicted_class')"),
        (same_weights_other_score, "source", "but another score"),
        (touched_up_page, "leaderboard.md", "differs from what the records give with the code at hand"),
        (touched_up_number, "leaderboard.csv", "differs from what the records give with the code at hand: line 2 has"),
        (no_page, "leaderboard.html", "is missing"),
        (ranked_against_the_rule, "leaderboard.csv", "which is trained on labels of the target"),
        (ranked_with_two_seeds, "leaderboard.csv", "ranks 'refined darker' of toy"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_broken_is_found(copy, break_it, where, what):
    break_it(copy)
    lines = found(copy)
    assert any(where in line.partition(": ")[0] and what in line for line in lines), lines
    assert all(line.count("; ") >= 1 and "\n" not in line for line in lines)


def test_a_rule_that_breaks_off_is_an_objection_and_stops_no_other(copy, monkeypatch):
    def torn(results):
        raise ZeroDivisionError("of a kind")
        yield

    monkeypatch.setattr("bench.check.against_plan.RULES", (torn,))
    ranked_with_two_seeds(copy)
    lines = found(copy)
    assert any(
        line.startswith("rule 'torn': could not be looked through: ZeroDivisionError: of a kind") for line in lines
    )
    assert any("differs from what the records give" in line for line in lines)


def test_a_part_of_the_report_that_cannot_be_made_is_an_objection(copy, monkeypatch):
    monkeypatch.setattr("bench.report.figures.table_figures.table_figures", lambda *_: 1 / 0)
    lines = found(copy)
    assert any(line.startswith("the report: can't be made whole: figures of toy · classification") for line in lines)


@pytest.fixture(scope="module")
def sound_measured(tmp_path_factory):
    """A folder with a measurement of each kind: ``darker`` leaves nothing that a judge could see."""
    folder = tmp_path_factory.mktemp("measured") / "results"
    suite = toy_suite(seeds=1, refiners=["darker:factor=0"], arms=["refined"], measures=True, train_steps=60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(features.SIZES, "light", (24, 32))
        run = InlineRun(suite, folder, Registry([TOYS]), Store(folder.parent / "store"))
    save_suite(suite, folder / "suite.yaml")
    write_report(run.outcome.records, folder, read_measurements(folder))
    return folder


def measurement_file(folder, kind):
    (path,) = (folder / "measurements").glob(f"{kind}-*")
    return path


def flag_taken_off(folder):
    """With the page built again, so that it agrees."""
    edit(measurement_file(folder, "label_preservation"), lambda m: m.update(flags=[]))
    write_report(read_records(folder), folder, read_measurements(folder))


def other_schema(folder):
    edit(measurement_file(folder, "domain_gap"), lambda m: m.update(kind="horoscope"))


def measurement_deleted(folder):
    measurement_file(folder, "domain_gap").unlink()


def measurement_of_another(folder):
    path = measurement_file(folder, "domain_gap")
    path.rename(path.with_name("mine.json"))


def other_data(folder):
    edit(measurement_file(folder, "domain_gap"), lambda m: m["digests"].update(pair="0" * 64))


def old_measurement(folder):
    edit(measurement_file(folder, "domain_gap"), lambda m: m["versions"].update(refiner="0"))


def failed_measurement(folder):
    edit(measurement_file(folder, "domain_gap"), lambda m: m.update(status="failed", reason="the lens cap is on"))


@pytest.mark.parametrize(
    ("break_it", "where", "what"),
    [
        (flag_taken_off, "measurements/label_preservation", "its flags are none, its values give score"),
        (other_schema, "measurements/domain_gap", "is not a measurement of schema 1: kind: Input should be"),
        (measurement_deleted, "suite.yaml", "asks for a measurement that is not there: domain_gap-toy"),
        (measurement_of_another, "measurements/mine.json", "is no measurement that suite.yaml asks for"),
        (other_data, "measurements/domain_gap", "was taken of another version of the pair than the records"),
        (old_measurement, "measurements/domain_gap", "made with version 0 of its refiner, the code at hand has 1"),
        (failed_measurement, "measurements/domain_gap", "has no values: the lens cap is on"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_with_a_measurement_is_found(sound_measured, tmp_path, break_it, where, what):
    copy = shutil.copytree(sound_measured, tmp_path / "results")
    assert found(copy, data=False) == []
    break_it(copy)
    lines = found(copy, data=False)
    assert any(line.startswith(where) and what in line for line in lines), lines
    assert all(line.count("; ") >= 1 and "\n" not in line for line in lines)


def test_a_folder_without_measurements_is_said_not_to_be_checked_for_them(sound_measured, tmp_path):
    copy = shutil.copytree(sound_measured, tmp_path / "results")
    shutil.rmtree(copy / "measurements")
    write_report(read_records(copy), copy)
    verdict = check_results(copy, Registry([TOYS]), data=False)
    assert verdict.findings == ()
    assert any("the folder has no measurements" in what for what in verdict.unchecked)


def test_numbers_rounded_on_another_machine_are_no_objection(copy):
    before = (copy / "leaderboard.csv").read_text()
    scaled(copy, 1 + 1e-13)
    assert (copy / "leaderboard.csv").read_text() != before
    assert found(copy) == []


def test_commits_that_differ_in_nothing_that_was_run_may_share_a_table(copy):
    """Results are reused from commit to commit, as long as the code behind them is the same."""
    edit(record_file(copy, "darker", "-s0-"), lambda r: r["environment"].update(bench="v1-3-gabcdef0"))
    for path in (copy / "records").iterdir():
        edit(path, lambda r: r["environment"].setdefault("bench", "v1"))
    rewrite_report(copy)
    assert found(copy) == []
    assert "mix" not in (copy / "leaderboard.md").read_text()
    other_code(copy)
    assert "mix `code of train`" in (copy / "leaderboard.md").read_text()
    (line,) = found(copy)
    assert "000000000000 of v1-3-gabcdef0 (1 cells)" in line


def test_predictions_in_the_store_speak_against_consistent_lies(copy, sound):
    """Statistics, contributions and score changed together: only the stored predictions tell."""
    path = record_file(copy, "strong-refined-darker", "-s0-")

    def hopeless(record):
        true_class = Array(**record["per_image"]["true_class"]).unpack()
        record["per_image"]["predicted_class"] = packed((true_class + 1) % 3)
        record["contributions"] = packed(np.zeros(45))
        for metric in record["metrics"]:
            metric["value"] = 0.0

    edit(path, hopeless)
    rewrite_report(copy)
    assert found(copy) == []
    lines = found(copy, Store(sound.parent / "store"))
    assert any("states accuracy 0, its stored predictions give" in line for line in lines)


def test_equal_objections_are_one_line(copy):
    for path in (copy / "records").iterdir():
        edit(path, lambda r: r["versions"].update(task="0"))
    rewrite_report(copy)
    (line,) = found(copy)
    assert "and 20 more: made with version 0 of task classification, the code at hand has" in line


def test_a_pair_that_cannot_be_prepared_is_said_not_to_be_checked(copy):
    verdict = check_results(copy, Registry([TOYS]), data=False)
    assert verdict.findings == ()
    assert any("data digests (prepare toy target)" in what for what in verdict.unchecked)


def test_a_folder_without_records_is_the_users_mistake(tmp_path):
    with pytest.raises(UserError, match=r"no records in .*name a results folder"):
        check_results(tmp_path, Registry())


EARLIER = {"camvid-jpeg88", "cards", "digits", "kitchen", "linemod"}
"""Published folders with rows of an earlier version of a refiner; they go from here when they are run again."""


@pytest.mark.parametrize("folder", sorted(path.parent for path in RESULTS.glob("*/suite.yaml")), ids=lambda p: p.name)
def test_published_results_hold(folder):
    """All but data and trainings, which take a run of the command to compare.

    Rows of refiners whose version has gone up since are published as what they are: results/README.md names them.
    """
    lines = found(folder, data=False)
    earlier = [re.search(r"made with version \d+ of (?:its )?refiner", line) is not None for line in lines]
    assert [line for line, is_earlier in zip(lines, earlier, strict=True) if not is_earlier] == []
    assert not any(earlier) or folder.name in EARLIER


def test_the_command_prints_a_line_each_and_ends_with_1(cli, copy, sound):
    sound_one = cli("check", str(sound), "--plugin", str(TOYS), "--store", str(sound.parent / "store"))
    assert (sound_one.returncode, sound_one.stderr) == (0, "")
    assert "21 records, 20 scored again; no objection." in sound_one.stdout
    no_page(copy)
    broken = cli("check", str(copy), "--plugin", str(TOYS))
    assert broken.returncode == 1
    assert broken.stdout.splitlines()[0].startswith("leaderboard.html: is missing; build the pages again")
    assert "1 objection." in broken.stdout
