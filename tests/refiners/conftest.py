"""Fitting and refining plain arrays, as the tests of all refiners need it; a known shift for those that learn."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.api import Budget, FitContext, Refiner
from bench.data.imageset import ImageSet
from bench.refining import generators_for, make_batch, to_float


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


SHIFT = np.array([[0.2, 0.7, 0.0], [0.0, 0.3, 0.6], [0.7, 0.0, 0.2]])
"""Colours of the shifted domain: an invertible mix of the channels (determinant 0.306), then darker by 0.05."""


def blobs(n_images: int, seed: int) -> np.ndarray:
    """Smooth random colours with a rectangle of another, (N, 16, 16, 3) in [0, 1]."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0.2, 0.9, (n_images, 3, 3, 3)))
    image = functional.interpolate(coarse, size=16, mode="bilinear", align_corners=True).permute(0, 2, 3, 1).numpy()
    left, top = rng.integers(1, 9, (2, n_images, 1, 1))
    y, x = np.mgrid[:16, :16]
    inside = (x >= left) & (x < left + 6) & (y >= top) & (y < top + 6)
    return np.where(inside[..., None], rng.uniform(0.1, 1, (n_images, 1, 1, 3)), image)


@pytest.fixture(scope="session")
def shifted_domains() -> tuple[np.ndarray, np.ndarray]:
    """Source and target, (600, 16, 16, 3) uint8: other images, mixed channels, noise of σ 0.06 instead of 0.02."""
    rng = np.random.default_rng(5)
    source = blobs(600, 1) + rng.normal(0, 0.02, (600, 16, 16, 3))
    target = blobs(600, 2) @ SHIFT.T - 0.05 + rng.normal(0, 0.06, (600, 16, 16, 3))
    source, target = ((images.clip(0, 1) * 255).round().astype(np.uint8) for images in (source, target))
    return source, target


def two_sample_accuracy(first: np.ndarray, second: np.ndarray) -> float:
    """Held-out accuracy of a small CNN that learns to tell two sets apart (Lopez-Paz & Oquab 2017); 0.5: it cannot."""
    images = torch.cat([to_float(first), to_float(second)]) * 2 - 1
    labels = torch.arange(2).repeat_interleave(len(first))
    held_out = torch.arange(len(labels)) % 2 == 0
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(128, 2),
        )
        adam = torch.optim.Adam(network.parameters(), 3e-3)
        rows = held_out.logical_not().nonzero()[:, 0]
        for _ in range(400):
            picked = rows[torch.randint(len(rows), (64,))]
            loss = functional.cross_entropy(network(images[picked]), labels[picked])
            adam.zero_grad()
            loss.backward()
            adam.step()
    with torch.no_grad():
        return (network(images[held_out]).argmax(dim=1) == labels[held_out]).float().mean().item()


@pytest.fixture
def measure_shift(refine) -> Callable[..., tuple[float, float]]:
    """``measure_shift(refiner, source, target)`` fits at budget light; two-sample accuracy before and after."""

    def run(refiner: Refiner, source: np.ndarray, target: np.ndarray) -> tuple[float, float]:
        context = FitContext(torch.Generator().manual_seed(0), torch.device("cpu"), lambda step, n_steps, loss: None)
        budget = Budget(name="light", train_steps=400, batch_size=64)
        unlabelled = ImageSet.from_arrays(image=target).unlabelled()
        refiner.fit(ImageSet.from_arrays(image=source), unlabelled, budget, context)
        refined = (refine(refiner, source) * 255).round().astype(np.uint8)
        before, after = two_sample_accuracy(source, target), two_sample_accuracy(refined, target)
        print(f"two-sample accuracy: {before:.3f} -> {after:.3f}")
        return before, after

    return run
