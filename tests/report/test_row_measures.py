"""Measures on the leaderboard: the flag where it belongs, reasons instead of blanks, old tables as they were."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from bench import stats
from bench.api.errors import DataError
from bench.report import tables_of, write_report
from bench.report.columns import COLUMNS, columns_of
from bench.report.csv_files import leaderboard_csv
from bench.report.figures.table_figures import table_figures
from bench.report.frame import cell_frame
from bench.report.headline import headline
from bench.report.notes import notes, warnings
from bench.results.measurement import Measurement, Quantity, Subject

REFINERS = ("fda:beta=0.05", "histogram", "reinhard", "identity")
KEPT = {"fda:beta=0.05": 96.0, "histogram": 102.0, "reinhard": 45.0, "identity": 100.0}
CLOSED = {"fda:beta=0.05": 0.9, "histogram": 0.3, "reinhard": -0.2, "identity": 0.0}


def quantity(value, half=2.0, unit="%"):
    return Quantity(value=value, low=value - half, high=value + half, unit=unit)


def measurement(record, kind, refiner, values, flags=(), **changes):
    cell = record.cell
    of = Subject(
        pair=cell.pair,
        task=cell.task,
        model=cell.model,
        recipe="strong",
        budget=cell.budget,
        refiner=refiner,
        width=32,
        height=32,
        refiner_seed=changes.pop("refiner_seed", 0),
    )
    fields = {
        "suite": "quick",
        "kind": kind,
        "of": of,
        "status": "ok",
        "values": values,
        "flags": flags,
        "about": {
            "label_preservation": {
                "judge": "`oracle` of task seed 0, for reporting only",
                "reference": "identity: the same scenes unrefined",
                "metric": "accuracy",
                "n_images": "500",
                "outlines": "foreground",
                "score_flagged_below": "80 %",
                "edges_flagged_below": "45 %",
            },
            "domain_gap": {
                "encoder": "tf_efficientnet_lite0",
                "weights_sha256": "5793442" * 9,
                "resized_to_px": "96x96",
                "n_source": "400",
                "n_target": "400",
                "n_features": "1280",
            },
        }[kind],
        "digests": {"pair": record.pair.digest},
    }
    return Measurement(**{**fields, **changes})


@pytest.fixture
def measured(quick_records):
    found = []
    for refiner in REFINERS:
        labels = {
            "score_kept": quantity(KEPT[refiner]),
            "score_kept_identity": quantity(100.0, 0.0),
            "edges_kept": Quantity.not_measurable("no masks, boxes or depth"),
            "similarity": Quantity.not_measurable("no masks"),
            "to_truth": Quantity(value=31.4, unit="levels"),
            "to_truth_identity": Quantity(value=52.0, unit="levels"),
        }
        gap = {
            "kid_before": quantity(1.2, 0.1, ""),
            "kid_after": quantity(1.2 - CLOSED[refiner], 0.1, ""),
            "kid_reduction": quantity(CLOSED[refiner], 0.1, ""),
            "frechet_after": Quantity.not_measurable("n too small (have 400, need 2560)"),
        }
        flags = ("score",) if refiner == "reinhard" else ()
        found.append(measurement(quick_records[0], "label_preservation", refiner, labels, flags))
        found.append(measurement(quick_records[0], "domain_gap", refiner, gap))
    return found


def cells_of(table, arm, refiner):
    row = table.find(arm, refiner)
    return {column.title: column.text(row, table) for column in COLUMNS if column.measured}


def test_a_row_shows_what_was_measured_of_its_images_in_every_arm_that_trains_on_them(quick_records, measured):
    (table,) = tables_of(quick_records, measured)
    assert cells_of(table, "refined", "fda:beta=0.05") == {
        "labels after refining": "intact",
        "judge's score kept, % [95 %]": "96 [94, 98] (identity 100)",
        "label edges kept, % [95 %]": "not measurable: no masks, boxes or depth",
        "foreground SSIM [95 %]": "not measurable: no masks",
        "off the truth, levels": "31.4 (identity 52.0)",
        "domain gap, KID [95 %]": "1.20 [1.10, 1.30] → 0.30 [0.20, 0.40]",
    }
    for arm in ("source_refined", "refined_hybrid@50"):
        assert cells_of(table, arm, "fda:beta=0.05") == cells_of(table, "refined", "fda:beta=0.05")
    assert set(cells_of(table, "source", "").values()) == {"–"}


def test_each_of_the_three_numbers_stands_beside_that_of_identity(quick_records):
    values = {
        "score_kept": quantity(80.0),
        "score_kept_identity": quantity(32.0),
        "edges_kept": quantity(64.0),
        "edges_before": quantity(0.97, 0.01),
        "edges_after": quantity(0.8, 0.01),
        "similarity": quantity(0.48, 0.04),
    }
    found = measurement(quick_records[0], "label_preservation", "histogram", values)
    (table,) = tables_of(quick_records, [found])
    shown = cells_of(table, "refined", "histogram")
    assert shown["judge's score kept, % [95 %]"] == "80 [78, 82] (identity 32)"
    assert shown["label edges kept, % [95 %]"] == "64 [62, 66] (identity 100; agreement 0.97 → 0.80)"
    assert shown["foreground SSIM [95 %]"] == "0.48 [0.44, 0.52] (identity 1)"


def test_a_judge_that_knows_source_images_alone_is_marked_at_its_numbers(quick_records, measured, tmp_path):
    def of_source(found):
        judge = "`source` under the recipe `strong`, task seed 0: the target has no labels, so confounded by realism"
        return found.model_copy(update={"about": found.about | {"judge": judge}})

    confounded = [of_source(m) if m.kind == "label_preservation" else m for m in measured]
    (table,) = tables_of(quick_records, confounded)
    shown = cells_of(table, "refined", "reinhard")
    assert shown["judge's score kept, % [95 %]"] == "45 [43, 47] (identity 100; confounded by realism)"
    assert shown["labels after refining"] == "⚑ flagged (score; confounded by realism)"
    paths = write_report(quick_records, tmp_path, confounded, figures=False)
    assert all("⚑ flagged (score; confounded by realism)" in p.read_text() for p in (paths.markdown, paths.html))
    (table,) = tables_of(quick_records, measured)
    assert "confounded" not in cells_of(table, "refined", "reinhard")["judge's score kept, % [95 %]"]


def test_the_distance_to_the_truth_is_a_column_only_where_there_is_a_truth(quick_records, measured):
    def without(found):
        gone = dict.fromkeys(("to_truth", "to_truth_identity"), Quantity.not_measurable("no scenes in that look"))
        return found.model_copy(update={"values": found.values | gone})

    def titles(measurements):
        (table,) = tables_of(quick_records, measurements)
        return [column.title for column in columns_of("ranked", table)]

    assert "off the truth, levels" in titles(measured)
    assert "off the truth, levels" not in titles([without(m) for m in measured])


def test_damage_is_flagged_in_the_row_above_the_table_and_in_every_file(quick_records, measured, tmp_path):
    (table,) = tables_of(quick_records, measured)
    assert cells_of(table, "refined", "reinhard")["labels after refining"] == "⚑ flagged (score)"
    assert any("`reinhard` (score)" in warning for warning in warnings(table))
    assert "; labels intact" in headline(table)
    paths = write_report(quick_records, tmp_path, measured, figures=False)
    for path in (paths.markdown, paths.html):
        assert "⚑ flagged (score)" in path.read_text()
        assert "1.20 [1.10, 1.30] → 0.30 [0.20, 0.40]" in path.read_text()


def test_measures_rank_nothing(quick_records, measured):
    (with_measures,), (without,) = tables_of(quick_records, measured), tables_of(quick_records)
    assert [(r.rank, r.arm, r.refiner) for r in with_measures.rows] == [
        (r.rank, r.arm, r.refiner) for r in without.rows
    ]


def test_the_csv_holds_every_measure_unrounded_with_its_reason(quick_records, measured):
    rows = list(csv.DictReader(io.StringIO(leaderboard_csv(tables_of(quick_records, measured)).decode())))
    row = next(r for r in rows if (r["arm"], r["refiner"]) == ("refined", "reinhard"))
    assert row["labels"] == "⚑ flagged (score)"
    assert (row["labels_score_kept"], row["labels_score_kept_low"], row["labels_score_kept_high"]) == ("45", "43", "47")
    assert row["labels_similarity"] == ""
    assert row["labels_similarity_reason"] == "no masks"
    assert float(row["gap_kid_reduction"]) == pytest.approx(-0.2)
    assert row["gap_frechet_after_reason"] == "n too small (have 400, need 2560)"


def test_without_measurements_no_output_mentions_them(quick_records, tmp_path):
    paths = write_report(quick_records, tmp_path, figures=False)
    assert "labels after refining" not in paths.markdown.read_text() + paths.html.read_text()
    assert "gap_kid" not in paths.csv.read_text()


def test_a_refiner_without_measurement_says_not_measured_beside_others_that_have_one(quick_records, measured):
    (table,) = tables_of(quick_records, [m for m in measured if m.of.refiner != "histogram"])
    assert set(cells_of(table, "refined", "histogram").values()) == {"not measured"}


def test_a_measurement_of_other_data_or_a_failed_one_is_said_and_not_shown(quick_records, measured):
    other = [m.model_copy(update={"digests": {"pair": "0" * 64}}) for m in measured]
    (table,) = tables_of(quick_records, other)
    assert set(cells_of(table, "refined", "fda:beta=0.05").values()) == {"not measured on this version of the pair"}
    failed = [m.model_copy(update={"status": "failed", "reason": "out of memory", "values": {}}) for m in measured]
    (table,) = tables_of(quick_records, failed)
    assert set(cells_of(table, "refined", "fda:beta=0.05").values()) == {"not measured"}
    assert any(note.startswith("Not measured: ") and note.endswith("Reason: out of memory.") for note in notes(table))


def test_refiner_seeds_are_averaged_and_any_of_them_flags(make_records):
    records = make_records({("source", ""): 0.7, ("refined", "fda"): 0.8}, refiner_seeds=2)
    both = [
        measurement(records[0], "label_preservation", "fda", {"score_kept": quantity(kept)}, flags, refiner_seed=seed)
        for seed, (kept, flags) in enumerate([(90.0, ()), (70.0, ("score",))])
    ]
    (table,) = tables_of(records, both)
    shown = cells_of(table, "refined", "fda")
    assert shown["judge's score kept, % [95 %]"] == "80 [78, 82]"
    assert shown["labels after refining"] == "⚑ flagged (score)"


def test_gap_and_gain_are_correlated_over_refiners_if_there_are_four(quick_records, measured, make_records):
    (table,) = tables_of(quick_records, measured)  # three, as identity is the source itself
    assert any("4 refiners are needed, 3 were measured" in note for note in notes(table))
    accuracies = {("source", ""): 0.7, **{("refined", f"r{i}"): 0.7 + i / 30 for i in range(5)}}
    records = make_records(accuracies)
    found = [
        measurement(records[0], "domain_gap", f"r{i}", {"kid_reduction": quantity(i / 10, 0.1, "")}) for i in range(5)
    ]
    (table,) = tables_of(records, found)
    assert any("Over 5 refiners, closing it and gaining have a rank correlation of +1.00 [" in n for n in notes(table))


@pytest.mark.parametrize(("removed", "said"), [(0.3, "r2 brings the images closest"), (-0.3, "No refiner brings")])
def test_the_figure_says_who_brings_the_images_closer_if_anyone_does(make_records, removed, said):
    records = make_records({("source", ""): 0.7, **{("refined", f"r{i}"): 0.7 + i / 30 for i in range(3)}})
    gaps = {"r0": removed - 0.2, "r1": removed - 0.1, "r2": removed}
    found = [measurement(records[0], "domain_gap", r, {"kid_reduction": quantity(gaps[r], 0.1, "")}) for r in gaps]
    (table,) = tables_of(records, found)
    figures = {figure.title: figure for figure in table_figures(table, cell_frame(records), "f")}
    assert figures["Gain against domain gap"].finding.startswith(said)


def test_a_rank_correlation_is_spearmans_and_its_interval_covers():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 12))
    assert stats.rank_correlation(x, y).mean == pytest.approx(spearmanr(x, y).statistic)
    truth = 6 / np.pi * np.arcsin(0.7 / 2)  # Spearman's of a normal pair with correlation 0.7
    for n in (5, 10):
        pairs = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], size=(1000, n))
        found = [stats.rank_correlation(*pair.T) for pair in pairs]
        assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.93
    with pytest.raises(stats.TooFew):
        stats.rank_correlation(x[:3], y[:3])
    with pytest.raises(DataError, match="values that differ"):
        stats.rank_correlation(np.ones(5), y[:5])
