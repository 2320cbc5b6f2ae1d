"""The pages that tell how to add a plug-in, and the example package: every command runs, in the order of the page.

``pip install`` goes into a folder of the test's, with no index and with what is installed: nothing is downloaded.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "realgain-sliced-ot"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One store for all pages: what a run made is not made again by the next."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def shell(tmp_path, store):
    """``shell(command)``: what a user typed, in a folder that has ``examples/``; returns what was printed."""
    copy = tmp_path / "examples" / EXAMPLE.name
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    installed = tmp_path / "installed"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{installed}{os.pathsep}{ROOT}",
        "COLUMNS": "120",
        "REALGAIN_STORE": str(store),
        "PIP_TARGET": str(installed),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }

    def run(command: str, folder: Path = tmp_path) -> str:
        program, *arguments = shlex.split(command)
        assert program == "python"
        done = subprocess.run(
            [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run


def commands(page: Path) -> list[str]:
    """The lines of a page's ``console`` blocks."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.slow
def test_every_command_of_the_page_runs_and_leads_to_a_row(shell, tmp_path):
    printed = {command: shell(command) for command in commands(ROOT / "docs" / "plugins.md")}
    assert len(printed) == 10
    assert printed["python -m bench check-refiner my_refiner.py"] == "refiner 'my_refiner' keeps its contract\n"
    smoke = next(text for command, text in printed.items() if "run smoke --plugin" in command)
    assert re.search(r"refined +my_refiner ", smoke)
    assert re.search(r"\n  sliced_ot +Sliced optimal transport", printed["python -m bench list"])
    assert "sliced_ot" in (tmp_path / "results" / "local" / "smoke" / "leaderboard.md").read_text()


@pytest.mark.slow
def test_the_example_package_installs_and_its_readme_and_tests_run(shell, tmp_path):
    for command in commands(EXAMPLE / "README.md"):
        text = shell(command, tmp_path / "examples")
    assert re.search(r"refined +sliced_ot:strength=0.5", text)
    assert "passed" in shell("python -m pytest -q -p no:cacheprovider examples/realgain-sliced-ot/tests")


def test_every_bench_command_that_the_page_names_in_passing_exists():
    from typer.main import get_command

    from bench.cli import app

    known = get_command(app).commands
    for page in (ROOT / "docs" / "plugins.md", EXAMPLE / "README.md"):
        for name in re.findall(r"python -m bench ([a-z-]+)", page.read_text(encoding="utf-8")):
            assert name in known
