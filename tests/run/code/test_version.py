"""A record names the commit of the checkout that made it, or the version that is installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import bench
from bench.run.code.version import code_version
from bench.run.executors.worker import environment

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A folder with the package's ``__init__`` and a commit tagged ``v1``."""
    package = Path(bench.__file__).parent
    (tmp_path / "bench" / "run" / "code").mkdir(parents=True)
    for name in ("__init__.py", "run/__init__.py", "run/code/__init__.py", "run/code/version.py"):
        shutil.copy(package / name, tmp_path / "bench" / name)
    for command in (["init", "-q"], ["add", "bench"], ["commit", "-qm", "one"], ["tag", "v1"]):
        subprocess.run([*GIT, *command], cwd=tmp_path, check=True)
    return tmp_path


def described(folder: Path) -> str:
    code = "from bench.run.code.version import code_version; print(code_version())"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin"},
        text=True,
        capture_output=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_checkout_says_its_commit_and_whether_it_was_changed(checkout):
    assert described(checkout) == "v1"
    (checkout / "bench" / "__init__.py").open("a").write("# changed\n")
    assert described(checkout) == "v1-dirty"
    subprocess.run([*GIT, "commit", "-qam", "two"], cwd=checkout, check=True)
    assert described(checkout).startswith("v1-1-g")


def test_what_is_installed_inside_another_projects_checkout_says_its_version(checkout):
    packages = checkout / ".venv" / "site-packages"
    shutil.copytree(checkout / "bench", packages / "bench")
    assert described(packages) == bench.__version__


def test_a_record_says_it():
    assert environment(torch.device("cpu"))["bench"] == code_version()
