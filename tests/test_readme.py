"""The README and the pages say what is published; tests/test_docs.py runs what is on them."""

import re
import shutil
from pathlib import Path

from bench.records import read_records
from bench.report import write_report

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readmes_leaderboard_is_the_published_one():
    readme, published = ((ROOT / name).read_text() for name in ("README.md", "results/quick/leaderboard.md"))
    shown = readme.partition("<!-- leaderboard:begin -->")[2].partition("<!-- leaderboard:end -->")[0]
    rows = [line.removesuffix(" |").rpartition(" | ")[::2] for line in shown.splitlines() if line.startswith("| ")]
    rows = [(start, gap_closed) for start, gap_closed in rows if "---" not in start]
    assert len(rows) == 2 + 11 + 4
    for start, gap_closed in rows:
        (line,) = [line for line in published.splitlines() if line.startswith(start)][:1]
        assert f" | {gap_closed} | " in line
    (result,) = [line for line in published.splitlines() if line.startswith("**Result.** Refining")]
    assert result in shown


def test_published_leaderboards_are_what_their_records_say(tmp_path):
    for suite in sorted(path.parent for path in (ROOT / "results").glob("*/records")):
        shutil.copytree(suite, tmp_path / suite.name)
        write_report(read_records(suite / "records"), tmp_path / suite.name)
        for name in ("leaderboard.md", "leaderboard.csv", "cells.csv", "leaderboard.html"):
            assert (tmp_path / suite.name / name).read_bytes() == (suite / name).read_bytes(), f"{suite.name}/{name}"


def test_the_refiner_of_the_readme_is_ten_lines():
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert "class Paler(Refiner)" in example  # tests/test_docs.py checks its contract
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
