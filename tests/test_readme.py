"""Every command of the README and the docs is run as it stands, its suite replaced by ``smoke``."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from bench.api import Refiner
from bench.records import read_records
from bench.registry import Registry
from bench.report import write_report
from bench.testing import check_refiner

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands() -> list[str]:
    """``python -m bench …`` lines of code blocks and inline code, in their order, each once."""
    found: dict[str, None] = {}
    for page in PAGES:
        if page.name == "plugins.md":  # a page to follow from the top: tests/test_plugins_docs.py does
            continue
        for match in re.finditer(r"`?(python -m bench [^`#\n]+)", page.read_text()):
            command = match[1].strip().replace("--n 100", "--n 1")  # renders that take minutes
            found[re.sub(r"(run |plan |results/(local/)?)(quick|mini|digits)\b", r"\1smoke", command)] = None
    return list(found)


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


def test_the_ten_line_refiner_keeps_its_contract(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    file = tmp_path / "paler.py"
    file.write_text(example)
    (cls,) = Registry([file]).classes_of(file, Refiner)
    assert cls.name == "paler"
    check_refiner(cls)


@pytest.mark.slow
def test_every_command_of_the_pages_runs(cli, tmp_path):
    own = {"my-suite.yaml": "refined", "my_refiner.py": "mine"}
    (tmp_path / "my_refiner.py").write_text(
        "from bench.api import Refiner\n"
        "class Mine(Refiner):\n"
        "    name, version = 'mine', 1\n"
        "    def fit(self, source, target, budget, context): ...\n"
        "    def refine(self, batch, generators): return {'image': 1 - batch.inputs['image']}\n"
    )
    (tmp_path / "my-suite.yaml").write_text(
        "name: my-suite\ntitle: mine\ntables:\n"
        "  - {pair: digits, task: classification, seeds: 1, refiners: [mine], arms: [refined], train_steps: 10,\n"
        "     limits: {source_images: 100, target_images: 50, test_images: 50}}\n"
    )
    complete = [c for c in commands() if not re.search(r"\b[A-Z]{3,}\b", c)]
    assert len(complete) >= 6
    assert all(any(name in command for command in complete) for name in own)
    for command in complete:
        done = cli(*shlex.split(command)[3:])
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
