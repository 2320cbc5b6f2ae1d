"""The rounds of an adversarial fit; see :mod:`bench.training.adversarial`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice, repeat

import torch

from bench.api import FitContext
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.training.adversarial.batches import Batches
from bench.training.adversarial.checkpoints import Checkpoints, Part, Random
from bench.training.adversarial.game import Game, Optimisation, Phase
from bench.training.adversarial.learner import Average, Learner
from bench.training.adversarial.watch import Watch, inspect
from bench.training.state import seeded

N_INSPECTED = 64


def play(
    game: Game,
    source: ImageSet,
    target: UnlabelledImages,
    phases: Sequence[Phase],
    batch_size: int,
    optimisation: Optimisation,
    context: FitContext,
    *,
    crop: int = 0,
) -> int:
    """Train both players of ``game`` in place, on ``context.device``, for exactly the rounds of ``phases``.

    A fit plays once: its checkpoint is this call's.

    Parameters
    ----------
    source: columns that are no input reach the game as ``Batch.labels``.
    context: its generator orders the images; its progress hears (round, rounds in all, generator loss).
    crop: side of the crops of larger images; 0: whole. A source with columns that no crop can be cut from (a class,
        boxes: they may name what was cut away) is used whole.

    Returns
    -------
    The number of source images drawn, with repetition: what ``Refiner.images_seen`` is.

    Raises
    ------
    PluginError: a loss is not finite; the discriminator has won; the generator's outputs are all alike.
    """
    device = context.device
    batches = Batches(source, target, crop, context)
    for player in (game.generator, game.discriminator):
        player.to(device).to(memory_format=batches.layout)
        player.train()
    for memory in game.memories:
        memory.layout = batches.layout
    generator = Learner(game, game.generator, optimisation)
    discriminator = Learner(game, game.discriminator, optimisation)
    average = None if optimisation.average is None else Average(game.generator, optimisation.average)
    n_rounds = sum(phase.rounds for phase in phases)
    watch = Watch(game.chance, n_rounds, context.progress, device)
    parts: dict[str, Part] = {"generator": generator, "discriminator": discriminator, "batches": batches}
    parts |= {"watch": watch, "random": Random(context)}
    parts |= {f"memory{number}": memory for number, memory in enumerate(game.memories)}
    if average is not None:
        parts["average"] = average
    with seeded(context.generator.initial_seed(), device):
        checkpoints = Checkpoints(context.checkpoint, parts)
        rounds = chain.from_iterable(repeat(phase, phase.rounds) for phase in phases)
        for played, phase in enumerate(islice(rounds, watch.n_seen, None), start=watch.n_seen + 1):
            factor = optimisation.schedule(played, n_rounds)
            batch, fakes = batches.draw(batch_size), None
            g_loss, d_loss = torch.zeros((), device=device), None
            discriminator.learn(False)
            for step in range(phase.g_steps):
                if step > 0:
                    batch = batches.draw(batch_size)
                with _autocast(device):
                    g_loss, fakes = game.generator_loss(batch) if phase.d_steps else (game.solo_loss(batch), None)
                generator.step(g_loss, factor)
                if average is not None:
                    average.update()
            discriminator.learn(True)
            for step in range(phase.d_steps if played % phase.d_every == 0 else 0):
                if step > 0:
                    batch, fakes = batches.draw(batch_size), None
                with _autocast(device):
                    if fakes is None:
                        with torch.no_grad():
                            fakes = game.fakes(batch)
                    fakes = tuple(fake.detach().float() for fake in fakes)
                    d_loss = game.discriminator_loss(batch, fakes)
                    companion = game.companion_loss(batch, fakes)
                discriminator.step(d_loss if companion is None else d_loss + companion, factor)
                game.discriminator_stepped()
            if watch.see(g_loss, d_loss, contested=phase.g_steps > 0 and phase.d_steps > 0):
                checkpoints.save_if_due()
        n_drawn = batches.n_drawn
        if average is not None:
            average.install()
        inspect(game, batches.draw(N_INSPECTED))
    return n_drawn


def _autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
