"""What the training loop costs beyond the network: images per second of ``bench.training.train`` beside a bare loop.

    OMP_NUM_THREADS=1 python benchmarks/training_loop.py [--models light_cnn,pixelda_mnist] [--steps 40] [--rounds 15]

The bare loop is forward, loss, backward and optimiser step on batches that already lie in memory as float tensors:
no sampling, no conversion from uint8, no schedule, no clipping, no checks. Same network, optimiser, batch size (64) and
memory format, one thread. ``train`` is timed as a whole, its checks and set-up included.

Times are CPU seconds of this process, so that waiting for a core does not count; neighbours on a shared core still slow
it down, hence short rounds in which the loops take turns, and ratios within a round. Printed: medians over rounds, and
for ratios the quartiles. ``loop/bare`` near 1 means that the harness is free; ``strong/plain`` is speed that
``strong`` leaves.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Literal

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.api import ADAMW, LabelSpace, ModelParams
from bench.data.imageset import ImageSet
from bench.training import Phase, Stream, train
from tasks.classification import Classification

BATCH = 64
N_IMAGES = 2_000
TASK = Classification()


def bare_seconds(network: torch.nn.Module, images: ImageSet, n_steps: int) -> float:
    """CPU seconds of ``n_steps`` of the shortest loop that trains."""
    columns = images.take(np.arange(BATCH))
    inputs = {"image": torch.from_numpy(columns["image"]).permute(0, 3, 1, 2).float() / 255}
    labels = {"class_id": torch.from_numpy(columns["class_id"])}
    network.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), fused=True)
    start = time.process_time()
    for _ in range(n_steps):
        loss = TASK.loss(network, inputs, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return time.process_time() - start


def loop_seconds(network: torch.nn.Module, images: ImageSet, n_steps: int, recipe: Literal["plain", "strong"]) -> float:
    """CPU seconds of ``bench.training.train``."""
    phases = (Phase((Stream((images,), 1.0),), n_steps),)
    start = time.process_time()
    train(
        TASK,
        network,
        phases,
        recipe=recipe,
        optimiser=ADAMW,
        batch_size=BATCH,
        seed=0,
        device="cpu",
        progress=lambda *_: None,
    )
    return time.process_time() - start


def quartiles(ratios: np.ndarray) -> str:
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f}..{high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="light_cnn,pixelda_mnist")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)

    rng = np.random.default_rng(0)
    images = ImageSet.from_arrays(
        image=rng.integers(0, 256, (N_IMAGES, options.size, options.size, 3), dtype=np.uint8),
        class_id=rng.integers(0, 10, N_IMAGES),
    )
    space = LabelSpace(class_names=tuple("0123456789"), width=options.size, height=options.size)
    n_images = options.steps * BATCH
    print(f"{'images per CPU second':24}{'bare':>8}{'plain':>8}{'strong':>8}{'loop/bare':>22}{'strong/plain':>22}")
    for model in options.models.split(","):
        network = TASK.build(model, ModelParams(), space, torch.Generator().manual_seed(0))
        bare_seconds(network, images, n_steps=5)
        seconds = np.array(
            [
                (
                    bare_seconds(network, images, options.steps),
                    loop_seconds(network, images, options.steps, "plain"),
                    loop_seconds(network, images, options.steps, "strong"),
                )
                for _ in range(options.rounds)
            ]
        )
        bare, plain, strong = seconds.T
        speeds = "".join(f"{speed:8.0f}" for speed in n_images / np.median(seconds, axis=0))
        print(f"{model:24}{speeds}{quartiles(bare / plain):>22}{quartiles(plain / strong):>22}")


if __name__ == "__main__":
    main()
