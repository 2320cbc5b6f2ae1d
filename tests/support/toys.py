"""Plug-ins for tests: a pair small enough to train on in a second, and refiners that misbehave in one way each.

``toy``: 16×16 images with a bright bar in one of three places; the source is reddish, the target bluish and noisier.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import numpy as np
import torch

from bench.api import Fit, Frozen, ImageSet, Limits, Need, Pair, PluginError, Reads, Refiner, SourceSplits, TargetSplits

SEEDED_WITH_0 = [0.8444218515250481, 0.5488135039273248, 0.4962565898895264]
N_SOURCE, N_TARGET, N_TEST = 96, 60, 45


def bars(n_images: int, tint: tuple[float, float, float], noise: float, seed: int) -> ImageSet:
    """Images with a horizontal bar at one of three heights; class ids cycle."""
    rng = np.random.default_rng(seed)
    class_id = np.arange(n_images) % 3
    image = rng.normal(40, noise, (n_images, 16, 16, 3))
    for row, place in enumerate(class_id):
        image[row, 2 + 5 * place : 5 + 5 * place] += 150
    pixels = np.clip(image * np.array(tint), 0, 255).astype(np.uint8)
    foreground = np.zeros((n_images, 16, 16), bool)
    return ImageSet.from_arrays(image=pixels, class_id=class_id.astype(np.int64), foreground=foreground)


class Toy(Pair):
    """Three bars."""

    name, version = "toy", 1
    title = "Toy bars"
    tasks = frozenset({"classification"})
    class_names = ("top", "middle", "bottom")
    source_labels = frozenset({"class_id", "foreground"})
    target_labels = frozenset({"class_id"})
    renders_more = True
    licence, citation = "none", "none"

    def size(self, task: str, budget: str) -> tuple[int, int]:
        return 16, 16

    def counts(self, limits: Limits) -> dict[str, int]:
        n_source = min(limits.source_images or N_SOURCE, N_SOURCE)
        return {
            "source_train": n_source,
            "source_val": 12,
            "source_extra": n_source,
            "target_train": N_TARGET,
            "target_train_labelled": N_TARGET,
            "target_test": N_TEST,
        }

    def source(self, size: tuple[int, int], fit: Fit, limits: Limits) -> SourceSplits:
        n_source = self.counts(limits)["source_train"]
        tint = (1.0, 0.4, 0.3)
        return SourceSplits(bars(n_source, tint, 10, 1), bars(12, tint, 10, 2), bars(n_source, tint, 10, 3))

    def target(self, size: tuple[int, int], fit: Fit, limits: Limits) -> TargetSplits:
        tint = (0.3, 0.5, 1.0)
        return TargetSplits(bars(N_TARGET, tint, 30, 4), np.arange(N_TARGET), bars(N_TEST, tint, 30, 5))


class Unlabelled(Toy):
    """The same without target labels, masks or more renders."""

    name = "toy_unlabelled"
    source_labels = frozenset({"class_id"})
    target_labels = frozenset()
    renders_more = False


class _Toy(Refiner):
    version = 1

    def fit(self, source, target, budget, context):
        return None


class Same(_Toy):
    """Another name for identity."""

    name = "same"

    def refine(self, batch, generators):
        return dict(batch.inputs)


class Darker(_Toy):
    """Halves the brightness, by a parameter."""

    name = "darker"

    class Params(Frozen):
        factor: float = 0.5

    def refine(self, batch, generators):
        return {"image": batch.inputs["image"] * self.params.factor}


class Tinted(Darker):
    """As darker, and asks for square crops to learn from, as networks do."""

    name = "tinted"
    tiles = True

    def fit(self, source, target, budget, context):
        if budget.fit_steps is not None:
            raise RuntimeError("a fit of full length was expected, and the budget is a smoke run's")
        for images in (source, target):
            _, height, width, _ = images.columns["image"].array.shape
            if height != width or height > 96:
                raise RuntimeError(f"expected square crops of 96 pixels at most, found {width}x{height}")


class Twice(_Toy):
    """Two noisy samples of each source image."""

    name = "twice"
    views = 2

    def refine(self, batch, generators):
        noise = torch.stack(
            [torch.rand(x.shape, generator=g) for x, g in zip(batch.inputs["image"], generators, strict=True)]
        )
        return {"image": (batch.inputs["image"] + 0.1 * noise).clamp(0, 1)}


class NeedsDepth(Same):
    """Reads a label that no toy has."""

    name = "needs_depth"
    reads = Reads(required=frozenset({"depth_m"}))


class Joint(Same):
    """Trains a task network of its own for three steps."""

    name = "joint"
    needs = frozenset({Need.TASK_LOSS})
    joint = True

    def fit(self, source, target, budget, context):
        self.network = context.build().train()
        rows = np.arange(8)
        inputs = {"image": torch.from_numpy(source.columns["image"].take(rows)).permute(0, 3, 1, 2) / 255}
        labels = {"class_id": torch.from_numpy(source.columns["class_id"].take(rows))}
        optimiser = torch.optim.SGD(self.network.parameters(), lr=0.01)
        for step in range(3):
            optimiser.zero_grad()
            loss = context.loss(self.network, inputs, labels)
            loss.backward()
            optimiser.step()
            context.progress(step + 1, 3, loss.item())
        self.images_seen = 24

    def predictor(self):
        return self.network.state_dict()


class Raises(_Toy):
    """Raises while fitting."""

    name = "raises"

    def fit(self, source, target, budget, context):
        raise RuntimeError("the flux capacitor is empty")

    def refine(self, batch, generators):
        raise PluginError("never reached")


class Grows(_Toy):
    """Returns another size."""

    name = "grows"

    def refine(self, batch, generators):
        return {"image": torch.zeros(len(batch.rows), 3, 17, 16)}


class GivesNaN(_Toy):
    """Returns NaN."""

    name = "gives_nan"

    def refine(self, batch, generators):
        return {"image": batch.inputs["image"] * float("nan")}


class TooBright(_Toy):
    """Leaves [0, 1]."""

    name = "too_bright"

    def refine(self, batch, generators):
        return {"image": batch.inputs["image"] + 1.5}


class Exits(_Toy):
    """Ends the process."""

    name = "exits"

    def refine(self, batch, generators):
        os._exit(7)


class Loops(Same):
    """Never ends, and prints."""

    name = "loops"

    def fit(self, source, target, budget, context):
        print("round and round")
        while True:
            time.sleep(0.01)


class Advances(Same):
    """Takes two seconds and says how far it is."""

    name = "advances"

    def fit(self, source, target, budget, context):
        for step in range(10):
            time.sleep(0.2)
            context.progress(step + 1, 10, 0.0)


class Hoards(Same):
    """Takes 100 MB after another, 3 GB in all, and keeps them."""

    name = "hoards"

    def fit(self, source, target, budget, context):
        self.hoard = []
        for _ in range(30):
            self.hoard.append(np.ones(100 * 2**20, np.uint8))
            time.sleep(0.05)


class Spawns(Same):
    """Waits for a process of its own that never ends."""

    name = "spawns"

    def fit(self, source, target, budget, context):
        process = subprocess.Popen(["sleep", "600"])
        print("started", process.pid)
        process.wait()


class Leaves(Same):
    """Calls sys.exit."""

    name = "leaves"

    def fit(self, source, target, budget, context):
        sys.exit("no licence found")


class Chatters(_Toy):
    """Prints 20 MB, through Python and past it, and fails with a long message."""

    name = "chatters"

    def fit(self, source, target, budget, context):
        print("a lot of noise\n" * 1_000_000)
        os.write(2, b"more noise\n" * 500_000)
        os.write(1, b"last words\n")

    def refine(self, batch, generators):
        raise ValueError("why " * 100_000)


class Meddles(Same):
    """Changes what belongs to the process."""

    name = "meddles"

    def fit(self, source, target, budget, context):
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        torch.manual_seed(0)
        torch.set_num_threads(3)
        torch.set_default_dtype(torch.float64)
        os.environ["MEDDLED"] = "yes"
        os.chdir("/")


class Inspects(Same):
    """Fails unless the process is as it should be."""

    name = "inspects"

    def fit(self, source, target, budget, context):
        assert [random.random(), np.random.rand(), torch.rand(()).item()] != SEEDED_WITH_0  # noqa: NPY002
        assert torch.get_num_threads() == 1
        assert torch.get_default_dtype() == torch.float32
        assert "MEDDLED" not in os.environ
        assert os.getcwd() != "/"  # noqa: PTH109


class Slow(Same):
    """Takes its time, so that a test can interrupt it."""

    name = "slow"

    def fit(self, source, target, budget, context):
        time.sleep(2)
