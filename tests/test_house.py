"""The rules of the house that a machine can hold: imports run down, folders hold what their names say."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bench", "tasks", "refiners", "pairs")
FLOORS = (
    ("bench.__main__",),
    ("bench.cli",),
    ("bench.check",),
    ("bench.run", "bench.report"),
    ("pairs", "bench.suites", "tasks"),
    ("bench.testing",),
    ("bench.plugins", "bench.metrics", "refiners"),
    ("bench.data", "bench.results", "bench.stats", "bench.training"),
    ("bench.api",),
    ("bench",),
)
"""Rooms from the top of the house to the ground."""
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Files by importable name."""
    found = [path for package in PACKAGES for path in (root / package).rglob("*.py")]
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in found}


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of ours that a module imports, at its top, inside functions, or for its types."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {module if module in known else node.module for module in whole}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {module for module in found if module in known and module != name}


def room(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "bench" else parts[0]


def arrows(root: Path = ROOT) -> set[tuple[str, str]]:
    known = modules(root)
    return {(name, other) for name, path in known.items() for other in imports(name, path, known)}


def circles(edges: set[tuple[str, str]]) -> list[str]:
    """Rooms that can be reached from themselves."""
    below: dict[str, set[str]] = {}
    for one, other in edges:
        if room(one) != room(other):
            below.setdefault(room(one), set()).add(room(other))

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = list(below.get(start, ()))
        while waiting:
            if (now := waiting.pop()) not in seen:
                seen.add(now)
                waiting += below.get(now, ())
        return seen

    return sorted(name for name in below if name in reached(name))


def test_every_room_has_a_floor():
    assert {room(name) for name in modules()} == set(FLOOR)


def test_no_import_runs_up():
    up = sorted(f"{one} imports {other}" for one, other in arrows() if FLOOR[room(other)] < FLOOR[room(one)])
    assert up == [], "\n".join(up)


def test_no_circle_between_rooms():
    assert circles(arrows()) == []


def test_an_arrow_up_and_a_circle_are_seen(tmp_path):
    for package in PACKAGES:
        (tmp_path / package).mkdir()
    for folder, text in (("api", "from bench.cli import app"), ("cli", "def f():\n    from bench.api import thing")):
        (tmp_path / "bench" / folder).mkdir()
        (tmp_path / "bench" / folder / "__init__.py").write_text(text)
    found = arrows(tmp_path)
    assert ("bench.api", "bench.cli") in found
    assert circles(found) == ["bench.api", "bench.cli"]


def test_nothing_lies_loose_in_bench():
    assert {path.name for path in (ROOT / "bench").glob("*.py")} == {"__init__.py", "__main__.py"}


@pytest.mark.parametrize("path", sorted((ROOT / "bench").rglob("__init__.py")), ids=str)
def test_init_files_hand_on_names_and_do_nothing_else(path):
    for node in ast.parse(path.read_text()).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        stated = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("__all__", "__version__")
        assert docstring or stated or isinstance(node, ast.ImportFrom), f"{path}:{node.lineno}"


def names_of(folder: str) -> set[str]:
    return {path.stem for path in (ROOT / folder).glob("*.py") if path.stem != "__init__"}


NAMED_FOR_ANOTHER_REASON = {
    "bench/data/public_sets.py": "data sets that can be fetched have the names of the pairs made of them",
    "bench/training/augment.py": "flip is an augmentation",
    "bench/data/transfer.py": "identity is an encoding of HTTP",
    "bench/run/store.py": "objects is a folder of the store",
    "bench/run/garbage.py": "objects is a folder of the store",
    "bench/suites/own_folders.py": "it is a suite, and suites name what they compare",
    "bench/data/formats": "labels of a task have formats",
    "bench/data/own": "own folders hold labels of a task",
    "bench/data/sets": "folders of published sets",
}


def test_bench_imports_no_plug_in_and_names_none():
    plug_ins = names_of("refiners") | names_of("pairs") | {name.replace("_", "-") for name in names_of("pairs")}
    found = []
    for name, path in modules().items():
        where = path.relative_to(ROOT).as_posix()
        if room(name).startswith("bench"):
            found += [
                f"{where} imports {other}" for other in imports(name, path, modules()) if room(other) in PACKAGES[1:]
            ]
            if any(where.startswith(spared) for spared in NAMED_FOR_ANOTHER_REASON):
                continue
            tree = ast.parse(path.read_text())
            found += [
                f"{where}:{node.lineno} names {node.value!r}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in plug_ins
            ]
    assert found == [], "\n".join(found)
