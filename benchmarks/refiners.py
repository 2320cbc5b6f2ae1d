"""Images per second of every refiner, and seconds of a step of CycleGAN's fit, against the loops that they replace.

    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 python -m benchmarks.refiners [SIZE ...]
    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 python -m benchmarks.refiners train [WIDTH [STEPS]]
    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 python -m benchmarks.refiners fit [SIZE ...]

*Refining*: ours is ``Refiner.refine`` on a batch of float32 tensors. The rivals do one image after the other, as one
would without us: scikit-image's ``match_histograms`` on float32 images (the same output, to 1e-6) and on uint8 ones
(which rounds down to whole levels, and sorts nothing), FDA in NumPy with full complex FFTs, Reinhard on scikit-image's
Lab. They measure the target image anew in each call, which ours did in ``fit``: that is part of the ratio.
Learned refiners have the networks of budget ``light``, hardly trained, and no rival.

*Training*: ours is a round of :func:`bench.training.adversarial.play` with the losses of ``cyclegan``, checks and all.
The rival is the step of the widely used PyTorch implementation as its structure is known, written bare: the same
networks and losses, each generator called for one image at a time, the discriminators' losses propagated one after the
other, plain Adam, the plain memory layout, no logging. Where there is a GPU both run there at the paper's width, ours
with its mixed precision.

*Fitting*: seconds of processor time of a whole fit at budget ``light``; there is no rival.

Ours and rival take turns in one process with one thread; a figure is the median of the repetitions, per second of
processor time, so that other work on the machine counts for neither (on a GPU: of wall time).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from skimage.color import lab2rgb, rgb2lab
from skimage.exposure import match_histograms
from torch import Tensor

from bench.api import Budget, FitContext, Refiner, Task
from bench.api.imageset import ImageSet
from bench.testing import toy_images
from bench.testing.toys import toy_context
from bench.training.adversarial import ImagePool, Optimisation, Phase, least_squares, play
from bench.training.refine_images import generators_for, make_batch
from refiners import background, fda, histogram, identity, precomputed, reinhard
from refiners.cut import CUT
from refiners.cycada import CyCADA
from refiners.cyclegan import CycleGame, CycleGAN, Networks, Params, l1
from refiners.fastcut import FastCUT
from refiners.fgbg_cyclegan import ForegroundBackgroundCycleGAN
from refiners.flip import Flip
from refiners.genesis_rt import GenesisRT
from refiners.networks.build import drawn
from refiners.networks.patchgan import PatchGAN, layers_for
from refiners.networks.resnet import ResNetGenerator
from refiners.oracle_style import OracleStyle
from refiners.pixelda import PixelDA
from refiners.precomputed import Precomputed
from refiners.simgan import SimGAN
from refiners.t2net import T2Net
from tasks.depth import Depth

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
    task: Task | None = None


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
    Case("flip", Flip()),
    Case("oracle_style", OracleStyle()),
    *(
        Case(f"background:fill={fill}", background.Background(background.Params.model_validate({"fill": fill})))
        for fill in ("target", "procedural", "noise")
    ),
    *(
        Case(refiner.name, refiner)
        for refiner in (
            CycleGAN(),
            GenesisRT(),
            ForegroundBackgroundCycleGAN(),
            CyCADA(),
            CUT(),
            FastCUT(),
            SimGAN(),
            PixelDA(),
        )
    ),
    Case("t2net", T2Net(), task=Depth()),
)


def measure(size: int) -> None:
    """Print the table of one image size."""
    n_images = BATCH[size]
    source, target = toy_images(n_images, size, size, seed=1), toy_images(n_images, size, size, seed=2)
    print(f"\n{size}×{size}, batch of {n_images}, images per second, median of {REPETITIONS}")
    print(f"{'variant':27} {'ours':>9}  {'rival':26} {'rival':>9} {'ratio':>7}")
    with TemporaryDirectory() as folder:
        stored = Path(folder) / "source_train"
        stored.mkdir()
        for row, image in enumerate(source.columns["image"].take(np.arange(n_images))):
            Image.fromarray(image).save(stored / f"{row:06d}.png")
        for case in (*CASES, Case("precomputed (PNG)", Precomputed(precomputed.Params(folder=stored.parent)))):
            measure_case(case, source, target)


def measure_case(case: Case, source: ImageSet, target: ImageSet) -> None:
    """Print a line of the table."""
    rows = np.arange(source.n_images)
    reads = case.refiner.reads | frozenset()
    of_task = frozenset(case.task.labels if case.task else {"class_id"}) if case.refiner.needs else frozenset()
    context = toy_context(case.refiner.needs, case.task, source.image_size)
    budget = Budget(name="light", train_steps=1, batch_size=1, fit_steps=1)
    case.refiner.fit(source.only(reads | of_task), target.unlabelled(), budget, context)
    generators, batch = generators_for(0, "source_train", rows, 0), make_batch(source, "source_train", rows, reads)
    images = zip(
        case.prepare(source.columns["image"].take(rows)), case.prepare(target.columns["image"].take(rows)), strict=True
    )
    pairs = list(images)
    ours, theirs = [], []
    n_calls = CALLS if case.loop is not None else 1
    for _ in range(REPETITIONS):
        start = time.process_time()
        with torch.no_grad():
            for _ in range(n_calls):
                case.refiner.refine(batch, generators)
        ours.append(n_calls * len(rows) / (time.process_time() - start))
        if case.loop is not None:
            start = time.process_time()
            for image, other in pairs:
                case.loop(image, other)
            theirs.append(len(rows) / (time.process_time() - start))
    line = f"{case.variant:27} {statistics.median(ours):9.0f}"
    if theirs:
        fast, slow = statistics.median(ours), statistics.median(theirs)
        line += f"  {case.rival:26} {slow:9.0f} {fast / slow:6.1f}×"
    print(line, flush=True)


def measure_fit(size: int) -> None:
    """Print the time of a light fit of every learned refiner."""
    source, target = toy_images(64, size, size, seed=1), toy_images(64, size, size, seed=2)
    budget = Budget(name="light", train_steps=1_000, batch_size=1)
    print(f"\n{size}×{size}, seconds of a fit at budget light")
    for case in CASES:
        if case.refiner.fit_seconds >= 1:
            context = toy_context(case.refiner.needs, case.task, source.image_size)
            of_task = frozenset(case.task.labels if case.task else {"class_id"}) if case.refiner.needs else frozenset()
            start = time.process_time()
            case.refiner.fit(
                source.only((case.refiner.reads | frozenset()) | of_task), target.unlabelled(), budget, context
            )
            print(f"{case.variant:27} {time.process_time() - start:9.1f}", flush=True)


def measure_generators() -> None:
    """Print what the harness adds to each image: its generator."""
    rows, seconds = np.arange(1000), []
    for view in range(REPETITIONS):
        start = time.process_time()
        generators_for(0, "source_train", rows, view)
        seconds.append((time.process_time() - start) / len(rows))
    print(f"\none seeded generator: {1e6 * statistics.median(seconds):.1f} µs")


class ReferenceStep:
    """CycleGAN's step in the structure of the widely used implementation."""

    def __init__(self, networks: Networks) -> None:
        (self.g, self.f), (self.d_y, self.d_x) = networks.generators, networks.discriminators
        self.pools = [ImagePool(50, torch.Generator().manual_seed(0)) for _ in range(2)]
        self.of_generators, self.of_discriminators = (
            torch.optim.Adam(chain(*(network.parameters() for network in players)), lr=2e-4, betas=(0.5, 0.999))
            for players in (networks.generators, networks.discriminators)
        )

    def __call__(self, x: Tensor, y: Tensor) -> None:
        fake_y, fake_x = self.g(x), self.f(y)
        back_x, back_y = self.f(fake_y), self.g(fake_x)
        self._freeze(True)
        self.of_generators.zero_grad()
        same = 0.5 * l1(self.g(y), y) + 0.5 * l1(self.f(x), x)
        fooled = least_squares(self.d_y(fake_y), 1) + least_squares(self.d_x(fake_x), 1)
        (fooled + 10 * (l1(back_x, x) + l1(back_y, y) + same)).backward()
        self.of_generators.step()
        self._freeze(False)
        self.of_discriminators.zero_grad()
        for pool, critic, real, fake in zip(
            self.pools, (self.d_y, self.d_x), (y, x), (fake_y.detach(), fake_x.detach()), strict=True
        ):
            shown = pool.exchange(fake)
            (0.5 * (least_squares(critic(real), 1) + least_squares(critic(shown), 0))).backward()
        self.of_discriminators.step()

    def _freeze(self, frozen: bool) -> None:
        for critic in (self.d_y, self.d_x):
            critic.requires_grad_(not frozen)


class _Enough(Exception):
    """Ends a fit after its last timed round, before its outputs are inspected."""


def measure_training(size: int, n_blocks: int, width: int, n_steps: int) -> None:
    """Print a line: median time of a step of ours and of the rival, which run in turns."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def networks() -> Networks:
        random = torch.Generator().manual_seed(0)
        generators = [drawn(lambda: ResNetGenerator(width, n_blocks), "normal", random) for _ in range(2)]
        critics = [drawn(lambda: PatchGAN(width, layers_for(size, size)), "normal", random) for _ in range(2)]
        for network in (*generators, *critics):
            network.to(device)
        return Networks((generators[0], generators[1]), (critics[0], critics[1]))

    def now() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    source, target = toy_images(4, size, size, seed=1), toy_images(4, size, size, seed=2)
    x, y = (torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).to(device) for _ in range(2))
    rival = ReferenceStep(networks())
    ours, theirs, stamps = [], [], []

    def between_rounds(step: int, n_rounds: int) -> float:
        """Called by the loop when a round begins: closes ours of the round before, and lets the rival take a step."""
        begin = now()
        if stamps:
            ours.append(begin - stamps[-1])
        if len(ours) > n_steps:
            raise _Enough
        rival(x, y)
        stamps.append(now())
        theirs.append(stamps[-1] - begin)
        return 1.0

    game = CycleGame(networks(), Params(), torch.Generator().manual_seed(0))
    context = FitContext(torch.Generator().manual_seed(0), device, lambda step, n_rounds, loss: None)
    optimisation = Optimisation(schedule=between_rounds)
    with suppress(_Enough):
        play(game, source.only(frozenset()), target.unlabelled(), [Phase(n_steps + 2)], 1, optimisation, context)
    fast, slow = statistics.median(ours[1:]), statistics.median(theirs[1:])
    print(
        f"{size:4}×{size:<4} {n_blocks} blocks, width {width}: {fast:8.3f} s, rival {slow:8.3f} s, {slow / fast:5.2f}×"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    match sys.argv[1:]:
        case ["train", *options]:
            width, n_steps = (*map(int, options), *((64 if torch.cuda.is_available() else 16), 10)[len(options) :])
            print(f"a step of CycleGAN's fit, batch of 1, median of {n_steps}")
            for requested in (64, 256):
                for n_blocks in (6, 9):
                    measure_training(requested, n_blocks, width, n_steps)
        case ["fit", *sizes]:
            for requested in [int(size) for size in sizes] or (32, 64):
                measure_fit(requested)
        case sizes:
            for requested in [int(size) for size in sizes] or SIZES:
                measure(requested)
            measure_generators()
