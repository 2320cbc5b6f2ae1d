"""The pages: they build without a warning, load nothing from elsewhere, and what is on them works.

Code blocks without a language, and ``console`` blocks, are run line by line from the top of their page, in one folder:
``python -m bench``, ``pytest`` and ``pip install`` as they stand (suites that take minutes are replaced by ``smoke``),
of ``make`` the target must exist. A block under the comment ``<!-- not run: REASON -->`` is parsed only, as
are commands in running text and where a word is all CAPITALS, which stands for a choice of the reader's. Python
blocks are run as well; what ``title="FILE"`` names, YAML too, is written to that file for the commands of all pages.

``pip install`` goes into a folder of the test's, with no index and with what is installed: nothing is downloaded.
"""

import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.main import get_command

from bench.api import Refiner
from bench.cli import app
from bench.testing import check_refiner

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "realgain-sliced-ot"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), EXAMPLE / "README.md"]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n+)?"
    r'^```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```',
    re.DOTALL | re.MULTILINE,
)
FOLLOWED = (ROOT / "docs" / "plugins.md", EXAMPLE / "README.md")
"""Pages with a test of their own."""
SLOW_SUITES = r"quick|mini|digits"
MAX_PICTURES_MB = 3.0


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    title: str
    runs: bool

    @property
    def commands(self) -> list[str]:
        if self.language not in ("", "console"):
            return []
        lines = (line.partition(" #")[0].strip() for line in self.text.splitlines())
        return [line for line in lines if re.match(r"(python -m|make|pip) ", line)]


def blocks(page: Path) -> list[Block]:
    return [
        Block(match["language"], match["text"], match["title"] or "", runs=match["reason"] is None)
        for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def in_passing(page: Path) -> list[str]:
    """Commands in running text."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    return [" ".join(match.split()) for match in re.findall(r"`(python -m bench [^`]+)`", text)]


def to_run(page: Path) -> list[str]:
    """The commands of a page's blocks, each once, quick enough for a test."""
    commands = [command for block in blocks(page) if block.runs for command in block.commands]
    commands = [c for c in commands if c.startswith("python ") and not re.search(r"\b[A-Z][A-Z_]{2,}\b", c)]
    smoke = [re.sub(rf"(run |plan |results/(?:local/)?)(?:{SLOW_SUITES})\b", r"\1smoke", c) for c in commands]
    return list(dict.fromkeys(command.replace("--n 100", "--n 1") for command in smoke))


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One store for all pages: what a run made is not made again by the next."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def shell(tmp_path, store) -> Callable[[str], str]:
    """``shell(command)``: what a user typed, in a folder with the pages' files and ``examples/``; what was printed."""
    copy = tmp_path / "examples" / EXAMPLE.name
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    for page in PAGES:
        for block in blocks(page):
            if block.title:
                (tmp_path / block.title).write_text(block.text, encoding="utf-8")
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


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if to_run(page) and page not in FOLLOWED], ids=name)
def test_every_command_of_a_page_runs(shell, page):
    for command in to_run(page):
        shell(command)


@pytest.mark.slow
def test_the_page_on_plug_ins_leads_to_rows(shell, tmp_path):
    printed = {command: shell(command) for command in to_run(ROOT / "docs" / "plugins.md")}
    assert printed["python -m bench check-refiner my_refiner.py"] == "refiner 'my_refiner' keeps its contract\n"
    smoke = next(text for command, text in printed.items() if "run smoke --plugin" in command)
    assert re.search(r"refined +my_refiner ", smoke)
    assert re.search(r"\n  sliced_ot +Sliced optimal transport", printed["python -m bench list"])
    assert "sliced_ot" in (tmp_path / "results" / "local" / "smoke" / "leaderboard.md").read_text()


@pytest.mark.slow
def test_the_example_package_installs_and_its_readme_and_tests_run(shell, tmp_path):
    for command in to_run(EXAMPLE / "README.md"):
        text = shell(command, tmp_path / "examples")
    assert re.search(r"refined +sliced_ot:strength=0.5", text)
    assert "passed" in shell("python -m pytest -q -p no:cacheprovider examples/realgain-sliced-ot/tests")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_a_page_names_exists(page):
    makefile, project = (ROOT / "Makefile").read_text(), (ROOT / "pyproject.toml").read_text()
    for command in [*in_passing(page), *(command for block in blocks(page) for command in block.commands)]:
        words = shlex.split(command)
        if words[:3] == ["python", "-m", "bench"]:
            assert_parses(words[3:])
        elif words[0] == "make":
            assert re.search(rf"(?m)^{words[1]}:", makefile), command
        for extra in re.findall(r"realgain\[(\w+)\]", command):
            assert re.search(rf"(?m)^{extra} = ", project), command


def assert_parses(words: list[str]) -> None:
    """The command and its options exist; their values are not looked at."""
    command = get_command(app)
    while hasattr(command, "commands") and words:
        if words == ["--help"]:
            return
        assert words[0] in command.commands, f"there is no command {' '.join(words)}"
        command, words = command.commands[words[0]], words[1:]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        assert not word.startswith("-") or word.partition("=")[0] in options, f"{command.name} has no option {word}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(b.language == "python" for b in blocks(page))], ids=name
)
def test_the_python_of_a_page_runs_and_its_refiners_keep_the_contract(page):
    names: dict[str, object] = {"__name__": "example"}
    for block in blocks(page):
        if block.language == "python":
            exec(compile(block.text, str(page), "exec"), names)
    for value in names.values():
        if inspect.isclass(value) and issubclass(value, Refiner) and value.__module__ == "example":
            check_refiner(value)


def test_the_pictures_are_small():
    pictures = [*(ROOT / "docs").rglob("*.webp"), *(ROOT / "docs").rglob("*.png")]
    assert sum(path.stat().st_size for path in pictures) < MAX_PICTURES_MB * 1e6


@pytest.mark.slow
def test_the_pages_build_without_a_warning_and_load_nothing_from_elsewhere(tmp_path):
    pytest.importorskip("mkdocs")
    site = tmp_path / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    pages = [path.relative_to(site).as_posix() for path in site.rglob("*.html")]
    assert {"index.html", "contracts.html", "refiners/fda.html", "tasks/depth.html", "pairs/street.html"} <= set(pages)
    for page in pages:
        text = (site / page).read_text(encoding="utf-8")
        assert not re.findall(
            r'(?:<script[^>]+src|<link[^>]+rel="stylesheet"[^>]+href|<img[^>]+src)="(?:https?:)?//', text
        )
