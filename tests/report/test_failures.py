"""Nothing fails quietly: what failed stands at the head of both pages, in plain words, and takes nothing with it."""

from __future__ import annotations

import pytest

from bench.report import write_report
from bench.report.failures import failures_of
from bench.report.figures import table_figures as figures
from bench.report.reasons import counted, plain
from bench.report.sections import hybrid_curves as curves
from bench.results.gallery import Gallery, Shown
from bench.results.measurement import Measurement, Subject


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (
            "features for digits source: ModuleNotFoundError: No module named 'skimage.color'",
            "features for digits source: the package of `skimage` is not installed",
        ),
        (
            "fit fda: RuntimeError: shapes (3, 4) and (5,): no",
            "fit fda: an unexpected error (RuntimeError); the folder `failures` has its traceback",
        ),
        ("ValueError:", "an unexpected error (ValueError); the folder `failures` has its traceback"),
        ("fit a: Boom: now", "fit a: an unexpected error (Boom); the folder `failures` has its traceback"),
        ("fit fda:beta=0.05: called sys.exit(3)", "fit fda:beta=0.05: called sys.exit(3)"),
        ("train b on Cards: out of memory", "train b on Cards: out of memory"),
    ],
)
def test_a_reason_on_a_page_has_no_exceptions_text(reason, said):
    assert plain(reason) == said


def test_equal_causes_are_counted_whatever_job_they_arose_in():
    reasons = ["fit a: out of memory", "fit b: out of memory", "score c: loss is nan at step 3"]
    assert counted(reasons) == "out of memory (2 times; 1 other reason)"


@pytest.fixture
def broken(quick_records, tmp_path):
    """Records of which two failed, and a measurement that did; as a results folder has them."""
    failed = {"status": "failed", "reason": "train x: ValueError: secret text", "metrics": ()}
    records = [
        record.model_copy(update=failed) if record.cell.refiner == "histogram" else record for record in quick_records
    ]
    cell = records[0].cell
    of = Subject(
        pair=cell.pair,
        task=cell.task,
        model=cell.model,
        recipe="strong",
        budget=cell.budget,
        refiner="reinhard",
        width=32,
        height=32,
    )
    reason = "domain gap of reinhard: ModuleNotFoundError: No module named 'skimage'"
    measurement = Measurement(suite="quick", kind="domain_gap", of=of, status="failed", reason=reason)
    return records, [measurement]


def test_pages_begin_with_what_failed_and_never_with_an_exception(broken, tmp_path):
    paths = write_report(*broken[:1], tmp_path, broken[1], figures=False)
    n_failed = sum(record.status == "failed" for record in broken[0])
    lines = paths.failures.lines()
    assert lines[0].startswith(f"{n_failed} of {len(broken[0])} cells failed: an unexpected error (ValueError)")
    assert lines[1] == "1 of 1 measures failed: the package of `skimage` is not installed (1 time)"
    for page in (paths.markdown, paths.html):
        text = page.read_text().replace("<code>", "`").replace("</code>", "`")
        head = text[: text.index("rendered digits")]
        assert "Incomplete: 1 of 1 measures failed: the package of `skimage` is not installed (1 time)." in head
        assert "`python -m pip install -c constraints.txt .`, then run `python -m bench run quick`" in head
        assert "secret text" not in text
        assert "No module named" not in text
        assert "Not measured: domain gap of `reinhard`. Reason: domain gap of reinhard: the package of" in text
    assert "secret text" not in paths.csv.read_text()


def test_a_section_that_fails_takes_nothing_with_it(quick_records, tmp_path, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("secret text")

    whole = write_report(quick_records, tmp_path / "whole")
    assert not whole.failures
    assert "Incomplete" not in whole.html.read_text() + whole.markdown.read_text()
    monkeypatch.setattr(curves, "section", fails)
    monkeypatch.setattr(figures, "table_figures", fails)
    fails.__module__ = "bench.report.sections.hybrid_curves"
    paths = write_report(quick_records, tmp_path / "part")
    (line,) = paths.failures.lines()
    assert line.startswith("2 parts of the report failed (figures of digits · classification")
    assert "section curves of digits · classification" in line
    page = paths.html.read_text()
    assert page.index("Incomplete: 2 parts of the report failed") < page.index("<table")
    assert paths.csv.read_bytes() == whole.csv.read_bytes()
    assert "secret text" not in page
    written = [path.read_text() for path in (tmp_path / "part" / "failures").iterdir()]
    assert len(written) == 2
    assert all("ZeroDivisionError: secret text" in text for text in written)


def test_a_page_that_cannot_be_made_is_no_old_page(quick_records, tmp_path, monkeypatch):
    write_report(quick_records, tmp_path, figures=False)
    monkeypatch.setattr("bench.report.html.leaderboard_html", lambda *_: 1 / 0)
    paths = write_report(quick_records, tmp_path, figures=False)
    assert not paths.html.exists()
    assert "1 part of the report failed (leaderboard.html)" in paths.markdown.read_text()


def test_pictures_that_may_not_be_shown_have_not_failed():
    of = Shown(pair="cards", task="detection", model="ssd", recipe="strong", budget="light")
    kept_back = Gallery(suite="s", of=of, redistributable=False, reason="images may not be redistributed")
    assert not failures_of([], [], [kept_back])
    lacking = Gallery(suite="s", of=of, redistributable=True, missing={"nearest": "features: out of memory"})
    assert failures_of([], [], [lacking]).lines() == ["1 of 1 pictures failed: out of memory (1 time)"]
