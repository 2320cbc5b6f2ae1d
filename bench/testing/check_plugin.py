"""Conformance of plug-ins: :func:`check_refiner` and :func:`check_task` run the contracts of :mod:`bench.api`.

    from bench.testing import check_refiner
    check_refiner(MyRefiner)                      # or an instance, for other parameters than the defaults

Each part of a contract is a function in ``refiner_clauses`` or ``task_clauses``; all run, and one error lists every
broken clause with what was done, what was found and what to change. The data are a few random images with all columns,
of which a plug-in gets those it declares. A refiner's fit gets a budget of :data:`TOY_STEPS` steps, and no call may
take longer than :data:`bench.testing.refiner_bench.CALL_SECONDS`.

The checks need no pytest, leave the process as it was, and say nothing about quality. While they run, the working
folder is an empty one and connections are refused (:mod:`bench.plugins.isolation`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.api import Frozen, Refiner, Task, UserError
from bench.plugins.isolation import undisturbed, watched
from bench.testing import refiner_clauses, task_clauses
from bench.testing.refiner_bench import N_SOURCE, TOY_STEPS, RefinerBench
from bench.testing.task_bench import TaskBench
from bench.testing.toys import toy_images
from bench.testing.violations import ConformanceError, Stop, Violation, outside_effects

__all__ = ["N_SOURCE", "TOY_STEPS", "ConformanceError", "Violation", "check_refiner", "check_task", "toy_images"]

REFINER_SIZES = ((32, 32), (33, 29))
"""Width and height of the toy images: one even, one odd and not square."""
TASK_SIZE = (64, 64)


def check_refiner(
    refiner: type[Refiner] | Refiner, *, sizes: Sequence[tuple[int, int]] = REFINER_SIZES, task: Task | None = None
) -> None:
    """Check a refiner against the contract of :class:`bench.api.Refiner`.

    Parameters
    ----------
    refiner: a class, made with its default parameters, or an instance, whose parameters are used.
    sizes: widths and heights of the toy images; all of them are tried.
    task: what a refiner with ``needs`` trains with, its default model; by default a classifier of mean colours.

    Raises
    ------
    ConformanceError: lists all clauses that are broken.
    UserError: not a refiner.
    """
    cls, params = _class_and_params(refiner, Refiner, "check_refiner")
    benches = [partial(RefinerBench, cls, params, task, width, height) for width, height in sizes]
    _check("refiner", cls, refiner_clauses, benches, "fitted and refined")


def check_task(task: type[Task] | Task, *, model: str | None = None, size: tuple[int, int] = TASK_SIZE) -> None:
    """Check a task against the contract of :class:`bench.api.Task`.

    Parameters
    ----------
    task: a class, made with its default parameters, or an instance, whose parameters are used.
    model: the network to train, the task's default one if not given.
    size: width and height of the toy images, which show three classes of rectangles.

    Raises
    ------
    ConformanceError: lists all clauses that are broken.
    UserError: not a task, or no such model.
    """
    cls, params = _class_and_params(task, Task, "check_task")
    _check("task", cls, task_clauses, [partial(TaskBench, cls, params, model, size)], "trained and scored")


def _class_and_params(plugin: Any, base: type, function: str) -> tuple[Any, Frozen | None]:
    """The class, and an instance's parameters; paths among them still hold in the other working folder."""
    cls = plugin if isinstance(plugin, type) else type(plugin)
    if not issubclass(cls, base):
        raise UserError(
            f"{function} got {cls.__name__}; it needs a subclass or an instance of bench.api.{base.__name__}"
        )
    if plugin is cls:
        return cls, None
    paths = {name: value.absolute() for name, value in plugin.params if isinstance(value, Path)}
    return cls, plugin.params.model_copy(update=paths)


def _check(kind: str, cls: Any, clauses: Any, benches: Iterable[Callable[[], Any]], done: str) -> None:
    violations = list(clauses.declaration(cls))
    if not violations:
        with undisturbed(), watched() as watch:
            for make in benches:
                violations += _run(clauses.CHECKS, make)
                if any(violation.clause == "budget" for violation in violations):  # the next would take as long
                    break
        violations += outside_effects(watch, done)
    if violations:
        raise ConformanceError(f"{kind} {getattr(cls, 'name', cls.__name__)!r}", violations)


def _run(checks: Iterable[Callable[[Any], Iterable[Violation]]], make_bench: Callable[[], Any]) -> Iterator[Violation]:
    bench = make_bench()
    for check in checks:
        try:
            yield from check(bench)
        except Stop as stop:
            yield stop.violation
            if stop.violation.clause == "budget":  # every other check would take as long
                return
