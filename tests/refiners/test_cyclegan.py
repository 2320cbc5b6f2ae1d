from collections.abc import Callable

import numpy as np
import pytest
import torch

from bench.testing import check_refiner
from bench.training.adversarial import Batch
from refiners.cyclegan import CycleGame, CycleGAN, Params


@pytest.fixture
def batch() -> Batch:
    source, target = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 2, 3, 4, 4)))
    return Batch(source, target, {})


@pytest.fixture
def game(affine_networks) -> Callable[..., CycleGame]:
    return lambda **params: CycleGame(affine_networks(), Params(**params), torch.Generator())


def test_keeps_the_contract():
    check_refiner(CycleGAN)


@pytest.mark.parametrize("identity", [0.5, 0.0])
def test_generator_loss_is_the_paper_s(game, batch, identity):
    x, y = batch.source.numpy(), batch.target.numpy()
    fake_y, fake_x = 0.8 * x + 0.1, 1.3 * y - 0.2
    want = np.mean((0.5 * fake_y + 0.2 - 1) ** 2) + np.mean((0.7 * fake_x + 0.1 - 1) ** 2)
    want += 10 * (np.abs(1.3 * fake_y - 0.2 - x).mean() + np.abs(0.8 * fake_x + 0.1 - y).mean())
    want += 10 * identity * (np.abs(0.8 * y + 0.1 - y).mean() + np.abs(1.3 * x - 0.2 - x).mean())
    loss, fakes = game(identity=identity).generator_loss(batch)
    assert loss.item() == pytest.approx(want)
    np.testing.assert_allclose(fakes[0], fake_y)
    np.testing.assert_allclose(fakes[1], fake_x)


def test_discriminator_loss_is_the_paper_s(game, batch):
    x, y = batch.source.numpy(), batch.target.numpy()
    fake_y, fake_x = 0.8 * x + 0.1, 1.3 * y - 0.2
    want = (np.mean((0.5 * y + 0.2 - 1) ** 2) + np.mean((0.5 * fake_y + 0.2) ** 2)) / 2
    want += (np.mean((0.7 * x + 0.1 - 1) ** 2) + np.mean((0.7 * fake_x + 0.1) ** 2)) / 2
    playing = game()
    assert playing.discriminator_loss(batch, playing.fakes(batch)).item() == pytest.approx(want)


def test_old_fakes_come_back_through_a_pool_of_each_domain(game, batch):
    """With a pool of two, the third step onwards may show fakes of the first."""
    playing = game(pool=2)
    shown = []
    playing.of_target.register_forward_hook(lambda module, given, made: shown.append(given[0]))
    for value in range(20):
        fakes = torch.full_like(batch.source, value), torch.full_like(batch.source, -value)
        playing.discriminator_loss(batch, fakes)
    values = [images.flatten(1)[:, 0].tolist() for images in shown[1::2]]
    assert any(min(pair) < value for value, pair in enumerate(values))
    assert all(min(pair) >= 0 for pair in values)


def test_a_discriminator_that_cannot_tell_has_the_loss_of_chance(affine_networks, batch):
    blind = CycleGame(affine_networks(d_y=(0, 0.5), d_x=(0, 0.5)), Params(), torch.Generator())
    assert blind.discriminator_loss(batch, blind.fakes(batch)).item() == pytest.approx(CycleGame.chance)


def test_sizes_of_the_fit_are_kept(fit, photographs):
    refiner = fit(CycleGAN(), photographs)
    assert refiner.state_dict()["sizes"].tolist() == [16, 3, 1, 4]
    assert refiner.images_seen == 4
