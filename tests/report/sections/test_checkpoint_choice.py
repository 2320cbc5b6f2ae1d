"""The table of rules: regret against the best checkpoint, rank correlation, and what cannot be measured."""

import numpy as np
import pytest

from bench.report import tables_of, write_report
from bench.results.record import Checkpoint, Selection

ROWS = {("source", ""): 0.6, ("refined", "fda"): 0.7, ("oracle", ""): 0.9}
SCORES = (0.5, 0.7, 0.6)


@pytest.fixture
def records(make_records):
    """Every training's best checkpoint is the second; entropy knows it, the source score says the first."""

    def make(rows=ROWS, scores=SCORES, entropies=(0.9, 0.1, 0.5), problem="", **options):
        checkpoints = tuple(
            Checkpoint(
                step=100 * (place + 1),
                source_score=0.9 - 0.1 * place,
                target_score=score,
                entropy=None if problem else entropy,
                density=None if problem else 2.0 - entropy,
            )
            for place, (score, entropy) in enumerate(zip(scores, entropies, strict=True))
        )
        found = Selection(checkpoints=checkpoints, problem=problem)
        return [
            record if record.cell.arm == "oracle" else record.model_copy(update={"selection": found})
            for record in make_records(rows, **options)
        ]

    return make


def by_rule(records):
    (section,) = tables_of(records)[0].sections
    return section, section.frame[section.frame.arm == "all"].set_index("rule")


def test_regret_and_rank_correlation_of_each_rule(records):
    section, found = by_rule(records())
    assert found.regret.to_dict() == pytest.approx({"last step": 10, "source score": 20, "entropy": 0, "density": 0})
    assert found.rank_correlation["entropy"] == pytest.approx(1)
    assert found.rank_correlation["last step"] == pytest.approx(0.5)
    assert found.rank_correlation["source score"] == pytest.approx(-0.5)
    assert list(found.n_seeds) == [5] * 4
    assert section.finding == (
        "The entropy loses least against the best checkpoint, 0.0 points; "
        "the last step, which is scored here, loses 10.0."
    )
    assert {(row.arm, row.refiner) for row in section.frame.itertuples()} == {
        ("all", ""),
        ("source", ""),
        ("refined", "fda"),
    }


def test_smaller_errors_are_better(records):
    _, found = by_rule(records(scores=(0.003, 0.001, 0.002), higher_is_better=False))
    assert found.regret["entropy"] == 0
    assert found.regret["last step"] == pytest.approx(1)
    assert found.regret["source score"] == pytest.approx(1), "the smallest error on the source is that of the last step"


def test_what_is_not_measurable_says_why(records):
    section, found = by_rule(records(problem="task 'depth' predicts no class probabilities"))
    assert list(found.index) == ["last step", "source score"]
    texts = dict(row[:2] for row in section.rows)
    assert texts["entropy"] == texts["density"] == "not measurable: task 'depth' predicts no class probabilities"


def test_equal_checkpoints_have_no_rank_correlation(records):
    section, found = by_rule(records(scores=(0.5, 0.5, 0.5)))
    assert (found.regret == 0).all()
    assert found.rank_correlation.isna().all()
    assert section.rows[0][2] == "–"


def test_without_checkpoints_there_is_no_section(make_records, records, tmp_path):
    write_report(records(seeds=1), tmp_path, figures=False)
    assert (tmp_path / "selection.csv").exists()
    paths = write_report(make_records(ROWS), tmp_path, figures=False)
    assert "Choosing a checkpoint" not in paths.markdown.read_text()
    assert not (tmp_path / "selection.csv").exists()


def test_a_mean_over_seeds_has_an_interval_and_one_seed_has_none(records):
    _, found = by_rule(records(seeds=1))
    assert "regret_low" not in found or np.isnan(found.regret_low).all()
