"""The README and the pages say what is published; tests/docs/test_commands.py runs what is on them."""

import re
import shutil
from pathlib import Path

from bench.check.same_text import first_difference
from bench.report import write_report
from bench.results.measurement import read_measurements
from bench.results.record import read_records

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "results" / "README.md"]
"""Links of docs/ are checked where the site is built (tests/docs/test_commands.py)."""


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_published_leaderboards_are_what_their_records_say(tmp_path):
    for suite in sorted(path.parent for path in (ROOT / "results").glob("*/suite.yaml")):
        shutil.copytree(suite, tmp_path / suite.name)
        write_report(read_records(suite), tmp_path / suite.name, read_measurements(suite))
        csvs = [path.name for path in (tmp_path / suite.name).glob("*.csv")]
        for name in ("leaderboard.md", "leaderboard.html", *csvs):
            rebuilt, published = (folder / name for folder in (tmp_path / suite.name, suite))
            assert first_difference(published.read_text("utf-8"), rebuilt.read_text("utf-8")) is None, published


def test_the_refiner_of_the_readme_is_ten_lines():
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert "class Paler(Refiner)" in example  # tests/docs/test_commands.py checks its contract
    assert len([line for line in example.splitlines() if line.strip()]) <= 10


def test_the_readmes_gains_are_what_the_published_records_say(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import readme_figures

    copy = tmp_path / "README.md"
    copy.write_text((ROOT / "README.md").read_text())
    readme_figures.write_table(copy)
    assert first_difference((ROOT / "README.md").read_text(), copy.read_text()) is None, "run docs/readme_figures.py"
    rows = readme_figures.lines()[2:]
    assert 1 <= len(rows) <= 8
    kinds = ["stand-in" in row for row in rows]
    assert kinds == sorted(kinds), "real targets first"
