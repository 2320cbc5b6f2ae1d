"""The contract of :class:`bench.api.Task`, a function a clause; ``CHECKS`` lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from bench.api import Budget, Frozen, Metric, ModelSpec, Task
from bench.api.imageset import COLUMNS, concatenate
from bench.testing.random_states import global_states, seed_global
from bench.testing.task_bench import N_TEST, TaskBench
from bench.testing.violations import Violation
from bench.training.augment import TRANSFORMS

RELATIVE_TOLERANCE = 1e-3
"""By how much a score may depend on the batch size of predictions: float32 sums need some."""


def declaration(cls: type[Task]) -> Iterator[Violation]:
    """The class attributes are there and mean something."""

    def is_columns(names: object, kind: str) -> bool:
        return isinstance(names, tuple) and all(name in COLUMNS and COLUMNS[name].kind == kind for name in names)

    def columns_of(kind: str) -> str:
        return f"make it a tuple of {kind} columns: {', '.join(n for n, spec in COLUMNS.items() if spec.kind == kind)}"

    name, metrics = getattr(cls, "name", None), getattr(cls, "metrics", None)
    budgets, models = getattr(cls, "budgets", None), getattr(cls, "models", None)
    labels, default_model = getattr(cls, "labels", None), getattr(cls, "default_model", None)
    version, augmentations = getattr(cls, "version", None), getattr(cls, "augmentations", None)
    right_models = bool(models) and all(isinstance(s, ModelSpec) and s.name == n for n, s in dict(models or {}).items())
    for attribute, right, fix in (
        ("name", isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_-]*", name), "make it a lower-case word"),
        ("version", isinstance(version, int) and version >= 1, "make it an integer from 1; raise it with every change"),
        ("labels", bool(labels) and is_columns(labels, "label"), columns_of("label")),
        ("inputs", is_columns(cls.inputs, "input"), columns_of("input")),
        ("optional_inputs", is_columns(cls.optional_inputs, "input"), columns_of("input")),
        ("geometry", is_columns(cls.geometry, "geometry"), columns_of("geometry")),
        ("fit", cls.fit in ("resize", "letterbox"), "make it 'resize' or 'letterbox'"),
        ("Params", isinstance(cls.Params, type) and issubclass(cls.Params, Frozen), "make it a subclass of Frozen"),
        (
            "metrics",
            bool(metrics) and all(isinstance(metric, Metric) for metric in metrics or ()),
            "make it a tuple of bench.api.Metric, the one that ranks first",
        ),
        (
            "augmentations",
            isinstance(augmentations, frozenset) and augmentations <= TRANSFORMS,
            f"make it a frozenset out of {', '.join(sorted(TRANSFORMS))}",
        ),
        (
            "budgets",
            "light" in (budgets or {}) and all(isinstance(budget, Budget) for budget in dict(budgets or {}).values()),
            "map budget names to bench.api.Budget, 'light' at least",
        ),
        ("models", right_models, "map the name of each network to its bench.api.ModelSpec"),
        ("default_model", default_model in (models or {}), "name one of `models`"),
    ):
        if not right:
            found = repr(getattr(cls, attribute)) if hasattr(cls, attribute) else "nothing"
            yield Violation("declaration", f"read {cls.__name__}.{attribute}", f"it is {found}", fix)


def _check_build(bench: TaskBench) -> Iterator[Violation]:
    """Equal generators, equal weights, whatever the global random state, which stays as it was."""
    seed_global(1)
    first = bench.network().state_dict()
    seed_global(2)
    before = global_states()
    second = bench.network().state_dict()
    changed = [name for name, state in global_states().items() if state != before[name]]
    if first.keys() != second.keys() or not all(torch.equal(first[name], second[name]) for name in first):
        fix = "draw weights from the generator alone: seed torch from it inside torch.random.fork_rng"
        yield Violation("build determinism", f"built one model twice {bench.at}", "the weights differ", fix)
    if changed:
        found = f"the global random state of {', '.join(changed)} changed"
        fix = "build inside torch.random.fork_rng"
        yield Violation("global random state", f"built a model {bench.at}", found, fix)


def _check_loss(bench: TaskBench) -> Iterator[Violation]:
    """A finite scalar that depends on the weights; inputs and labels stay as they were."""
    network = bench.network().train()
    loss, changed = bench.loss(network)
    done = f"computed the loss of a batch {bench.at}"
    if not (isinstance(loss, torch.Tensor) and loss.shape == () and torch.isfinite(loss)):
        yield Violation("loss", done, f"it is {loss!r}", "return a finite scalar tensor")
        return
    if loss.requires_grad:
        loss.backward()
    if not any(weight.grad is not None and weight.grad.any() for weight in network.parameters()):
        fix = "return a loss that depends on the network's output, and detach nothing on the way"
        yield Violation("loss", done, "no weight has a gradient", fix)
    if changed:
        fix = "work on a copy: no in-place operation on what the batch holds"
        yield Violation("input", done, f"the batch's {', '.join(changed)} changed", fix)


def _check_predictions(bench: TaskBench) -> Iterator[Violation]:
    """Arrays with one row an image; weights stay as they were."""
    before = {name: tensor.clone() for name, tensor in bench.trained.state_dict().items()}
    predictions = bench.predictions(bench.test_set, N_TEST)
    done = f"predicted {N_TEST} images {bench.at}"
    for name, array in predictions.items():
        if not isinstance(array, np.ndarray) or array.dtype == object or array.shape[:1] != (N_TEST,):
            found = f"{name!r} is {type(array).__name__} of shape {np.shape(array)}"
            yield Violation("predictions", done, found, "return NumPy arrays of numbers, one row an image")
        elif array.dtype.kind == "f" and not np.isfinite(array).all():
            yield Violation("finite", done, f"{name!r} has values that are NaN or infinite", "guard divisions and logs")
    if any(not torch.equal(before[name], tensor) for name, tensor in bench.trained.state_dict().items()):
        yield Violation("weights", done, "the network's state changed", "leave the network as it is in predict")


def _check_batch_size(bench: TaskBench) -> Iterator[Violation]:
    """Scores do not depend on how many images are predicted at once."""
    rows = range(N_TEST)
    scores = [
        bench.score(bench.statistics(bench.predictions(bench.test_set, batch_size), rows)) for batch_size in (N_TEST, 1)
    ]
    for name, value in scores[0].items():
        if not np.isclose(value, scores[1][name], rtol=RELATIVE_TOLERANCE, atol=RELATIVE_TOLERANCE, equal_nan=True):
            found = f"{name} is {value:.4g} in one batch and {scores[1][name]:.4g} one by one"
            fix = "let nothing in predict depend on the other images of the batch"
            yield Violation("batch size", f"predicted and scored {N_TEST} images {bench.at}", found, fix)
            return


def _check_statistics(bench: TaskBench) -> Iterator[Violation]:
    """One row an image, each of that image alone: scores are computed from batches put together."""
    predictions = bench.predictions(bench.test_set, N_TEST)
    together = bench.statistics(predictions, range(N_TEST))
    single = [bench.statistics(predictions, [row]) for row in range(N_TEST)]
    done = f"computed statistics of {N_TEST} images together and one by one {bench.at}"
    for name, array in together.items():
        if not isinstance(array, np.ndarray) or array.dtype == object or array.shape[:1] != (N_TEST,):
            found = f"{name!r} is {type(array).__name__} of shape {np.shape(array)}"
            yield Violation("statistics", done, found, "return NumPy arrays of numbers, one row an image")
        elif not np.array_equal(array, concatenate(name, [part[name] for part in single]), equal_nan=True):
            fix = "compute each image's row from that image alone"
            yield Violation("statistics", done, f"{name!r} differs", fix)


def _check_score(bench: TaskBench) -> Iterator[Violation]:
    """Every metric is there and finite, and the order of images does not matter."""
    predictions = bench.predictions(bench.test_set, N_TEST)
    scores = bench.score(bench.statistics(predictions, range(N_TEST)))
    backward = bench.score(bench.statistics(predictions, range(N_TEST)[::-1]))
    done = f"scored {N_TEST} images {bench.at}"
    for metric in bench.task.metrics:
        if not isinstance(value := scores.get(metric.name), float) or not np.isfinite(value):
            fix = "let score return a finite float for each of `metrics`"
            yield Violation("score", done, f"{metric.name!r} is {value!r}", fix)
        elif not np.isclose(value, backward[metric.name]):
            found = f"{metric.name!r} is {value:.6g}, and {backward[metric.name]:.6g} with the images reversed"
            yield Violation("score", done, found, "let nothing depend on the order of images")


def _check_contributions(bench: TaskBench) -> Iterator[Violation]:
    """One finite number an image, whose mean is the primary metric."""
    statistics = bench.statistics(bench.predictions(bench.test_set, N_TEST), range(N_TEST))
    primary = bench.task.metrics[0].name
    value, contributions = bench.score(statistics).get(primary, np.nan), bench.contributions(statistics)
    done = f"asked for the contributions of {N_TEST} images {bench.at}"
    if np.shape(contributions) != (N_TEST,) or not np.isfinite(contributions).all():
        found = f"they are {np.array2string(np.asarray(contributions), threshold=8)}"
        yield Violation("contributions", done, found, "return one finite number an image")
    elif np.isfinite(value) and not np.isclose(np.mean(contributions), value):
        found = f"their mean is {np.mean(contributions):.6g}, and {primary!r} is {value:.6g}"
        fix = "return numbers whose mean is the primary metric: jackknife pseudo-values where it is no mean over images"
        yield Violation("contributions", done, found, fix)


CHECKS: tuple[Callable[[TaskBench], Iterable[Violation]], ...] = (
    _check_build,
    _check_loss,
    _check_predictions,
    _check_batch_size,
    _check_statistics,
    _check_score,
    _check_contributions,
)
