"""T2Net: its losses by hand, its contract, and what it leaves alone."""

from pathlib import Path

import depth_toys
import numpy as np
import pytest
import torch
from torch import nn

from bench.api import Budget, FitContext, UserError
from bench.plugins.registry import Registry
from bench.testing import check_refiner
from bench.training.adversarial import Batch, ImagePool, Phase
from refiners import t2net
from refiners.t2net import CLAMP, DepthGame, Features, Params, T2Net, smoothness
from tasks.depth import Depth
from tasks.models.depth_network import DepthBody, DepthNetwork
from toy_runs import InlineRun, toy_suite


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


@pytest.mark.slow
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


BUDGET = Budget(name="light", train_steps=200, batch_size=8)
SOURCE = depth_toys.squares(64, (1.0, 0.4, 0.3), seed=1)
TARGET = depth_toys.squares(64, (0.3, 0.5, 1.0), seed=2)


class SmallBody(DepthBody):
    """Maps of 1/4 and 1/2: a depth network that learns in seconds."""

    multiple = least = 4

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU()]
        layers += [nn.Conv2d(16, 32, 5, 2, 2), nn.BatchNorm2d(32), nn.ReLU()]
        self.encoder, self.bottleneck = nn.Sequential(*layers), nn.Identity()
        self.coarse, self.fine = nn.Conv2d(32, 1, 1), nn.Sequential(nn.Conv2d(32, 4, 1), nn.PixelShuffle(2))

    def forward(self, image):
        features = self.bottleneck(self.encoder(image))
        return self.coarse(features)[:, 0].tanh(), self.fine(features)[:, 0].tanh()


def build() -> DepthNetwork:
    with torch.random.fork_rng([]):
        torch.manual_seed(3)
        return DepthNetwork(SmallBody(), depth_toys.ToyDepth.depth_range_m)


def fitted(params: Params) -> T2Net:
    random, task = torch.Generator().manual_seed(0), Depth()
    given = {"build": build, "loss": task.loss, "predict": task.predict}
    context = FitContext(random, torch.device("cpu"), lambda step, n_steps, loss: None, **given)
    refiner = T2Net(params)
    refiner.fit(SOURCE.only(frozenset({"depth_m"})), TARGET.unlabelled(), BUDGET, context)
    return refiner


@pytest.mark.slow
def test_leaves_real_images_alone_and_predicts_their_depth(refine):
    """Measured: real images change by 12.2 levels, by 37.5 without the identity term;
    source images come from 39.8 to 6.5 levels off the target's mean colour; depth of raw target images is 0.18 m off,
    where 3 m everywhere is 0.28 m off."""
    real, synthetic = TARGET.columns["image"].array, SOURCE.columns["image"].array
    refiner, free = (fitted(Params(adversarial=10, identity=weight)) for weight in (100.0, 0.0))
    held, moved = (float(np.abs(refine(one, real) * 255 - real).mean()) for one in (refiner, free))
    before, after = (
        np.abs((x.astype(np.float32) - real).mean(axis=(0, 1, 2))).mean()
        for x in (synthetic, refine(refiner, synthetic) * 255)
    )
    network = build()
    network.load_state_dict(refiner.predictor())
    with torch.no_grad():
        inputs = {"image": torch.from_numpy(real).permute(0, 3, 1, 2) / 255}
        found_m = Depth().predict(network.eval(), inputs)["depth_m"].astype(np.float64)
    error_m = np.abs(found_m - TARGET.columns["depth_m"].array).mean()
    constant_m = np.abs(3.0 - TARGET.columns["depth_m"].array).mean()
    print(f"real images change by {held:.1f} levels, {moved:.1f} without the identity; depth is off by {error_m:.2f} m")
    print(f"the mean colour of refined images is off the target's by {after:.1f} levels, {before:.1f} before")
    assert held < 0.5 * moved
    assert after < 0.5 * before
    assert error_m < 0.8 * constant_m


def test_separate_training_keeps_the_translator_while_the_depth_network_learns(monkeypatch):
    """Phases of equal length, the second without discriminator steps."""
    asked = []
    monkeypatch.setattr(t2net, "play", lambda game, source, target, phases, *rest: asked.extend(phases) or 0)
    fitted(Params(separate=True))
    n_rounds = t2net.SIZES["light"].rounds
    assert asked == [Phase(n_rounds), Phase(n_rounds, d_steps=0)]


def test_refuses_a_task_without_a_depth_network(run_inline):
    """Planning refuses pairs without depth; a fit, other tasks' networks."""
    with pytest.raises(UserError, match="depth_m"):
        run_inline(toy_suite(arms=["end_to_end"], refiners=["t2net"]))


def test_the_end_to_end_arm_runs_through_a_suite(tmp_path):
    """Fit, store, load into the task's network, score."""
    suite = toy_suite(
        pair="toy_depth", task="depth", arms=["end_to_end"], refiners=["t2net"], seeds=1, train_steps=2, fit_steps=2
    )
    run = InlineRun(suite, tmp_path, Registry([Path(depth_toys.__file__)]))
    assert run.listener.failures == {}
    assert [arm for _, arm, _, _ in run.scores if arm == "end_to_end"] == ["end_to_end"]
