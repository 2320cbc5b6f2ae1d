"""What ``pyproject.toml`` declares, and which modules an environment made of it alone could import.

The tests run in an environment that has more than ``pip install .`` brings; these functions say what would be there.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def run_time() -> list[str]:
    """The requirements that ``pip install .`` installs."""
    return list(pyproject()["project"]["dependencies"])


def extras() -> dict[str, list[str]]:
    """The extras that bring something to use: not those for developers."""
    found = pyproject()["project"]["optional-dependencies"]
    return {name: requirements for name, requirements in found.items() if name not in ("test", "docs")}


def shipped_packages() -> list[Path]:
    """The top-level packages that an installation has, by setuptools' patterns."""
    patterns = pyproject()["tool"]["setuptools"]["packages"]["find"]["include"]
    found = {path for pattern in patterns for path in ROOT.glob(pattern.partition(".")[0])}
    return sorted(path for path in found if path.is_dir())


def name_of(requirement: str) -> str:
    """The canonical name of the distribution that a requirement asks for."""
    return str(canonicalize_name(Requirement(requirement).name))


def closure(requirements: Iterable[str]) -> set[str]:
    """Canonical names of all distributions that an installer brings for ``requirements``.

    Markers are evaluated for this machine, extras are followed. What is asked for and not installed here is in the set
    too: nothing of it can be imported.
    """
    pending = [Requirement(text) for text in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while pending:
        requirement = pending.pop()
        name, wanted = str(canonicalize_name(requirement.name)), frozenset(requirement.extras)
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            needed = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for text in needed:
            further = Requirement(text)
            environments = [{"extra": extra} for extra in wanted] or [{"extra": ""}]
            if further.marker is None or any(further.marker.evaluate(each) for each in environments):
                pending.append(further)
    return {name for name, _ in seen}


@cache
def distributions_by_module() -> dict[str, set[str]]:
    """Canonical distribution names by the top-level module that they bring."""
    found = importlib.metadata.packages_distributions()
    brought = {module: {str(canonicalize_name(name)) for name in names} for module, names in found.items()}
    for distribution in importlib.metadata.distributions():  # compiled modules, which packages_distributions leaves out
        for file in distribution.files or ():
            if len(file.parts) == 1 and file.suffix == ".so":
                brought.setdefault(file.name.partition(".")[0], set()).add(canonicalize_name(distribution.name))
    return brought


def restricted_environment(requirements: Iterable[str], file: Path, without: str = "") -> dict[str, str]:
    """Environment variables of a process that can import what ``requirements`` bring, and our own packages.

    Parameters
    ----------
    file: written; it tells ``only_declared/sitecustomize.py`` what may be imported.
    without: a distribution that was uninstalled by hand afterwards.
    """
    present = closure(requirements) - {without}
    modules = {module for module, names in distributions_by_module().items() if names & present}
    ours = {path.name for path in shipped_packages()}
    file.write_text(json.dumps({"modules": sorted(modules | ours), "distributions": sorted(present)}))
    path = os.pathsep.join([str(ROOT / "tests" / "support" / "only_declared"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "REALGAIN_IMPORTABLE": str(file), "COLUMNS": "120"}
