"""What changed between two results folders: paired where it may be, named where it may not, silent about noise."""

import numpy as np
import pytest

from bench import stats
from bench.report.changes import changes
from bench.results.record import write_record

ROWS = {("source", ""): 0.70, ("refined", "fda"): 0.78, ("refined", "reinhard"): 0.75, ("oracle", ""): 0.95}


@pytest.fixture
def recorded(make_records):
    """``recorded(accuracies, …)``: records that state their seeds and test images, as a run's do."""

    def make(accuracies=ROWS, test="a", **options):
        records = make_records(accuracies, **options)
        return [
            record.model_copy(
                update={
                    "seeds": {"train": 100 + record.cell.task_seed},
                    "digests": {**record.digests, "test": test},
                }
            )
            for record in records
        ]

    return make


def by_row(found):
    return {row.row: row for row in found.rows}


def test_equal_folders_are_unchanged(recorded):
    found = changes(recorded(), recorded())
    assert {row.verdict for row in found.rows} == {"unchanged"}
    assert (found.settings, found.verdicts) == ((), ())
    assert all(row.paired and row.change == 0 for row in found.rows)


def test_a_change_beyond_noise_is_told_from_one_within(recorded):
    after = recorded({**ROWS, ("refined", "fda"): 0.84, ("refined", "reinhard"): 0.751})
    found = changes(recorded(), after)
    rows = by_row(found)
    assert rows["refined fda"].verdict == "better"
    assert rows["refined fda"].change == pytest.approx(6, abs=0.5)
    assert rows["refined fda"].interval.low < 6 < rows["refined fda"].interval.high
    assert rows["refined reinhard"].verdict == "within noise"
    assert rows["source"].verdict == "unchanged"
    assert by_row(changes(after, recorded()))["refined fda"].verdict == "worse"


def test_a_smaller_error_is_better(recorded):
    smaller = recorded({**ROWS, ("refined", "fda"): 0.6}, higher_is_better=False)
    rows = by_row(changes(recorded(higher_is_better=False), smaller))
    assert rows["refined fda"].verdict == "better"
    assert rows["refined fda"].change > 0


def test_pairing_needs_the_same_seeds_and_test_images(recorded, make_records):
    for after in (recorded(test="b"), recorded(seeds=range(5, 10)), make_records(ROWS)):
        rows = by_row(changes(recorded(), after))
        assert not any(row.paired for row in rows.values())
        assert rows["source"].verdict == "within noise"
        assert rows["source"].interval.low < 0 < rows["source"].interval.high
    assert by_row(changes(recorded(), recorded(seeds=range(1, 5))))["source"].paired, "over the seeds in common"


def test_what_cannot_be_compared_says_why(recorded, failed):
    before = recorded()
    after = [record for record in recorded() if record.cell.refiner != "reinhard"]
    after = [failed(r, "out of memory") if r.cell.refiner == "fda" else r for r in after]
    rows = by_row(changes(before, after))
    assert rows["refined reinhard"].verdict == "not in the second"
    assert rows["refined fda"].verdict == "no score in the second"
    assert by_row(changes(after, before))["refined reinhard"].verdict == "not in the first"
    one = by_row(changes(recorded(seeds=1), recorded({**ROWS, ("source", ""): 0.9}, seeds=1)))
    assert one["source"].verdict == "n too small (have 1, need 2): add task seeds"
    assert one["source"].change == pytest.approx(20, abs=3)
    other = by_row(changes(before, recorded(higher_is_better=False)))
    assert other["source"].verdict == "not comparable: accuracy and translation_error"


def test_other_settings_and_verdicts_are_listed(recorded):
    def elsewhere(record):
        training = {**record.training, "steps": 700}
        return record.model_copy(update={"environment": {"device": "cuda"}, "training": training})

    after = [elsewhere(record) for record in recorded({**ROWS, ("refined", "fda"): 0.60})]
    found = changes(recorded(), after)
    table = "digits · classification · light_cnn · light"
    assert found.settings == (f"{table}: device: cpu → cuda", f"{table}: steps: 600 → 700")
    (verdict,) = found.verdicts
    assert verdict.endswith("strong recipe · light budget: refined fda: ▲ gain → ▼ loss")


def test_holm_counts_the_rows_of_a_table(recorded):
    after = recorded({row: accuracy + 0.004 for row, accuracy in ROWS.items()})
    rows = [row for row in changes(recorded(), after).rows if row.p is not None]
    expected = stats.holm([row.p for row in rows])
    assert [row.p_adjusted for row in rows] == pytest.approx(list(expected))


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n_seeds", [3, 5])
def test_noise_is_called_a_change_one_time_in_twenty_at_most(paired, n_seeds):
    rng = np.random.default_rng([n_seeds, paired])
    false = covered = 0
    for _ in range(600):
        images = rng.normal(size=(2, 1, 40)) if not paired else np.repeat(rng.normal(size=(1, 1, 40)), 2, 0)
        own = 0.3 * rng.normal(size=(2, 1, 40))
        before, after = images + own + 0.4 * rng.normal(size=(2, n_seeds, 1)) + rng.normal(size=(2, n_seeds, 40))
        interval = stats.change(before, after + 0.5, paired=paired)[0]
        covered += interval.low <= 0.5 <= interval.high
        false += stats.change(before, after, paired=paired)[1] < 0.05
    print(f"\nS={n_seeds} paired={paired}: covered {covered / 600:.3f}, false {false / 600:.3f}")
    assert false / 600 <= 0.05 + 2 * 0.009
    assert covered / 600 >= 0.93


def test_the_command_prints_rows_and_a_count(cli, recorded, tmp_path):
    for name, accuracy in (("a", 0.78), ("b", 0.84)):
        for record in recorded({**ROWS, ("refined", "fda"): accuracy}):
            write_record(tmp_path / name, record)
    done = cli("compare", "a", "b")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("refined fda")]
    assert line.split()[2:4] == ["78.2", "84.2"]
    assert line.rstrip().endswith("better")
    assert "4 rows: 3 unchanged, 0 changed within noise, 1 beyond it" in done.stdout
    missing = cli("compare", "a", "nowhere")
    assert missing.returncode == 2
    assert "no records in nowhere" in missing.stderr
