"""The README and the pages say what is published; tests/test_docs.py runs what is on them."""

import re
import shutil
from pathlib import Path

from bench.measures import read_measurements
from bench.records import read_records
from bench.report import write_report
from bench.suite import load_suite

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "results" / "README.md"]
"""Links of docs/ are checked where the site is built (tests/test_docs.py)."""


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readmes_findings_are_the_published_ones():
    index = (ROOT / "results" / "README.md").read_text()
    published = index.partition("## [quick]")[2].partition("\n## ")[0]
    rows = [line for line in published.splitlines() if line.startswith("|")]
    shown = (
        (ROOT / "README.md").read_text().partition("<!-- findings:begin -->")[2].partition("<!-- findings:end -->")[0]
    )
    assert len(rows) >= 2 + len(load_suite("quick").tables)
    assert shown.strip().splitlines() == rows


def test_published_leaderboards_are_what_their_records_say(tmp_path):
    for suite in sorted(path.parent for path in (ROOT / "results").glob("*/records")):
        shutil.copytree(suite, tmp_path / suite.name)
        write_report(read_records(suite / "records"), tmp_path / suite.name, read_measurements(suite))
        for name in ("leaderboard.md", "leaderboard.csv", "cells.csv", "leaderboard.html"):
            assert (tmp_path / suite.name / name).read_bytes() == (suite / name).read_bytes(), f"{suite.name}/{name}"


def test_the_refiner_of_the_readme_is_ten_lines():
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert "class Paler(Refiner)" in example  # tests/test_docs.py checks its contract
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
