"""Fitting and refining plain arrays, as the tests of all refiners need it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from bench.api import Budget, FitContext, Refiner
from bench.data.imageset import ImageSet
from bench.refining import generators_for, make_batch


@pytest.fixture
def fit() -> Callable[..., Refiner]:
    """``fit(refiner, target)`` fits to (N, H, W, 3) uint8 images, which stand in for the source too; returns it."""

    def run(refiner: Refiner, target: np.ndarray, source: np.ndarray | None = None, seed: int = 0) -> Refiner:
        context = FitContext(torch.Generator().manual_seed(seed), torch.device("cpu"), lambda step, n_steps, loss: None)
        budget = Budget(name="light", train_steps=1, batch_size=1)
        images = ImageSet.from_arrays(image=target if source is None else source)
        refiner.fit(images, ImageSet.from_arrays(image=target).unlabelled(), budget, context)
        return refiner

    return run


@pytest.fixture
def refine() -> Callable[..., np.ndarray]:
    """``refine(refiner, images)`` → (N, H, W, 3) float32 in [0, 1], refined in one batch."""

    def run(refiner: Refiner, images: np.ndarray, split: str = "source_train", seed: int = 0) -> np.ndarray:
        rows = np.arange(len(images))
        batch = make_batch(ImageSet.from_arrays(image=images), split, rows, frozenset())
        outputs = refiner.refine(batch, generators_for(seed, split, rows, view=0))
        return outputs["image"].permute(0, 2, 3, 1).numpy()

    return run


@pytest.fixture
def photographs() -> np.ndarray:
    """Twelve 32×32 crops of scikit-image's astronaut, (12, 32, 32, 3) uint8."""
    from skimage.data import astronaut

    image = astronaut()[::2, ::2]
    corners = [(y, x) for y in (0, 64, 128) for x in (0, 64, 128, 192)]
    return np.stack([image[y : y + 32, x : x + 32] for y, x in corners])
