"""The contract of :class:`bench.api.Refiner`, a function a clause; ``CHECKS`` lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from bench.api import Frozen, Need, Reads, Refiner
from bench.api.imageset import COLUMNS
from bench.testing.random_states import global_states, seed_global
from bench.testing.refiner_bench import N_SOURCE, RefinerBench
from bench.testing.toys import with_constant
from bench.testing.violations import Violation
from bench.training.refine_images import find_faults, refine_images

TOLERANCE = 1e-4
"""Largest difference in [0, 1] that batch size and order may make: a fortieth of a level; float32 sums need some."""


def declaration(cls: type[Refiner]) -> Iterator[Violation]:
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


def _check_output(bench: RefinerBench) -> Iterator[Violation]:
    """Keys, shape, dtype, finite values, range."""
    batch = bench.batch(range(N_SOURCE))
    for fault in find_faults(batch.inputs, bench.call(bench.fitted, batch)):
        yield bench.output_violation(fault, f"refined {N_SOURCE} images")


def _check_input_unmodified(bench: RefinerBench) -> Iterator[Violation]:
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


def _check_order(bench: RefinerBench) -> Iterator[Violation]:
    """Outputs come in the order of inputs."""
    rows = list(range(N_SOURCE))
    forward = bench.refine(bench.fitted, bench.batch(rows))
    backward = bench.refine(bench.fitted, bench.batch(rows[::-1])).flip(0)
    if (moved := gap(forward, backward)) > TOLERANCE:
        found = f"an image differs by up to {moved:.3g} when the batch is reversed"
        fix = "return images in the order they came; take nothing from the position in the batch"
        yield Violation("order", f"refined a batch and its reverse {bench.at}", found, fix)


def _check_batch_size(bench: RefinerBench) -> Iterator[Violation]:
    """An image alone comes out as it does in a batch."""
    together = bench.refine(bench.fitted, bench.batch(range(N_SOURCE)))
    alone = torch.cat([bench.refine(bench.fitted, bench.batch([row])) for row in range(N_SOURCE)])
    if (moved := gap(together, alone)) > TOLERANCE:
        found = f"an image alone differs by up to {moved:.3g} from the same image in a batch of {N_SOURCE}"
        fix = "compute statistics per image, put networks into eval mode, draw from generators[i] for image i"
        yield Violation("batch size", f"refined images together and one by one {bench.at}", found, fix)


def _check_generators(bench: RefinerBench) -> Iterator[Violation]:
    """Image i depends on generators[i] and on no other."""
    batch = bench.batch(range(N_SOURCE))
    for keep in (0, N_SOURCE - 1):
        seeds = [0 if row == keep else 7 for row in range(N_SOURCE)]
        first, second = bench.refine(bench.fitted, batch), bench.refine(bench.fitted, batch, seeds)
        if (moved := gap(first[keep], second[keep])) > TOLERANCE:
            found = f"image {keep} changed by up to {moved:.3g} though its own generator was seeded alike"
            fix = "draw what image i needs from generators[i] alone"
            yield Violation("generators", f"reseeded the generators of the other images {bench.at}", found, fix)
            return


def _check_refine_repeats(bench: RefinerBench) -> Iterator[Violation]:
    """Equal generators, equal images, whatever the global random state and whatever was refined before."""
    batch = bench.batch(range(N_SOURCE))
    seed_global(1)
    first = bench.refine(bench.fitted, batch)
    seed_global(2)
    second = bench.refine(bench.fitted, batch)
    if not torch.equal(first, second):
        found = f"images differ by up to {gap(first, second):.3g}"
        fix = "draw from generators[i] alone, and change no state in refine"
        yield Violation("refine determinism", f"refined one batch twice with equal generators {bench.at}", found, fix)


def _check_fit_repeats(bench: RefinerBench) -> Iterator[Violation]:
    """Equal seeds, equal state."""
    seed_global(3)
    first = bench.fit(bench.source, bench.target)
    seed_global(4)
    second = bench.fit(bench.source, bench.target)
    batch = bench.batch(range(N_SOURCE))
    if not torch.equal(bench.refine(first, batch), bench.refine(second, batch)):
        fix = "draw from context.generator alone; initialise networks inside torch.random.fork_rng, seeded from it"
        done = f"fitted twice with equal context.generator {bench.at}"
        yield Violation("fit determinism", done, "the refined images differ", fix)


def _check_side_effects(bench: RefinerBench) -> Iterator[Violation]:
    """Global random states and the thread count stay as they were."""
    seed_global(5)
    states, threads = global_states(), torch.get_num_threads()
    refiner = bench.fit(bench.source, bench.target)
    bench.call(refiner, bench.batch(range(N_SOURCE)))
    after = global_states()
    if changed := [name for name in states if states[name] != after[name]]:
        found = f"the global random state of {', '.join(changed)} changed"
        fix = "use context.generator and generators[i], and torch.random.fork_rng around what cannot"
        yield Violation("global random state", f"fitted and refined {bench.at}", found, fix)
    if torch.get_num_threads() != threads:
        found = f"torch.get_num_threads() went from {threads} to {torch.get_num_threads()}"
        yield Violation("threads", f"fitted and refined {bench.at}", found, "leave threads to the harness")
        torch.set_num_threads(threads)


def _check_one_image(bench: RefinerBench) -> Iterator[Violation]:
    """One source image and one target image are enough."""
    only = np.array([0])
    refiner = bench.fit(bench.source.select(only), bench.target.select(only))
    batch = bench.batch([0])
    for fault in find_faults(batch.inputs, bench.call(refiner, batch)):
        yield bench.output_violation(fault, "fitted to one source and one target image and refined one")


def _check_constant_images(bench: RefinerBench) -> Iterator[Violation]:
    """Constant images and constant channels, on either side."""
    plain = [with_constant(bench.source, level, channel) for level, channel in ((0, 3), (255, 3), (90, 3), (90, 1))]
    target = with_constant(bench.target, 90, 3)
    cases = [(bench.fitted, source, "source images with constant channels") for source in plain]
    cases.append((bench.fit(bench.source, target), bench.source, "images after a fit to constant target images"))
    for refiner, source, what in cases:
        batch = bench.batch(range(N_SOURCE), source)
        for fault in find_faults(batch.inputs, bench.call(refiner, batch)):
            yield bench.output_violation(fault, f"refined {what}")


def _check_state(bench: RefinerBench) -> Iterator[Violation]:
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
        found = f"images differ by up to {gap(first, second):.3g}"
        yield Violation("state", done, found, "put all that fit learns into state_dict, and restore all of it")


def _check_views(bench: RefinerBench) -> Iterator[Violation]:
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


def _check_predictor(bench: RefinerBench) -> Iterator[Violation]:
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


def _check_optional_columns(bench: RefinerBench) -> Iterable[Violation]:
    """Optional columns may be missing: what refuses that raises, and is reported for it."""
    required = bench.cls.reads.required
    if bench.cls.reads.optional - required:
        refiner = bench.fit(bench.source, bench.target, required)
        bench.refine(refiner, bench.batch(range(N_SOURCE), reads=required))
    return ()


CHECKS: tuple[Callable[[RefinerBench], Iterable[Violation]], ...] = (
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


def gap(first: Tensor, second: Tensor) -> float:
    """The largest absolute difference."""
    return (first - second).abs().max().item()
