import numpy as np
import pytest
import torch
from torch import nn

from bench.testing import check_refiner
from bench.training.adversarial import Batch, Phase
from refiners import simgan
from refiners.simgan import History, LocalGame, Params, SimGAN, cross_entropy


def numbers(first: int, n: int) -> torch.Tensor:
    return torch.arange(first, first + n, dtype=torch.float32).view(-1, 1, 1, 1)


@pytest.fixture
def batch() -> Batch:
    source, target = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 4, 3, 8, 8)).astype(np.float32))
    return Batch(source, target, {})


@pytest.fixture
def game() -> LocalGame:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        critic = nn.Conv2d(3, 2, 4, stride=4)
    history = History(100, torch.Generator().manual_seed(0))
    return LocalGame(nn.Hardtanh(-0.5, 0.5), critic, Params(similarity=0.3), history)


def probability(logits: torch.Tensor, channel: int) -> np.ndarray:
    exponentials = np.exp(logits.detach().double().numpy())
    return exponentials[:, channel] / exponentials.sum(axis=1)


def test_keeps_the_contract():
    check_refiner(SimGAN)


def test_cross_entropy_by_hand():
    """A patch of even odds and one of 3 : 1 for channel 1."""
    logits = torch.tensor([[0.0, 0.0], [0.0, np.log(3)]]).view(1, 2, 2).permute(0, 2, 1)[..., None]
    assert cross_entropy(logits, 1).item() == pytest.approx((np.log(2) + np.log(4 / 3)) / 2)


def test_generator_loss_is_the_paper_s_over_the_number_of_patches(game, batch):
    loss, (refined,) = game.generator_loss(batch)
    x, r = batch.source.numpy(), batch.source.clamp(-0.5, 0.5).numpy()
    np.testing.assert_array_equal(refined, r)
    adversarial = -np.log(1 - probability(game.discriminator(refined), 0)).sum(axis=(1, 2)).mean()
    similarity = 0.3 * np.abs(r - x).sum(axis=(1, 2, 3)).mean()
    assert loss.item() == pytest.approx((adversarial + similarity) / 4, rel=1e-5)
    assert game.solo_loss(batch).item() == pytest.approx(similarity, rel=1e-5)


def test_discriminator_loss_is_the_paper_s_over_the_number_of_patches(game, batch):
    fakes = game.fakes(batch)
    of_refined, of_real = (probability(game.discriminator(images), 0) for images in (fakes[0], batch.target))
    want = -np.log(of_refined).mean() - np.log(1 - of_real).mean()
    assert game.discriminator_loss(batch, fakes).item() == pytest.approx(want, rel=1e-5)


def test_chance_is_the_loss_of_a_discriminator_that_cannot_tell(game, batch):
    nn.init.zeros_(game.discriminator.weight)
    nn.init.zeros_(game.discriminator.bias)
    assert game.discriminator_loss(batch, game.fakes(batch)).item() == pytest.approx(LocalGame.chance, rel=1e-4)


def test_half_of_what_is_shown_is_old():
    history = History(6, torch.Generator().manual_seed(0))
    assert history.mix(numbers(0, 4)).flatten().tolist() == [0, 1, 2, 3]
    for step in range(1, 30):
        shown = history.mix(numbers(4 * step, 4)).flatten()
        assert shown[:2].tolist() == [4 * step, 4 * step + 1]
        assert (shown[2:] < 4 * step).all()
        assert shown[2] != shown[3]


def test_the_history_fills_and_then_overwrites_at_random():
    history = History(8, torch.Generator().manual_seed(0))
    for step in range(60):
        history.mix(numbers(4 * step, 4))
        kept = sorted(float(image) for image in history._stored)
        assert len(kept) == min(8, 2 * (step + 1))
        assert {4.0 * step, 4.0 * step + 1} & set(kept)
    assert kept[0] < 4 * 58  # some are older than the last two steps


def test_a_single_image_has_no_history():
    history = History(4, torch.Generator().manual_seed(0))
    for step in range(5):
        assert history.mix(numbers(step, 1)).item() == step


def test_three_phases_in_the_paper_s_proportions(photographs, fit, monkeypatch):
    phases = []
    monkeypatch.setattr(simgan, "play", lambda game, source, target, asked, *rest, **more: phases.extend(asked))
    monkeypatch.setattr(simgan, "rounds_of", lambda *of: 10_000)
    fit(SimGAN(), photographs)
    assert phases == [Phase(1000, 1, 0), Phase(200, 0, 1), Phase(10_000, 2, 1)]
