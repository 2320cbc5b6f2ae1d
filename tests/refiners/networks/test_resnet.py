import pytest
import torch
from torch import nn
from torch.nn import functional

from refiners.networks.build import drawn, ready, restored, stored, translated
from refiners.networks.patchgan import PatchGAN, layers_for
from refiners.networks.projector import Projector
from refiners.networks.resnet import ResNetGenerator, blur_halve
from refiners.networks.simgan import LocalDiscriminator, SimGANRefiner


def n_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolution(kernel: int, n_in: int, n_out: int) -> int:
    return kernel**2 * n_in * n_out + n_out


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_cyclegan_s_networks_have_the_parameters_of_the_literature():
    """11.4 and 2.8 million, layer by layer; anti-aliasing changes none of them."""
    ends = convolution(7, 3, 64) + convolution(7, 64, 3)
    sampling = 2 * (9 * 64 * 128 + 9 * 128 * 256) + (128 + 256) + (128 + 64)
    blocks = 9 * 2 * convolution(3, 256, 256)
    assert n_parameters(ResNetGenerator()) == ends + sampling + blocks == 11_378_179
    assert n_parameters(ResNetGenerator(antialias=True)) == 11_378_179
    layers = [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    assert n_parameters(PatchGAN()) == sum(convolution(4, *layer) for layer in layers) == 2_764_737


def test_simgan_s_networks_by_hand():
    blocks = 8 * convolution(3, 64, 64)
    assert n_parameters(SimGANRefiner()) == convolution(3, 3, 64) + blocks + convolution(1, 64, 3)
    layers = [(3, 3, 96), (3, 96, 64), (3, 64, 32), (1, 32, 32), (1, 32, 2)]
    assert n_parameters(LocalDiscriminator()) == sum(convolution(*layer) for layer in layers)


@pytest.mark.parametrize("size", [(32, 32), (29, 33), (16, 16), (18, 40)])
@pytest.mark.parametrize("antialias", [False, True])
def test_generators_keep_any_size(size, antialias):
    images = torch.rand(2, 3, *size) * 2 - 1
    for network in (ResNetGenerator(4, 2, antialias=antialias), SimGANRefiner(4, 1)):
        made = network(images)
        assert made.shape == images.shape
        assert made.abs().max() <= 1


def test_features_are_those_of_the_forward_pass():
    """Five layers; the last one of nine blocks is the fifth's output."""
    network = ResNetGenerator(4, 9).eval()
    outputs = []
    network.blocks[4].register_forward_hook(lambda module, given, made: outputs.append(made))
    network.blocks[0].register_forward_hook(lambda module, given, made: outputs.append(made))
    images = torch.rand(1, 3, 16, 16)
    network(images)
    first, middle = outputs
    features = network.features(images)
    assert [feature.shape[1] for feature in features] == [3, 8, 16, 16, 16]
    assert [feature.shape[2] for feature in features] == [16, 8, 4, 4, 4]
    torch.testing.assert_close(features[3], first)
    torch.testing.assert_close(features[4], middle)
    sides = [feature.shape[2] for feature in ResNetGenerator(4, 9, antialias=True).features(images)]
    assert sides == [16, 16, 8, 4, 4]


def test_features_are_not_changed_after_they_are_taken():
    """The norm and ReLU that follow a compared layer do not write into it."""
    network = ResNetGenerator(4, 2)
    with torch.no_grad():
        assert min(feature.min() for feature in network.features(torch.rand(1, 3, 16, 16))[1:3]) < 0


def test_blur_is_one_two_one():
    row = torch.arange(8.0).square()
    image = row.expand(1, 1, 8, 8)
    padded = functional.pad(row[None, None], (1, 1), "reflect")[0, 0]
    want = (padded[:-2] + 2 * padded[1:-1] + padded[2:])[::2] / 4
    torch.testing.assert_close(blur_halve(image)[0, 0], want.expand(4, 4))


@pytest.mark.parametrize(("n_layers", "pixels"), [(1, 16), (2, 34), (3, 70)])
def test_patches_have_the_size_that_they_are_named_by(n_layers, pixels):
    """Without norms, which see the whole image."""
    network = PatchGAN(2, n_layers)
    layers = nn.Sequential(network.first, *network.middle, network.last).double()
    images = torch.zeros(1, 3, 160, 160, dtype=torch.float64, requires_grad=True)
    scores = layers(images)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    seen = images.grad[0].abs().sum(dim=0) > 0
    assert seen.any(dim=0).sum() == seen.any(dim=1).sum() == pixels


@pytest.mark.parametrize(
    ("size", "n_layers"), [((8, 8), 1), ((16, 16), 1), ((29, 33), 1), ((32, 32), 2), ((64, 48), 2), ((256, 256), 3)]
)
def test_small_images_get_patches_that_fit(size, n_layers):
    assert layers_for(*size) == n_layers
    assert min(PatchGAN(2, n_layers)(torch.rand(1, 3, *size)).shape[2:]) >= 2


def test_the_local_discriminator_has_two_logits_a_patch():
    assert LocalDiscriminator(6)(torch.rand(2, 3, 29, 33)).shape == (2, 2, 8, 9)


def test_projections_are_unit_vectors_of_the_chosen_places():
    projector = Projector([4], dim=5)
    feature = torch.rand(2, 4, 3, 3)
    both = projector([feature], [torch.tensor([0, 7])])[0]
    alone = projector([feature], [torch.tensor([7])])[0]
    assert both.shape == (2, 2, 5)
    torch.testing.assert_close(both.norm(dim=2), torch.ones(2, 2))
    torch.testing.assert_close(both[:, 1:], alone)
    moved = feature.clone()
    moved[..., 2, 1] += 1  # place 7
    changed = (projector([moved], [torch.tensor([0, 7])])[0] != both).any(dim=2)
    assert changed.tolist() == [[False, True], [False, True]]


@pytest.mark.parametrize(
    ("scheme", "std"), [("normal", 0.02), ("xavier", 0.02 * (2 / (9 * 80)) ** 0.5), ("kaiming", (2 / (9 * 30)) ** 0.5)]
)
def test_weights_have_the_deviation_of_their_scheme(generator, scheme, std):
    network = drawn(lambda: nn.Conv2d(30, 50, 3), scheme, generator)
    assert network.weight.std().item() == pytest.approx(std, rel=0.02)
    assert not network.bias.any()


def test_drawing_depends_on_the_generator_alone(generator):
    before = torch.get_rng_state()
    first = drawn(lambda: PatchGAN(2, 1), "normal", generator)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    second = drawn(lambda: PatchGAN(2, 1), "normal", generator.manual_seed(0))
    assert torch.equal(first.last.weight, second.last.weight)
    assert not torch.equal(first.last.weight, drawn(lambda: PatchGAN(2, 1), "normal", generator).last.weight)


def test_a_restored_network_gives_the_same_bits(generator):
    network = ready(drawn(lambda: ResNetGenerator(4, 1), "normal", generator))
    before = torch.get_rng_state()
    again = restored(lambda: ResNetGenerator(4, 1), stored(network))
    assert torch.equal(torch.get_rng_state(), before)
    images = torch.rand(2, 3, 20, 20, generator=generator)
    assert torch.equal(translated(network, images), translated(again, images))


def test_translation_maps_ranges_there_and_back():
    images = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(translated(nn.Identity(), images), images)
    assert translated(nn.Upsample(scale_factor=1), images * 0).eq(0).all()
