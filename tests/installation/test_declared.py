"""Everything that the shipped packages import is declared, and everything that is declared is used."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.api import UserError
from bench.api.errors import DataError
from declared import ROOT, distributions_by_module, extras, name_of, run_time, shipped_packages


@dataclass(frozen=True)
class Import:
    """One import statement: the top-level module, where it stands, and whether a function holds it."""

    module: str
    where: str
    lazy: bool


def imports_of(source: str, name: str) -> Iterator[Import]:
    """All imports of a file, those for type checkers alone left out."""

    def visit(node: ast.AST, lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            return
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        where = f"{name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name.partition(".")[0], where, lazy)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield Import(str(node.module).partition(".")[0], where, lazy)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, lazy)

    yield from visit(ast.parse(source), False)


def shipped_imports() -> list[Import]:
    """Imports of everything that ships, our own packages and the standard library left out."""
    packages = shipped_packages()
    ours = {path.name for path in packages} | sys.stdlib_module_names
    files = [file for package in packages for file in package.rglob("*.py")]
    found = [one for file in files for one in imports_of(file.read_text(), str(file.relative_to(ROOT)))]
    return [one for one in found if one.module not in ours]


def undeclared(imports: list[Import], needed: set[str], optional: set[str]) -> list[str]:
    """Objections: imports of what nothing declares, and of an extra outside a function."""
    found = []
    for one in imports:
        brought_by = distributions_by_module().get(one.module, set())
        if brought_by & needed:
            continue
        if not brought_by & optional:
            found.append(f"{one.where} imports {one.module}, which pyproject.toml does not declare")
        elif not one.lazy:
            found.append(f"{one.where} imports {one.module}, of an extra, outside a function")
    return found


def test_every_import_is_declared_and_extras_are_imported_where_they_are_used():
    needed = {name_of(text) for text in run_time()}
    optional = {name_of(text) for texts in extras().values() for text in texts}
    imports = shipped_imports()
    assert {path.name for path in shipped_packages()} >= {"bench", "tasks", "refiners"}
    assert len({one.module for one in imports}) > 15
    assert undeclared(imports, needed, optional) == []


def test_an_undeclared_import_and_a_hasty_one_are_found():
    source = "import numpy\nfrom skimage.color import rgb2lab\nimport h5py\ndef f():\n    import h5py, yaml\n"
    found = undeclared(list(imports_of(source, "a.py")), {"numpy", "pyyaml"}, {"h5py"})
    assert found == [
        "a.py:2 imports skimage, which pyproject.toml does not declare",
        "a.py:3 imports h5py, of an extra, outside a function",
    ]


def test_every_declared_dependency_is_used():
    imported = {name for one in shipped_imports() for name in distributions_by_module().get(one.module, ())}
    texts = [file.read_text() for package in shipped_packages() for file in package.rglob("*.py")]
    named = {node.value for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    declared = [name_of(text) for texts in (run_time(), *extras().values()) for text in texts]
    # Two bring files and no code, and one is imported by a computed name: they are named in a string.
    assert [name for name in declared if name not in imported and name not in named] == []


def _yolo(folder: Path) -> None:
    from tasks.models.ultralytics_import import ultralytics_module

    ultralytics_module("nn.tasks")


def _render(folder: Path) -> None:
    from pairs.rendered.trace import mitsuba

    mitsuba()


def _sets(folder: Path) -> None:
    from bench.data.sets.hdf5 import opened_hdf5

    with opened_hdf5(folder / "any.h5"):
        pass


def _heic(folder: Path) -> None:
    from bench.data.image_files import opened

    with opened(folder / "any.heic"):
        pass


USES: dict[str, Callable[[Path], None]] = {"yolo": _yolo, "render": _render, "sets": _sets, "heic": _heic}


@pytest.mark.parametrize("extra", sorted(extras()))
def test_an_extra_that_is_not_installed_is_named_with_its_command(extra, monkeypatch, tmp_path):
    missing = [
        module for module, names in distributions_by_module().items() if names & set(map(name_of, extras()[extra]))
    ]
    for module in [*sys.modules]:
        if module.partition(".")[0] in missing:
            monkeypatch.delitem(sys.modules, module)
    for module in missing:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises((UserError, DataError), match=rf"pip install 'realgain\[{extra}\]'"):
        USES[extra](tmp_path)
