"""T2Net: its losses by hand, its contract, and what it leaves alone."""

import numpy as np
import pytest
import torch
from torch import nn

from bench.adversarial import Batch, ImagePool
from bench.api import Budget, FitContext, LabelSpace, ModelParams, UserError
from bench.data.imageset import ImageSet
from bench.testing import check_refiner, toy_images
from refiners.cyclegan import CycleGAN
from refiners.cyclegan import Params as CycleParams
from refiners.t2net import CLAMP, DepthGame, Features, Params, T2Net, smoothness
from tasks.depth import Depth


class Body(nn.Module):
    """Two maps, at a quarter and half of the image's size; the bottleneck sees the coarse one's features."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.bottleneck = nn.Conv2d(3, 2, 4, stride=4), nn.Identity()

    def forward(self, images):
        features = self.bottleneck(self.convolution(images)).tanh()
        return features[:, 0], nn.functional.interpolate(features, scale_factor=2)[:, 1]


class DepthNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = Body()

    def forward(self, inputs):
        return self.body(inputs["image"])


def task_loss(network, inputs, labels):
    """L1 against one depth an image."""
    return sum((depth - labels["depth"][:, None, None]).abs().mean() for depth in network(inputs))


@pytest.fixture
def batch() -> Batch:
    rng = np.random.default_rng(0)
    source, target = torch.from_numpy(rng.uniform(-1, 1, (2, 4, 3, 8, 8)).astype(np.float32))
    return Batch(source, target, {"depth": torch.tensor([0.1, -0.3, 0.5, 0.2])})


def game_of(params: Params) -> DepthGame:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        translator, task = nn.Conv2d(3, 3, 1), DepthNet()
        critics = nn.Conv2d(3, 1, 4, stride=4), nn.Sequential(nn.Flatten(), nn.Linear(8, 1))
    pool = ImagePool(20, torch.Generator().manual_seed(0))
    return DepthGame(translator, task, Features(task), critics, pool, task_loss, params)


def smoothness_by_hand(maps: list[np.ndarray], images: np.ndarray) -> float:
    """The formula in loops over maps, images and axes; images shrink by means of cells."""
    total = 0.0
    for level, depth in enumerate(maps):
        cell = images.shape[2] // depth.shape[1]
        shrunk = images.reshape(*images.shape[:2], depth.shape[1], cell, depth.shape[2], cell).mean(axis=(3, 5))
        for axis in (1, 2):
            weight = np.exp(-np.abs(np.diff(shrunk, axis=axis + 1)).mean(axis=1))
            total += 2.0**-level * (np.abs(np.diff(depth, axis=axis)) * weight).mean()
    return total


def test_keeps_the_contract():
    check_refiner(T2Net, task=Depth())


def test_keeps_the_contract_when_separate():
    check_refiner(T2Net(Params(separate=True)), sizes=[(32, 32)], task=Depth())


def test_smoothness_weighs_the_coarsest_map_most():
    rng = np.random.default_rng(2)
    maps = [rng.uniform(-1, 1, (2, side, side)).astype(np.float32) for side in (2, 4, 8)]
    images = rng.uniform(-1, 1, (2, 3, 8, 8)).astype(np.float32)
    found = smoothness([torch.from_numpy(depth) for depth in maps], torch.from_numpy(images))
    assert found.item() == pytest.approx(smoothness_by_hand(maps, images), rel=1e-5)
    flat = [torch.zeros(1, side, side) for side in (2, 4)]
    steps = [torch.tensor([[[0.0, 1], [0, 1]]]), torch.tensor([[[0.0, 1, 1, 1]] * 4])]
    plain = torch.zeros(1, 3, 4, 4)
    assert smoothness([steps[0], flat[1]], plain).item() == 1
    assert smoothness([flat[0], steps[1]], plain).item() == pytest.approx(1 / 3 / 2)


def test_smoothness_forgives_edges_of_the_image():
    """An edge of 2 in all channels at a step of depth: exp(−2) of what it costs on a plain image."""
    depth = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]])
    edge = torch.tensor([[-1.0, 1.0], [-1.0, 1.0]]).expand(1, 3, 2, 2)
    assert smoothness([depth], edge).item() == pytest.approx(np.exp(-2))


def test_generator_loss_is_the_weighted_sum(batch):
    game = game_of(Params(adversarial=2.0, identity=3.0, task=5.0, feature=7.0, smoothness=11.0))
    loss, (made, of_made, of_target) = game.generator_loss(batch)
    x, y = batch.source, batch.target
    body = game.task.body
    torch.testing.assert_close(made, game.translator(x))
    torch.testing.assert_close(of_made, body.convolution((made + 1) / 2))
    torch.testing.assert_close(of_target, body.convolution((y + 1) / 2))
    want = 2 * (game.critic(made) - 1).square().mean() + 3 * (game.translator(y) - y).abs().mean()
    want = want + 5 * task_loss(game.task, {"image": (made + 1) / 2}, batch.labels)
    want = want + 7 * (game.feature_critic(of_made) - 1).square().mean()
    maps = [depth.detach().numpy() for depth in body((y + 1) / 2)]
    assert loss.item() == pytest.approx(want.item() + 11 * smoothness_by_hand(maps, y.numpy()), rel=1e-5)


def test_each_loss_trains_what_the_code_s_freezing_lets_it(batch):
    """S's own losses leave T alone, smoothness leaves S alone, the task's reaches both."""
    for names, of_translator, of_task in (
        ({"adversarial", "identity"}, True, False),
        ({"smoothness"}, False, True),
        ({"task", "feature"}, True, True),
    ):
        weights = dict.fromkeys(("adversarial", "identity", "task", "feature", "smoothness"), 0.0) | {"task": 1e-30}
        game = game_of(Params(**(weights | dict.fromkeys(names, 1.0))))
        game.generator_loss(batch)[0].backward()
        assert (game.translator.weight.grad.abs().max() > 1e-6) == of_translator
        assert (game.task.body.convolution.weight.grad.abs().max() > 1e-6) == of_task


def test_discriminator_loss_is_half_of_both_sides_of_both_critics(batch):
    game = game_of(Params())
    fakes = tuple(fake.detach() for fake in game.generator_loss(batch)[1])
    made, of_made, of_target = fakes
    want = (game.critic(batch.target) - 1).square().mean() + game.critic(made).square().mean()
    want = want + (game.feature_critic(of_target) - 1).square().mean() + game.feature_critic(of_made).square().mean()
    assert game.discriminator_loss(batch, fakes).item() == pytest.approx(want.item() / 2, rel=1e-5)


def test_the_feature_critic_is_clamped_and_the_other_is_not():
    game = game_of(Params())
    before = game.critic.weight.clone()
    game.discriminator_stepped()
    assert max(float(parameter.abs().max().detach()) for parameter in game.feature_critic.parameters()) <= CLAMP
    assert torch.equal(game.critic.weight, before)


def test_separate_training_gives_the_task_network_no_gradient_at_first_and_the_translator_none_then(batch):
    game = game_of(Params(separate=True))
    game.generator_loss(batch)[0].backward()
    assert game.task.body.convolution.weight.grad is None
    game.translator.zero_grad()
    game.solo_loss(batch).backward()
    assert game.translator.weight.grad is None
    assert game.task.body.convolution.weight.grad is not None


def test_refuses_a_network_without_bottleneck():
    with pytest.raises(UserError, match="t2net_depth_light"):
        Features(nn.Linear(3, 3))


# --------------------------------------------------------------------------------------------- what it leaves alone


SIZE = 32
SPACE = LabelSpace(class_names=("a", "b", "c"), width=SIZE, height=SIZE, depth_range_m=(0.5, 4.0))


@pytest.fixture(scope="module")
def fitted() -> tuple[T2Net, ImageSet, ImageSet]:
    """Fitted at budget light to toy images, with the source and the target."""
    source, target = toy_images(64, SIZE, SIZE, seed=1), toy_images(64, SIZE, SIZE, seed=2)
    refiner = T2Net()
    refiner.fit(source.only(frozenset({"depth_m"})), target.unlabelled(), BUDGET, context_of())
    return refiner, source, target


BUDGET = Budget(name="light", train_steps=200, batch_size=8)


def context_of() -> FitContext:
    random, task = torch.Generator().manual_seed(0), Depth()
    return FitContext(
        random,
        torch.device("cpu"),
        lambda step, n_steps, loss: None,
        build=lambda: task.build("t2net_depth_light", ModelParams(), SPACE, random),
        loss=task.loss,
        predict=task.predict,
        space=SPACE,
    )
