"""The README and the pages say what is published; tests/docs/test_commands.py runs what is on them."""

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from bench.check.same_text import first_difference
from bench.report import write_report
from bench.report.text import kind_of_target
from bench.results.measurement import read_measurements
from bench.results.record import read_records

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "results" / "README.md"]
"""Links of docs/ are checked where the site is built (tests/docs/test_commands.py)."""


@pytest.fixture(scope="module")
def readme_picture():
    """The script that draws the README's picture and writes its table."""
    spec = importlib.util.spec_from_file_location("readme_picture", ROOT / "docs" / "readme_picture.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readmes_table_is_that_of_the_published_results(readme_picture):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = readme_picture.lines()
    assert readme_picture.put_table(readme, readme_picture.markdown(found)) == readme
    kinds = [kind_of_target(line.table) for line in found]
    assert len(kinds) <= 8
    assert kinds == sorted(kinds), "real targets come first"


def test_the_readmes_picture_is_drawn_from_the_published_results(readme_picture, tmp_path):
    readme_picture.draw(readme_picture.lines(), tmp_path / "readme.webp")
    with Image.open(tmp_path / "readme.webp") as drawn, Image.open(ROOT / "docs" / "readme.webp") as kept:
        assert drawn.size == kept.size


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
