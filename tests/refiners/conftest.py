"""Fitting and refining plain arrays, as the tests of all refiners need it; and CycleGANs small enough for a test."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from bench.api import Budget, FitContext, Refiner
from bench.api.imageset import ImageSet
from bench.training.adversarial import Size
from bench.training.refine_images import generators_for, make_batch
from refiners import cyclegan
from refiners.cyclegan import Networks


@pytest.fixture
def fit() -> Callable[..., Refiner]:
    """``fit(refiner, target)`` fits to (N, H, W, 3) uint8 images, which stand in for the source too; returns it."""

    def run(refiner: Refiner, target: np.ndarray, source: np.ndarray | None = None, seed: int = 0) -> Refiner:
        context = FitContext(torch.Generator().manual_seed(seed), torch.device("cpu"), lambda step, n_steps, loss: None)
        budget = Budget(name="light", train_steps=1, batch_size=1, fit_steps=1)
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


class Affine(nn.Module):
    """``factor`` x + ``shift``: a generator or a discriminator that can be computed by hand."""

    def __init__(self, factor: float, shift: float) -> None:
        super().__init__()
        self.factor, self.shift = factor, shift

    def forward(self, images):
        return self.factor * images + self.shift


@pytest.fixture
def affine_networks() -> Callable[..., Networks]:
    """CycleGAN's networks as affine maps: G, F, D_Y and D_X as (factor, shift)."""

    def make(g=(0.8, 0.1), f=(1.3, -0.2), d_y=(0.5, 0.2), d_x=(0.7, 0.1)) -> Networks:
        return Networks((Affine(*g), Affine(*f)), (Affine(*d_y), Affine(*d_x)))

    return make


@pytest.fixture
def translated_by(monkeypatch) -> Callable[..., np.ndarray]:
    """``translated_by(refiner, source, target)``: a small CycleGAN fitted for seconds → (N, H, W, 3) in [0, 1]."""
    size = Size(width=8, n_blocks=1, discriminator_width=16, batch_size=4, rounds=250, learning_rate=2e-3)
    monkeypatch.setitem(cyclegan.SIZES, "light", size)

    def run(refiner: Refiner, source: ImageSet, target: ImageSet, **task) -> np.ndarray:
        generator = torch.Generator().manual_seed(0)
        context = FitContext(generator, torch.device("cpu"), lambda step, n_steps, loss: None, **task)
        budget = Budget(name="light", train_steps=400, batch_size=1)
        refiner.fit(source, target.unlabelled(), budget, context)
        assert refiner.images_seen == 4 * 250
        rows = np.arange(source.n_images)
        batch = make_batch(source, "source_train", rows, refiner.reads | frozenset())
        outputs = refiner.refine(batch, generators_for(0, "source_train", rows, view=0))
        return outputs["image"].permute(0, 2, 3, 1).numpy()

    return run


@pytest.fixture
def rectangles() -> Callable[..., np.ndarray]:
    """``rectangles(seed, shortest, longest)``: a filled rectangle in each of 200 masks, (200, 16, 16) bool."""

    def draw(seed: int, shortest: int, longest: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        wide, high = rng.integers(shortest, longest + 1, (2, 200, 1, 1))
        left, top = rng.integers(1, 15 - longest, (2, 200, 1, 1))
        y, x = np.mgrid[:16, :16]
        return (x >= left) & (x < left + wide) & (y >= top) & (y < top + high)

    return draw


@pytest.fixture
def photographs() -> np.ndarray:
    """Twelve 32×32 crops of scikit-image's astronaut, (12, 32, 32, 3) uint8."""
    from skimage.data import astronaut

    image = astronaut()[::2, ::2]
    corners = [(y, x) for y in (0, 64, 128) for x in (0, 64, 128, 192)]
    return np.stack([image[y : y + 32, x : x + 32] for y, x in corners])
