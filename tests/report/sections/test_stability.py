"""The split of variance appears where refiner seeds are crossed with task seeds, and nowhere else."""

from bench.report import tables_of, write_report

ROWS = {("source", ""): 0.6, ("refined", "fda"): 0.7, ("refined", "cut"): 0.7, ("oracle", ""): 0.9}


def test_rows_crossed_with_refiner_seeds_are_split(make_records):
    (table,) = tables_of(make_records(ROWS, seeds=4, refiner_seeds=3, seed_spread=0.02))
    (section,) = (found for found in table.sections if found.csv == "stability.csv")
    assert list(section.frame.refiner) == ["cut", "fda"]
    assert set(section.frame.n_refiner_seeds) == {3}
    assert set(section.frame.n_task_seeds) == {4}
    assert (section.frame.rest_low < 2).all()
    assert (section.frame.rest_high > 2).all()
    assert len(section.rows[0]) == len(section.headings)
    assert "fit" in section.finding


def test_a_row_with_a_missing_or_failed_cell_is_left_out(make_records, failed):
    records = make_records(ROWS, refiner_seeds=2)
    lacking = [r for r in records if (r.cell.refiner, r.cell.refiner_seed, r.cell.task_seed) != ("cut", 1, 2)]
    (table,) = tables_of(lacking)
    assert list(table.sections[-1].frame.refiner) == ["fda"]
    broken = [failed(r, "no") if (r.cell.refiner, r.cell.task_seed) == ("cut", 0) else r for r in records]
    (table,) = tables_of(broken)
    assert list(table.sections[-1].frame.refiner) == ["fda"]


def test_one_refiner_seed_is_no_crossing(make_records, tmp_path):
    write_report(make_records(ROWS, refiner_seeds=2), tmp_path, figures=False)
    assert (tmp_path / "stability.csv").read_text().startswith("pair,task,model,recipe,budget,arm,refiner,")
    assert "### Stability" in (tmp_path / "leaderboard.md").read_text()
    paths = write_report(make_records(ROWS), tmp_path, figures=False)
    assert not (tmp_path / "stability.csv").exists()
    assert "Stability" not in paths.markdown.read_text()
