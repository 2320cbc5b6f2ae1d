import pytest
import torch
from torch import nn

from refiners.networks.build import drawn, ready, restored, stored
from refiners.networks.t2net import FeatureCritic, ImageCritic, Translator


def n_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def normed(kernel: int, n_in: int, n_out: int) -> int:
    return kernel**2 * n_in * n_out + 2 * n_out


def test_the_paper_s_translator_by_hand():
    encoder = normed(7, 3, 64) + normed(3, 64, 128) + 3 * normed(3, 128, 128)
    decoder = 3 * normed(3, 128, 128) + normed(3, 128, 64) + (49 * 64 * 3 + 3)
    assert n_parameters(Translator()) == encoder + 14 * normed(3, 128, 128) + decoder + 1


def test_the_paper_s_critics_by_hand():
    middle = normed(4, 64, 128) + normed(4, 128, 256) + normed(4, 256, 512)
    assert n_parameters(ImageCritic()) == (16 * 3 * 64 + 64) + middle + (16 * 512 + 1) + 1
    n_features = 512 * 40 * 12
    with torch.device("meta"):
        critic = FeatureCritic(n_features)
    assert n_parameters(critic) == (n_features * 512 + 512) + (512 * 512 + 512) + 513 + 1


@pytest.mark.parametrize("size", [(32, 32), (29, 33), (18, 40)])
def test_networks_of_any_size(size):
    images = torch.rand(2, 3, *size) * 2 - 1
    made = Translator(4, 1)(images)
    assert made.shape == images.shape
    assert made.abs().max() <= 1
    assert ImageCritic(4, 1)(images).shape[:2] == (2, 1)


def test_a_stored_translator_is_restored():
    network = ready(drawn(lambda: Translator(4, 1), "kaiming", torch.Generator().manual_seed(0)))
    images = torch.rand(1, 3, 16, 16)
    assert torch.equal(restored(lambda: Translator(4, 1), stored(network))(images), network(images))
