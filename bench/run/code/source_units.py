"""Python files as the definitions they hold: what each one says, and what it mentions.

A *unit* is a module-level definition: a function, an assignment, a class's head (bases and decorators), or one member
of a class (``Class.member``). The unit called ``""`` holds the statements that merely run at import. Two texts of a
unit have one digest where they differ in nothing that runs: comments, docstrings, formatting, the annotations of
functions and the places of imports do not count. Files are read as text; nothing is imported or run.

Parsing is kept per file in ``__pycache__/source_units.json`` beside this module, by modification time and size, as
Python keeps its byte code; where that folder cannot be written, files are parsed again each time.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SKIPPED_FIELDS = frozenset({"ctx", "type_comment", "type_params", "kind", "returns"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
FORMAT = 1
"""Of the cache: raise it when units are cut or hashed in another way."""


@dataclass
class Unit:
    """One definition.

    Attributes
    ----------
    digest: SHA-256 of what it says.
    uses: names that it mentions, with the attributes that follow: ``cyclegan.CycleGAN``.
    attributes: every ``.name`` in it, whatever it is an attribute of.
    imports: what is imported inside it: local name → ``module`` or ``module:name``.
    packages: packages of which it imports modules by computed names, ``import_module(f"package.{name}")``.
    """

    digest: str
    uses: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    imports: dict[str, str] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)


@dataclass
class Module:
    """A file: its units by name, the members of each class, and what it imports at its top."""

    units: dict[str, Unit] = field(default_factory=dict)
    classes: dict[str, list[str]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)


def parse(text: str) -> Module:
    """The units of a file's text; ``SyntaxError`` where it is no Python."""
    module = Module()
    parts: dict[str, list[ast.AST]] = {}
    for statement in _statements(ast.parse(text).body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            module.imports.update(_imported(statement))
        elif isinstance(statement, ast.ClassDef):
            _class(statement, module, parts)
        else:
            for name in _names_of(statement) or [""]:
                parts.setdefault(name, []).append(statement)
            if not isinstance(statement, FUNCTIONS):
                module.imports.update(_imported(*ast.walk(statement)))
    module.units = {name: _unit(name, nodes) for name, nodes in parts.items()}
    return module


def _class(node: ast.ClassDef, module: Module, parts: dict[str, list[ast.AST]]) -> None:
    parts[node.name] = [*node.bases, *node.keywords, *node.decorator_list]
    members: dict[str, None] = {}
    for statement in _statements(node.body):
        for member in _names_of(statement) or [""]:
            members[member] = None
            parts.setdefault(f"{node.name}.{member}", []).append(statement)
    module.classes[node.name] = list(members)


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Those that run: no docstrings, no ``if TYPE_CHECKING``."""
    for statement in body:
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not is_text and not _is_for_types(statement) and not isinstance(statement, ast.Pass):
            yield statement


def _is_for_types(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.If) and isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"
    )


def _names_of(statement: ast.stmt) -> list[str]:
    """What a statement defines; nothing for one that merely runs, or that also does other things."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return []
    names = [node for target in targets if target is not None for node in ast.walk(target)]
    if any(isinstance(node, ast.Attribute | ast.Subscript) for node in names):
        return []
    return [node.id for node in names if isinstance(node, ast.Name)]


def _imported(*nodes: ast.AST) -> dict[str, str]:
    """Local name → what it stands for."""
    found = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                found[name] = alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            for alias in node.names:
                found[alias.asname or alias.name] = f"{'.' * node.level}{node.module or ''}:{alias.name}"
    return found


def _unit(name: str, nodes: list[ast.AST]) -> Unit:
    uses: dict[str, None] = {}
    attributes: dict[str, None] = {}
    imports: dict[str, str] = {}
    packages: list[str] = []
    said: list[str] = [name]

    def see(node: Any, in_function: bool) -> None:
        if isinstance(node, list):
            said.append("[")
            for part in _statements(node) if node and isinstance(node[0], ast.stmt) else node:
                see(part, in_function)
            said.append("]")
        elif not isinstance(node, ast.AST):
            said.append(f"{type(node).__name__} {node!r}")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imports.update(_imported(node))
        else:
            mention(node)
            in_function |= isinstance(node, FUNCTIONS)
            said.append(type(node).__name__)
            for key, value in ast.iter_fields(node):
                untyped = key == "annotation" and in_function
                if key not in SKIPPED_FIELDS and not untyped and value is not None and value != []:
                    said.append(key)
                    see(value, in_function)
            said.append(".")

    def mention(node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            uses[node.id] = None
        elif isinstance(node, ast.Attribute):
            attributes[node.attr] = None
            if dotted := _dotted(node):
                uses[dotted] = None
        elif isinstance(node, ast.Call) and _dotted(node.func) in ("getattr", "hasattr"):
            for argument in node.args[1:2]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    attributes[argument.value] = None
        elif isinstance(node, ast.Call) and _dotted(node.func) in ("importlib.import_module", "import_module"):
            for argument in node.args[:1]:
                start = argument.values[0] if isinstance(argument, ast.JoinedStr) else None
                if isinstance(start, ast.Constant) and isinstance(start.value, str):
                    packages.append(start.value.rpartition(".")[0])

    for node in nodes:
        see(node, False)
    digest = hashlib.sha256("\n".join(said).encode(errors="surrogatepass")).hexdigest()
    # A bare name that only starts a longer one says less than that does.
    starts = {dotted.partition(".")[0] for dotted in uses if "." in dotted}
    bare = _bare_names(nodes)
    return Unit(digest, [use for use in uses if use not in starts or use in bare], list(attributes), imports, packages)


def _bare_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that stand by themselves somewhere, with no attribute behind them."""
    found, owned = set(), set()
    for root in nodes:
        for node in ast.walk(root):
            if isinstance(node, ast.Attribute):
                owned.add(id(node.value))
            if isinstance(node, ast.Name) and id(node) not in owned:
                found.add(node.id)
    return found


def _dotted(node: ast.AST) -> str:
    """``a.b.c`` for a chain that begins with a name, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


class Parsed:
    """Files as modules, remembered from process to process."""

    def __init__(self, cache: Path | None = Path(__file__).parent / "__pycache__" / "source_units.json") -> None:
        self._cache = cache
        self._changed = False
        self._kept: dict[str, Any] = {}
        if cache is not None:
            with suppress(OSError, ValueError):  # no cache, or one that was cut short: parse
                kept = json.loads(cache.read_bytes())
                self._kept = kept["files"] if kept["format"] == FORMAT else {}

    def read(self, path: Path) -> Module:
        """The module of a file as it is now."""
        status = path.stat()
        stamp = [status.st_mtime_ns, status.st_size]
        kept = self._kept.get(str(path))
        if kept is not None and kept["stamp"] == stamp:
            units = {name: Unit(**unit) for name, unit in kept["module"]["units"].items()}
            return Module(units, kept["module"]["classes"], kept["module"]["imports"])
        module = parse(path.read_text(encoding="utf-8"))
        self._kept[str(path)] = {"stamp": stamp, "module": asdict(module)}
        self._changed = True
        return module

    def save(self) -> None:
        """Keep what was parsed for the next process."""
        if not self._changed or self._cache is None:
            return
        self._changed = False
        partial = self._cache.with_suffix(f".{os.getpid()}")
        with suppress(OSError):  # a read-only installation: the next process parses again
            self._cache.parent.mkdir(exist_ok=True)
            partial.write_text(json.dumps({"format": FORMAT, "files": self._kept}))
            partial.replace(self._cache)
