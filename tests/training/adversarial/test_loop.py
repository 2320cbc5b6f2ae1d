"""The adversarial loop, on games small enough to follow by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from bench.api import Budget, FitContext, PluginError
from bench.api.imageset import ImageSet
from bench.training.adversarial import (
    HALF_CONSTANT,
    Adam,
    Batch,
    Game,
    ImagePool,
    Optimisation,
    Phase,
    Size,
    constant_then_linear,
    least_squares,
    play,
    rounds_of,
)


class Toy(Game):
    """A 1×1 convolution against a 1×1 convolution; writes down what is asked of it."""

    chance = 0.25

    def __init__(self) -> None:
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            self.generator, self.discriminator = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 1, 1)
        self.calls = ""
        self.batches: list[Batch] = []

    def fakes(self, batch):
        self.calls += "f"
        return (self.generator(batch.source),)

    def generator_loss(self, batch):
        self.calls += "g"
        self.batches.append(batch)
        assert not any(parameter.requires_grad for parameter in self.discriminator.parameters())
        fake = self.generator(batch.source)
        return least_squares(self.discriminator(fake), 1), (fake,)

    def discriminator_loss(self, batch, fakes):
        self.calls += "d"
        assert not fakes[0].requires_grad
        return 0.5 * (
            least_squares(self.discriminator(batch.target), 1) + least_squares(self.discriminator(fakes[0]), 0)
        )

    def solo_loss(self, batch):
        self.calls += "s"
        return self.generator(batch.source).square().mean()


class Won(Toy):
    """A discriminator that is always right."""

    def discriminator_loss(self, batch, fakes):
        return 0 * super().discriminator_loss(batch, fakes)


class Breaks(Toy):
    """NaN from the 30th generator step on."""

    def generator_loss(self, batch):
        loss, fakes = super().generator_loss(batch)
        return (loss * float("nan") if self.calls.count("g") >= 30 else loss), fakes


class Grey(Toy):
    """One grey for every pixel."""

    def fakes(self, batch):
        return (0 * batch.source + 0.1,)


class Same(Toy):
    """One image for every source image."""

    def fakes(self, batch):
        return (batch.target[:1].expand_as(batch.source),)


def images(n: int = 12, seed: int = 0, level: int | None = None) -> ImageSet:
    pixels = np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
    pixels[:, 0, 0] = np.arange(n)[:, None]  # the image's number
    if level is not None:
        pixels[:] = level
    return ImageSet.from_arrays(image=pixels, class_id=np.arange(n))


@pytest.fixture
def context() -> FitContext:
    return FitContext(torch.Generator().manual_seed(0), torch.device("cpu"), lambda step, n_steps, loss: None)


@pytest.fixture
def run(context) -> Callable[..., int]:
    def play_it(game, *phases, target=None, batch_size=4, optimisation=None, progress=None, source=None, crop=0) -> int:
        mine = replace(context, progress=progress) if progress else context
        target = images(7, 1) if target is None else target
        phases = phases or (Phase(5),)
        optimisation = optimisation or Optimisation()
        both = source or images(), target.unlabelled()
        return play(game, *both, phases, batch_size, optimisation, mine, crop=crop)

    return play_it


@pytest.mark.parametrize(
    ("phase", "calls"),
    [
        (Phase(2), "gdgd"),
        (Phase(2, g_steps=2), "ggdggd"),
        (Phase(1, d_steps=3), "gdfdfd"),
        (Phase(2, g_steps=0), "fdfd"),
        (Phase(2, d_steps=0), "ss"),
        (Phase(5, d_every=2), "ggdggdg"),
    ],
)
def test_steps_alternate_as_asked(run, phase, calls):
    game = Toy()
    run(game, phase)
    assert game.calls == calls + "f"  # the last look at the outputs


def test_a_generator_step_moves_the_generator_alone_and_the_other_way_round(run):
    for phase, moves in ((Phase(1, d_steps=0), "generator"), (Phase(1, g_steps=0), "discriminator")):
        game, fresh = Toy(), Toy()
        run(game, phase)
        for player in ("generator", "discriminator"):
            same = torch.equal(getattr(game, player).weight, getattr(fresh, player).weight)
            assert same == (player != moves)


def test_images_come_in_shuffled_epochs_with_their_labels_from_minus_one_to_one(run):
    game = Toy()
    run(game, Phase(6))
    number = torch.cat([batch.source[:, 0, 0, 0] for batch in game.batches])
    label = torch.cat([batch.labels["class_id"] for batch in game.batches])
    torch.testing.assert_close(number, label / 255 * 2 - 1)
    assert sorted(label[:12].tolist()) == sorted(label[12:].tolist()) == list(range(12))
    assert label[:12].tolist() != label[12:].tolist()
    assert game.batches[0].target.min() >= -1
    assert game.batches[0].target.max() <= 1


@pytest.mark.parametrize(
    ("phase", "n_drawn"),
    [(Phase(3), 12), (Phase(3, g_steps=2), 24), (Phase(3, d_steps=3), 36), (Phase(3, g_steps=0), 12)],
)
def test_the_number_of_source_images_drawn_comes_back(run, phase, n_drawn):
    assert run(Toy(), phase) == n_drawn


def test_inputs_beside_the_image_are_no_labels(run):
    game, depth_m = Toy(), np.arange(12, dtype=np.float32)[:, None, None].repeat(4, 1).repeat(4, 2)
    columns = images().columns
    arrays = {name: column.array for name, column in columns.items()}
    run(game, Phase(1), source=ImageSet.from_arrays(**arrays, sensor_depth_m=depth_m))
    assert game.batches[0].inputs["sensor_depth_m"][:, 0, 0].tolist() == game.batches[0].labels["class_id"].tolist()
    assert game.batches[0].labels.keys() == {"class_id"}


def test_large_images_are_cut_at_random_places_with_their_masks(run):
    """Pixels and mask both say where they come from."""
    place = np.arange(48, dtype=np.uint8).reshape(6, 8)
    source = ImageSet.from_arrays(
        image=place[None, ..., None].repeat(5, 0).repeat(3, 3), mask=place[None].repeat(5, axis=0)
    )
    game, target = Toy(), ImageSet.from_arrays(image=np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), np.uint8))
    run(game, Phase(20), source=source, target=target, crop=4)
    corners = set()
    for batch in game.batches:
        assert batch.source.shape == batch.target.shape == (4, 3, 4, 4)
        levels = (batch.source[:, 0] + 1) * 127.5
        torch.testing.assert_close(levels, batch.labels["mask"].float())
        corners |= set(batch.labels["mask"][:, 0, 0].tolist())
        assert (levels[:, 0, 3] - levels[:, 0, 0]).round().eq(3).all()
    assert corners == {8 * y + x for y in range(3) for x in range(5)}


def test_images_with_labels_that_no_crop_can_keep_stay_whole(run):
    game = Toy()
    run(game, Phase(1), crop=3)
    assert game.batches[0].source.shape[2:] == (4, 4)  # class_id


def test_equal_seeds_give_equal_weights_and_the_global_state_stays(run, context):
    games, before = [Toy(), Toy()], torch.get_rng_state()
    for game in games:
        context.generator.manual_seed(3)
        run(game, Phase(30))
    assert torch.equal(games[0].generator.weight, games[1].generator.weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_progress_counts_every_round_and_ends_with_the_last(run):
    heard = []
    run(Toy(), Phase(3, d_steps=0), Phase(42), progress=lambda *now: heard.append(now))
    assert [(step, n_steps) for step, n_steps, _ in heard] == [(20, 45), (40, 45), (45, 45)]


def test_the_rate_is_constant_and_then_falls_in_equal_steps_to_just_above_zero():
    rates = [HALF_CONSTANT(step, 8) for step in range(1, 9)]
    np.testing.assert_allclose(rates, [1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    assert {constant_then_linear(1.0)(step, 8) for step in range(1, 9)} == {1.0}
    assert constant_then_linear(0.0)(1, 1) == 0.5


def test_the_schedule_reaches_adam(run):
    """Adam's first step is the rate itself."""
    game, fresh = Toy(), Toy()
    run(game, Phase(1), optimisation=Optimisation(0.01, schedule=lambda step, n_steps: 0.5))
    moved = (game.generator.weight - fresh.generator.weight).abs()
    np.testing.assert_allclose(moved.detach().numpy(), 0.005, rtol=1e-3)


def test_networks_of_one_player_can_learn_at_their_own_rates(run):
    """Adam's first step is the rate itself, whatever β is."""

    class Two(Toy):
        def __init__(self) -> None:
            super().__init__()
            self.translator, self.task = self.generator, nn.Conv2d(3, 3, 1, bias=False)
            nn.init.ones_(self.task.weight)
            self.generator = nn.Sequential(self.translator, self.task)

    game, fresh = Two(), Two()
    own = {"task": Adam(0.1, (0.95, 0.999)), "discriminator": Adam(0.02, (0.5, 0.9))}
    run(game, Phase(1), optimisation=Optimisation(0.01, own=own, schedule=lambda step, n_steps: 0.5))
    for name, rate in (("translator", 0.005), ("task", 0.05), ("discriminator", 0.01)):
        moved = (getattr(game, name).weight - getattr(fresh, name).weight).abs().detach().numpy()
        np.testing.assert_allclose(moved, rate, rtol=1e-2)


def test_weight_decay_pulls_what_has_no_gradient(run):
    class Flat(Toy):
        def solo_loss(self, batch):
            return 0 * super().solo_loss(batch)

    game, fresh = Flat(), Flat()
    run(game, Phase(2, d_steps=0), optimisation=Optimisation(0.01, weight_decay=0.1))
    assert (game.generator.weight.abs() < fresh.generator.weight.abs()).all()


def test_a_game_hears_of_each_discriminator_step(run):
    class Clamped(Toy):
        def discriminator_stepped(self):
            self.calls += "c"
            with torch.no_grad():
                self.discriminator.weight.clamp_(-0.01, 0.01)

    game = Clamped()
    run(game, Phase(2, d_steps=2))
    assert game.calls == "gdcfdcgdcfdcf"
    assert game.discriminator.weight.abs().max() <= 0.01


def test_dropout_follows_the_fit_s_seed_and_leaves_the_global_state(run, context):
    class Dropping(Toy):
        def __init__(self) -> None:
            super().__init__()
            self.generator = nn.Sequential(self.generator, nn.Dropout(0.5))

    weights = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        context.generator.manual_seed(3)
        game = Dropping()
        run(game, Phase(5))
        weights.append(game.generator[0].weight)
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*weights)


def test_gradients_are_clipped_to_the_norm(run):
    """So small a norm drowns in Adam's ε = 1e-8."""
    game, fresh = Toy(), Toy()
    run(game, Phase(1), optimisation=Optimisation(0.01, max_gradient_norm=1e-12))
    assert (game.generator.weight - fresh.generator.weight).abs().max() < 1e-5


def test_the_average_lags_behind_the_weights(run, context):
    start, last, average = Toy(), Toy(), Toy()
    for game, decay in ((last, None), (average, 0.5)):
        context.generator.manual_seed(0)
        run(game, Phase(1), optimisation=Optimisation(0.01, average=decay))
    half = (start.generator.weight + last.generator.weight) / 2
    torch.testing.assert_close(average.generator.weight, half)


def test_a_loss_that_is_not_finite_ends_the_fit_with_its_round(run):
    with pytest.raises(PluginError, match=r"generator's loss is nan at round 30 of 100"):
        run(Breaks(), Phase(100))


def test_a_discriminator_that_has_won_ends_the_fit(run):
    with pytest.raises(PluginError, match=r"discriminator has won.*300 rounds, up to round 310 of 400"):
        run(Won(), Phase(10, g_steps=0), Phase(390))
    run(Won(), Phase(400, g_steps=0))  # winning against nobody is no victory
    with pytest.raises(PluginError, match=r"discriminator has won.*300 rounds, up to round 304 of 400"):
        run(Won(), Phase(400, d_every=5))  # between its steps its last loss counts; before the first, chance


@pytest.mark.parametrize(("game", "where"), [(Grey, "within an image"), (Same, "from image to image")])
def test_outputs_that_are_all_alike_end_the_fit(run, game, where):
    with pytest.raises(PluginError, match=f"collapsed: .* {where}"):
        run(game())


def test_outputs_may_be_as_alike_as_the_data(run):
    run(Grey(), target=images(5, level=90))
    run(Same(), source=images(1))


def test_a_phase_of_generators_alone_needs_a_loss(run):
    class Without(Toy):
        solo_loss = Game.solo_loss

    with pytest.raises(PluginError, match="Without has no loss"):
        run(Without(), Phase(1, d_steps=0))


def test_rounds_follow_the_budget_the_size_and_the_epochs():
    def n_rounds(side: int, fit_steps: int | None = None, **size) -> int:
        source = ImageSet.from_arrays(image=np.zeros((30, side, side, 3), np.uint8))
        of_budget = Size(width=1, n_blocks=1, discriminator_width=1, batch_size=4, **size)
        budget = Budget(name="light", train_steps=1, batch_size=1, fit_steps=fit_steps)
        return rounds_of(of_budget, budget, source, images(41).unlabelled())

    assert [n_rounds(side, rounds=600) for side in (16, 32, 64)] == [600, 600, 455]
    assert n_rounds(64, rounds=600, fit_steps=99) == 99
    assert n_rounds(64, rounds=600, fit_steps=500) == 455  # a cap, not a wish
    assert n_rounds(64, epochs=2) == 21  # ⌈2 · 41 / 4⌉
    assert n_rounds(64, rounds=600, crop=32) == 600


def test_the_pool_fills_first_and_then_exchanges_half():
    pool = ImagePool(5, torch.Generator().manual_seed(0))
    new = torch.arange(1000.0)[:, None, None, None]
    torch.testing.assert_close(pool.exchange(new[:5]), new[:5])
    shown = pool.exchange(new[5:]).flatten()
    is_new = shown == new[5:].flatten()
    assert 0.45 < is_new.float().mean() < 0.55
    old = shown[~is_new]
    assert (old < new[5:].flatten()[~is_new]).all()
    assert len(old.unique()) == len(old)  # a stored image leaves the pool when it is shown


def test_the_pool_keeps_copies():
    pool, new = ImagePool(1, torch.Generator().manual_seed(0)), torch.zeros(1, 1, 1, 1)
    pool.exchange(new)
    new += 7
    shown = [float(pool.exchange(torch.ones(1, 1, 1, 1))) for _ in range(8)]
    assert set(shown) == {0.0, 1.0}


def test_least_squares_by_hand():
    assert least_squares(torch.tensor([1.0, 3.0]), 1).item() == 2.0
