"""The bench that a task is checked on: toy data, trained and predicted by the harness's own loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.api import Frozen, ModelParams, ModelSpec, Task
from bench.api.imageset import ImageSet
from bench.testing.refiner_bench import CALL_SECONDS, LOOP_FIX
from bench.testing.toys import toy_images, toy_space
from bench.testing.violations import limited, reporting
from bench.training.batches import Phase, Stream
from bench.training.loop import train
from bench.training.prediction import predict
from bench.training.refine_images import to_float

N_TRAIN, N_TEST = 12, 6
TOY_STEPS = 3
LABELS_FIX = "name the labels, inputs and geometry columns used as class attributes; predict sees no labels"


class TaskBench:
    """One task, one of its models, and toy data of one size, which serve as training and as test set."""

    def __init__(self, cls: type[Task], params: Frozen | None, model: str | None, size: tuple[int, int]) -> None:
        self.cls, self.params, self.model_name = cls, params, model or cls.default_model
        self.at = f"at {size[0]}×{size[1]}"
        self.training_set = toy_images(N_TRAIN, *size, seed=1)
        self.test_set = toy_images(N_TEST, *size, seed=2)
        inputs = tuple(name for name in (*cls.inputs, *cls.optional_inputs) if name in self.test_set.columns)
        self.space = toy_space(size).model_copy(update={"inputs": inputs})

    @cached_property
    def task(self) -> Task:
        with self.reporting("made the task"):
            return self.cls(self.params)

    @cached_property
    def model(self) -> ModelSpec:
        return self.task.model(self.model_name)

    def network(self) -> nn.Module:
        with self.reporting(f"built the model {self.model.name!r}"):
            generator = torch.Generator().manual_seed(0)
            return self.task.build(self.model.name, ModelParams(), self.space, generator)

    def loss(self, network: nn.Module) -> tuple[Any, list[str]]:
        """The loss of the training set, and the columns of it that computing it changed."""
        rows = np.arange(N_TRAIN)
        columns = {name: self.training_set.columns[name].take(rows) for name in (*self.space.inputs, *self.task.labels)}
        tensors = {name: to_float(a) if name == "image" else torch.from_numpy(a) for name, a in columns.items()}
        before = {name: tensor.clone() for name, tensor in tensors.items()}
        with self.reporting("computed the loss of a batch"):
            loss = self.task.loss(
                network,
                {name: tensors[name] for name in self.space.inputs},
                {name: tensors[name] for name in self.task.labels},
            )
        return loss, [name for name in before if not torch.equal(before[name], tensors[name])]

    @cached_property
    def trained(self) -> nn.Module:
        """After :data:`TOY_STEPS` steps of recipe ``strong``, which uses every augmentation that the task allows."""
        network = self.network()
        phases = [Phase((Stream((self.training_set,), fraction=1.0),), TOY_STEPS)]
        with self.reporting(f"trained {TOY_STEPS} steps of recipe 'strong'"):
            train(
                self.task,
                network,
                phases,
                recipe="strong",
                optimiser=self.model.optimiser,
                batch_size=4,
                seed=0,
                device="cpu",
                progress=lambda step, n_steps, loss: None,
            )
        return network

    def predictions(self, images: ImageSet, batch_size: int) -> dict[str, np.ndarray]:
        with self.reporting(f"predicted {images.n_images} images, {batch_size} at a time"):
            return predict(self.task, self.trained, images, batch_size=batch_size, device="cpu")

    def statistics(self, predictions: Mapping[str, np.ndarray], rows: Sequence[int]) -> dict[str, np.ndarray]:
        """Of rows of the test set, and of the same rows of its predictions."""
        index = np.array(rows, np.int64)
        names = (*self.task.labels, *self.task.geometry)
        labels = {name: self.test_set.columns[name].take(index) for name in names}
        with self.reporting(f"compared {len(rows)} image(s) with their labels"):
            return self.task.statistics({name: array[index] for name, array in predictions.items()}, labels, self.space)

    def score(self, statistics: Mapping[str, np.ndarray]) -> dict[str, float]:
        with self.reporting("scored the statistics"):
            return self.task.score(statistics, self.space)

    def contributions(self, statistics: Mapping[str, np.ndarray]) -> np.ndarray:
        with self.reporting("asked for the images' contributions"):
            return self.task.contributions(statistics, self.space)

    @contextmanager
    def reporting(self, done: str) -> Iterator[None]:
        done = f"{done} {self.at}"
        with limited(done, CALL_SECONDS, LOOP_FIX), reporting(done, LABELS_FIX, "every method"):
            yield
