"""What each step costs, and how near it comes to what the processor can do.

    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 python benchmarks/steps.py [NAME …] [--size 64] [--rounds 60] [--no-limit]

A NAME is ``fit:REFINER``, ``refine:REFINER`` or ``train:TASK:MODEL``, or the beginning of one: ``fit`` is every fit.
Without names everything is measured: the fit of every learned refiner at budget ``light``, ``refine`` of every refiner,
and a training step of every task's default model and of every model with a bundled encoder.

    ms           processor time per image, median over the looks of a fit (every 20 rounds) or over the repetitions
    GFLOP        per image, by ``torch.utils.flop_counter``: convolutions and matrix products, forward and backward
    GFLOP/s      both together
    conv+mm      share of the operators' own time, by ``torch.profiler``
    random       share of the same time in drawing random numbers
    limit        GFLOP/s of the same convolutions and matrix products alone: each recorded shape is run again by itself,
                 several times, in this process; in float32 and in bfloat16 (``-`` where the processor lacks it)
    of limit     GFLOP/s over the limit in float32
    peak         memory that the case adds to the process, MiB; every case runs in a process of its own

The images are toy images; a step takes as long on them as on photographs. A GPU is not used.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo  # which counting needs: forked cases inherit it
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1]))

import itertools

from bench.api import Budget, FitContext, ModelParams, Refiner, Task
from bench.api.imageset import ImageSet
from bench.api.names import split_variant
from bench.plugins.registry import Registry
from bench.testing import toy_images
from bench.testing.toys import toy_context, toy_space
from bench.training.adversarial import loop
from bench.training.adversarial.batches import Batches
from bench.training.batches import Phase, Stream
from bench.training.loop import train
from bench.training.refine_images import generators_for, make_batch

N_IMAGES = 128
WITH_PARAMETERS = {"precomputed": None}
"""Refiners that need more than toy images: they are not measured here."""
TASK_OF = {"t2net": "depth"}
HEAVY = ("conv", "addmm", "aten::mm", "aten::bmm", "baddbmm")
RANDOM = ("normal_", "bernoulli", "uniform_", "random_", "randperm", "dropout")
REPLAYED = {
    torch.ops.aten.convolution.default,
    torch.ops.aten.convolution_backward.default,
    torch.ops.aten.mm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten.bmm.default,
}


@dataclass(frozen=True)
class Work:
    """``run`` does the work and returns (images, processor seconds) of each piece of it that was timed; its argument
    asks for a short piece of work, to count and to profile."""

    name: str
    run: Callable[[bool], list[tuple[int, float]]]


def work_of_fit(refiner: Refiner, task: Task | None, size: int, n_rounds: int) -> Work:
    """Looks of a short fit after the first one, by which all memory is there."""

    def run(short: bool) -> list[tuple[int, float]]:
        looks: list[tuple[int, float]] = []

        def progress(step: int, n_steps: int, loss: float) -> None:
            looks.append((Counted.n_images, time.process_time()))

        given = toy_context(refiner.needs, task, (size, size))
        context = FitContext(**{**vars(given), "progress": progress})
        columns = refiner.reads | frozenset()
        if refiner.needs:
            columns |= frozenset(task.labels if task else {"class_id"})
        source, target = toy_images(N_IMAGES, size, size, seed=1), toy_images(N_IMAGES, size, size, seed=2)
        with Counted():
            budget = Budget(name="light", train_steps=1, batch_size=1, fit_steps=20 if short else n_rounds)
            refiner.fit(source.only(columns), target.unlabelled(), budget, context)
        return [(n - m, end - start) for (m, start), (n, end) in itertools.pairwise(looks)]

    return Work(f"fit:{refiner.name}", run)


class Counted:
    """Counts the source images that a fit draws; the look at the outputs of a finished fit takes one image only."""

    n_images = 0

    def __enter__(self) -> None:
        self._draw = draw = Batches.draw
        self._n_inspected, loop.N_INSPECTED = loop.N_INSPECTED, 1
        Counted.n_images = 0

        def counting(batches: Batches, n_images: int) -> Any:
            Counted.n_images += n_images
            return draw(batches, n_images)

        Batches.draw = counting  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        Batches.draw = self._draw  # type: ignore[method-assign]
        loop.N_INSPECTED = self._n_inspected


def work_of_refine(refiner: Refiner, task: Task | None, size: int) -> Work:
    """Whole batches of 64 through a hardly fitted refiner."""
    source, target = toy_images(64, size, size, seed=1), toy_images(64, size, size, seed=2)
    columns = refiner.reads | frozenset()
    given = columns | frozenset(task.labels if task else {"class_id"}) if refiner.needs else columns
    context = toy_context(refiner.needs, task, (size, size))
    budget = Budget(name="light", train_steps=1, batch_size=1, fit_steps=1)
    refiner.fit(source.only(given), target.unlabelled(), budget, context)
    rows = np.arange(64)
    batch, generators = make_batch(source, "source_train", rows, columns), generators_for(0, "source_train", rows, 0)

    def run(short: bool) -> list[tuple[int, float]]:
        timed = []
        for _ in range(2 if short else 5):
            start = time.process_time()
            with torch.no_grad():
                refiner.refine(batch, generators)
            timed.append((len(rows), time.process_time() - start))
        return timed[1:]

    return Work(f"refine:{refiner.name}", run)


def work_of_training(task: Task, model: str, registry: Registry, size: int, n_steps: int) -> Work:
    """Steps of :func:`bench.training.loop.train` with recipe ``strong``."""
    described = registry.model(task, model)
    images = toy_images(N_IMAGES, size, size, seed=1)
    batch_size = task.budgets["light"].batch_size

    def run(short: bool) -> list[tuple[int, float]]:
        generator = torch.Generator().manual_seed(0)
        params = ModelParams(**described.params)
        network = task.build(split_variant(model)[0], params, toy_space((size, size)), generator)
        stamps: list[float] = []
        stream = Stream((ImageSet.from_arrays(**image_columns(images, task)),), 1.0)
        phases = (Phase((stream,), 3 if short else n_steps),)
        train(
            task,
            network,
            phases,
            recipe="strong",
            optimiser=task.model(described.name).optimiser,
            batch_size=batch_size,
            seed=0,
            device=torch.device("cpu"),
            progress=lambda *_: None,
            after_step=lambda step: stamps.append(time.process_time()),
        )
        return [(batch_size, end - start) for start, end in itertools.pairwise(stamps)]

    return Work(f"train:{task.name}:{model}", run)


def image_columns(images: ImageSet, task: Task) -> dict[str, np.ndarray]:
    columns = images.take(np.arange(images.n_images))
    return {name: columns[name] for name in ("image", *task.labels)}


class Shapes(TorchDispatchMode):
    """Counts the convolutions and matrix products, by operator and by the shapes, strides and options that they get."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[tuple[Any, str]] = Counter()
        self.arguments: dict[tuple[Any, str], Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in REPLAYED:
            described = tree_map(lambda value: Like.of(value) if isinstance(value, torch.Tensor) else value, args)
            key = (func, repr(described))
            self.calls[key] += 1
            self.arguments[key] = described
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Like:
    """A tensor's shape and strides."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @classmethod
    def of(cls, tensor: torch.Tensor) -> Like:
        return cls(tuple(tensor.shape), tensor.stride())

    def make(self, dtype: torch.dtype) -> torch.Tensor:
        return torch.empty_strided(self.shape, self.stride, dtype=dtype).normal_()


def seconds_alone(shapes: Shapes, dtype: torch.dtype) -> float:
    """Processor seconds of all recorded calls, each at the fastest of its repetitions."""
    total = 0.0
    for key, n_calls in shapes.calls.items():
        args = tree_map(lambda value: value.make(dtype) if isinstance(value, Like) else value, shapes.arguments[key])
        best = float("inf")
        for _ in range(4):
            start = time.process_time()
            key[0](*args)
            best = min(best, time.process_time() - start)
        total += n_calls * best
    return total


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and "avx512_bf16" in _cpu_flags()


def _cpu_flags() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def share(profiled: profile, names: tuple[str, ...]) -> float:
    events = [(event.key, event.self_cpu_time_total) for event in profiled.key_averages()]
    total = sum(t for _, t in events)
    return sum(t for key, t in events if any(n in key for n in names)) / total if total else 0.0


def measure(make: Callable[[], Work], with_limit: bool) -> None:
    """Print the line of one case."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    torch.set_num_threads(1)
    work = make()
    timed = work.run(False)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    ms = 1e3 * float(np.median([seconds / n_images for n_images, seconds in timed]))
    shapes = Shapes()
    with Counted(), FlopCounterMode(display=False) as counter, shapes if with_limit else nullcontext():
        pieces = work.run(True)
        n_images = Counted.n_images or sum(n for n, _ in pieces) + pieces[0][0]  # the first piece is not timed
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        work.run(True)
    gflop = counter.get_total_flops() / 1e9 / n_images
    rate = gflop / ms * 1e3
    line = f"{work.name:40}{ms:9.3f}{gflop:9.3f}{rate:9.1f}{share(profiled, HEAVY):9.0%}{share(profiled, RANDOM):9.1%}"
    if with_limit and gflop:
        limits = [counter.get_total_flops() / 1e9 / seconds_alone(shapes, torch.float32)]
        line += f"{limits[0]:9.0f}"
        if has_bfloat16():
            line += f"{counter.get_total_flops() / 1e9 / seconds_alone(shapes, torch.bfloat16):9.0f}"
        else:
            line += f"{'-':>9}"
        line += f"{rate / limits[0]:9.0%}"
    elif with_limit:
        line += f"{'-':>9}" * 3
    print(f"{line}{peak:8.0f}", flush=True)


def cases(options: argparse.Namespace) -> dict[str, Callable[[], Work]]:
    """Everything that can be measured, by name."""
    registry = Registry()
    found: dict[str, Callable[[], Work]] = {}
    size = options.size
    refiners = [name for name in registry.names(Refiner) if name not in WITH_PARAMETERS]

    def task_for(name: str) -> Task | None:
        return registry.task(TASK_OF[name])[0] if name in TASK_OF else None

    for name in refiners:
        if registry.get(Refiner, name).fit_seconds >= 1:
            found[f"fit:{name}"] = lambda name=name: work_of_fit(
                registry.refiner(name)[0], task_for(name), size, options.rounds
            )
    for name in refiners:
        found[f"refine:{name}"] = lambda name=name: work_of_refine(registry.refiner(name)[0], task_for(name), size)
    for name in registry.names(Task):
        task = registry.task(name)[0]
        bundled = [model for model, about in task.models.items() if about.bundled]
        for model in dict.fromkeys([task.default_model, *bundled]):
            variant = f"{model}:pretrained=bundled" if model in bundled else model
            found[f"train:{name}:{variant}"] = lambda task=task, variant=variant: work_of_training(
                task, variant, registry, size, 12
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--size", type=int, default=64, help="side of the images in pixels")
    parser.add_argument("--rounds", type=int, default=60, help="rounds of each fit, 40 or more")
    parser.add_argument("--no-limit", action="store_true", help="leave out the limits, which take as long as the rest")
    options = parser.parse_args()
    found = cases(options)
    chosen = [name for name in found if not options.names or any(name.startswith(asked) for asked in options.names)]
    if not chosen:
        parser.error(f"nothing is called {' '.join(options.names)}; known: {', '.join(found)}")
    columns = ("ms", "GFLOP", "GFLOP/s", "conv+mm", "random")
    if not options.no_limit:
        columns += ("limit", "in bf16", "of limit")
    print(f"{'':40}{''.join(f'{column:>9}' for column in columns)}{'peak':>8}")
    context = multiprocessing.get_context("fork")
    failed = []
    for name in chosen:
        process = context.Process(target=measure, args=(found[name], not options.no_limit))
        process.start()
        process.join()
        if process.exitcode:
            failed.append(name)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
