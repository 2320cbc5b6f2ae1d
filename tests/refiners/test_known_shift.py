"""Learned refiners on a shift that is known: how near they come to the true translation in fits of seconds.

Images of random colours are tinted and made noisier. A linear two-sample classifier of coarse colours tells the domains
apart nearly always, and the true translation not at all: the first test checks that ruler. `pixelda` needs a task and
has the same test in its own file. Figures in the docstrings are measured here.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from bench.api import Budget, FitContext, Refiner
from bench.api.imageset import ImageSet
from bench.training.refine_images import refine_images
from refiners import cut, cyclegan, simgan

TINT, OFFSET = np.array([1.0, 0.6, 0.3]), np.array([0.0, 0.05, 0.05])
"""The known shift of colours, an affine map of each channel, which can be undone."""


def blobs(n_images: int, seed: int) -> np.ndarray:
    """Smooth random colours with a rectangle of another, (N, 16, 16, 3) in [0, 1], with noise of σ 0.08."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0.05, 1, (n_images, 3, 3, 3)))
    smooth = functional.interpolate(coarse, size=16, mode="bilinear", align_corners=True)
    left, top = rng.integers(1, 9, (2, n_images, 1, 1))
    y, x = np.mgrid[:16, :16]
    inside = ((x >= left) & (x < left + 6) & (y >= top) & (y < top + 6))[..., None]
    image = np.where(inside, rng.uniform(0, 1, (n_images, 1, 1, 3)), smooth.permute(0, 2, 3, 1).numpy())
    return image + rng.normal(0, 0.08, image.shape)


@dataclass(frozen=True)
class Shift:
    """``source``, ``target``: (600, 16, 16, 3) uint8, of other content; ``translated``: the source, shifted."""

    source: np.ndarray
    target: np.ndarray
    translated: np.ndarray


@pytest.fixture(scope="session")
def shift() -> Shift:
    """Tinted, with noise of σ 0.12 instead of 0.08 before the colours are shifted."""
    extra = np.random.default_rng(5).normal(0, 0.09, (2, 600, 16, 16, 3))
    source, other = blobs(600, 1), blobs(600, 2)
    domains = source, (other + extra[0]) * TINT + OFFSET, (source + extra[1]) * TINT + OFFSET
    return Shift(*((images.clip(0, 1) * 255).round().astype(np.uint8) for images in domains))


def two_sample_accuracy(first: np.ndarray, second: np.ndarray) -> float:
    """Held-out accuracy of a linear classifier of the mean colours of an image's quarters (Lopez-Paz & Oquab 2017);
    0.5: it cannot tell two sets apart."""
    images = np.concatenate([first, second]).reshape(-1, 2, 8, 2, 8, 3)
    colours = images.mean(axis=(2, 4)).reshape(len(images), -1) / 255
    labels, held_out = np.arange(2).repeat(len(first)), np.arange(len(images)) % 2 == 0
    classifier = LogisticRegression(C=10, max_iter=2000).fit(colours[~held_out], labels[~held_out])
    return float(classifier.score(colours[held_out], labels[held_out]))


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean absolute difference in levels, of the means of 4×4 pixels: colours and shapes without their noise."""
    means = [images.reshape(-1, 4, 4, 4, 4, 3).mean(axis=(2, 4)) for images in (first, second)]
    return float(np.abs(means[0] - means[1]).mean())


REFINERS = {
    "cyclegan:identity=0": lambda: cyclegan.CycleGAN(cyclegan.Params(identity=0)),
    "cut:contrast=0.3,identity=False": lambda: cut.CUT(cut.Params(contrast=0.3, identity=False)),
    "simgan:similarity=0.1": lambda: simgan.SimGAN(simgan.Params(similarity=0.1)),
}
LEVELS_OFF = {"cyclegan:identity=0": 38.5, "cut:contrast=0.3,identity=False": 25, "simgan:similarity=0.1": 16}
"""Mean distance to the true translation that a fit must reach, in grey levels; unrefined source is 41.8 away. Reached
with AVX-512 and AVX2: cyclegan 31.4 and 34.2, cut 19.4 and 18.4, simgan 9.5 and 9.5."""
ACCURACY = {"cyclegan:identity=0": 0.9, "cut:contrast=0.3,identity=False": 0.93, "simgan:similarity=0.1": 0.85}
"""Two-sample accuracy that its mean must stay below: 0.99 for unrefined source, 0.49 for the true translation. Reached
with AVX-512 and AVX2: cyclegan 0.72 and 0.75, cut 0.78 and 0.85, simgan 0.59 and 0.59."""
SEEDS = range(3)


def refined_at_light(refiner: Refiner, shift: Shift, seed: int) -> np.ndarray:
    """The source of ``shift``, refined as budget light fits, (600, 16, 16, 3) uint8."""
    context = FitContext(torch.Generator().manual_seed(seed), torch.device("cpu"), lambda step, n_steps, loss: None)
    source, target = ImageSet.from_arrays(image=shift.source), ImageSet.from_arrays(image=shift.target)
    refiner.fit(source, target.unlabelled(), Budget(name="light", train_steps=400, batch_size=64), context)
    batches = refine_images(refiner, source, "source_train", 0, 64, lambda done, total: None)
    return np.concatenate(list(batches))


def test_the_ruler_tells_the_domains_apart_and_not_the_true_translation(shift):
    assert two_sample_accuracy(shift.source, shift.target) > 0.98
    assert 0.43 < two_sample_accuracy(shift.translated, shift.target) < 0.57


@pytest.mark.slow
@pytest.mark.parametrize("name", REFINERS)
def test_learns_a_known_shift_of_colours_and_noise(shift, name):
    """Means over the seeds.

    Levels off the true translation: 41.8 for the source, 0 for the truth. Two-sample accuracy: 0.99 for the source,
    0.49 for the truth. Reached: CycleGAN 31.4 and 0.72, CUT 17.6 and 0.64 with AVX-512, SimGAN 9.5 and 0.59 with AVX2;
    the worst seeds have 0.75, 0.68 and 0.62.
    """
    made = [refined_at_light(REFINERS[name](), shift, seed) for seed in SEEDS]
    before = distance(shift.source, shift.translated)
    after = np.mean([distance(images, shift.translated) for images in made])
    accuracy = np.mean([two_sample_accuracy(images, shift.target) for images in made])
    print(f"{name}: {before:.1f} -> {after:.1f} levels off, two-sample accuracy -> {accuracy:.3f}")
    assert after < LEVELS_OFF[name]
    assert accuracy < ACCURACY[name]
