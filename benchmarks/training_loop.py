"""What the training loop costs beyond the network: images per second of ``bench.training.train`` beside a bare loop.

    python benchmarks/training_loop.py [--models light_cnn,pixelda_mnist] [--size 32] [--steps 100] [--rounds 5]

The bare loop is forward, loss, backward and optimiser step on batches that already lie in memory as float tensors:
no sampling, no conversion from uint8, no schedule, no clipping, no checks. Same network, optimiser, batch size (64) and
memory format, one thread. The three loops take turns, so that a busy machine disturbs all alike; figures are medians
over rounds. ``loop/bare`` near 1 means that the harness is free; ``strong/plain`` is what recipe ``strong`` costs.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.api import LabelSpace, ModelParams
from bench.data.imageset import ImageSet
from bench.training import Phase, Stream, train
from tasks.classification import Classification

BATCH = 64
N_IMAGES = 2_000
TASK = Classification()


def bare_seconds(network: torch.nn.Module, images: ImageSet, n_steps: int) -> float:
    """Seconds of ``n_steps`` of the shortest loop that trains."""
    columns = images.take(np.arange(BATCH))
    inputs = {"image": torch.from_numpy(columns["image"]).permute(0, 3, 1, 2).float() / 255}
    labels = {"class_id": torch.from_numpy(columns["class_id"])}
    network.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), fused=True)
    start = time.perf_counter()
    for _ in range(n_steps):
        loss = TASK.loss(network(inputs), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="light_cnn,pixelda_mnist")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)

    rng = np.random.default_rng(0)
    images = ImageSet.from_arrays(
        image=rng.integers(0, 256, (N_IMAGES, options.size, options.size, 3), dtype=np.uint8),
        class_id=rng.integers(0, 10, N_IMAGES),
    )
    space = LabelSpace(class_names=tuple("0123456789"), width=options.size, height=options.size)
    print(f"{'model':24}{'bare':>9}{'plain':>9}{'strong':>9}  images/s{'loop/bare':>12}{'strong/plain':>14}{'ms/step':>10}")
    for model in options.models.split(","):
        network = TASK.build(model, ModelParams(), space, torch.Generator().manual_seed(0))
        seconds: dict[str, list[float]] = {"bare": [], "plain": [], "strong": []}
        for _ in range(options.rounds):
            seconds["bare"].append(bare_seconds(network, images, options.steps))
            for recipe in ("plain", "strong"):
                phases = (Phase((Stream((images,), 1.0),), options.steps),)
                result = train(
                    TASK, network, phases,
                    recipe=recipe, batch_size=BATCH, seed=0, device="cpu", progress=lambda *_: None,
                )  # fmt: skip
                seconds[recipe].append(result.seconds)
        bare, plain, strong = (median(seconds[name]) for name in ("bare", "plain", "strong"))
        n_images = options.steps * BATCH
        print(
            f"{model:24}{n_images / bare:9.0f}{n_images / plain:9.0f}{n_images / strong:9.0f}{'':10}"
            f"{bare / plain:12.2f}{strong / plain:14.2f}{1e3 * strong / options.steps:10.1f}"
        )


if __name__ == "__main__":
    main()
