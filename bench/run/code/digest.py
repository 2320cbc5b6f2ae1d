"""The digest of the code that determines a result: what is reached from its definitions, however it is imported.

Beginning with a job's ``run`` and the plug-in classes that it serves, every name that a definition mentions is looked
up, through imports, in our own packages (:data:`PACKAGES`); what lies outside counts by name. The digest is over the
definitions found, not over where they lie: a file that is moved changes nothing.

Only static text is read, so what is reached errs on the side of more:

* a class is taken whole, unless it is a plug-in (a descendant of ``Refiner``, ``Task`` or ``Pair``): of such, only the
  members whose names the reached code mentions as attributes. So a training reaches ``loss`` and not ``statistics``.
* a module that is used as a value, or a name that cannot be found in its module, stands for all of the module; an
  import by a computed name, ``import_module(f"package.{name}")``, for all modules of the package.

What runs jobs without taking part in results is not followed: :func:`harness_modules`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import bench
from bench.api import Pair, Refiner, Task
from bench.api.names import unknown
from bench.api.plain_text import clean
from bench.plugins.registry import Registry
from bench.plugins.sources import plug_in_code
from bench.results.files import write_atomically
from bench.run.code.source_units import Module, Parsed, Unit
from bench.run.store import Store

PACKAGES = ("bench", "pairs", "refiners", "tasks")
"""Top-level packages that are ours, as far as they are there."""
ALWAYS = frozenset({"", "Params"})
"""Members of every plug-in class that count whether they are mentioned or not, beside ``__init__`` and its like."""

Name = tuple[str, str]
"""A module and a unit of it."""


def harness_modules() -> frozenset[str]:
    """Modules that jobs use and that determine no result.

    The registry finds plug-ins and their sources, the store keeps files, ``write_atomically`` stands beside the schema
    of records, ``unknown`` words the message about a name that was mistyped, and ``clean`` takes control characters out
    of texts that are shown.
    """
    return frozenset(part.__module__ for part in (Registry, plug_in_code, Store, write_atomically, unknown, clean))


@dataclass(frozen=True)
class Roots:
    """Where the code of a job begins; modules in ``but`` are left out with all that only they reach."""

    names: tuple[Name, ...]
    but: frozenset[str] = frozenset()


class Code:
    """The packages below a folder, as text.

    Parameters
    ----------
    root: the folder that holds the packages; by default the one that they are imported from.
    parsed: what is known of files already.
    """

    def __init__(self, root: Path | None = None, parsed: Parsed | None = None) -> None:
        root = root or Path(bench.__file__).parents[1]
        self._parsed = parsed or Parsed()
        self._tops = {name: root / name for name in PACKAGES if (root / name / "__init__.py").is_file()}
        self._files: dict[str, Path | None] = {}
        self._modules: dict[str, Module] = {}
        self._digests: dict[Roots, str] = {}
        self.contracts = frozenset((cls.__module__, cls.__name__) for cls in (Refiner, Task, Pair))

    def digest(self, roots: Roots) -> str:
        """SHA-256 over all that ``roots`` reach."""
        if roots not in self._digests:
            self._digests[roots] = self.reach(roots).digest
        return self._digests[roots]

    def reach(self, roots: Roots) -> Reach:
        """All that ``roots`` reach."""
        reach = Reach(self, roots.but | harness_modules())
        for module, name in roots.names:
            reach.look_up(module, name.split(".") if name else [])
        reach.settle()
        return reach

    def roots(self, job: ModuleType, plugins: Iterable[type] = (), task: Task | None = None, model: str = "") -> Roots:
        """The roots of a job.

        Parameters
        ----------
        job: the module of its kind (:mod:`bench.run.jobs`).
        plugins: classes of the plug-ins that it runs.
        task, model: where it runs one network of a task, those of the task's others are left out.
        """
        names = [(job.__name__, "run"), (job.__name__, "Spec")]
        names += [self.root(cls) for cls in plugins]
        if task is None or not (own := task.model(model).module):
            return Roots(tuple(names))
        needed = self.reach(Roots(((own, ""),))).modules
        others = {spec.module for spec in task.models.values()} - {"", *needed}
        return Roots(tuple(names), frozenset(others))

    def save(self) -> None:
        """Keep what was parsed for the next process."""
        self._parsed.save()

    def root(self, cls: type) -> Name:
        """A plug-in class as a root. Of one that is not ours, its package (or its one file) is read from now on."""
        top = cls.__module__.partition(".")[0]
        if top not in self._tops:
            file = Path(sys.modules[top].__file__ or "")
            self._tops[top] = file.parent if file.name == "__init__.py" else file
        return cls.__module__, cls.__qualname__.partition(".")[0]

    def file(self, module: str) -> Path | None:
        """Where a module's text is; ``None`` for one that is not ours."""
        if module not in self._files:
            top, _, rest = module.partition(".")
            path = self._tops.get(top)
            if path is not None and path.suffix != ".py":
                path = path.joinpath(*rest.split(".")) if rest else path
                found = (path / "__init__.py", path.with_name(path.name + ".py"))
                path = next((file for file in found if file.is_file()), None)
            elif rest:
                path = None
            self._files[module] = path
        return self._files[module]

    def resolve(self, module: str, names: list[str]) -> Name:
        """Where ``module.name.name…`` is defined, through imports.

        Without a unit it is all of a module: ``names`` are none, or the first of them is not found there. Of a module
        that is not ours the first name is given as it is.
        """
        passed: set[Name] = set()
        while names and self.file(module) is not None:
            found, (first, *rest) = self.module(module), names
            if first in found.units:
                return module, first
            if first in found.imports and (module, first) not in passed:
                passed.add((module, first))
                module, names = self.source_of(module, found.imports[first], rest)
            elif self.file(f"{module}.{first}") is not None:
                module, names = f"{module}.{first}", rest
            else:
                return module, ""
        return module, names[0] if names else ""

    def source_of(self, module: str, target: str, names: list[str]) -> tuple[str, list[str]]:
        """What ``names`` of an import into ``module`` are called there: its target is ``module`` or ``module:name``."""
        source, _, name = target.partition(":")
        if level := len(source) - len(source.lstrip(".")):
            file = self.file(module)
            is_package = file is not None and file.name == "__init__.py"
            above = module.split(".")
            above = above[: len(above) - level + is_package]
            source = ".".join([*above, source[level:]]).rstrip(".")
        return source, [*([name] if name else []), *names]

    def submodules(self, package: str) -> list[str]:
        """The modules of a package of ours."""
        file = self.file(package)
        return [] if file is None else sorted(f"{package}.{path.stem}" for path in file.parent.glob("[!_]*.py"))

    def module(self, name: str) -> Module:
        """A module of ours."""
        if name not in self._modules:
            file = self.file(name)
            assert file is not None, name
            self._modules[name] = self._parsed.read(file)
        return self._modules[name]


class Reach:
    """What some definitions reach: ``units`` by module and name, and ``outside``, names from other packages."""

    def __init__(self, code: Code, but: frozenset[str]) -> None:
        self._code, self._but = code, but
        self.units: dict[Name, Unit] = {}
        self.outside: set[str] = set()
        self._attributes: set[str] = set()
        self._waiting: list[Name] = []
        self._plugins: dict[Name, None] = {}

    @property
    def digest(self) -> str:
        said = {f"{name} {unit.digest}" for (_, name), unit in self.units.items()} | self.outside
        return hashlib.sha256("\n".join(sorted(said)).encode()).hexdigest()

    @property
    def modules(self) -> set[str]:
        """Modules of which anything is reached."""
        return {module for module, _ in self.units}

    def settle(self) -> None:
        """Follow all that is mentioned, until nothing new is."""
        n_before = -1
        while self._waiting or n_before != len(self.units):
            n_before = len(self.units)
            while self._waiting:
                self._follow(*self._waiting.pop())
            for module, name in list(self._plugins):
                for member in self._code.module(module).classes[name]:
                    if member in self._attributes or member in ALWAYS or member.startswith("__"):
                        self._add(module, f"{name}.{member}")

    def look_up(self, module: str, names: list[str]) -> None:
        """Add what ``module.name.name…`` stands for; without names, all of the module."""
        module, name = self._code.resolve(module, names)
        if module in self._but:
            return
        if self._code.file(module) is None:
            self.outside.add(f"{module}.{name}")
            return
        found = self._code.module(module)
        if name in found.classes:
            self._add_class(module, name)
        elif name:
            self._add(module, name)
        else:
            for unit in found.units:
                self._add(module, unit)

    def _add(self, module: str, name: str) -> None:
        if (module, name) not in self.units:
            units = self._code.module(module).units
            self.units[module, name] = units[name]
            self._waiting.append((module, name))
            if name and "" in units:
                self._add(module, "")

    def _add_class(self, module: str, name: str) -> None:
        if (module, name) in self._plugins:
            return
        self._add(module, name)
        if _descends(self._code, module, name):
            self._plugins[module, name] = None
            return
        for member in self._code.module(module).classes[name]:
            self._add(module, f"{name}.{member}")

    def _follow(self, module: str, name: str) -> None:
        unit, found = self.units[module, name], self._code.module(module)
        self._attributes.update(unit.attributes)
        for package in unit.packages:
            for submodule in self._code.submodules(package):
                self.look_up(submodule, [])
        if "*" in found.imports:
            self.look_up(*self._code.source_of(module, found.imports["*"].rstrip("*"), []))
        owner = name.partition(".")[0] if "." in name else ""
        members = found.classes.get(owner, ())
        for use in unit.uses:
            first, *rest = use.split(".")
            if first in unit.imports:
                self.look_up(*self._code.source_of(module, unit.imports[first], rest))
                continue
            if first in members:
                self._add(module, f"{owner}.{first}")
            if first in found.units or first in found.imports:  # too: ``Params = Params`` in a class means the module's
                self.look_up(module, [first, *rest])


def _descends(code: Code, module: str, name: str) -> bool:
    """Whether a class is, or descends from, one of the contracts of plug-ins."""
    if (module, name) in code.contracts:
        return True
    for use in code.module(module).units[name].uses:
        where, base = code.resolve(module, use.split("."))
        is_class = code.file(where) is not None and base in code.module(where).classes
        if is_class and (where, base) != (module, name) and _descends(code, where, base):
            return True
    return False


@cache
def installed() -> Code:
    """The packages of this process."""
    return Code()
