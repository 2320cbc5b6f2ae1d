"""The section of hybrid curves: there from two k on, right number by number, absent otherwise."""

import csv
import io

import numpy as np
import pytest

from bench.report import tables_of, write_report

REAL = {5: 0.5, 10: 0.6, 20: 0.7, 40: 0.8}


def rows(real=REAL, more_if_refined=0.1, refiner="fda"):
    """A hybrid is worth 5 points more than its real images alone, a refined one ``more_if_refined``."""
    found = {("source", ""): 0.4, ("refined", refiner): 0.55, ("oracle", ""): 0.95}
    for k, accuracy in real.items():
        found[f"real@{k}", ""] = accuracy
        found[f"hybrid@{k}", ""] = accuracy + 0.05
        found[f"refined_hybrid@{k}", refiner] = accuracy + more_if_refined
    return found


@pytest.fixture
def section(make_records):
    def make(accuracies, **options):
        (table,) = tables_of(make_records(accuracies, **options))
        (found,) = table.sections
        return found

    return make


def points(section):
    return {(row["curve"], row["k"]): row for row in section.frame.to_dict("records")}


def test_points_savings_and_ranges(section):
    found = points(section(rows(), seed_spread=0.0))
    assert [k for curve, k in found if curve == "real@k"] == [5, 10, 20, 40, 1000]
    assert [k for curve, k in found if curve == "hybrid@k"] == [0, 5, 10, 20, 40]
    assert found["hybrid@k", 0]["score"] == 40
    assert found["refined_hybrid@k", 0]["score"] == 55
    ten = found["refined_hybrid@k", 10]
    assert ten["score"] == 70
    assert ten["saved_over_real"] == pytest.approx(10)
    assert ten["saved_over_real_low"] <= 10 <= ten["saved_over_real_high"]
    assert 0 < ten["saved_over_hybrid"] < 10
    assert found["hybrid@k", 0]["saved_over_real"] == -np.inf
    assert np.isnan(found["real@k", 10]["saved_over_real"])
    assert found["refined_hybrid@k", 0]["saved_over_real"] == pytest.approx(np.exp(0.5 * np.log(6 * 11)) - 1, rel=0.01)


def test_the_finding_names_the_smallest_k_that_was_measured(section):
    assert section(rows(), seed_spread=0.0).finding.startswith(
        "Training on images refined with `fda` scores like training on 7 labelled real images alone: +7 ["
    )
    extreme = {**rows(more_if_refined=0.6), ("refined", "fda"): 0.42}
    assert section(extreme, seed_spread=0.0).finding == (
        "What refined images replace lies beyond the measured numbers of labelled real images: training on images "
        "refined with `fda` scores like training on fewer than 5 labelled ones alone."
    )
    better = {**rows(more_if_refined=0.6), ("refined", "fda"): 0.97}
    assert "scores like training on more than 1,000 labelled ones alone" in section(better, seed_spread=0.0).finding
    unrefined = {row: accuracy for row, accuracy in rows().items() if not row[1]}
    assert section(unrefined, seed_spread=0.0).finding.startswith("No row with a refiner is on these curves")
    assert "Too few seeds" in section(rows(), seeds=1).finding


def test_where_nothing_was_measured_the_text_says_so(section):
    texts = {row[0] + row[2]: row for row in section(rows(more_if_refined=0.19), seed_spread=0.002).rows}
    over_real, over_hybrid = texts["`refined_hybrid@k`40"][-2:]
    assert over_real.startswith("> +960")
    assert over_real.endswith(", beyond the measured range")
    assert over_hybrid == "> +0, beyond the measured range"
    assert texts["`hybrid@k`0"][-2] == "< +5, beyond the measured range"


def test_smaller_errors_save_too(section):
    errors = {row: 1 - accuracy for row, accuracy in rows().items()}
    found = points(section(errors, seed_spread=0.0, higher_is_better=False))
    assert found["refined_hybrid@k", 10]["saved_over_real"] == pytest.approx(10)


def test_finetuned_hybrids_are_curves_of_their_own(section):
    tuned = {f"{arm}:finetune": a for (arm, r), a in rows().items() if arm.startswith("hybrid")}
    found = points(section({**rows(), **{(arm, ""): accuracy for arm, accuracy in tuned.items()}}))
    assert [k for curve, k in found if curve == "hybrid@k:finetune"] == [5, 10, 20, 40]
    assert np.isnan(found["hybrid@k:finetune", 5]["saved_over_hybrid"])
    assert np.isfinite(found["hybrid@k:finetune", 5]["saved_over_real"])


def test_one_seed_gives_points_without_bands_or_savings(section):
    found = section(rows(), seeds=1)
    assert "low" not in found.frame
    assert "saved_over_real" not in found.frame
    assert len(found.rows) == 15


def test_the_curves_stand_in_every_output_and_go_when_they_are_gone(make_records, tmp_path):
    paths = write_report(make_records(rows()), tmp_path)
    for page in (paths.markdown, paths.html):
        assert "Labelled real images: curves" in page.read_text()
        assert "labels saved over" in page.read_text()
    stored = list(csv.DictReader(io.StringIO((tmp_path / "curves.csv").read_text())))
    assert len(stored) == 15
    assert stored[0]["pair"] == "digits"
    assert {row["curve"] for row in stored} == {"real@k", "hybrid@k", "refined_hybrid@k"}
    write_report(make_records(rows(dict(list(REAL.items())[:1]))), tmp_path)
    assert not (tmp_path / "curves.csv").exists()
    assert "curves" not in paths.markdown.read_text()
