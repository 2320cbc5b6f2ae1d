"""The bench that a refiner is checked on: toy data, calls as a run makes them, and what goes wrong as violations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.api import Budget, FitContext, Frozen, Need, RefineBatch, Refiner, Task
from bench.api.imageset import ImageSet
from bench.testing.toys import toy_context, toy_images
from bench.testing.violations import Stop, Violation, limited, reporting
from bench.training.refine_images import Fault, find_faults, generators_for, make_batch

N_SOURCE, N_TARGET = 6, 5
TOY_STEPS = 2
CALL_SECONDS = 30.0
"""CPU time that a fit to the toy images, or refining them, may take: what takes longer does not look at its budget."""
LOOP_FIX = "end every loop"
LABELS_FIX = "name label columns of the source in `reads` (optional ones may be missing); the target has none"
OUTPUT_FIXES = {
    "keys": "return {**batch.inputs, 'image': refined}",
    "shape": "keep the number of images and their size: pad and crop inside if the network needs it",
    "dtype": "return float32 tensors",
    "finite": "guard divisions, logarithms and square roots",
    "range": "end with .clamp(0, 1)",
}


class RefinerBench:
    """One refiner with toy data of one size.

    ``task`` is what a refiner with needs trains with; by default a classifier of mean colours.
    """

    def __init__(self, cls: type[Refiner], params: Frozen | None, task: Task | None, width: int, height: int) -> None:
        self.cls, self.params, self.task = cls, params, task
        self.at = f"at {width}×{height}"
        self.source = toy_images(N_SOURCE, width, height, seed=1)
        self.target = toy_images(N_TARGET, width, height, seed=2)

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
        budget = Budget(name="light", train_steps=TOY_STEPS, batch_size=4, fit_steps=TOY_STEPS)
        with self.reporting(f"{done} with a budget of {TOY_STEPS} steps", "shorten the fit with budget.fit_at_most"):
            refiner.fit(source.only(names), target.unlabelled(), budget, self.context())
        return refiner

    def context(self) -> FitContext:
        return toy_context(self.cls.needs, self.task, self.source.image_size)

    def batch(
        self, rows: Sequence[int], source: ImageSet | None = None, reads: frozenset[str] | None = None
    ) -> RefineBatch:
        names = self.cls.reads | frozenset() if reads is None else reads
        return make_batch(source or self.source, "source_train", np.array(rows, np.int64), names)

    def refine(self, refiner: Refiner, batch: RefineBatch, seeds: Sequence[int] | None = None) -> Tensor:
        """The refined images; ``seeds[i]`` replaces the refiner seed, 0, of image ``i``."""
        outputs = self.call(refiner, batch, seeds)
        for fault in find_faults(batch.inputs, outputs):
            raise Stop(self.output_violation(fault, f"refined {len(batch.rows)} image(s)"))
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
    def reporting(self, done: str, fix: str = LOOP_FIX) -> Iterator[None]:
        with (
            limited(f"{done} {self.at}", CALL_SECONDS, fix),
            reporting(f"{done} {self.at}", LABELS_FIX, "fit and refine"),
        ):
            yield
