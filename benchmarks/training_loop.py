"""What the training loop costs beyond the network: images per second of ``bench.training.loop``, and of a bare loop.

    OMP_NUM_THREADS=1 python benchmarks/training_loop.py [TASK:MODEL …] [--steps 40] [--rounds 15] [--device cuda]

without arguments every task's default model. The bare loop is forward, loss, backward and optimiser step on batches
that already lie in memory as float tensors: no sampling, no conversion from uint8, no schedule, no clipping, no checks.
Same network, optimiser, batch size (the light budget's) and memory format, one thread. ``train`` is timed as a whole,
its checks and set-up included.

On a CPU times are CPU seconds of this process, so that waiting for a core does not count; neighbours on a shared core
still slow it down, hence short rounds in which the loops take turns, and ratios within a round. Printed: medians over
rounds, and for ratios the quartiles. ``loop/bare`` near 1 means that the harness is free; ``strong/plain`` is the
speed that ``strong`` leaves.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.api import LabelSpace, ModelParams, Task
from bench.api.imageset import ImageSet
from bench.api.names import split_variant
from bench.plugins.registry import Registry
from bench.training.batches import Phase, Stream
from bench.training.loop import train

N_CLASSES = 8
SIZES = {"classification": (32, 32), "pose": (64, 64), "segmentation": (128, 96), "detection": (128, 128)}
"""The embedded pairs' at budget ``light``; other tasks: 96 × 96."""


def random_images(task: Task, size: tuple[int, int], n_images: int) -> ImageSet:
    """Noise with labels of the right kind: a step takes as long on it as on photographs."""
    rng, (width, height) = np.random.default_rng(0), size
    quaternion = rng.normal(size=(n_images, 4)).astype(np.float32)
    corners = np.sort(rng.uniform(0.1, 0.9, (n_images, 4, 2, 2)), axis=2) * (width, height)
    columns = {
        "class_id": rng.integers(0, N_CLASSES, n_images),
        "quaternion": quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True),
        "mask": rng.integers(0, N_CLASSES, (n_images, height, width)).astype(np.uint8),
        "depth_m": rng.uniform(1, 9, (n_images, height, width)).astype(np.float32),
        "free_distance_m": rng.uniform(1, 9, (n_images, 16)).astype(np.float32),
        "boxes": corners.reshape(n_images, 4, 4).astype(np.float32),
        "box_class": rng.integers(0, N_CLASSES, (n_images, 4)),
    }
    image = rng.integers(0, 256, (n_images, height, width, 3), dtype=np.uint8)
    return ImageSet.from_arrays(image=image, **{name: columns[name] for name in task.labels})


def bare_seconds(
    task: Task, network: torch.nn.Module, images: ImageSet, batch_size: int, n_steps: int, device: torch.device
) -> float:
    """Seconds of ``n_steps`` of the shortest loop that trains."""
    columns = {name: torch.from_numpy(array).to(device) for name, array in images.take(np.arange(batch_size)).items()}
    inputs = {"image": columns.pop("image").permute(0, 3, 1, 2).float() / 255}
    network.to(device).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), fused=True)

    def steps() -> None:
        for _ in range(n_steps):
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = task.loss(network, inputs, columns)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return seconds_of(steps, device)


def loop_seconds(
    task: Task,
    model: str,
    network: torch.nn.Module,
    images: ImageSet,
    n_steps: int,
    recipe: Literal["plain", "strong"],
    device: torch.device,
) -> float:
    """Seconds of ``bench.training.loop.train``."""

    def steps() -> None:
        train(
            task,
            network,
            (Phase((Stream((images,), 1.0),), n_steps),),
            recipe=recipe,
            optimiser=task.model(model).optimiser,
            batch_size=task.budgets["light"].batch_size,
            seed=0,
            device=device,
            progress=lambda *_: None,
        )

    return seconds_of(steps, device)


def seconds_of(steps: Callable[[], None], device: torch.device) -> float:
    """CPU seconds of this process; wall seconds where a GPU does the work."""
    if device.type == "cpu":
        start = time.process_time()
        steps()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    steps()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def quartiles(ratios: np.ndarray) -> str:
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f}..{high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="TASK:MODEL")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    registry = Registry()
    asked = options.models or registry.names(Task)

    print(f"{'images per second':32}{'bare':>8}{'plain':>8}{'strong':>8}{'loop/bare':>22}{'strong/plain':>22}")
    for name in asked:
        task_name, _, model = name.partition(":")
        task = registry.task(task_name)[0]
        model = model or task.default_model
        size, batch_size = SIZES.get(task_name, (96, 96)), task.budgets["light"].batch_size
        images = random_images(task, size, 4 * batch_size)
        names = tuple(str(number) for number in range(N_CLASSES))
        space = LabelSpace(class_names=names, width=size[0], height=size[1], depth_range_m=(0.1, 10), safe_distance_m=1)
        described = registry.model(task, model)
        params, generator = ModelParams(**described.params), torch.Generator().manual_seed(0)
        network = task.build(split_variant(model)[0], params, space, generator)
        bare_seconds(task, network, images, batch_size, 2, options.device)
        seconds = np.array(
            [
                (
                    bare_seconds(task, network, images, batch_size, options.steps, options.device),
                    loop_seconds(task, described.name, network, images, options.steps, "plain", options.device),
                    loop_seconds(task, described.name, network, images, options.steps, "strong", options.device),
                )
                for _ in range(options.rounds)
            ]
        )
        bare, plain, strong = seconds.T
        speeds = "".join(f"{speed:8.0f}" for speed in options.steps * batch_size / np.median(seconds, axis=0))
        ratios = f"{quartiles(bare / plain):>22}{quartiles(plain / strong):>22}"
        print(f"{task_name}:{model:<{31 - len(task_name)}}{speeds}{ratios}", flush=True)


if __name__ == "__main__":
    main()
