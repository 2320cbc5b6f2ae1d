"""A fit that is killed goes on from its checkpoint and ends as if nothing had happened."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.api import Budget, Checkpoint, FitContext, Refiner
from bench.testing import toy_images
from bench.training.adversarial import Adam, Batch, Game, Optimisation, Phase, checkpoints, least_squares, play
from refiners.cyclegan import CycleGAN, Params
from refiners.simgan import SimGAN

CPU = torch.device("cpu")


class Kept(Checkpoint):
    """A checkpoint in memory, in the plain layout that a file would have; counts how often it was saved."""

    def __init__(self) -> None:
        self.state: dict[str, Tensor] | None = None
        self.saves = 0

    def load(self) -> dict[str, Tensor] | None:
        return self.state

    def save(self, state: Mapping[str, Tensor]) -> None:
        self.saves += 1
        self.state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}


class Killed(Exception):
    pass


def killing(at: int | None) -> Callable[[int, int, float], None]:
    """A progress that is killed at a round."""

    def progress(step: int, n_steps: int, loss: float) -> None:
        if step == at:
            raise Killed

    return progress


@pytest.fixture(autouse=True)
def a_checkpoint_at_every_look(monkeypatch) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", (0.0, math.inf))


def fitted(make: Callable[[], Refiner], checkpoint: Checkpoint, size: tuple[int, int], kill_at: int | None) -> Refiner:
    source, target = toy_images(9, *size, seed=1), toy_images(7, *size, seed=2)
    refiner, generator = make(), torch.Generator().manual_seed(4)
    context = FitContext(generator, CPU, killing(kill_at), checkpoint=checkpoint)
    budget = Budget(name="light", train_steps=1, batch_size=1, fit_steps=40)
    refiner.fit(source.only(frozenset()), target.unlabelled(), budget, context)
    refiner.next_draw = torch.rand(3, generator=generator)
    return refiner


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "size"), [(lambda: CycleGAN(Params(pool=5)), (17, 15)), (SimGAN, (16, 16))], ids=["cyclegan", "simgan"]
)
def test_a_killed_fit_of_a_refiner_ends_bit_equal(make, size):
    """Killed at round 40, it goes on from round 20."""
    checkpoint = Kept()
    with pytest.raises(Killed):
        fitted(make, checkpoint, size, kill_at=40)
    assert checkpoint.saves == 1
    resumed, whole = fitted(make, checkpoint, size, None), fitted(make, Checkpoint(), size, None)
    assert resumed.images_seen == whole.images_seen
    assert torch.equal(resumed.next_draw, whole.next_draw)
    states = resumed.state_dict(), whole.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


class Dropping(Game):
    """Everything that a state may hold: running statistics, dropout, networks with their own rates."""

    chance = 0.25

    def __init__(self) -> None:
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            self.head = nn.Conv2d(4, 3, 3, padding=1)
            self.generator = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.2), self.head)
            self.discriminator = nn.Conv2d(3, 1, 3)

    def fakes(self, batch: Batch) -> tuple[Tensor, ...]:
        return (self.generator(batch.source),)

    def generator_loss(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        (fake,) = self.fakes(batch)
        return least_squares(self.discriminator(fake), 1), (fake,)

    def discriminator_loss(self, batch: Batch, fakes: tuple[Tensor, ...]) -> Tensor:
        return least_squares(self.discriminator(batch.target), 1) + least_squares(self.discriminator(fakes[0]), 0)

    def solo_loss(self, batch: Batch) -> Tensor:
        return (self.generator(batch.source) - batch.source).square().mean()


def played(checkpoint: Checkpoint, kill_at: int | None) -> tuple[Dropping, list[tuple[int, int, float]]]:
    game, heard, kill = Dropping(), [], killing(kill_at)

    def progress(*now) -> None:
        kill(*now)
        heard.append(now)

    context = FitContext(torch.Generator().manual_seed(1), CPU, progress, checkpoint=checkpoint)
    source, target = toy_images(9, 8, 6, seed=1), toy_images(5, 8, 6, seed=2)
    phases = [Phase(30, d_steps=0), Phase(60, g_steps=2, d_every=3)]
    optimisation = Optimisation(0.01, own={"head": Adam(0.02, (0.9, 0.99))}, average=0.9, max_gradient_norm=1.0)
    play(game, source, target.unlabelled(), phases, 2, optimisation, context)
    return game, heard


@pytest.mark.parametrize("kill_at", [20, 40, 60, 90])
def test_a_game_with_all_options_ends_bit_equal_wherever_it_is_killed(kill_at):
    checkpoint = Kept()
    with pytest.raises(Killed):
        played(checkpoint, kill_at)
    resumed, heard = played(checkpoint, None)
    whole, heard_by_whole = played(Checkpoint(), None)
    assert heard == heard_by_whole[len(heard_by_whole) - len(heard) :]
    assert heard[0][0] == kill_at
    for name, tensor in whole.generator.state_dict().items():
        assert torch.equal(resumed.generator.state_dict()[name], tensor), name


def test_a_checkpoint_waits_until_it_costs_a_hundredth(monkeypatch):
    """Of looks that take 7 s each and savings that take 0.5 s, every 8th pays."""
    now = np.zeros(1)
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", (30.0, 0.01))
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: float(now[0]))

    class Slow(Kept):
        def save(self, state: Mapping[str, Tensor]) -> None:
            saved_at.append(float(now[0]))
            now[0] += 0.5

    def progress(step: int, n_steps: int, loss: float) -> None:
        now[0] += 7

    saved_at: list[float] = []
    context = FitContext(torch.Generator().manual_seed(1), CPU, progress, checkpoint=Slow())
    source, target = toy_images(3, 4, 4, seed=1), toy_images(3, 4, 4, seed=2)
    play(Dropping(), source, target.unlabelled(), [Phase(400)], 1, Optimisation(), context)
    assert saved_at == [35.0, 91.5]  # then 50 s have to pass: 8 looks
