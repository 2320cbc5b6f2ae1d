"""Toy data for conformance checks: a few random images with all columns, and a classifier of mean colours."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.api import FitContext, LabelSpace, ModelParams, Need, Task
from bench.api.imageset import ImageSet


def toy_images(n_images: int, width: int, height: int, seed: int) -> ImageSet:
    """Coloured rectangles on noisy backgrounds, with every known column; read-only, as memory maps are."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    left, top = rng.integers(1, max(width // 2, 2), n_images), rng.integers(1, max(height // 2, 2), n_images)
    foreground = (x >= left[:, None, None]) & (y >= top[:, None, None])
    colour = rng.uniform(40, 215, (2, n_images, 1, 1, 3))
    image = np.where(foreground[..., None], colour[0], colour[1]) + rng.normal(0, 12, (n_images, height, width, 3))
    depth_m = np.where(foreground, 1.0, 3.0).astype(np.float32)
    boxes, box_class = np.zeros((n_images, 2, 4), np.float32), np.full((n_images, 2), -1)
    boxes[:, 0] = np.stack([left, top, np.full(n_images, width), np.full(n_images, height)], axis=1)
    class_id = box_class[:, 0] = rng.integers(0, 3, n_images)
    quaternion = rng.normal(size=(n_images, 4)).astype(np.float32)
    arrays = {
        "image": image.clip(0, 255).astype(np.uint8),
        "sensor_depth_m": depth_m,
        "class_id": class_id,
        "quaternion": quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True),
        "mask": foreground.astype(np.uint8),
        "foreground": foreground,
        "depth_m": depth_m,
        "in_target_look": 255 - image.clip(0, 255).astype(np.uint8),
        "boxes": boxes,
        "box_class": box_class,
        "free_distance_m": rng.uniform(1, 3, (n_images, 16)).astype(np.float32),
        "intrinsics": np.tile(np.array([width, width, width / 2, height / 2], np.float32), (n_images, 1)),
        "native_size": np.tile(np.array([width, height]), (n_images, 1)),
        "camera_height_m": np.full(n_images, 1.5, np.float32),
        "up": np.tile(np.array([0, -1, 0], np.float32), (n_images, 1)),
    }
    for array in arrays.values():
        array.flags.writeable = False
    return ImageSet.from_arrays({"background_template": rng.integers(0, 256, (height, width, 3), np.uint8)}, **arrays)


def with_constant(images: ImageSet, level: int, n_channels: int) -> ImageSet:
    """The same set, the first ``n_channels`` channels of its images set to ``level``."""
    columns = images.take(np.arange(images.n_images))
    columns["image"][..., :n_channels] = level
    return ImageSet.from_arrays(images.assets, **columns)


def toy_space(size: tuple[int, int]) -> LabelSpace:
    """Of :func:`toy_images` of this width and height."""
    return LabelSpace(
        class_names=("a", "b", "c"), width=size[0], height=size[1], depth_range_m=(0.5, 4.0), safe_distance_m=1.0
    )


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


def toy_context(needs: frozenset[Need], task: Task | None, size: tuple[int, int]) -> FitContext:
    """What ``fit`` gets; where ``needs`` asks for a task and there is none, a classifier of mean colours."""
    generator = torch.Generator().manual_seed(0)
    build, loss, predict = _build_toy_network, _toy_loss, _toy_predict
    space = toy_space(size)
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
