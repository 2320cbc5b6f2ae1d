import numpy as np
import pytest
import torch
from torch import nn

from bench.testing import check_refiner
from bench.training.adversarial import Batch
from refiners import fastcut
from refiners.cut import CUT, ContrastiveGame, Params, patch_nce
from refiners.fastcut import FastCUT
from refiners.networks.build import drawn
from refiners.networks.projector import Projector
from refiners.networks.resnet import ResNetGenerator


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def reference_nce(query: np.ndarray, key: np.ndarray) -> float:
    """One sum at a time: −log of the positive's share among itself and all other places of the same image."""
    losses = []
    for of_query, of_key in zip(query, key, strict=True):
        for place, vector in enumerate(of_query):
            similar = np.exp(of_key @ vector / 0.07)
            losses.append(-np.log(similar[place] / similar.sum()))
    return float(np.mean(losses))


@pytest.mark.parametrize(("refiner", "size"), [(CUT, (33, 29)), (FastCUT, (32, 32))])
def test_keeps_the_contract(refiner, size):
    check_refiner(refiner, sizes=[size])


def test_patch_nce_is_the_paper_s():
    query, key = unit(np.random.default_rng(0).normal(size=(2, 3, 6, 5)))
    got = patch_nce(torch.from_numpy(query), torch.from_numpy(key)).item()
    assert got == pytest.approx(reference_nce(query, key), rel=1e-9)


def test_the_diagonal_is_no_negative():
    """A single place has its positive and nothing else: e^((−10 − 1)/0.07) is 0."""
    vector = torch.ones(1, 1, 4) / 2
    assert patch_nce(vector, vector).item() == 0


def test_other_images_are_no_negatives():
    query, key = (torch.from_numpy(unit(values)) for values in np.random.default_rng(1).normal(size=(2, 2, 6, 5)))
    alone = [patch_nce(query[i : i + 1], key[i : i + 1]).item() for i in range(2)]
    assert patch_nce(query, key).item() == pytest.approx(np.mean(alone))


def game(**params) -> tuple[ContrastiveGame, Batch]:
    random = torch.Generator().manual_seed(0)
    translator = drawn(lambda: ResNetGenerator(4, 2), "kaiming", random)
    projector = drawn(lambda: Projector((3, 8, 16, 16, 16), 8), "kaiming", random)
    critic = nn.Conv2d(3, 1, 1)
    source, target = torch.rand(2, 2, 3, 16, 16, generator=random) * 2 - 1
    return ContrastiveGame(translator, projector, critic, Params(**params), random), Batch(source, target, {})


def test_generator_loss_adds_fooling_and_contrast():
    playing, batch = game(contrast=3.0)
    playing._contrast = lambda given, made, mirrored: torch.tensor(float(len(given)))
    loss, (fake,) = playing.generator_loss(batch)
    fooled = (playing.discriminator(playing.translator(batch.source)) - 1).square().mean()
    assert loss.item() == pytest.approx(fooled.item() + 3 * 4, rel=1e-6)  # both domains
    torch.testing.assert_close(fake, playing.translator(batch.source))
    playing.params = Params(contrast=3.0, identity=False)
    assert playing.generator_loss(batch)[0].item() == pytest.approx(fooled.item() + 3 * 2, rel=1e-6)


def test_contrast_is_the_mean_over_images_and_layers():
    """16×16 images have at most 256 places, so none is drawn by chance and the order does not matter."""
    playing, batch = game()
    made = playing.translator(batch.source)
    queries, keys = playing.translator.features(made), playing.translator.features(batch.source)
    places = [torch.arange(feature.shape[2] * feature.shape[3]) for feature in keys]
    pairs = zip(playing.projector(queries, places), playing.projector(keys, places), strict=True)
    want = np.mean([reference_nce(q.detach().double().numpy(), k.detach().double().numpy()) for q, k in pairs])
    assert playing._contrast(batch.source, made, mirrored=False).item() == pytest.approx(want, rel=1e-4)


def test_mirrored_translations_are_compared_mirrored_back():
    """A mirrored copy of the image is as near as the image itself where features follow the mirror: layer 0."""
    playing, batch = game()
    playing.translator.features = lambda images: [images]
    playing.projector = Projector((3,), 8)
    straight = playing._contrast(batch.source, batch.source, mirrored=False)
    torch.testing.assert_close(playing._contrast(batch.source, batch.source.flip(3), mirrored=True), straight)
    assert playing._contrast(batch.source, batch.source.flip(3), mirrored=False) > straight


def test_keys_carry_no_gradient():
    playing, batch = game()
    given = batch.source.requires_grad_()
    playing._contrast(given, torch.rand(2, 3, 16, 16), mirrored=False).backward()
    assert given.grad is None


def test_flips_half_of_the_steps():
    playing, batch = game(identity=False, flip=True)
    seen = []
    playing._contrast = lambda given, made, mirrored: seen.append(mirrored) or torch.zeros(())
    for _ in range(100):
        playing.generator_loss(batch)
    assert 35 < sum(seen) < 65


def test_fastcut_is_cut_with_its_own_defaults():
    params = fastcut.Params()
    assert (params.contrast, params.identity, params.flip, params.constant) == (10.0, False, True, 0.75)
