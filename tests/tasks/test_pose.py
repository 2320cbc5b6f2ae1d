import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from bench.api import LabelSpace, ModelParams, UserError
from bench.api.errors import DataError
from tasks.pose import Pose

TASK = Pose()
SPACE = LabelSpace(class_names=tuple("abc"), width=64, height=64)


def build(model: str, seed: int = 0, space: LabelSpace = SPACE) -> torch.nn.Module:
    return TASK.build(model, ModelParams(), space, torch.Generator().manual_seed(seed))


class Fixed(torch.nn.Module):
    """A network that answers the same whatever it sees."""

    def __init__(self, logits: list[list[float]], quaternion: list[list[float]]) -> None:
        super().__init__()
        self.answer = torch.tensor(logits), torch.tensor(quaternion)

    def forward(self, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        return self.answer


def test_planning_needs_neither_torch_nor_timm() -> None:
    code = (
        "import sys; from tasks.pose import Pose as P; P().model('pose_light'); P().models;"
        "sys.exit(bool({'torch', 'timm'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("typo", "meant"), [("pixelda_pos", "pixelda_pose"), ("resnet_18", "resnet18")])
def test_an_unknown_model_gets_the_nearest_name_of_ours_or_timms(typo: str, meant: str) -> None:
    with pytest.raises(UserError, match=f"no model {typo!r} for task 'pose'; did you mean {meant!r}"):
        TASK.model(typo)


def test_neither_flips_nor_rotations_are_legal() -> None:
    assert not TASK.augmentations & {"flip", "rotate"}


def test_loss_worked_out_by_hand() -> None:
    """Image 0: even odds of three classes, and a quarter turn off, |q·q̂| = √½. Image 1: class sure, rotation right."""
    half = math.sqrt(0.5)
    network = Fixed([[0, 0, 0], [0, 100, 0]], [[half, half, 0, 0], [0, 0, 0, -1]])
    labels = {
        "class_id": torch.tensor([2, 1]),
        "quaternion": torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 1]]),
    }
    by_hand = (math.log(3) + 0) / 2 + 0.125 * (math.log(1e-4 + 1 - half) + math.log(1e-4)) / 2
    assert TASK.loss(network, {}, labels).item() == pytest.approx(by_hand, abs=1e-3)


def test_loss_does_not_see_the_sign_of_a_quaternion() -> None:
    network = Fixed([[0.0, 0, 0]], [[0.5, 0.5, -0.5, 0.5]])
    labels = {"class_id": torch.tensor([0]), "quaternion": torch.tensor([[0.6, 0.8, 0, 0]])}
    assert TASK.loss(network, {}, labels) == TASK.loss(network, {}, labels | {"quaternion": -labels["quaternion"]})


def test_predictions_are_the_likeliest_class_and_the_quaternion() -> None:
    network = Fixed(torch.log(torch.tensor([[0.2, 0.7, 0.1], [0.5, 0.25, 0.25]])).tolist(), [[0.6, 0.8, 0, 0]] * 2)
    predictions = TASK.predict(network, {})
    assert predictions["class_id"].tolist() == [1, 0]
    assert predictions["confidence"] == pytest.approx([0.7, 0.5], abs=1e-3)
    assert predictions["quaternion"].dtype == np.float32
    assert predictions["quaternion"] == pytest.approx(np.array([[0.6, 0.8, 0, 0]] * 2))


@pytest.fixture
def labels() -> dict[str, np.ndarray]:
    return {
        "class_id": np.array([0, 1, 2, 2]),
        "quaternion": np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], np.float32),
    }


def test_the_angle_counts_wrongly_classified_images_too(labels: dict[str, np.ndarray]) -> None:
    half = np.sqrt(0.5)
    predictions = {
        "class_id": np.array([1, 1, 2, 2]),  # the first is wrong
        "quaternion": np.array([[half, half, 0, 0], [0, 0, 0, 1], [0, -1, 0, 0], [0, 0, 1, 0]], np.float32),
    }
    statistics = TASK.statistics(predictions, labels, SPACE)
    assert {name: values.dtype for name, values in statistics.items()} == {
        "true_class": np.uint16,
        "predicted_class": np.uint16,
        "angle_deg": np.float32,
    }
    scores = TASK.score(statistics, SPACE)
    assert list(scores) == [metric.name for metric in TASK.metrics]
    assert scores == pytest.approx({"mean_angle_error": (90 + 180 + 0 + 0) / 4, "accuracy": 0.75})
    contributions = TASK.contributions(statistics, SPACE)
    assert contributions.dtype == np.float64
    assert contributions.mean() == pytest.approx(scores["mean_angle_error"])


def test_ground_truth_as_prediction_is_perfect(labels: dict[str, np.ndarray]) -> None:
    scores = TASK.score(TASK.statistics(labels, labels, SPACE), SPACE)
    assert scores == {"mean_angle_error": 0.0, "accuracy": 1.0}


def test_batches_of_any_size_and_order_give_the_same_statistics(labels: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    predictions = {"class_id": rng.integers(0, 3, 4), "quaternion": rng.normal(size=(4, 4)).astype(np.float32)}
    whole = TASK.statistics(predictions, labels, SPACE)
    for row in reversed(range(4)):
        one = TASK.statistics(
            *({name: values[row : row + 1] for name, values in columns.items()} for columns in (predictions, labels)),
            SPACE,
        )
        assert all(one[name][0] == whole[name][row] for name in whole)


def test_a_prediction_that_is_no_rotation_is_refused(labels: dict[str, np.ndarray]) -> None:
    predictions = labels | {"quaternion": np.zeros((4, 4), np.float32)}
    with pytest.raises(DataError, match=r"predicted quaternion \[0.0, 0.0, 0.0, 0.0\] of row 0 has norm 0"):
        TASK.statistics(predictions, labels, SPACE)


@pytest.mark.parametrize("model", ["pose_light", "pixelda_pose", "test_resnet"])
def test_weights_are_drawn_from_the_generator_alone(model: str) -> None:
    state = torch.get_rng_state()
    first = build(model, seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(7)
    again, other = build(model, seed=1).state_dict(), build(model, seed=2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_every_declared_model_states_truly_whether_it_has_batch_norm_and_bundled_weights() -> None:
    for name, spec in TASK.models.items():
        found = any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in build(name).modules())
        assert spec.batch_norm is found
        assert spec.name == name
        if not spec.bundled:
            with pytest.raises(UserError, match="bundled"):
                TASK.build(name, ModelParams(pretrained="bundled"), SPACE, torch.Generator())


def test_bundled_weights_reach_the_encoder() -> None:
    bundled = TASK.build("tf_efficientnet_lite0", ModelParams(pretrained="bundled"), SPACE, torch.Generator())
    fresh = build("tf_efficientnet_lite0")
    first = next(name for name in fresh.state_dict() if name.endswith("conv_stem.weight"))
    assert not torch.equal(bundled.state_dict()[first], fresh.state_dict()[first])


def test_weights_of_another_set_of_objects_can_be_continued_from(tmp_path) -> None:
    """All but the class head of a saved network is taken over."""
    trained = build("pose_light", seed=1)
    torch.save(trained.state_dict(), tmp_path / "trained.pth")
    five = SPACE.model_copy(update={"class_names": tuple("abcde")})
    params = ModelParams(pretrained=str(tmp_path / "trained.pth"))
    network = TASK.build("pose_light", params, five, torch.Generator())
    assert torch.equal(network.rotation_head[0].weight, trained.rotation_head[0].weight)
    assert network.class_head.out_features == 5
