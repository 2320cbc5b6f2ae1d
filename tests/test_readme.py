"""Every command of the README and the docs is run as it stands, ``quick`` replaced by ``smoke``."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands() -> list[str]:
    """``python -m bench …`` lines of code blocks and inline code, in their order, each once."""
    found: dict[str, None] = {}
    for page in PAGES:
        for match in re.finditer(r"`?(python -m bench [^`#\n]+)", page.read_text()):
            found[match[1].strip().replace("quick", "smoke")] = None
    return list(found)


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


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
