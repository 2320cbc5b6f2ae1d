"""PixelDA: its losses by hand, its contract, and what a toy with known answers shows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from bench.api import Budget, Checkpoint, FitContext
from bench.api.imageset import ImageSet
from bench.testing import check_refiner
from bench.training.adversarial import Batch
from bench.training.refine_images import refine_images
from refiners.pixelda import Params, PixelDA, PixelGame, foreground_of, odds, pairwise_error, staircase
from toy_runs import toy_suite


class Tower(nn.Module):
    """One convolution, batch norm, logits of three classes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)

    def forward(self, inputs):
        return self.head(self.norm(self.first(inputs["image"])).relu().mean(dim=(2, 3)))


def task_loss(network, inputs, labels):
    return nn.functional.cross_entropy(network(inputs), labels["class_id"])


class Shrinks(nn.Module):
    """A generator for tests: half of the image, moved by the mean of the noise."""

    def forward(self, images, noise):
        return images / 2 + 0.1 * noise.mean(dim=1)[:, None, None, None]


@pytest.fixture
def batch() -> Batch:
    rng = np.random.default_rng(0)
    source, target = torch.from_numpy(rng.uniform(-1, 1, (2, 4, 3, 8, 8)).astype(np.float32))
    labels = {"class_id": torch.tensor([0, 1, 2, 1]), "foreground": torch.from_numpy(rng.random((4, 8, 8)) < 0.4)}
    return Batch(source, target, labels)


def game_of(params: Params) -> PixelGame:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        critic = nn.Sequential(nn.Flatten(), nn.Linear(192, 1), nn.Flatten(0))
        networks = Tower(), Tower()
    return PixelGame(Shrinks(), critic, networks, task_loss, params, torch.Generator().manual_seed(0))


def pairwise_by_definition(difference: np.ndarray) -> float:
    """TensorFlow's: half of the mean of (d_i − d_j)² over all ordered pairs of one image's values, then doubled."""
    d = difference.ravel().astype(np.float64)
    return float(np.square(d[:, None] - d[None]).mean())


def test_keeps_the_contract():
    check_refiner(PixelDA(Params(similarity=1.0, views=2)))


@pytest.mark.parametrize("share", [None, 0.3])
def test_pairwise_error_is_the_paper_s_and_the_code_s_over_twice_the_batch(share):
    rng = np.random.default_rng(1)
    source, made = rng.uniform(-1, 1, (2, 5, 3, 6, 7)).astype(np.float32)
    mask = None if share is None else rng.random((5, 6, 7)) < share
    d = (source - made) * (1 if mask is None else mask[:, None])
    k = d[0].size
    paper = np.mean([(x**2).sum() / k - x.sum() ** 2 / k**2 for x in d.astype(np.float64)])
    found = pairwise_error(*map(torch.from_numpy, (source, made)), None if mask is None else torch.from_numpy(mask))
    assert found.item() == pytest.approx(paper, rel=1e-5)
    assert sum(map(pairwise_by_definition, d)) == pytest.approx(2 * 5 * paper, rel=1e-5)


def test_a_shift_is_free_over_the_whole_image_and_not_over_its_foreground():
    """By c, of a share p: c²(p − p²)."""
    source = torch.rand(1, 3, 10, 10)
    foreground = torch.zeros(1, 10, 10, dtype=torch.bool)
    foreground[:, :3] = True
    assert pairwise_error(source, source + 0.4, None).item() == pytest.approx(0, abs=1e-8)
    assert pairwise_error(source, source + 0.4, foreground).item() == pytest.approx(0.16 * (0.3 - 0.09), rel=1e-5)


def test_foreground_is_the_column_then_known_depth_then_everything(batch):
    depth = {"sensor_depth_m": torch.tensor([[[0.0, 2.0]]])}
    assert foreground_of(batch) is batch.labels["foreground"]
    assert foreground_of(Batch(batch.source, batch.target, {}, depth)).tolist() == [[[False, True]]]
    assert foreground_of(Batch(batch.source, batch.target, {})) is None


def test_generator_loss_is_the_weighted_sum(batch):
    game = game_of(Params(adversarial=0.3, task=0.7, similarity=2.0))
    loss, (made,) = game.generator_loss(batch)
    fooled = -torch.sigmoid(game.critic(made)).log().mean()
    task = task_loss(game.of_adapted, {"image": (made + 1) / 2}, batch.labels)
    similarity = pairwise_error(batch.source, made, batch.labels["foreground"])
    assert loss.item() == pytest.approx((0.3 * fooled + 0.7 * task + 2.0 * similarity).item(), rel=1e-5)


def test_discriminator_step_trains_the_critic_and_both_task_networks(batch):
    game = game_of(Params(domain=0.5))
    fakes = tuple(fake.detach() for fake in game.fakes(batch))
    real, fake = torch.sigmoid(game.critic(batch.target)), torch.sigmoid(game.critic(fakes[0]))
    adversarial = game.discriminator_loss(batch, fakes)
    assert adversarial.item() == pytest.approx(-0.5 * (real.log().mean() + (1 - fake).log().mean()).item(), rel=1e-5)
    task = game.companion_loss(batch, fakes)
    raw, adapted = ({"image": (images + 1) / 2} for images in (batch.source, fakes[0]))
    want = task_loss(game.of_raw, raw, batch.labels) + task_loss(game.of_adapted, adapted, batch.labels)
    assert task.item() == pytest.approx(want.item(), rel=1e-5)
    (adversarial + task).backward()
    assert all(parameter.grad is not None for parameter in game.discriminator.parameters())


def test_chance_is_the_loss_of_a_discriminator_that_cannot_tell(batch):
    game = game_of(Params(domain=0.5))
    for parameter in game.critic.parameters():
        nn.init.zeros_(parameter)
    assert game.discriminator_loss(batch, game.fakes(batch)).item() == pytest.approx(game.chance, rel=1e-5)
    assert odds(torch.zeros(3), 1).item() == pytest.approx(np.log(2))


def test_the_rate_falls_in_steps():
    assert [staircase(played, 10**6) for played in (1, 20_000, 20_001, 40_001)] == pytest.approx([1, 1, 0.95, 0.9025])


def test_the_end_to_end_arm_scores_the_network_for_adapted_images(run_inline):
    """A suite's run: fit, store, load into the task's network, score."""
    run = run_inline(
        toy_suite(arms=["refined", "end_to_end"], refiners=["pixelda:views=2"], train_steps=8, fit_steps=8)
    )
    assert run.listener.failures == {}
    scored = {arm for _, arm, refiner, _ in run.scores if refiner.startswith("pixelda")}
    assert scored == {"refined", "end_to_end"}


# ------------------------------------------------------------------------------------------------ a known shift


def inked(n_images: int, seed: int, *, shifted: bool) -> dict[str, np.ndarray]:
    """Bars at one of three heights on a plain ground, 16×16. Shifted: R, G, B → G, B, 1 − R, with noise of σ 0.1."""
    rng = np.random.default_rng(seed)
    class_id = rng.integers(0, 3, n_images)
    ink, paper = rng.uniform(0.6, 0.9, (n_images, 1, 1, 3)), rng.uniform(0.1, 0.4, (n_images, 1, 1, 3))
    rows = np.arange(16)[None, :, None]
    columns = np.arange(16)[None, None]
    left = rng.integers(1, 6, (n_images, 1, 1))
    top = (2 + 5 * class_id)[:, None, None]
    foreground = (rows >= top) & (rows < top + 3) & (columns >= left) & (columns < left + 9)
    image = np.where(foreground[..., None], ink, paper)
    if shifted:
        image = np.stack([image[..., 1], image[..., 2], 1 - image[..., 0]], axis=-1)
        image = image + rng.normal(0, 0.1, image.shape)
    pixels = (image.clip(0, 1) * 255).round().astype(np.uint8)
    return {"image": pixels, "class_id": class_id, "foreground": foreground}


class Bars(nn.Module):
    """Logits of three classes that know where things are."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8)
        self.head = nn.Linear(8 * 8 * 8, 3)

    def forward(self, inputs):
        return self.head(self.norm(self.first(inputs["image"])).relu().flatten(1))


def build() -> nn.Module:
    with torch.random.fork_rng([]):
        torch.manual_seed(3)
        return Bars()


SOURCE, TARGET = inked(400, 1, shifted=False), inked(400, 2, shifted=True)


@dataclass(frozen=True)
class Fit:
    """A fit at budget light, the source as it refines it, (N, 16, 16, 3) uint8, and PMSE over its foreground."""

    refiner: PixelDA
    made: np.ndarray
    error: float


@pytest.fixture(scope="module")
def fit_with() -> Callable[[float, int], Fit]:
    @cache
    def run(similarity: float, seed: int) -> Fit:
        source = ImageSet.from_arrays(**SOURCE)
        random, cpu = torch.Generator().manual_seed(seed), torch.device("cpu")
        context = FitContext(random, cpu, lambda step, n_steps, loss: None, build=build, loss=task_loss)
        refiner = PixelDA(Params(similarity=similarity))
        unlabelled = ImageSet.from_arrays(image=TARGET["image"]).unlabelled()
        refiner.fit(source, unlabelled, Budget(name="light", train_steps=400, batch_size=32), context)
        made = np.concatenate(list(refine_images(refiner, source, "source_train", 0, 64, lambda done, total: None)))
        signed = (torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1 for images in (SOURCE["image"], made))
        return Fit(refiner, made, pairwise_error(*signed, torch.from_numpy(SOURCE["foreground"])).item())

    return run


class First(Checkpoint):
    """Keeps the first state that is saved; resumes from ``saved``."""

    def __init__(self, saved: dict[str, torch.Tensor] | None = None) -> None:
        self.saved, self.first = saved, None

    def load(self):
        return self.saved

    def save(self, state):
        self.first = self.first or {name: tensor.clone() for name, tensor in state.items()}


def test_a_killed_fit_goes_on_with_weights_that_are_still_shared(monkeypatch):
    """From the checkpoint of round 20 of 40 on, to the same generator and the same task network."""
    monkeypatch.setattr("bench.training.adversarial.checkpoints.CHECKPOINTS", (0.0, 1e9))
    source = ImageSet.from_arrays(**SOURCE)
    unlabelled = ImageSet.from_arrays(image=TARGET["image"]).unlabelled()
    states, checkpoint = [], First()
    for _ in range(2):
        random, cpu = torch.Generator().manual_seed(0), torch.device("cpu")
        task = {"build": build, "loss": task_loss, "checkpoint": checkpoint}
        refiner = PixelDA()
        context = FitContext(random, cpu, lambda step, n_steps, loss: None, **task)
        refiner.fit(source, unlabelled, Budget(name="light", train_steps=1, batch_size=32, fit_steps=40), context)
        states.append(refiner.state_dict() | {f"task.{name}": value for name, value in refiner.predictor().items()})
        checkpoint = First(checkpoint.first)
    assert checkpoint.saved is not None
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def two_sample_accuracy(first: np.ndarray, second: np.ndarray) -> float:
    """Cross-validated accuracy of a linear classifier of an image's mean colour; 0.5: it cannot tell them apart."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    colours = np.concatenate([first, second]).mean(axis=(1, 2)) / 255
    labels = np.arange(2).repeat([len(first), len(second)])
    return float(cross_val_score(LogisticRegression(C=100), colours, labels, cv=5).mean())


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean absolute difference in levels, of the means of 4×4 pixels."""
    means = [images.reshape(-1, 4, 4, 4, 4, 3).mean(axis=(2, 4)) for images in (first, second)]
    return float(np.abs(means[0] - means[1]).mean())


SEEDS = range(3)
DEFAULT = Params().similarity


@pytest.mark.slow
def test_learns_a_known_shift_of_colours(fit_with):
    """Means over the seeds, at the default parameters.

    Levels off the true translation: 52.0 for the source, 0 for the truth. Two-sample accuracy: 1.00 for the source,
    0.50 for the truth. Reached with AVX-512: 23.5 and 0.61; the worst seeds have 25.6 and 0.65. Where classes are
    exchanged, as by one seed in three with ``similarity=10``, levels are 45.
    """
    red, green, blue = np.moveaxis(SOURCE["image"].astype(np.float64), -1, 0)
    true = np.stack([green, blue, 255 - red], axis=-1)
    assert two_sample_accuracy(true, TARGET["image"]) < 0.55
    assert two_sample_accuracy(SOURCE["image"], TARGET["image"]) > 0.99
    made = [fit_with(DEFAULT, seed).made for seed in SEEDS]
    levels = np.mean([distance(images, true) for images in made])
    accuracy = np.mean([two_sample_accuracy(images, TARGET["image"]) for images in made])
    print(f"{distance(SOURCE['image'], true):.1f} -> {levels:.1f} levels off, two-sample accuracy -> {accuracy:.3f}")
    assert levels < 0.65 * distance(SOURCE["image"], true)
    assert accuracy < 0.8


@pytest.mark.slow
def test_the_predictor_classifies_the_target(fit_with):
    """Accuracy on the target: chance is 0.33, the truth 1; 1.00 with every seed."""
    images = torch.from_numpy(TARGET["image"]).permute(0, 3, 1, 2) / 255
    right = []
    for seed in SEEDS:
        network = build()
        network.load_state_dict(fit_with(DEFAULT, seed).refiner.predictor())
        with torch.no_grad():
            found = network.eval()({"image": images}).argmax(dim=1).numpy()
        right.append((found == TARGET["class_id"]).mean())
    assert np.mean(right) > 0.9


@pytest.mark.slow
def test_similarity_keeps_the_foreground(fit_with):
    """PMSE over the foreground, 0 for the source itself: 0.063 to 0.087 without the loss, 0.026 to 0.037 with it."""
    without, with_it = (np.mean([fit_with(weight, seed).error for seed in SEEDS]) for weight in (0.0, DEFAULT))
    print(f"PMSE {without:.4f} without, {with_it:.4f} with")
    assert with_it < 0.7 * without
