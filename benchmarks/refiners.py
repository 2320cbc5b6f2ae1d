"""Images per second of the closed-form refiners against the loops that they replace.

    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 python -m benchmarks.refiners [SIZE ...]

Ours is ``Refiner.refine`` on a batch of float32 tensors. The rivals do one image after the other, as one would
without us: scikit-image's ``match_histograms`` on float32 images (the same output, to 1e-6) and on uint8 ones (which
rounds down to whole levels, and sorts nothing), FDA in NumPy with full complex FFTs, Reinhard on scikit-image's Lab.
They measure the target image anew in each call, which ours did in ``fit``: that is part of the ratio.
Ours and rival take turns in one process with one thread; a figure is the median of the repetitions, per second of
processor time, so that other work on the machine counts for neither.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from skimage.color import lab2rgb, rgb2lab
from skimage.exposure import match_histograms

from bench.api import Budget, FitContext, Refiner
from bench.refining import generators_for, make_batch
from bench.testing import toy_images
from refiners import fda, histogram, identity, reinhard

SIZES = (32, 64, 256)
BATCH = {32: 64, 64: 64, 256: 16}
REPETITIONS = 9
CALLS = 5
"""Calls of ours in one repetition: one alone is too short to time beside a loop."""


def fda_numpy(image: np.ndarray, target: np.ndarray, beta: float) -> np.ndarray:
    """FDA of one image; both (3, H, W) float32."""
    height, width = image.shape[1:]
    b, y, x = int(np.floor(beta * min(height, width))), height // 2, width // 2
    spectrum = np.fft.fft2(image)
    amplitude, phase = np.fft.fftshift(np.abs(spectrum), axes=(1, 2)), np.angle(spectrum)
    target_amplitude = np.fft.fftshift(np.abs(np.fft.fft2(target)), axes=(1, 2))
    window = (slice(None), slice(y - b, y + b + 1), slice(x - b, x + b + 1))
    amplitude[window] = target_amplitude[window]
    spectrum = np.fft.ifftshift(amplitude, axes=(1, 2)) * np.exp(1j * phase)
    return np.fft.ifft2(spectrum).real.clip(0, 1)


def reinhard_skimage(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Reinhard of one image; both (H, W, 3) float32."""
    own, other = rgb2lab(image), rgb2lab(target)
    scale = other.std(axis=(0, 1)) / own.std(axis=(0, 1))
    return lab2rgb((own - own.mean(axis=(0, 1))) * scale + other.mean(axis=(0, 1)))


def match(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Histogram matching of one image; both (H, W, 3)."""
    return match_histograms(image, target, channel_axis=-1)


def as_is(images: np.ndarray) -> np.ndarray:
    return images


def as_float(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / 255


def as_planes(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(as_float(images).transpose(0, 3, 1, 2))


@dataclass(frozen=True)
class Case:
    """A variant with its rival: ``loop`` on one source and one target image, which ``prepare`` made beforehand."""

    variant: str
    refiner: Refiner
    rival: str = ""
    prepare: Callable[[np.ndarray], np.ndarray] = as_is
    loop: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


CASES = (
    Case("identity", identity.Identity()),
    Case("histogram", histogram.Histogram(), "match_histograms, float32", as_float, match),
    Case("histogram", histogram.Histogram(), "match_histograms, uint8", as_is, match),
    Case("histogram:dither=true", histogram.Histogram(histogram.Params(dither=True))),
    Case("reinhard", reinhard.Reinhard(), "loop on skimage Lab", as_float, reinhard_skimage),
    *(
        Case(f"fda:beta={b}", fda.FDA(fda.Params(beta=b)), "NumPy loop", as_planes, partial(fda_numpy, beta=b))
        for b in fda.PAPER_BETAS
    ),
)


def measure(size: int) -> None:
    """Print the table of one image size."""
    n_images = BATCH[size]
    source, target = toy_images(n_images, size, size, seed=1), toy_images(n_images, size, size, seed=2)
    rows = np.arange(n_images)
    batch, generators = (
        make_batch(source, "source_train", rows, frozenset()),
        generators_for(0, "source_train", rows, 0),
    )
    source_images, target_images = source.columns["image"].take(rows), target.columns["image"].take(rows)
    budget = Budget(name="light", train_steps=0, batch_size=1)
    context = FitContext(torch.Generator().manual_seed(0), torch.device("cpu"), lambda step, n_steps, loss: None)
    print(f"\n{size}×{size}, batch of {n_images}, images per second, median of {REPETITIONS}")
    print(f"{'variant':22} {'ours':>9}  {'rival':26} {'rival':>9} {'ratio':>7}")
    for case in CASES:
        case.refiner.fit(source, target.unlabelled(), budget, context)
        pairs = list(zip(case.prepare(source_images), case.prepare(target_images), strict=True))
        ours, theirs = [], []
        for _ in range(REPETITIONS):
            start = time.process_time()
            for _ in range(CALLS):
                case.refiner.refine(batch, generators)
            ours.append(CALLS * n_images / (time.process_time() - start))
            if case.loop is not None:
                start = time.process_time()
                for image, other in pairs:
                    case.loop(image, other)
                theirs.append(n_images / (time.process_time() - start))
        line = f"{case.variant:22} {statistics.median(ours):9.0f}"
        if theirs:
            fast, slow = statistics.median(ours), statistics.median(theirs)
            line += f"  {case.rival:26} {slow:9.0f} {fast / slow:6.1f}×"
        print(line)


def measure_generators() -> None:
    """Print what the harness adds to each image: its generator."""
    rows, seconds = np.arange(1000), []
    for view in range(REPETITIONS):
        start = time.process_time()
        generators_for(0, "source_train", rows, view)
        seconds.append((time.process_time() - start) / len(rows))
    print(f"\none seeded generator: {1e6 * statistics.median(seconds):.1f} µs")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for requested in [int(word) for word in sys.argv[1:]] or SIZES:
        measure(requested)
    measure_generators()
