"""Noise and dropout from a pool: what fresh draws would give, and the same again after a restart."""

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.training.adversarial import noise
from bench.training.adversarial.noise import Disturbance, read


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        yield


def correlation(first: Tensor, second: Tensor) -> float:
    return float(np.corrcoef(first.flatten().numpy(), second.flatten().numpy())[0, 1])


SHAPE = (4, 8, 32, 32)
N_VALUES = 4 * 8 * 32 * 32
CHANCE = 5 / N_VALUES**0.5
"""Five standard deviations of a mean, or of a correlation, of so many independent values."""


def test_noise_is_standard_normal():
    added = Disturbance(dropout=0.0, sigma=0.2, seed=1)(torch.zeros(SHAPE)) / 0.2
    assert abs(float(added.mean())) < CHANCE
    assert float(added.var()) == pytest.approx(1, abs=CHANCE * 2**0.5)
    assert float((added.abs() > 2).float().mean()) == pytest.approx(0.0455, abs=0.01)


def test_dropout_keeps_the_mean_and_drops_its_share():
    kept = Disturbance(dropout=0.1, sigma=0.0, seed=1)(torch.ones(SHAPE))
    assert kept.unique().tolist() == pytest.approx([0, 1 / 0.9])
    assert float((kept == 0).float().mean()) == pytest.approx(0.1, abs=0.3 * CHANCE)


def test_images_steps_and_layers_do_not_share_their_noise():
    layer = Disturbance(dropout=0.0, sigma=1.0, seed=1)
    first, second = layer(torch.zeros(SHAPE)), layer(torch.zeros(SHAPE))
    assert abs(correlation(first, second)) < CHANCE
    for image in range(3):
        assert abs(correlation(first[image], first[image + 1])) < 2 * CHANCE
    assert abs(correlation(first[:, 0], first[:, 1])) < 3 * CHANCE


def test_noise_and_dropout_are_independent():
    layer = Disturbance(dropout=0.5, sigma=1.0, seed=1)
    disturbed = layer(torch.full(SHAPE, 100.0))
    dropped = disturbed < 50
    added = torch.where(dropped, disturbed, disturbed - 200)
    assert abs(correlation(added, dropped.float())) < CHANCE


def test_gradients_pass_where_values_were_kept():
    hidden = torch.ones(SHAPE, requires_grad=True)
    disturbed = Disturbance(dropout=0.1, sigma=0.0, seed=1)(hidden)
    disturbed.sum().backward()
    assert torch.equal(hidden.grad, disturbed.detach())


def test_values_do_not_depend_on_the_memory_layout():
    hidden = torch.randn(SHAPE)
    made = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(3)
        made.append(Disturbance(dropout=0.1, sigma=0.2, seed=1)(hidden.contiguous(memory_format=layout)))
    assert torch.equal(*made)


def test_equal_states_read_equal_values_and_other_seeds_others():
    """A restarted fit draws its pool again and finds its place in the global generator's state."""
    layer = Disturbance(dropout=0.1, sigma=0.2, seed=1)
    layer(torch.zeros(SHAPE))
    state = torch.get_rng_state()
    expected = layer(torch.zeros(SHAPE))
    torch.set_rng_state(state)
    assert torch.equal(Disturbance(dropout=0.1, sigma=0.2, seed=1)(torch.zeros(SHAPE)), expected)
    torch.set_rng_state(state)
    assert not torch.equal(Disturbance(dropout=0.1, sigma=0.2, seed=2)(torch.zeros(SHAPE)), expected)


def test_reads_larger_than_the_pool_are_put_together():
    values = read(torch.arange(1000.0), torch.Size((5, 3, 10, 20)))
    assert values.shape == (5, 3, 10, 20)
    assert len(values.unique()) > 500  # one piece has 500


def test_nothing_is_disturbed_outside_training():
    layer = Disturbance(dropout=0.1, sigma=0.2, seed=1).eval()
    assert layer(torch.ones(1, 1, 2, 2)).tolist() == [[[[1, 1], [1, 1]]]]
    assert layer.state_dict() == {}


def test_the_pool_has_room_for_many_reads():
    """Two reads of a layer of PixelDA at budget light start at one place less than once in a million."""
    assert noise.POOL_SIZE - 16 * 16 * 64 * 64 > 1e6
