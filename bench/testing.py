"""Conformance of plug-ins: ``check_refiner`` runs the contract of :class:`bench.api.Refiner` on toy data.

    from bench.testing import check_refiner
    check_refiner(MyRefiner)                      # or an instance, for other parameters than the defaults

Each ``_check_…`` function below is one part of the contract; all run, at every size, and one error lists every broken
clause with what was done, what was found and what to change. The data are a few random images with all label columns,
of which a refiner gets those it declares. Fits get a budget of :data:`TOY_STEPS` steps and must end within
:data:`FIT_SECONDS`.

It needs no pytest, leaves the process as it was, and says nothing about quality. While it runs, the working folder is
an empty one and connections are refused (:mod:`bench.isolation`).
"""

from __future__ import annotations

import pickle
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from bench.api import (
    Budget,
    FitContext,
    Frozen,
    LabelSpace,
    ModelParams,
    Need,
    Reads,
    RefineBatch,
    Refiner,
    Task,
    UserError,
)
from bench.data.imageset import COLUMNS, ImageSet
from bench.isolation import NetworkRefused, Watch, one_line, undisturbed, watched
from bench.refining import Fault, find_faults, generators_for, make_batch, refine_images

SIZES = ((32, 32), (33, 29))
"""Width and height of the toy images: one even, one odd and not square."""
N_SOURCE, N_TARGET = 6, 5
TOY_STEPS = 2
FIT_SECONDS = 30.0
"""Longest a fit to the toy images may take: what takes longer does not look at its budget."""
TOLERANCE = 1e-4
"""Largest difference in [0, 1] that batch size and order may make: a fortieth of a level; float32 sums need some."""


@dataclass(frozen=True)
class Violation:
    """A broken clause: its name, what the check did, what it found, what to change."""

    clause: str
    done: str
    found: str
    fix: str

    def __str__(self) -> str:
        return f"{self.clause}: {self.done}: {self.found}; {self.fix}"


class ConformanceError(AssertionError):
    """A refiner breaks its contract; ``violations`` lists each broken clause once."""

    def __init__(self, name: str, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        lines = "".join(f"\n- {violation}" for violation in violations)
        super().__init__(f"refiner {name!r} breaks {len(violations)} clause(s) of its contract:{lines}")


def check_refiner(
    refiner: type[Refiner] | Refiner, *, sizes: Sequence[tuple[int, int]] = SIZES, task: Task | None = None
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
    cls = refiner if isinstance(refiner, type) else type(refiner)
    if not issubclass(cls, Refiner):
        raise UserError(f"check_refiner got {cls.__name__}; it needs a subclass or an instance of bench.api.Refiner")
    params = None if isinstance(refiner, type) else _with_absolute_paths(refiner.params)
    violations = list(_check_declaration(cls))
    if not violations:
        with undisturbed(), watched() as watch:
            for width, height in sizes:
                violations += _Bench(cls, params, task, width, height).run()
        violations += _outside_effects(watch)
    if violations:
        first_of_clause: dict[str, Violation] = {}
        for violation in violations:
            first_of_clause.setdefault(violation.clause, violation)
        raise ConformanceError(getattr(cls, "name", cls.__name__), list(first_of_clause.values()))


def _with_absolute_paths(params: Frozen) -> Frozen:
    """Paths still hold in the other working folder."""
    paths = {name: value.absolute() for name, value in params if isinstance(value, Path)}
    return params.model_copy(update=paths)


def _outside_effects(watch: Watch) -> Iterator[Violation]:
    """No network, no files but temporary ones."""
    if watch.reached:
        yield _network(watch.reached[0])
    if watch.written:
        others = f" and {len(set(watch.written)) - 1} more" if len(set(watch.written)) > 1 else ""
        fix = "put what fit learns into state_dict, and scratch files where tempfile makes them"
        yield Violation("files", "fitted and refined", f"it wrote or removed {watch.written[0]}{others}", fix)


def _network(address: str) -> Violation:
    fix = "take the path of a file as a parameter instead: runs need no network"
    return Violation("network", "fitted and refined", f"it tried to reach {address}", fix)


# ------------------------------------------------------------------------------------------------- the bench


class _Stop(Exception):
    """Ends one check early: what went wrong leaves nothing to compare."""

    def __init__(self, violation: Violation) -> None:
        self.violation = violation


class _Bench:
    """One refiner with toy data of one size; calls it and turns what it raises into violations."""

    def __init__(self, cls: type[Refiner], params: Frozen | None, task: Task | None, width: int, height: int) -> None:
        self.cls, self.params, self.task = cls, params, task
        self.at = f"at {width}×{height}"
        self.source = toy_images(N_SOURCE, width, height, seed=1)
        self.target = toy_images(N_TARGET, width, height, seed=2)

    def run(self) -> list[Violation]:
        violations: list[Violation] = []
        for check in CHECKS:
            try:
                violations += check(self)
            except _Stop as stop:
                violations.append(stop.violation)
                if stop.violation.clause == "budget":  # every other check would take as long
                    break
        return violations

    def make(self) -> Refiner:
        with self.reporting("made the refiner"):
            return self.cls(self.params)

    @cached_property
    def fitted(self) -> Refiner:
        return self.fit(self.source, self.target)

    def fit(self, source: ImageSet, target: ImageSet, reads: frozenset[str] | None = None) -> Refiner:
        refiner = self.make()
        names = refiner.reads | frozenset() if reads is None else reads
        if Need.TASK_LOSS in refiner.needs:
            names |= frozenset(self.task.labels) if self.task else {"class_id"}
        done = f"fitted to {source.n_images} source and {target.n_images} target images"
        started = time.monotonic()
        with self.reporting(done):
            budget = Budget(name="light", train_steps=TOY_STEPS, batch_size=4)
            refiner.fit(source.only(names), target.unlabelled(), budget, self.context())
        if (seconds := time.monotonic() - started) > FIT_SECONDS:
            found = f"it took {seconds:.1f} s with a budget of {TOY_STEPS} steps; {FIT_SECONDS:g} s are allowed"
            fix = "take the number of steps from the budget"
            raise _Stop(Violation("budget", f"{done} {self.at}", found, fix))
        return refiner

    def context(self) -> FitContext:
        return _toy_context(self.cls.needs, self.task, self.source.image_size)

    def batch(
        self, rows: Sequence[int], source: ImageSet | None = None, reads: frozenset[str] | None = None
    ) -> RefineBatch:
        names = self.cls.reads | frozenset() if reads is None else reads
        return make_batch(source or self.source, "source_train", np.array(rows, np.int64), names)

    def refine(self, refiner: Refiner, batch: RefineBatch, seeds: Sequence[int] | None = None) -> Tensor:
        """The refined images; ``seeds[i]`` replaces the refiner seed, 0, of image ``i``."""
        outputs = self.call(refiner, batch, seeds)
        for fault in find_faults(batch.inputs, outputs):
            raise _Stop(self.output_violation(fault, f"refined {len(batch.rows)} image(s)"))
        return outputs["image"]

    def call(self, refiner: Refiner, batch: RefineBatch, seeds: Sequence[int] | None = None) -> Any:
        seeds = [0] * len(batch.rows) if seeds is None else seeds
        generators = [
            generators_for(seed, batch.split, [row], view=0)[0] for seed, row in zip(seeds, batch.rows, strict=True)
        ]
        with self.reporting(f"refined {len(batch.rows)} image(s)"), torch.no_grad():
            return refiner.refine(batch, generators)

    def output_violation(self, fault: Fault, done: str) -> Violation:
        return Violation(fault.clause, f"{done} {self.at}", fault.reason, OUTPUT_FIXES[fault.clause])

    @contextmanager
    def reporting(self, done: str) -> Iterator[None]:
        try:
            yield
        except NetworkRefused as error:
            raise _Stop(_network(error.address)) from error
        except KeyError as error:
            column = error.args[0] if error.args else None
            if column not in COLUMNS:
                raise _Stop(self._raised(done, error)) from error
            found = f"it read the column {column!r}, which it is not given"
            fix = "name label columns of the source in `reads` (optional ones may be missing); the target has none"
            raise _Stop(Violation("labels", f"{done} {self.at}", found, fix)) from error
        except (Exception, SystemExit) as error:
            raise _Stop(self._raised(done, error)) from error

    def _raised(self, done: str, error: BaseException) -> Violation:
        found = f"it raised {type(error).__name__}: {one_line(error)}"
        return Violation("raises", f"{done} {self.at}", found, "fit and refine must work here")


OUTPUT_FIXES = {
    "keys": "return {**batch.inputs, 'image': refined}",
    "shape": "keep the number of images and their size: pad and crop inside if the network needs it",
    "dtype": "return float32 tensors",
    "finite": "guard divisions, logarithms and square roots",
    "range": "end with .clamp(0, 1)",
}


# ---------------------------------------------------------------------------------------------- the clauses


def _check_declaration(cls: type[Refiner]) -> Iterator[Violation]:
    """The class attributes are there and mean something."""

    def wrong(attribute: str, fix: str) -> Violation:
        found = repr(getattr(cls, attribute)) if hasattr(cls, attribute) else "nothing"
        return Violation("declaration", f"read {cls.__name__}.{attribute}", f"it is {found}", fix)

    if not (isinstance(getattr(cls, "name", None), str) and re.fullmatch(r"[a-z][a-z0-9_-]*", cls.name)):
        yield wrong("name", "make it a lower-case word: users type it")
    if not (isinstance(getattr(cls, "version", None), int) and cls.version >= 1):
        yield wrong("version", "make it an integer from 1; raise it whenever outputs change")
    if not (isinstance(cls.reads, Reads) and all(column in COLUMNS for column in cls.reads | frozenset())):
        yield wrong("reads", f"make it a Reads of known columns: {', '.join(COLUMNS)}")
    if not (isinstance(cls.needs, frozenset) and all(isinstance(need, Need) for need in cls.needs)):
        yield wrong("needs", "make it a frozenset of bench.api.Need")
    if not (isinstance(cls.Params, type) and issubclass(cls.Params, Frozen)):
        yield wrong("Params", "make it a subclass of bench.api.Frozen")


def _check_output(bench: _Bench) -> Iterator[Violation]:
    """Keys, shape, dtype, finite values, range."""
    batch = bench.batch(range(N_SOURCE))
    for fault in find_faults(batch.inputs, bench.call(bench.fitted, batch)):
        yield bench.output_violation(fault, f"refined {N_SOURCE} images")


def _check_input_unmodified(bench: _Bench) -> Iterator[Violation]:
    """The batch is as it was."""
    batch, before = bench.batch(range(N_SOURCE)), bench.batch(range(N_SOURCE))
    bench.call(bench.fitted, batch)
    changed = [
        name
        for now, then in ((batch.inputs, before.inputs), (batch.labels, before.labels))
        for name in sorted(now.keys() | then.keys())
        if name not in now or name not in then or not torch.equal(now[name], then[name])
    ]
    if not np.array_equal(batch.rows, before.rows):
        changed.append("rows")
    if changed:
        found = f"the batch's {', '.join(changed)} changed"
        fix = "work on a copy: no in-place operation on what the batch holds"
        yield Violation("input", f"refined a batch {bench.at}", found, fix)


def _check_order(bench: _Bench) -> Iterator[Violation]:
    """Outputs come in the order of inputs."""
    rows = list(range(N_SOURCE))
    forward = bench.refine(bench.fitted, bench.batch(rows))
    backward = bench.refine(bench.fitted, bench.batch(rows[::-1])).flip(0)
    if (gap := _gap(forward, backward)) > TOLERANCE:
        found = f"an image differs by up to {gap:.3g} when the batch is reversed"
        fix = "return images in the order they came; take nothing from the position in the batch"
        yield Violation("order", f"refined a batch and its reverse {bench.at}", found, fix)


def _check_batch_size(bench: _Bench) -> Iterator[Violation]:
    """An image alone comes out as it does in a batch."""
    together = bench.refine(bench.fitted, bench.batch(range(N_SOURCE)))
    alone = torch.cat([bench.refine(bench.fitted, bench.batch([row])) for row in range(N_SOURCE)])
    if (gap := _gap(together, alone)) > TOLERANCE:
        found = f"an image alone differs by up to {gap:.3g} from the same image in a batch of {N_SOURCE}"
        fix = "compute statistics per image, put networks into eval mode, draw from generators[i] for image i"
        yield Violation("batch size", f"refined images together and one by one {bench.at}", found, fix)


def _check_generators(bench: _Bench) -> Iterator[Violation]:
    """Image i depends on generators[i] and on no other."""
    batch = bench.batch(range(N_SOURCE))
    for keep in (0, N_SOURCE - 1):
        seeds = [0 if row == keep else 7 for row in range(N_SOURCE)]
        first, second = bench.refine(bench.fitted, batch), bench.refine(bench.fitted, batch, seeds)
        if (gap := _gap(first[keep], second[keep])) > TOLERANCE:
            found = f"image {keep} changed by up to {gap:.3g} though its own generator was seeded alike"
            fix = "draw what image i needs from generators[i] alone"
            yield Violation("generators", f"reseeded the generators of the other images {bench.at}", found, fix)
            return


def _check_refine_repeats(bench: _Bench) -> Iterator[Violation]:
    """Equal generators, equal images, whatever the global random state and whatever was refined before."""
    batch = bench.batch(range(N_SOURCE))
    _seed_global(1)
    first = bench.refine(bench.fitted, batch)
    _seed_global(2)
    second = bench.refine(bench.fitted, batch)
    if not torch.equal(first, second):
        found = f"images differ by up to {_gap(first, second):.3g}"
        fix = "draw from generators[i] alone, and change no state in refine"
        yield Violation("refine determinism", f"refined one batch twice with equal generators {bench.at}", found, fix)


def _check_fit_repeats(bench: _Bench) -> Iterator[Violation]:
    """Equal seeds, equal state."""
    _seed_global(3)
    first = bench.fit(bench.source, bench.target)
    _seed_global(4)
    second = bench.fit(bench.source, bench.target)
    batch = bench.batch(range(N_SOURCE))
    if not torch.equal(bench.refine(first, batch), bench.refine(second, batch)):
        fix = "draw from context.generator alone; initialise networks inside torch.random.fork_rng, seeded from it"
        done = f"fitted twice with equal context.generator {bench.at}"
        yield Violation("fit determinism", done, "the refined images differ", fix)


def _check_side_effects(bench: _Bench) -> Iterator[Violation]:
    """Global random states and the thread count stay as they were."""
    _seed_global(5)
    states, threads = _global_states(), torch.get_num_threads()
    refiner = bench.fit(bench.source, bench.target)
    bench.call(refiner, bench.batch(range(N_SOURCE)))
    after = _global_states()
    if changed := [name for name in states if states[name] != after[name]]:
        found = f"the global random state of {', '.join(changed)} changed"
        fix = "use context.generator and generators[i], and torch.random.fork_rng around what cannot"
        yield Violation("global random state", f"fitted and refined {bench.at}", found, fix)
    if torch.get_num_threads() != threads:
        found = f"torch.get_num_threads() went from {threads} to {torch.get_num_threads()}"
        yield Violation("threads", f"fitted and refined {bench.at}", found, "leave threads to the harness")
        torch.set_num_threads(threads)


def _check_one_image(bench: _Bench) -> Iterator[Violation]:
    """One source image and one target image are enough."""
    only = np.array([0])
    refiner = bench.fit(bench.source.select(only), bench.target.select(only))
    batch = bench.batch([0])
    for fault in find_faults(batch.inputs, bench.call(refiner, batch)):
        yield bench.output_violation(fault, "fitted to one source and one target image and refined one")


def _check_constant_images(bench: _Bench) -> Iterator[Violation]:
    """Constant images and constant channels, on either side."""
    plain = [_with_constant(bench.source, level, channel) for level, channel in ((0, 3), (255, 3), (90, 3), (90, 1))]
    target = _with_constant(bench.target, 90, 3)
    cases = [(bench.fitted, source, "source images with constant channels") for source in plain]
    cases.append((bench.fit(bench.source, target), bench.source, "images after a fit to constant target images"))
    for refiner, source, what in cases:
        batch = bench.batch(range(N_SOURCE), source)
        for fault in find_faults(batch.inputs, bench.call(refiner, batch)):
            yield bench.output_violation(fault, f"refined {what}")


def _check_state(bench: _Bench) -> Iterator[Violation]:
    """``state_dict`` → safetensors → ``load_state_dict`` restores the refiner to the bit."""
    done = f"stored the state as safetensors and loaded it {bench.at}"
    fitted = bench.fitted
    with bench.reporting("stored the state as safetensors"):
        stored = save(dict(fitted.state_dict()))
    restored = bench.make()
    with bench.reporting("loaded the stored state"):
        restored.load_state_dict(load(stored))
    batch = bench.batch(range(N_SOURCE))
    first, second = bench.refine(fitted, batch), bench.refine(restored, batch)
    if not torch.equal(first, second):
        found = f"images differ by up to {_gap(first, second):.3g}"
        yield Violation("state", done, found, "put all that fit learns into state_dict, and restore all of it")


def _check_views(bench: _Bench) -> Iterator[Violation]:
    """``views`` samples for each image of a whole split, and they differ."""
    views = bench.fitted.views
    if not isinstance(views, int) or views < 1:
        yield Violation("views", "read the attribute views", f"it is {views!r}", "make it an integer from 1")
        return
    bench.refine(bench.fitted, bench.batch(range(N_SOURCE)))  # a broken output is reported under its own clause
    with bench.reporting("refined source_val as a run does"):
        blocks = refine_images(bench.fitted, bench.source, "source_val", 0, 4, lambda done, total: None)
        samples = np.concatenate(list(blocks)).reshape(views, N_SOURCE, -1)
    if any(np.array_equal(samples[0], other) for other in samples[1:]):
        fix = "draw what differs from generators[i], or declare one view"
        yield Violation("views", f"refined {views} views {bench.at}", "two views are equal", fix)


def _check_predictor(bench: _Bench) -> Iterator[Violation]:
    """A joint refiner's task network is one that ``context.build()`` makes, with finite weights."""
    if not bench.fitted.joint:
        return
    build = bench.context().build
    if build is None:
        yield Violation(
            "predictor", "read joint and needs", "it is joint without a task", "add Need.TASK_LOSS to needs"
        )
        return
    with bench.reporting("loaded predictor() into the network of context.build()"):
        state = dict(bench.fitted.predictor())
        build().load_state_dict(state)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in state.values()):
        fix = "return the state of the task network as fit left it"
        yield Violation("predictor", f"read predictor() {bench.at}", "values are not finite", fix)


def _check_optional_columns(bench: _Bench) -> Iterable[Violation]:
    """Optional columns may be missing: what refuses that raises, and is reported for it."""
    required = bench.cls.reads.required
    if bench.cls.reads.optional - required:
        refiner = bench.fit(bench.source, bench.target, required)
        bench.refine(refiner, bench.batch(range(N_SOURCE), reads=required))
    return ()


CHECKS: tuple[Callable[[_Bench], Iterable[Violation]], ...] = (
    _check_output,
    _check_input_unmodified,
    _check_order,
    _check_batch_size,
    _check_generators,
    _check_refine_repeats,
    _check_fit_repeats,
    _check_side_effects,
    _check_one_image,
    _check_constant_images,
    _check_state,
    _check_views,
    _check_predictor,
    _check_optional_columns,
)


# ------------------------------------------------------------------------------------------------- toy data


def toy_images(n_images: int, width: int, height: int, seed: int) -> ImageSet:
    """Coloured rectangles on noisy backgrounds, with every known column; read-only, as memory maps are."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    left, top = rng.integers(1, max(width // 2, 2), n_images), rng.integers(1, max(height // 2, 2), n_images)
    foreground = (x >= left[:, None, None]) & (y >= top[:, None, None])
    colour = rng.uniform(40, 215, (2, n_images, 1, 1, 3))
    image = np.where(foreground[..., None], colour[0], colour[1]) + rng.normal(0, 12, (n_images, height, width, 3))
    depth_m = np.where(foreground, 1.0, 3.0).astype(np.float32)
    quaternion = rng.normal(size=(n_images, 4)).astype(np.float32)
    arrays = {
        "image": image.clip(0, 255).astype(np.uint8),
        "sensor_depth_m": depth_m,
        "class_id": rng.integers(0, 3, n_images),
        "quaternion": quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True),
        "mask": foreground.astype(np.uint8),
        "foreground": foreground,
        "depth_m": depth_m,
        "in_target_look": 255 - image.clip(0, 255).astype(np.uint8),
        "intrinsics": np.tile(np.array([width, width, width / 2, height / 2], np.float32), (n_images, 1)),
        "native_size": np.tile(np.array([width, height]), (n_images, 1)),
    }
    for array in arrays.values():
        array.flags.writeable = False
    return ImageSet.from_arrays({"background_template": rng.integers(0, 256, (height, width, 3), np.uint8)}, **arrays)


def _with_constant(images: ImageSet, level: int, n_channels: int) -> ImageSet:
    """The same set, the first ``n_channels`` channels of its images set to ``level``."""
    columns = images.take(np.arange(images.n_images))
    columns["image"][..., :n_channels] = level
    return ImageSet.from_arrays(images.assets, **columns)


class _ToyNetwork(nn.Module):
    """Mean colour → three logits."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return self.linear(inputs["image"].mean(dim=(2, 3)))


def _build_toy_network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _ToyNetwork()


def _toy_context(needs: frozenset[Need], task: Task | None, size: tuple[int, int]) -> FitContext:
    """What ``fit`` gets; where ``needs`` asks for a task and there is none, a classifier of mean colours."""
    generator = torch.Generator().manual_seed(0)
    build, loss, predict = _build_toy_network, _toy_loss, _toy_predict
    space = LabelSpace(class_names=("a", "b", "c"), width=size[0], height=size[1], depth_range_m=(0.5, 4.0))
    if task is not None:
        build = partial(task.build, task.default_model, ModelParams(), space, generator)
        loss, predict = task.loss, task.predict
    given: dict[str, Any] = {"space": space} if needs else {}
    if Need.TASK_LOSS in needs:
        given |= {"build": build, "loss": loss, "predict": predict}
    if Need.SOURCE_MODEL in needs:
        given["source_model"] = build().eval()
    return FitContext(generator, torch.device("cpu"), lambda step, n_steps, loss: None, **given)


def _toy_loss(network: nn.Module, inputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
    return nn.functional.cross_entropy(network(inputs), labels["class_id"])


def _toy_predict(network: nn.Module, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
    return {"class_id": network(inputs).argmax(dim=1).numpy()}


# ----------------------------------------------------------------------------------------- global states


def _gap(first: Tensor, second: Tensor) -> float:
    return (first - second).abs().max().item()


def _global_states() -> dict[str, bytes]:
    """The global random states by name, comparable; of NumPy the legacy one, which is the one plug-ins disturb."""
    return {
        "random": pickle.dumps(random.getstate()),
        "numpy.random": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "torch": pickle.dumps(torch.get_rng_state().numpy()),
    }


def _seed_global(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
