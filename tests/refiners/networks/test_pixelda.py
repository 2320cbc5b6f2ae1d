from itertools import pairwise

import pytest
import torch
from torch import nn

from refiners.networks.pixelda import ImageDiscriminator, PixelDAGenerator
from refiners.networks.private_layers import first_layers, share_weights


def n_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_paper_s_generator_by_hand():
    noise = 10 * 1024 + 2 * 1024
    blocks = 12 * (9 * 64 * 64 + 2 * 64)
    assert n_parameters(PixelDAGenerator(32, 32)) == noise + (9 * 4 * 64 + 64) + blocks + (64 * 3 + 3)


@pytest.mark.parametrize(("side", "widths"), [(32, [64, 128, 256, 512]), (64, [64, 128, 256, 512, 1024])])
def test_the_paper_s_discriminators_by_hand(side, widths):
    """They end at 4×4; batch norm in all layers but the first."""
    inner = sum(9 * n_in * n_out + 2 * n_out for n_in, n_out in pairwise(widths))
    assert n_parameters(ImageDiscriminator(side, side)) == (9 * 3 * 64 + 64) + inner + (16 * widths[-1] + 1)


def test_discriminators_of_large_images_stay_as_wide():
    assert max(m.out_channels for m in ImageDiscriminator(256, 200, 2).modules() if isinstance(m, nn.Conv2d)) == 32


@pytest.mark.parametrize("size", [(32, 32), (29, 33), (3, 4)])
def test_networks_of_any_size(size):
    height, width = size
    images, noise = torch.rand(5, 3, height, width) * 2 - 1, torch.rand(5, 10)
    made = PixelDAGenerator(width, height, 4, 1)(images, noise)
    assert made.shape == images.shape
    assert made.abs().max() <= 1
    assert ImageDiscriminator(width, height, 4)(images).shape == (5,)


def test_noise_reaches_the_image():
    generator = PixelDAGenerator(8, 8, 4, 1).eval()
    images = torch.zeros(1, 3, 8, 8)
    assert not torch.equal(generator(images, torch.zeros(1, 10)), generator(images, torch.ones(1, 10)))


def test_the_discriminator_is_disturbed_in_training_alone():
    critic, images = ImageDiscriminator(8, 8, 4, seed=1), torch.rand(5, 3, 8, 8)
    assert not torch.equal(critic(images), critic(images))
    critic.eval()
    assert torch.equal(critic(images), critic(images))


def tower() -> nn.Sequential:
    head = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.PReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), head)


@pytest.mark.parametrize(("n_private", "layers"), [(0, []), (1, [0, 1]), (2, [0, 1, 3, 4]), (9, [0, 1, 3, 4])])
def test_first_layers_are_convolutions_with_their_norms(n_private, layers):
    network = tower()
    assert list(first_layers(network, n_private)) == [network[layer] for layer in layers]


def test_later_layers_learn_as_one_and_keep_their_own_statistics():
    first, second = tower(), tower()
    share_weights(first, second, 1)
    assert n_parameters(nn.ModuleList([first, second])) == n_parameters(first) + n_parameters(first[:2])
    first(torch.rand(4, 3, 5, 5) + 3).sum().backward()
    torch.optim.SGD(first.parameters(), 0.1).step()
    assert torch.equal(first[3].weight, second[3].weight)
    assert not torch.equal(first[0].weight, second[0].weight)
    assert not torch.equal(first[4].running_mean, second[4].running_mean)


def test_a_network_without_convolutions_is_shared():
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    share_weights(first, second, 1)
    assert second.weight is first.weight
