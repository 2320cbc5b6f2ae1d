"""The one adversarial training loop. Every learned refiner goes through here; a refiner's file holds its losses.

A method is a :class:`Game`: a generator, a discriminator, and a loss for each. The loop plays *rounds*:

    round       g_steps × [draw a batch; generator loss; Adam], then d_steps × [discriminator loss; Adam]
    fakes       the first discriminator step sees what the last generator step made, as it was before that step's
                update; further ones, and rounds without generator steps, make their own
    images      uint8 (N, H, W, 3) in the sets → float32 (B, 3, H, W) in [−1, 1], channels last (large ones on CPUs not)
    order       shuffled epochs of either domain, drawn independently; a small domain simply cycles
    crops       images larger than ``crop`` are cut at random places, and the pixel columns of the source with them
    CUDA        losses run in bfloat16 under autocast, what they compare and all weights stay float32
    checkpoint  at most every 30 s, and so seldom that all of them take 1 % of the time at most

All randomness comes from ``context.generator``, and from torch's global generator, which is seeded like it for the
time of the fit (dropout draws there): on a CPU, equal seeds give bit-equal weights, and a fit that was killed goes on
from its checkpoint to the same. A loss that is not finite, a discriminator that has won, and a generator that makes
everything alike end the fit with a reason (:mod:`bench.training.adversarial.watch`).

Not here: any look at what the images are of.
"""

from __future__ import annotations

from bench.training.adversarial.game import (
    HALF_CONSTANT,
    Adam,
    Batch,
    Game,
    Optimisation,
    Phase,
    Size,
    constant_then_linear,
    least_squares,
    rounds_of,
)
from bench.training.adversarial.loop import play
from bench.training.adversarial.memory import ImagePool, Memory

__all__ = [
    "HALF_CONSTANT",
    "Adam",
    "Batch",
    "Game",
    "ImagePool",
    "Memory",
    "Optimisation",
    "Phase",
    "Size",
    "constant_then_linear",
    "least_squares",
    "play",
    "rounds_of",
]
