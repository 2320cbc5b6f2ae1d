"""Tables from recorded results: gains, ranking, reasons, and every edge that a reader could be misled by."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench import stats
from bench.api import UserError
from bench.report.frame import cell_frame
from bench.report.headline import headline
from bench.report.leaderboard import leaderboard
from bench.report.notes import notes, warnings
from bench.results.record import Array


def tables_of(records):
    return leaderboard(cell_frame(records))


def table_of(records):
    (table,) = tables_of(records)
    return table


def constant(make_record, accuracies, n_test=100, **options):
    """Records whose first ``accuracy × n_test`` images are right, the same in every seed unless a list is given."""
    records = []
    for (arm, refiner), by_seed in accuracies.items():
        for seed, accuracy in enumerate(by_seed):
            hits = (np.arange(n_test) < round(accuracy * n_test)).astype(float)
            records.append(make_record(hits, arm=arm, refiner=refiner, task_seed=seed, **options))
    return records


def test_score_and_gain_are_means_in_the_printed_unit(make_record):
    records = constant(make_record, {("source", ""): [0.5, 0.6, 0.7], ("refined", "fda"): [0.6, 0.6, 0.9]})
    row = table_of(records).find("refined", "fda")
    assert row.score.value == pytest.approx(70.0)
    assert row.gain.value == pytest.approx(10.0)
    assert row.costs["train_seconds"] == pytest.approx(21.0)
    assert row.secondary == {"macro_accuracy [%]": pytest.approx(69.0)}


def test_gains_and_intervals_are_those_of_bench_stats(quick_records):
    table = table_of(quick_records)
    values = {}
    for record in quick_records:
        cell = record.cell
        if cell.recipe == "strong" and cell.refiner != "identity":
            values.setdefault(f"{cell.arm} {cell.refiner}".strip(), []).append(100 * record.contributions.unpack())
    stacked = {name: np.stack(rows) for name, rows in values.items()}
    baseline = stacked.pop("source")
    families = {name: "refiners" if " " in name else "references" for name in stacked}
    expected = stats.compare(baseline, stacked, None, families)
    row = table.find("refined", "fda:beta=0.05")
    comparison = expected.comparisons["refined fda:beta=0.05"]
    assert (row.gain.interval, row.gain.alone) == (comparison.simultaneous, comparison.two_level)
    assert row.gain.p_adjusted == comparison.p_adjusted
    assert row.score.interval == stats.two_level_interval(stacked["refined fda:beta=0.05"]).within(0, 100)
    assert row.gap_closed_percent == pytest.approx(100 * comparison.gain / expected.comparisons["oracle"].gain)


def test_ranked_rows_use_no_target_labels_and_labelled_rows_go_by_their_number(quick_records):
    table = table_of(quick_records)
    ranked = [(row.rank, row.arm, row.refiner) for row in table.block("ranked")]
    assert ranked[0] == (1, "refined", "fda:beta=0.05")
    assert [rank for rank, *_ in ranked] == sorted(rank for rank, *_ in ranked)
    assert {arm for _, arm, _ in ranked} == {"refined", "source_refined", "source", "source@2N", "adabn"}
    labelled = [(row.arm, row.target_labels) for row in table.block("labelled")]
    assert labelled == [("refined_hybrid@50", 50), ("hybrid@50", 50), ("real@50", 50), ("oracle", 1000)]


def test_refiner_seeds_are_averaged_within_a_task_seed(make_records, make_record):
    source = make_records({("source", ""): 0.7}, seeds=3)
    both = make_records({("refined", "fda"): 0.8}, seeds=3, refiner_seeds=2)
    row = table_of(source + both).find("refined", "fda")
    assert row.seeds == (0, 1, 2)
    averaged = [
        make_record(
            np.mean([r.contributions.unpack() for r in both if r.cell.task_seed == seed], axis=0),
            arm="refined",
            refiner="fda",
            task_seed=seed,
        )
        for seed in range(3)
    ]
    alone = table_of(source + averaged).find("refined", "fda")
    assert row.gain == alone.gain
    assert row.score == alone.score


def test_identity_shares_the_training_of_source_and_is_not_tested(quick_records):
    table = table_of(quick_records)
    identity, source = table.find("refined", "identity"), table.find("source")
    assert (identity.gain.value, identity.gain.verdict, identity.gain.p_adjusted) == (0.0, "same training", None)
    assert identity.rank == source.rank
    assert "refined identity" not in table.gains.test.comparisons
    assert any(note.startswith("Same training") for note in notes(table))


def test_adabn_shares_the_training_but_not_the_weights(make_records):
    records = make_records({("source", ""): 0.7, ("adabn", ""): 0.73}, seeds=3)
    records = [
        record.model_copy(update={"digests": {"training": f"t{record.cell.task_seed}", "weights": record.cell.arm}})
        for record in records
    ]
    assert table_of(records).find("adabn").gain.verdict in ("gain", "not resolved")


def test_a_lower_metric_is_better_where_it_says_so(make_records):
    accuracies = {("source", ""): 0.6, ("refined", "fda"): 0.4}
    table = table_of(make_records(accuracies, higher_is_better=False))
    row = table.find("refined", "fda")
    assert row.gain.value > 0
    assert row.gain.verdict == "gain"
    assert row.rank == 1
    assert row.gain.value == pytest.approx(table.find("source").score.value - row.score.value)
    assert "mm in translation error" in headline(table)


def test_plain_table_states_gain_over_the_strong_source_too(make_records):
    plain = make_records({("source", ""): 0.60, ("refined", "fda"): 0.66}, recipe="plain")
    strong = make_records({("source", ""): 0.72})
    table = table_of(plain + strong)
    row = table.find("refined", "fda")
    assert table.recipe == "plain"
    assert row.gain.value == pytest.approx(row.score.value - table.find("source").score.value)
    assert row.strong_gain.value == pytest.approx(row.score.value - table.find("source (strong)").score.value)
    assert row.strong_gain.verdict == "loss"
    assert "▼ loss" in headline(table)
    assert "`source (strong)` needs no refiner and scores higher" in headline(table)


def test_strong_table_shows_the_plain_source_unranked_and_the_same_gain_twice(quick_records):
    table = table_of(quick_records)
    reference = table.find("source (plain)")
    assert reference.block == "unranked"
    assert reference.rank is None
    assert reference.gain.verdict == "loss"
    assert all(row.gain == row.strong_gain for row in table.rows)


def test_both_recipes_with_rivals_give_two_tables_strong_first(make_records):
    rows = {("source", ""): 0.6, ("refined", "fda"): 0.66}
    tables = tables_of(make_records(rows, recipe="plain") + make_records(rows))
    assert [table.recipe for table in tables] == ["strong", "plain"]


def test_a_failed_cell_unranks_its_row_with_the_reason(quick_records, failed):
    reason = "refiner 'histogram' returned NaN in 3 of 64 images"
    records = [
        failed(r, reason) if r.cell.refiner == "histogram" and r.cell.task_seed == 2 else r for r in quick_records
    ]
    table = table_of(records)
    row = table.find("refined", "histogram")
    assert (row.block, row.rank) == ("unranked", None)
    assert row.reason == f"1 of 5 cells failed: {reason}"
    assert row.gain.verdict == "not tested"
    assert row.gain.interval is None
    assert row.score is not None


def test_a_row_that_failed_everywhere_is_shown(make_records, failed):
    records = make_records({("source", ""): 0.7})
    broken = [failed(r, "out of memory") for r in make_records({("refined", "huge"): 0.5})]
    row = table_of(records + broken).find("refined", "huge")
    assert (row.score, row.gain, row.seeds) == (None, None, ())
    assert row.reason == "5 of 5 cells failed: out of memory"


def test_a_table_that_failed_everywhere_is_shown(make_records, failed):
    broken = [failed(r, "disk full") for r in make_records({("source", ""): 0.7, ("oracle", ""): 0.9})]
    table = table_of(broken)
    assert {row.reason for row in table.rows} == {"5 of 5 cells failed: disk full"}
    assert headline(table).startswith("No row is ranked")


def test_a_missing_cell_unranks_its_row(make_records):
    records = make_records({("source", ""): 0.7, ("refined", "fda"): 0.8, ("refined", "reinhard"): 0.7})
    records = [r for r in records if (r.cell.refiner, r.cell.task_seed) != ("fda", 3)]
    row = table_of(records).find("refined", "fda")
    assert row.block == "unranked"
    assert "no record of task seed 3" in row.reason


def test_a_missing_refiner_seed_unranks_its_row(make_records):
    records = make_records({("source", ""): 0.7, ("refined", "fda"): 0.8}, refiner_seeds=2)
    records = [r for r in records if (r.cell.refiner_seed, r.cell.task_seed) != (1, 4)]
    row = table_of(records).find("refined", "fda")
    assert "no record of task seed 4" in row.reason
    assert row.gain.verdict == "not tested"


def test_a_failed_source_cell_leaves_the_others_paired_over_the_rest(make_records, failed):
    records = make_records({("source", ""): 0.7, ("refined", "fda"): 0.8})
    records = [failed(r, "killed") if (r.cell.arm, r.cell.task_seed) == ("source", 1) else r for r in records]
    table = table_of(records)
    assert table.find("refined", "fda").rank == 1
    assert table.gains.seeds == (0, 2, 3, 4)
    assert any("`source` has no score for task seed 1" in note for note in notes(table))


def test_without_a_source_no_gain_is_stated(make_records):
    table = table_of(make_records({("refined", "fda"): 0.8}))
    assert table.find("refined", "fda").gain is None
    assert headline(table) == "No gain can be stated: there is no scored `source` row to measure gains from."


def test_one_seed_gives_scores_and_gains_without_interval(make_records):
    table = table_of(make_records({("source", ""): 0.7, ("refined", "fda"): 0.8}, seeds=1))
    row = table.find("refined", "fda")
    assert row.score.interval is None
    assert row.gain.interval is None
    assert row.gain.verdict == "not tested"
    assert row.reason == "1 seed, ranked rows need 3"
    assert any("add task seeds" in note for note in notes(table))


def test_two_seeds_are_tested_but_not_ranked(make_records):
    table = table_of(make_records({("source", ""): 0.7, ("refined", "fda"): 0.8}, seeds=2))
    row = table.find("refined", "fda")
    assert row.gain.interval is not None
    assert row.reason == "2 seeds, ranked rows need 3"
    assert not table.block("ranked")


def test_no_oracle_means_no_gap_closed_and_a_note(make_records):
    table = table_of(make_records({("source", ""): 0.7, ("refined", "fda"): 0.8}))
    assert table.find("refined", "fda").gap_closed_percent is None
    assert "No gap closed is printed: there is no scored `oracle` row." in notes(table)


def test_an_oracle_that_is_not_resolved_closes_no_gap(make_records):
    rows = {("source", ""): 0.70, ("refined", "fda"): 0.8, ("oracle", ""): 0.701}
    table = table_of(make_records(rows, seed_spread=0.03))
    assert all(row.gap_closed_percent is None for row in table.rows)
    assert "No gap closed is printed: `oracle` − `source` is not resolved." in notes(table)


def test_all_at_100_percent_is_no_difference_not_the_same_training(make_record):
    table = table_of(constant(make_record, {("source", ""): [1.0] * 3, ("refined", "fda"): [1.0] * 3}))
    row = table.find("refined", "fda")
    assert row.score.value == 100.0
    assert row.gain.verdict == "no difference"
    assert row.rank == 1
    assert math.isfinite(row.score.interval.high)
    assert headline(table)


def test_equal_scores_share_a_rank_and_the_next_is_skipped(make_record):
    accuracies = {
        ("source", ""): [0.5, 0.6, 0.7],
        ("refined", "b"): [0.8, 0.7, 0.9],
        ("refined", "a"): [0.9, 0.8, 0.7],
        ("adabn", ""): [0.6, 0.6, 0.7],
    }
    table = table_of(constant(make_record, accuracies))
    assert [(row.rank, row.refiner) for row in table.block("ranked")] == [(1, "a"), (1, "b"), (3, ""), (4, "")]


def test_a_table_without_refiner_names_the_best_rival(make_records):
    table = table_of(make_records({("source", ""): 0.6, ("adabn", ""): 0.7}))
    assert headline(table).startswith("No refiner is tested in this table. `adabn` needs no refiner and leads: +")


def test_headline_names_the_best_resolved_gain_with_its_simultaneous_interval(quick_records):
    table = table_of(quick_records)
    gain = table.find("refined", "fda:beta=0.05").gain
    text = headline(table)
    assert text.startswith(f"Refining with `fda:beta=0.05` gains +{gain.value:.1f} points in accuracy")
    assert f"simultaneous interval [+{gain.interval.low:.1f}, +{gain.interval.high:.1f}]" in text
    assert "% of the gap to `oracle`" in text


def test_headline_names_a_rival_that_does_better(make_records):
    rows = {("source", ""): 0.6, ("refined", "fda"): 0.68, ("adabn", ""): 0.75, ("hybrid@50", ""): 0.9}
    text = headline(table_of(make_records(rows)))
    assert "Refining with `fda` gains" in text
    assert "`adabn` needs no refiner and scores higher" in text
    assert "hybrid" not in text


def test_headline_does_not_hide_that_a_weak_baseline_gains_without_any_refiner(make_records):
    strong = make_records({("source", ""): 0.60, ("refined", "fda"): 0.80})
    plain = make_records({("source", ""): 0.70}, recipe="plain")
    table = next(table for table in leaderboard(cell_frame(strong + plain)) if table.recipe == "strong")
    text = headline(table)
    assert text.startswith("Refining with `fda` gains")
    assert "Without any refiner, `source (plain)` gains +" in text


def test_headline_says_what_could_not_have_been_seen(make_records):
    rows = {("source", ""): 0.7, ("refined", "fda"): 0.701, ("refined", "reinhard"): 0.69}
    table = table_of(make_records(rows, seed_spread=0.02))
    smallest = table.gains.test.minimal_detectable_gain
    assert headline(table).startswith(
        f"No refiner's gain is resolved with 5 seeds; a gain under {smallest:.{table.decimals}f} points in accuracy "
    )


def test_headline_admits_that_every_refiner_loses(make_records):
    rows = {("source", ""): 0.8, ("refined", "fda"): 0.6, ("refined", "reinhard"): 0.7}
    assert headline(table_of(make_records(rows))).startswith(
        "Every refiner loses; the smallest loss is that of `reinhard`"
    )


def test_a_stand_in_is_never_called_real(make_records, make_record):
    pair = make_record(np.ones(4)).pair.model_copy(update={"stand_in": True, "title": "rendered objects"})
    rows = {("source", ""): 0.6, ("refined", "fda"): 0.68, ("hybrid@50", ""): 0.9}
    table = table_of(make_records(rows, pair=pair))
    text = " ".join([headline(table), *notes(table)])
    assert "rendered stand-in" in text
    assert "real " not in text


def test_mixed_environments_and_steps_are_said(make_records):
    older = make_records({("source", ""): 0.7}, versions={"torch": "2.11.0"}, training={"steps": 300})
    newer = make_records({("refined", "fda"): 0.8}, versions={"torch": "2.14.1"})
    text = " ".join(warnings(table_of(older + newer)))
    assert "mix `torch`: `2.11.0`, `2.14.1`" in text
    assert "mix training steps: 300, 600" in text


def test_refiners_may_differ_in_version_but_not_with_themselves(make_records):
    records = make_records({("source", ""): 0.7})
    records += make_records({("refined", "a"): 0.8}, versions={"refiner": "1"})
    records += make_records({("refined", "b"): 0.8}, versions={"refiner": "2"})
    assert warnings(table_of(records)) == []
    records[-1] = records[-1].model_copy(update={"versions": {"refiner": "3"}})
    (warning,) = warnings(table_of(records))
    assert "mix `refiner of b`: `2`, `3`" in warning


def test_nothing_mixed_gives_no_warning(quick_records):
    assert warnings(table_of(quick_records)) == []


def test_two_versions_of_a_pair_are_never_mixed(make_records, make_record):
    other = make_record(np.ones(4)).pair.model_copy(update={"digest": "aa" * 32})
    records = make_records({("source", ""): 0.7}) + make_records({("refined", "fda"): 0.8}, pair=other)
    with pytest.raises(UserError, match=r"mix versions of the pair: .*3f3f3f3f3f3f \(5 cells\).*run the suite again"):
        tables_of(records)


def test_two_versions_of_a_pair_are_not_mixed_across_recipes_either(make_records, make_record):
    other = make_record(np.ones(4)).pair.model_copy(update={"digest": "aa" * 32})
    records = make_records({("source", ""): 0.7}) + make_records({("source", ""): 0.8}, pair=other, recipe="plain")
    with pytest.raises(UserError, match="mix versions of the pair"):
        tables_of(records)


def test_a_cell_has_one_record(make_record):
    with pytest.raises(UserError, match="two records of one cell"):
        tables_of([make_record(np.ones(4)), make_record(np.zeros(4))])


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (Array.pack(np.array([1.0, np.nan])), "not all finite"),
        (Array(dtype="<f8", shape=(3,), zlib64="eJxjYAACAAAIAAE="), "unreadable"),
        (Array.pack(np.ones((2, 2))), "shape"),
    ],
)
def test_damaged_contributions_are_named(make_record, array, problem):
    record = make_record(np.ones(4), contributions=array)
    with pytest.raises(UserError, match=f"{record.cell.id}.*contributions.*{problem}"):
        tables_of([record])


def test_an_unknown_arm_is_refused(make_record):
    with pytest.raises(UserError, match=r"no arm 'magic'\. Available: source, refined"):
        tables_of([make_record(np.ones(4), arm="magic")])


def test_no_records_at_all():
    with pytest.raises(UserError, match="no records"):
        cell_frame([])


def test_intervals_respect_video_groups(make_records):
    rows = {("source", ""): 0.6, ("refined", "fda"): 0.7}
    single = table_of(make_records(rows))
    grouped = table_of(make_records(rows, groups=Array.pack(np.arange(400) // 40)))
    assert grouped.find("source").score.interval != single.find("source").score.interval


@pytest.mark.parametrize(("spread", "decimals"), [(0.2, 1), (0.004, 2), (0.0004, 3)])
def test_decimals_show_the_first_figure_of_the_half_width(make_record, spread, decimals):
    rng = np.random.default_rng(0)
    records = [make_record(0.7 + spread * rng.normal(size=100), task_seed=seed) for seed in range(5)]
    table = table_of(records)
    interval = table.find("source").score.interval
    assert table.decimals == decimals
    assert decimals == 1 or 10**-decimals <= (interval.high - interval.low) / 2 < 10 ** (1 - decimals)


def test_the_notes_say_what_was_chosen_with_the_target_labels_in_sight(quick_records):
    tuned = [
        record.model_copy(update={"pair": record.pair.model_copy(update={"tuned": "The steps of classification."})})
        for record in quick_records
    ]
    assert "Tuning: The steps of classification." in notes(table_of(tuned))
    assert not any(note.startswith("Tuning") for note in notes(table_of(quick_records)))
