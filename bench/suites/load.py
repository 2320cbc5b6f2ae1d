"""Suite files: YAML → frozen, validated objects; a mistake is refused in one line.

A suite is a list of tables; a table trains every arm alike (one pair, task, model, recipe and budget):

.. code-block:: yaml

    name: my-suite
    title: What it answers, in a line
    tables:
      - pair: digits
        task: classification
        model: light_cnn            # optional: the task's default
        recipe: strong              # strong (default) or plain
        budget: light               # light (default), standard or paper
        seeds: 5                    # task seeds
        refiner_seeds: 1            # fits of each refiner; crossed with the task seeds
        refiners: [histogram, "fda:beta=0.05"]
        arms:
          - refined                 # every refiner of the table
          - {arm: refined_hybrid@50, refiners: [histogram]}
          - "real@{5,10,20,40}"     # an arm for each number of labelled real images: a curve
          - oracle
        limits: {source_images: 1000}   # optional; also target_images, test_images
        train_steps: 400            # optional: replaces the budget's
        fit_steps: 60               # optional: the most that a refiner's fit may take; for smoke runs
        checkpoints: 5              # optional: what could be chosen by without labels, at five steps of each training
        core_seconds: 300           # optional: what its jobs may cost on one CPU core; `plan` checks it
        measures: true              # label preservation and domain gap of every refined set (docs/measures.md)
        pictures: true              # strips of images for the page: refined ones, and predictions on test images

``source`` is in every table, because gains are measured from it; so is ``source`` under the other recipe, because weak
baselines manufacture gains (docs/design.md, Arms); it is a table of its own where the suite has none.
"""

from __future__ import annotations

import hashlib
import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from bench.api import Frozen, Limits, UserError, bounds
from bench.api.names import nearest, unknown
from bench.api.plain_text import without_controls
from bench.data.bounded_yaml import UNREADABLE, load_bounded
from bench.results.files import write_atomically
from bench.suites.arms import grid

SUITES = Path(__file__).parent


class ArmEntry(Frozen):
    """An arm of a table, for all its refiners or for some."""

    arm: str
    refiners: tuple[str, ...] | None = None


class TableEntry(Frozen):
    """One table as the YAML file states it."""

    pair: str
    task: str
    model: str = ""
    recipe: Literal["strong", "plain"] = "strong"
    budget: Literal["light", "standard", "paper"] = "light"
    seeds: int = Field(5, ge=1, le=bounds.SEEDS, strict=True)
    refiner_seeds: int = Field(1, ge=1, le=bounds.REFINER_SEEDS, strict=True)
    refiners: tuple[str, ...] = Field((), max_length=bounds.REFINERS)
    arms: tuple[ArmEntry, ...] = Field(max_length=bounds.ARMS)
    limits: Limits = Limits()
    fit_steps: int | None = Field(default=None, ge=1, le=bounds.TRAIN_STEPS, strict=True)
    train_steps: int | None = Field(default=None, ge=1, le=bounds.TRAIN_STEPS, strict=True)
    core_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    checkpoints: int | None = Field(default=None, ge=2, le=bounds.CHECKPOINTS, strict=True)
    measures: bool = Field(default=True, strict=True)
    pictures: bool = Field(default=True, strict=True)

    @property
    def n_cells(self) -> int:
        """Cells at most: rows times seeds, both kinds."""
        with_refiner = sum(len(self.refiners if arm.refiners is None else arm.refiners) or 1 for arm in self.arms)
        return (1 + with_refiner) * self.seeds * self.refiner_seeds

    @field_validator("refiners")
    @classmethod
    def _are_named(cls, refiners: tuple[str, ...]) -> tuple[str, ...]:
        if not all(name.partition(":")[0].strip() for name in refiners):
            raise ValueError("a refiner without a name")
        return refiners

    @field_validator("arms", mode="before")
    @classmethod
    def _names_are_entries(cls, arms: Any) -> Any:
        if not isinstance(arms, list | tuple):
            return arms
        entries = [{"arm": arm} if isinstance(arm, str) else arm for arm in arms[: bounds.ARMS + 1]]
        return [one for entry in entries for one in _each(entry)]


def _each(entry: Any) -> list[Any]:
    """The entries that one stands for: itself, or one for each arm of its grid."""
    if not isinstance(entry, dict) or not isinstance(entry.get("arm"), str):
        return [entry]
    return [{**entry, "arm": arm} for arm in grid(entry["arm"])]


class Suite(Frozen):
    """A suite file, validated but not yet resolved. Its results go to a folder of its name, beside the ``store``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    title: str
    tables: tuple[TableEntry, ...] = Field(min_length=1, max_length=bounds.TABLES)

    @field_validator("title")
    @classmethod
    def _can_be_shown(cls, title: str) -> str:
        return without_controls(title)

    @model_validator(mode="after")
    def _has_a_size(self) -> Suite:
        n_cells = sum(table.n_cells for table in self.tables)
        if n_cells > bounds.CELLS:
            raise ValueError(f"{n_cells:,} cells (rows × seeds), where a suite has {bounds.CELLS:,} at most")
        return self

    @field_validator("name")
    @classmethod
    def _leaves_the_store_alone(cls, name: str) -> str:
        if name == "store":
            raise ValueError("the results of a suite called 'store' would lie in the store")
        return name


def shipped() -> dict[str, Path]:
    """The suites that ship, by name."""
    return {path.stem: path for path in sorted(SUITES.glob("*.yaml"))}


def load_suite(asked: str) -> Suite:
    """Read a suite by shipped name or by path.

    Raises
    ------
    UserError: no such suite; not YAML; an unknown key (with the nearest right one); a value of a wrong type or range.
    """
    path = shipped().get(asked, Path(asked))
    if not path.is_file():
        if path.suffix in (".yaml", ".yml"):
            raise UserError(f"no suite file {asked}; shipped suites: {', '.join(shipped())}")
        raise unknown("suite", asked, shipped())
    content = read_yaml(path)
    try:
        return Suite.model_validate(content)
    except ValidationError as error:
        raise UserError(f"suite {path}: {explain(error, Suite)}") from None


def read_yaml(path: Path) -> dict[Any, Any]:
    """The mapping that a suite file holds, not yet validated.

    Raises
    ------
    UserError: not YAML, no mapping, a key that stands twice, or larger than :mod:`bench.api.bounds` allows.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(bounds.SUITE_BYTES + 1)
        if len(raw) > bounds.SUITE_BYTES:
            raise yaml.YAMLError(f"it is larger than {bounds.SUITE_BYTES:,} bytes")
        content = load_bounded(raw.decode())
    except UNREADABLE as error:
        reason = without_controls(" ".join(str(error).split()))[:300] or type(error).__name__
        raise UserError(f"suite {path} is not readable as YAML: {reason}") from None
    except OSError as error:
        raise UserError(f"suite {path} cannot be read: {error.strerror}") from None
    if not isinstance(content, dict):
        found = "nothing" if content is None else type(content).__name__
        raise UserError(f"suite {path}: found {found} at the top, expected keys name, title and tables")
    return content


def suite_name(words: str) -> str:
    """A suite's name made of any text: one that a folder can have, with a digest in place of what is too long.

    >>> suite_name("My Photos-depth:crop=garg")
    'my_photos-depth_crop_garg'
    """
    name = re.sub(r"[^a-z0-9._-]+", "_", words.lower()).lstrip("._-") or "suite"
    if len(name) <= bounds.NAME_BYTES:
        return name
    return f"{name[: bounds.NAME_BYTES - 9]}-{hashlib.sha256(words.encode(errors='surrogateescape')).hexdigest()[:8]}"


def checked(content: Mapping[str, Any]) -> Suite:
    """The suite that options of the command line make, held to the same limits as a suite file.

    Raises
    ------
    UserError: a value outside its limits.
    """
    try:
        return Suite.model_validate(content)
    except ValidationError as error:
        raise UserError(f"the suite with the options of the command line: {explain(error, Suite)}") from None


def save_suite(suite: Suite, path: Path) -> None:
    """Write a suite as it was run (``--seeds`` applied) beside its results: running that file gives them again."""
    content = suite.model_dump(mode="json", exclude_defaults=True)
    write_atomically(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem of a validation in one line: where, what was found, what is allowed."""
    first = error.errors()[0]
    location = first["loc"]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    if first["type"] == "extra_forbidden":
        allowed = _fields_at(model, location[:-1])
        key, where = str(location[-1])[:80], without_controls(where)[:160]
        return f"unknown key {where!r}{nearest(key, allowed)} Allowed: {', '.join(allowed)}."
    if first["type"] == "missing":
        return f"key {where!r} is missing"
    shown = reprlib.Repr()
    shown.maxlevel, shown.maxstring, shown.maxother = 2, 80, 80
    where = where or "the suite"
    return without_controls(f"{where}: {first['msg'].lower()}; found {shown.repr(first['input'])[:80]}")


def _fields_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Field names of the model that a validation location points into."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            annotation: Any = model.model_fields[part].annotation
            candidates = [annotation, *get_args(annotation)]
            model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return sorted(model.model_fields)
