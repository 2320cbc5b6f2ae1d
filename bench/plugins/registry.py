"""Finds refiners, tasks and pairs: built in, in installed packages (entry points), or in a file.

Built-in refiners, tasks and pairs are files of the packages ``refiners``, ``tasks`` and ``pairs``; a file's name is the
plug-in's name (with ``-`` for ``_`` in pairs), so names are known without importing anything. Installed packages
register under the entry-point groups ``bench.refiners``, ``bench.tasks`` and ``bench.pairs``. ``--plugin FILE`` adds
every plug-in class that a file defines. A plug-in that cannot be imported is listed with its reason and how to install
what it lacks, and stops nothing else. An installed package states its dependencies in its metadata, a file in a comment
block (PEP 723):

    # /// script
    # dependencies = ["PyWavelets>=1.5"]
    # ///

A variant is written ``name:key=value,key=value``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import PydanticUserError, ValidationError

from bench.api import Described, Frozen, ModelParams, Need, Pair, PluginError, Reads, Refiner, Task, UserError
from bench.api.errors import DataError
from bench.api.names import nearest, split_variant, unknown
from bench.api.reasons import reason_of
from bench.data.folders import folder_digest
from bench.plugins.process_state import restored
from bench.plugins.sources import (
    CodeFailed,
    content_digest,
    import_failure,
    is_duration,
    plug_in_code,
    source_digest,
    stated_dependencies,
)

HARNESS_PAIRS = {"own": "bench.data.own.pair"}
"""A user's own folders are the harness's business, and the only pair outside ``pairs``."""

Plugin = TypeVar("Plugin", Refiner, Task, Pair)


def params_from(model: type[Frozen], options: dict[str, str], owner: str) -> Any:
    """Validated parameters of a plug-in; a wrong key or value is one line that names what is allowed."""
    try:
        return model.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        allowed = sorted(model.model_fields)
        if first["type"] == "extra_forbidden":
            hint = f"{nearest(key, allowed)} Allowed: {', '.join(allowed)}." if allowed else " It has no parameters."
            raise UserError(f"{owner} has no parameter {key!r}{hint}") from None
        found = f"; found {first.get('input')!r}" if first["type"] != "missing" else ""
        raise UserError(f"{owner}: parameter {key!r}: {first['msg'].lower()}{found}") from None
    except PydanticUserError as error:  # such as an annotation that names nothing
        raise UserError(f"{owner}: its Params cannot be used: {reason_of(error)}") from error


class Registry:
    """All plug-ins that this process can see.

    Parameters
    ----------
    plugin_files: Python files whose plug-in classes are added (``--plugin``).

    Attributes
    ----------
    broken: plug-in files that cannot be imported, with the reason and what to do.
    refused: plug-ins of installed packages whose names are taken, with the reason.

    Raises
    ------
    UserError: a plug-in file that does not exist or defines no plug-in.
    """

    def __init__(self, plugin_files: Sequence[Path] = ()) -> None:
        self.plugin_files = tuple(plugin_files)
        self.broken: dict[Path, str] = {}
        self.refused: dict[str, str] = {}
        self._digests: dict[type, str] = {}
        self._of_files: dict[Path, list[type]] = {}
        self._packages: dict[tuple[type, str], str] = {}
        self._files: dict[tuple[type, str], Path] = {}
        self._loaders: dict[type, dict[str, Callable[[], type]]] = {Refiner: {}, Task: {}, Pair: {}}
        base: Any
        for base, package in ((Refiner, "refiners"), (Task, "tasks"), (Pair, "pairs")):
            for stem in _modules(package):
                name = stem.replace("_", "-") if base is Pair else stem
                self._loaders[base][name] = _loader(base, f"{package}.{stem}", name)
        for name, module in HARNESS_PAIRS.items():
            self._loaders[Pair][name] = _loader(Pair, module, name)
        for kind, group in ((Refiner, "bench.refiners"), (Task, "bench.tasks"), (Pair, "bench.pairs")):
            for point in importlib.metadata.entry_points(group=group):
                self._add_installed(kind, point)
        for file in self.plugin_files:
            self._add_file(file)

    def names(self, base: type) -> list[str]:
        """Names of the plug-ins of a kind (:class:`Refiner`, :class:`Task` or :class:`Pair`), sorted."""
        return sorted(self._loaders[base])

    def get(self, base: type[Plugin], name: str) -> type[Plugin]:
        """The class called ``name``; :class:`UserError` for an unknown name or a plug-in that fails to import."""
        kind = base.__name__.lower()
        if name not in self._loaders[base]:
            for file, reason in self.broken.items():
                raise UserError(f"no {kind} {name!r}: plug-in {file} {reason}")
            raise unknown(kind, name, self._loaders[base])
        try:
            with plug_in_code(), restored() if (base, name) in self._packages else nullcontext():
                return self._loaders[base][name]()
        except CodeFailed as error:
            if isinstance(error.cause, PluginError):
                raise UserError(f"{kind} {name!r} {error.cause}") from None
            package = self._packages.get((base, name))
            failure = import_failure(error.cause, [package] if package else [])
            raise UserError(f"{kind} {name!r} {failure}") from error.cause

    def origin(self, base: type, name: str) -> Path | str | None:
        """Where a plug-in comes from: its file, the name of its installed package, ``None`` if it is built in."""
        return self._files.get((base, name)) or self._packages.get((base, name))

    def classes_of(self, file: Path, base: type[Plugin]) -> list[type[Plugin]]:
        """The plug-ins of a kind that a plug-in file defines, in its order; :class:`UserError` where it is broken."""
        if file in self.broken:
            raise UserError(f"plug-in {file} {self.broken[file]}")
        return [cls for cls in self._of_files[file] if issubclass(cls, base)]

    def refiner(self, variant: str) -> tuple[Refiner, Described]:
        """An unfitted refiner and its description, from a variant such as ``fda:beta=0.05``."""
        name, options = split_variant(variant)
        cls = self.get(Refiner, name)
        _check_declared(cls)
        params = params_from(cls.Params, options, f"refiner {name!r}")
        described = self._described(cls, params)
        refiner = _made(cls, params, "refiner")
        if not isinstance(refiner.views, int) or refiner.views < 1:
            raise UserError(f"refiner {name!r}: views is {refiner.views!r}; a whole number from 1 is needed")
        return refiner, described

    def task(self, variant: str) -> tuple[Task, Described]:
        """A task and its description, from a variant such as ``depth:crop=garg``."""
        name, options = split_variant(variant)
        cls = self.get(Task, name)
        params = params_from(cls.Params, options, f"task {name!r}")
        return _made(cls, params, "task"), self._described(cls, params)

    def pair(self, variant: str) -> tuple[Pair, Described]:
        """A pair and its description, from a variant such as ``linemod:held_out_classes=cat+duck``."""
        name, options = split_variant(variant)
        cls = self.get(Pair, name)
        params = params_from(cls.Params, options, f"pair {name!r}")
        return _made(cls, params, "pair"), self._described(cls, params)

    def model(self, task: Task, variant: str) -> Described:
        """A model of a task by variant, e.g. ``tf_efficientnet_lite0:pretrained=bundled``."""
        name, options = split_variant(variant)
        spec = task.model(name)
        params = params_from(ModelParams, options, f"model {name!r}")
        if params.pretrained == "bundled" and not spec.bundled:
            able = [model.name for model in task.models.values() if model.bundled]
            raise UserError(
                f"model {name!r} has no bundled weights; allowed: pretrained=none or the path of a .safetensors or "
                f".pth file, or pretrained=bundled with {', '.join(able) or 'models of other tasks'}"
            )
        contents = {}
        if params.pretrained.lower() in ("imagenet", "imagenet1k", "imagenet-1k", "true", "yes", "default"):
            able = [model.name for model in task.models.values() if model.bundled]
            found = f"weights of ImageNet ship with {', '.join(able)}" if able else "no model of this task has any"
            raise UserError(
                f"pretrained={params.pretrained} of model {name!r}: write pretrained=bundled ({found}), or the path of "
                "a .safetensors or .pth file"
            )
        if params.pretrained not in ("none", "bundled"):
            contents["pretrained"] = content_digest(Path(params.pretrained))
        return Described(name=spec.name, version=1, params=params.model_dump(), contents=contents)

    def rebuild(self, base: type[Plugin], described: Described) -> Plugin:
        """The plug-in that a description speaks of (in a worker, from the job's specification)."""
        if described.digest and described.name not in self._loaders[base] and not self.broken:
            raise UserError(f"plug-in {described.name!r} changed or disappeared while the run was on; run it again")
        cls = self.get(base, described.name)
        if self._digests.get(cls, "") != described.digest:
            raise UserError(f"plug-in {described.name!r} changed while the run was on; run it again")
        return cls(cls.Params.model_validate(described.params))

    def _described(self, cls: Any, params: Frozen) -> Described:
        """What determines a plug-in of this class with these parameters; files and folders count by content.

        A pair's folders may be larger than one cares to read at each planning: they count by names, sizes and times.
        """
        digest = folder_digest if issubclass(cls, Pair) else content_digest
        contents = {
            key: digest(value) for key in type(params).model_fields if isinstance(value := getattr(params, key), Path)
        }
        if issubclass(cls, Pair):
            contents |= {"/".join(file.parts[-2:]): content_digest(file) for file in cls.data_files}
        return Described(
            name=cls.name,
            version=cls.version,
            params=params.model_dump(mode="json"),
            digest=self._digests.get(cls, ""),
            contents=contents,
        )

    def _add_installed(self, base: type, point: importlib.metadata.EntryPoint) -> None:
        """Add an installed plug-in, unless its name is taken: results of one name are results of one code."""
        package = point.dist.name if point.dist else ""
        if point.name in self._loaders[base]:
            owner = self._packages.get((base, point.name))
            taken = f"installed package {owner} has one" if owner else "one is built in"
            name = f"{base.__name__.lower()} {point.name!r} of installed package {package}"
            self.refused[name] = f"the name is taken ({taken}); its author must rename it"
            return
        self._loaders[base][point.name] = self._installed(base, point)
        self._packages[base, point.name] = package

    def _installed(self, base: type, point: importlib.metadata.EntryPoint) -> Callable[[], type]:
        def load() -> type:
            cls: type = point.load()
            if not (isinstance(cls, type) and issubclass(cls, base) and getattr(cls, "name", None) == point.name):
                raise PluginError(f"is {point.value}, which is no {base.__name__} of that name; tell its author")
            self._digests[cls] = source_digest(cls)
            return cls

        return load

    def _add_file(self, file: Path) -> None:
        if file.is_dir():
            raise UserError(f"plug-in {file} is a folder; name a Python file in it")
        digest = content_digest(file)
        name = f"realgain_plugin_{digest[:12]}"
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise UserError(f"plug-in {file} is not a Python file; expected a path that ends in .py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            with plug_in_code(), restored():
                spec.loader.exec_module(module)
        except CodeFailed as error:
            self.broken[file] = import_failure(error.cause, stated_dependencies(file))
            return
        found: list[type] = []
        for base, loaders in self._loaders.items():
            for cls in _classes(module, base):
                _check_stated(cls, file)
                if cls.name in loaders:
                    kind = base.__name__.lower()
                    raise UserError(f"plug-in {file}: there is a {kind} {cls.name!r} already; give yours another name")
                self._digests[cls] = digest
                loaders[cls.name] = _constant(cls)
                self._files[base, cls.name] = file
                found.append(cls)
        self._of_files[file] = found
        for cls in vars(module).values():
            if isinstance(cls, type) and inspect.isabstract(cls) and cls.__module__ == module.__name__ and not found:
                missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
                raise UserError(f"plug-in {file}: class {cls.__name__} lacks {missing}; see bench/api/")
        if not found:
            raise UserError(f"plug-in {file} defines no subclass of Refiner, Task or Pair (see bench/api/)")


def _made(cls: type[Plugin], params: Frozen, kind: str) -> Plugin:
    try:
        with plug_in_code():
            return cls(params)
    except CodeFailed as error:
        if isinstance(error.cause, UserError | DataError):
            raise error.cause from None
        raise UserError(f"{kind} {cls.name!r} cannot be made: {reason_of(error.cause)}") from error.cause


def _check_stated(cls: Any, file: Path) -> None:
    for attribute in ("name", "version"):
        if not hasattr(cls, attribute):
            raise UserError(f"plug-in {file}: class {cls.__name__} states no {attribute!r}; see bench/api/")
    if not (isinstance(cls.name, str) and cls.name.isprintable() and cls.name.strip() == cls.name != ""):
        raise UserError(f"plug-in {file}: class {cls.__name__}: name is {cls.name!r}; printable text is needed")


def _check_declared(cls: type[Refiner]) -> None:
    """Class attributes that planning relies on are of the types that :class:`bench.api.Refiner` states."""
    for attribute, right, wanted in (
        ("version", isinstance(cls.version, int), "a whole number"),
        ("fit_seconds", is_duration(cls.fit_seconds), "a number of seconds, 0 or more"),
        ("reads", isinstance(cls.reads, Reads), "bench.api.Reads(...)"),
        ("needs", set(cls.needs) <= set(Need), "a frozenset of bench.api.Need"),
        ("Params", isinstance(cls.Params, type) and issubclass(cls.Params, Frozen), "a subclass of bench.api.Frozen"),
    ):
        if not right:
            raise UserError(f"refiner {cls.name!r}: {attribute} is {getattr(cls, attribute)!r}; {wanted} is needed")


def _modules(package: str) -> list[str]:
    return [m.name for m in pkgutil.iter_modules(importlib.import_module(package).__path__) if not m.ispkg]


def _classes(module: ModuleType, base: type) -> list[Any]:
    """Concrete subclasses of ``base`` that ``module`` itself defines."""
    return [
        cls
        for cls in vars(module).values()
        if isinstance(cls, type) and issubclass(cls, base) and cls.__module__ == module.__name__
        if not inspect.isabstract(cls)
    ]


def _loader(base: type, module: str, name: str) -> Callable[[], type]:
    def load() -> type:
        (cls,) = (c for c in _classes(importlib.import_module(module), base) if c.name == name)
        return cls

    return load


def _constant(cls: type) -> Callable[[], type]:
    return lambda: cls
