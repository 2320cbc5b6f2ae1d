import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from bench.api import ADAMW, Optimiser, PluginError, UserError
from bench.api.errors import DataError
from bench.api.imageset import Column, ImageSet
from bench.training import loop
from bench.training.batches import Phase, Stream, split_batch
from bench.training.loop import TrainingError, schedule, train
from bench.training.prediction import predict, reestimate_batch_norm
from tasks.classification import Classification

TASK = Classification()


class TinyNet(nn.Module):
    """Convolution, batch norm, dropout, linear: everything that training could disturb."""

    n_classes: int | None = 4

    def __init__(self, n_classes: int = 4) -> None:
        super().__init__()
        with torch.random.fork_rng([]):
            torch.manual_seed(5)
            self.conv, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)
            self.dropout, self.linear = nn.Dropout(0.3), nn.Linear(6, n_classes)

    def forward(self, inputs):
        hidden = torch.relu(self.norm(self.conv(inputs["image"])))
        return self.linear(self.dropout(hidden.mean((2, 3))))


class Recorder(Classification):
    """The task, writing down the labels and the first pixels of every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.labels_seen: list[list[int]] = []

    def loss(self, network, inputs, labels):
        self.labels_seen.append(labels["class_id"].tolist())
        return super().loss(network, inputs, labels)


class NumberedNet(nn.Module):
    """Writes down the number that :func:`numbered` painted into every image."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 300)
        self.seen: list[list[int]] = []

    def forward(self, inputs):
        self.seen.append((inputs["image"][:, 0, 0, 0] * 255).round().int().tolist())
        return self.linear(inputs["image"].mean((2, 3)))


def numbered(first: int, n: int) -> ImageSet:
    """Images of one colour and one label, both their number."""
    number = np.arange(first, first + n)
    image = np.broadcast_to(number[:, None, None, None], (n, 8, 8, 3)).astype(np.uint8)
    return ImageSet.from_arrays(image=image, class_id=number)


def random_images(n: int = 40, n_classes: int = 4, seed: int = 0) -> ImageSet:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    return ImageSet.from_arrays(image=image, class_id=rng.integers(0, n_classes, n))


def run(
    network: nn.Module,
    *phases: Phase,
    task=TASK,
    recipe="plain",
    optimiser=ADAMW,
    batch_size=8,
    seed=0,
    progress=None,
):
    return train(
        task,
        network,
        phases or (Phase((Stream((random_images(),), 1.0),), 12),),
        recipe=recipe,
        optimiser=optimiser,
        batch_size=batch_size,
        seed=seed,
        device="cpu",
        progress=progress or (lambda step, n_steps, loss: None),
    )


def same_state(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


# ------------------------------------------------------------------------------------------------ batches


@pytest.mark.parametrize(
    ("fractions", "batch_size", "counts"),
    [
        ([1.0], 64, (64,)),
        ([0.5, 0.5], 64, (32, 32)),
        ([0.5, 0.5], 7, (4, 3)),
        ([0.1, 0.9], 10, (1, 9)),
        ([1 / 3, 1 / 3, 1 / 3], 64, (22, 21, 21)),
        ([0.26, 0.37, 0.37], 10, (2, 4, 4)),
    ],
)
def test_batches_are_split_by_largest_remainder(fractions: list[float], batch_size: int, counts: tuple) -> None:
    assert split_batch(fractions, batch_size) == counts


def test_every_batch_has_the_exact_composition_and_every_phase_its_exact_steps() -> None:
    task, network = Recorder(), NumberedNet()
    source, real = numbered(0, 50), numbered(100, 5)
    mixed = Phase((Stream((source,), 0.75), Stream((real,), 0.25)), 7)
    result = run(network, mixed, Phase((Stream((real,), 1.0),), 3), task=task)
    assert len(task.labels_seen) == 10
    assert [sum(label >= 100 for label in batch) for batch in task.labels_seen] == [2] * 7 + [8] * 3
    assert result.images_seen == 80
    assert result.n_images == (50, 5, 5)


def test_streams_run_in_shuffled_epochs_and_small_ones_cycle() -> None:
    task = Recorder()
    run(NumberedNet(), Phase((Stream((numbered(0, 12),), 0.5), Stream((numbered(100, 3),), 0.5)), 9), task=task)
    large = [label for batch in task.labels_seen for label in batch if label < 100]
    small = [label for batch in task.labels_seen for label in batch if label >= 100]
    epochs = [large[i : i + 12] for i in range(0, 36, 12)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert all(sorted(small[i : i + 3]) == [100, 101, 102] for i in range(0, 36, 3))


def test_images_stay_with_their_labels_through_parts_and_row_maps() -> None:
    every_second = ImageSet({n: c.through(np.arange(0, 40, 2)) for n, c in numbered(100, 40).columns.items()})
    task, network = Recorder(), NumberedNet()
    run(network, Phase((Stream((numbered(0, 10), every_second, numbered(200, 4)), 1.0),), 5), task=task)
    assert network.seen == task.labels_seen
    drawn = [label for batch in task.labels_seen for label in batch][:34]
    assert sorted(drawn) == [*range(10), *range(100, 140, 2), *range(200, 204)]


def test_columns_that_the_task_does_not_use_may_differ_between_parts() -> None:
    images = random_images()
    with_mask = ImageSet({**images.columns, "foreground": Column(np.ones((40, 8, 8), bool))})
    run(TinyNet(), Phase((Stream((images, with_mask), 1.0),), 2))


# ---------------------------------------------------------------------------------------- reproducibility


@pytest.mark.parametrize("recipe", ["plain", "strong"])
def test_equal_seeds_give_bit_equal_weights_and_others_do_not(recipe: str) -> None:
    networks = [TinyNet() for _ in range(3)]
    for network, seed in zip(networks, (1, 1, 2), strict=True):
        run(network, recipe=recipe, seed=seed)
    assert same_state(networks[0], networks[1])
    assert not torch.equal(networks[0].linear.weight, networks[2].linear.weight)


def test_predicting_in_between_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", 0.0)
    images, undisturbed, disturbed = random_images(), TinyNet(), TinyNet()
    calls = []

    def look(step: int, n_steps: int, loss: float) -> None:
        calls.append(step)
        predict(TASK, disturbed, images, batch_size=7, device="cpu")

    run(undisturbed)
    run(disturbed, progress=look)
    assert calls == list(range(1, 13))
    assert same_state(undisturbed, disturbed)


def test_global_random_states_are_left_as_found() -> None:
    def draws() -> tuple[float, float, float]:
        return random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002

    def seed() -> None:
        random.seed(3)
        np.random.seed(3)  # noqa: NPY002
        torch.manual_seed(3)

    seed()
    expected = draws()
    seed()
    run(TinyNet(), recipe="strong")
    assert draws() == expected


def test_training_does_not_depend_on_the_global_random_state() -> None:
    networks = [TinyNet(), TinyNet()]
    for network, state in zip(networks, (10, 20), strict=True):
        torch.manual_seed(state)
        run(network)
    assert same_state(*networks)


def test_strong_without_legal_augmentations_is_plain() -> None:
    class Bare(Classification):
        augmentations = frozenset()

    networks = [TinyNet(), TinyNet(), TinyNet()]
    for network, recipe, task in zip(networks, ("plain", "strong", "strong"), (TASK, Bare(), TASK), strict=True):
        run(network, recipe=recipe, task=task)
    assert same_state(networks[0], networks[1])
    assert not same_state(networks[0], networks[2])


# --------------------------------------------------------------------------------------- result, progress


def test_the_curve_has_at_most_fifty_points_and_ends_at_the_last_step() -> None:
    result = run(TinyNet(), Phase((Stream((random_images(),), 1.0),), 120))
    steps = [step for step, _ in result.loss_curve]
    assert len(steps) == 50
    assert steps == sorted(set(steps))
    assert steps[-1] == 120
    assert result.final_loss == result.loss_curve[-1][1] < result.loss_curve[0][1]
    assert result.seconds > 0
    assert [step for step, _ in run(TinyNet()).loss_curve] == list(range(1, 13))


def test_progress_is_throttled_and_always_reports_the_last_step() -> None:
    calls: list[tuple[int, int, float]] = []
    result = run(TinyNet(), Phase((Stream((random_images(),), 1.0),), 150), progress=lambda *call: calls.append(call))
    assert calls[-1][:2] == (150, 150)
    assert np.isfinite(calls[-1][2])
    assert len(calls) <= result.seconds / loop.PROGRESS_SECONDS + 1


def test_the_rate_climbs_for_a_tenth_of_the_steps_and_then_falls() -> None:
    rates = np.array([schedule(step, 400, ADAMW) for step in range(1, 401)])
    assert rates[0] == 1 / 40
    assert rates.argmax() == 39
    assert rates.max() == 1
    assert (np.diff(rates[40:]) < 0).all()
    assert 0 < rates[-1] < 1e-4
    assert schedule(1, 1, ADAMW) == 1


# ------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize("bad_step", [1, 37, 40, 41, 60])
def test_a_loss_that_is_not_finite_is_reported_with_its_step(bad_step: int) -> None:
    class Breaks(Recorder):
        def loss(self, network, inputs, labels):
            loss = super().loss(network, inputs, labels)
            return loss * float("nan") if len(self.labels_seen) == bad_step else loss

    with pytest.raises(TrainingError, match=f"^loss is nan at step {bad_step} of 60$"):
        run(TinyNet(), Phase((Stream((random_images(),), 1.0),), 60), task=Breaks())


def test_a_last_step_that_ruins_the_weights_is_an_error() -> None:
    class Kink(Recorder):
        def loss(self, network, inputs, labels):
            loss = super().loss(network, inputs, labels)
            return (loss * 0).sqrt() if len(self.labels_seen) == 5 else loss  # 0, with an infinite slope

    with pytest.raises(TrainingError, match="weights are not finite after step 5 of 5"):
        run(TinyNet(), Phase((Stream((random_images(),), 1.0),), 5), task=Kink())


def relabelled(row: int, value: int) -> ImageSet:
    images = random_images()
    images.columns["class_id"].array[row] = value
    return images


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (lambda: relabelled(17, 4), "column 'class_id', row 17: class 4 is not allowed; allowed: 0..3"),
        (lambda: relabelled(3, -1), "column 'class_id', row 3: class -1 is not allowed; allowed: 0..3"),
        (lambda: random_images().only(frozenset()), "training needs the column 'class_id'; the set has image"),
    ],
)
def test_bad_labels_are_named_before_the_first_step(images: Callable[[], ImageSet], message: str) -> None:
    task = Recorder()
    with pytest.raises(DataError, match=message):
        run(TinyNet(), Phase((Stream((random_images(), images()), 1.0),), 5), task=task)
    assert task.labels_seen == []


def test_images_of_two_sizes_are_refused() -> None:
    wide = ImageSet.from_arrays(image=np.zeros((4, 8, 16, 3), np.uint8), class_id=np.zeros(4, np.int64))
    with pytest.raises(DataError, match=r"of one size; found \(8, 8\) and \(16, 8\)"):
        run(TinyNet(), Phase((Stream((random_images(),), 0.5), Stream((wide,), 0.5)), 5))


@pytest.mark.parametrize("fractions", [(0.5, 0.4), (1.5, -0.5), ()])
def test_fractions_must_be_positive_and_fill_the_batch(fractions: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match="must be positive and add up to 1"):
        Phase(tuple(Stream((random_images(),), fraction) for fraction in fractions), 5)


def test_other_nonsense_is_refused() -> None:
    with pytest.raises(UserError, match="of 0 steps"):
        Phase((Stream((random_images(),), 1.0),), 0)
    with pytest.raises(UserError, match="unknown recipe 'strnog'; allowed: plain, strong"):
        run(TinyNet(), recipe="strnog")
    rare = Phase((Stream((random_images(),), 0.99), Stream((random_images(),), 0.01)), 5)
    with pytest.raises(UserError, match="give a stream no image"):
        run(TinyNet(), rare)


# ------------------------------------------------------------------------------------------ predict, adabn


def modes(network: nn.Module) -> list[bool]:
    return [module.training for module in network.modules()]


def test_training_and_prediction_leave_every_module_in_its_mode() -> None:
    network = TinyNet().train()
    network.norm.eval()
    before = modes(network)
    predict(TASK, network, random_images(), batch_size=16, device="cpu")
    assert modes(network) == before
    run(network)
    assert modes(network) == before


def test_prediction_is_repeatable_and_independent_of_the_batch_size() -> None:
    network, images = TinyNet(), random_images()
    run(network)
    by_size = [predict(TASK, network, images, batch_size=size, device="cpu") for size in (1, 7, 40, 64)]
    for other in by_size[1:]:
        assert np.array_equal(other["class_id"], by_size[0]["class_id"])
        np.testing.assert_allclose(other["confidence"], by_size[0]["confidence"], atol=1e-3)
    assert len(by_size[0]["class_id"]) == 40


def test_adabn_equals_statistics_worked_out_by_hand_and_touches_nothing_else() -> None:
    network, target = TinyNet(), random_images(n=10, seed=1).unlabelled()
    run(network)
    before, mode = {name: value.clone() for name, value in network.state_dict().items()}, modes(network)
    reestimate_batch_norm(network, target, batch_size=4, device="cpu")

    images = torch.from_numpy(target.images()).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        hidden = network.conv(images)
    batches = [hidden[first::3] for first in range(3)]  # 4, 3 and 3 images
    weights = torch.tensor([0.4, 0.3, 0.3])[:, None]
    mean = (weights * torch.stack([batch.mean((0, 2, 3)) for batch in batches])).sum(0)
    variance = (weights * torch.stack([batch.var((0, 2, 3)) for batch in batches])).sum(0)
    after = network.state_dict()
    assert torch.allclose(after["norm.running_mean"], mean, atol=1e-6)
    assert torch.allclose(after["norm.running_var"], variance, atol=1e-6)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
    assert modes(network) == mode
    assert network.norm.momentum == 0.1


def test_adabn_in_one_batch_is_the_mean_and_variance_of_the_whole_set() -> None:
    network, target = TinyNet(), random_images(n=10, seed=1).unlabelled()
    reestimate_batch_norm(network, target, batch_size=64, device="cpu")
    hidden = network.conv(torch.from_numpy(target.images()).permute(0, 3, 1, 2) / 255)
    assert torch.allclose(network.norm.running_mean, hidden.mean((0, 2, 3)), atol=1e-6)
    assert torch.allclose(network.norm.running_var, hidden.var((0, 2, 3)), atol=1e-6)


def test_adabn_needs_batch_norm() -> None:
    with pytest.raises(PluginError, match="arm 'adabn' needs a network with batch normalisation"):
        reestimate_batch_norm(nn.Linear(3, 3), random_images().unlabelled(), batch_size=4, device="cpu")


# --------------------------------------------------------------------------------- optimisers and ragged labels


class Grouped(TinyNet):
    def parameter_groups(self):
        head = {"params": self.linear.parameters(), "lr_scale": 0.0, "weight_decay": 0.0}
        return [{"params": [*self.conv.parameters(), *self.norm.parameters()]}, head]


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_a_network_may_scale_the_rate_of_its_parts(kind: str) -> None:
    network, before = Grouped(), Grouped()
    run(network, optimiser=Optimiser(kind=kind, learning_rate=0.1))
    assert torch.equal(network.linear.weight, before.linear.weight)
    assert not torch.equal(network.conv.weight, before.conv.weight)


def test_the_optimiser_is_part_of_the_result() -> None:
    networks = [TinyNet() for _ in range(4)]
    for network, optimiser in zip(
        networks, [ADAMW, ADAMW, Optimiser(kind="sgd"), Optimiser(schedule="poly")], strict=True
    ):
        run(network, optimiser=optimiser)
    assert same_state(networks[0], networks[1])
    assert not same_state(networks[0], networks[2])
    assert not same_state(networks[0], networks[3])


def test_poly_is_the_power_of_what_is_left() -> None:
    poly = Optimiser(schedule="poly", warm_up=0.0)
    assert schedule(1, 100, poly) == 1
    assert schedule(51, 100, poly) == pytest.approx(0.5**0.9)


def test_lists_of_boxes_of_different_length_share_a_batch() -> None:
    """Two streams, one of them of two sets, whose images have at most 1, 3 and 2 boxes."""

    class Boxes(Recorder):
        labels = ("class_id", "boxes", "box_class")

        def loss(self, network, inputs, labels):
            assert labels["boxes"].shape == (8, 3, 4)
            for row, of_class in zip(labels["box_class"].tolist(), labels["class_id"].tolist(), strict=True):
                assert row == [of_class] * (of_class + 1) + [-1] * (2 - of_class)
            used = labels["box_class"] >= 0
            assert torch.equal(labels["boxes"][..., 2] > 0, used)
            return super().loss(network, inputs, labels)

    def boxed(n_slots: int) -> ImageSet:
        image = np.zeros((12, 8, 8, 3), np.uint8)
        class_id = np.full(12, n_slots - 1)
        boxes = np.tile(np.array([0, 0, 4, 4], np.float32), (12, n_slots, 1))
        box_class = np.full((12, n_slots), n_slots - 1)
        return ImageSet.from_arrays(image=image, class_id=class_id, boxes=boxes, box_class=box_class)

    streams = (Stream((boxed(1), boxed(3)), 0.5), Stream((boxed(2),), 0.5))
    run(TinyNet(), Phase(streams, 6), task=Boxes())
