from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.api import LabelSpace, ModelParams
from bench.api.imageset import ImageSet
from bench.training.batches import Phase, Stream
from bench.training.loop import train
from bench.training.prediction import predict
from tasks.models.pose_estimator import relative_depth
from tasks.pose import Pose

TASK = Pose()
MODELS = ("pose_light", "pixelda_pose", "test_resnet")
RGBD = ("image", "sensor_depth_m")


def space(n_classes: int = 11, width: int = 64, height: int = 64, inputs: tuple[str, ...] = ("image",)) -> LabelSpace:
    names = tuple(f"object {i}" for i in range(n_classes))
    return LabelSpace(class_names=names, width=width, height=height, inputs=inputs)


def build(model: str, seed: int = 0, **sizes) -> nn.Module:
    return TASK.build(model, ModelParams(), space(**sizes), torch.Generator().manual_seed(seed))


def batch(n_images: int, width: int = 64, height: int = 64) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    depth_m = torch.rand(n_images, height, width, generator=generator) + 0.5
    return {"image": torch.rand(n_images, 3, height, width, generator=generator), "sensor_depth_m": depth_m}


def n_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_pixelda_tower_has_the_parameters_of_the_official_code() -> None:
    # 64×64 pooled twice is 16×16; weights + biases of each layer.
    colour = (25 * 3 * 32 + 32) + (25 * 32 * 64 + 64) + (16 * 16 * 64 * 128 + 128) + (128 * 4 + 4) + (128 * 11 + 11)
    assert colour == 2_152_911
    assert n_parameters(build("pixelda_pose")) == colour
    assert n_parameters(build("pixelda_pose", inputs=RGBD)) == colour + 25 * 32


def test_pose_light_has_the_parameters_of_its_layers() -> None:
    convolutions = 49 * 3 * 32 + 9 * (32 * 64 + 64 * 128)
    norms = 2 * (32 + 64 + 128)
    heads = (256 * 4 + 4) + (256 * 11 + 11)
    assert n_parameters(build("pose_light")) == convolutions + norms + (16 * 128 * 256 + 256) + heads


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("width", "height"), [(64, 64), (33, 50)])
def test_models_give_logits_and_unit_quaternions_at_any_working_size(model: str, width: int, height: int) -> None:
    network = build(model, n_classes=5, width=width, height=height).eval()
    logits, quaternion = network(batch(3, width, height))
    assert logits.shape == (3, 5)
    assert quaternion.shape == (3, 4)
    assert quaternion.dtype == torch.float32
    torch.testing.assert_close(quaternion.norm(dim=1), torch.ones(3))


def test_only_pixeldas_rotation_head_has_the_tanh() -> None:
    found = {model: any(isinstance(m, nn.Tanh) for m in build(model).modules()) for model in MODELS}
    assert found == {"pose_light": False, "pixelda_pose": True, "test_resnet": False}


@pytest.mark.parametrize("inputs", [("image",), RGBD])
@pytest.mark.parametrize("model", [*MODELS, "tf_efficientnet_lite0"])
def test_every_parameter_gets_a_finite_gradient_at_full_size(model: str, inputs: tuple[str, ...]) -> None:
    network = build(model, inputs=inputs)
    columns = batch(4)
    labels = {"class_id": torch.arange(4), "quaternion": torch.eye(4)}
    TASK.loss(network, {name: columns[name] for name in inputs}, labels).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert all(head.grad.any() for head in (network.class_head.weight, network.rotation_head[0].weight))


@pytest.mark.parametrize("model", ["pose_light", "pixelda_pose"])
def test_state_makes_the_round_trip(model: str) -> None:
    first, second = build(model, seed=1).eval(), build(model, seed=2).eval()
    inputs = batch(2)
    second.load_state_dict(first.state_dict())
    for ours, theirs in zip(first(inputs), second(inputs), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("model", ["pose_light", "pixelda_pose"])
def test_depth_is_seen_where_the_pair_has_it_and_only_there(model: str) -> None:
    near, far = batch(2), batch(2)
    far["sensor_depth_m"] = far["sensor_depth_m"].flip(2)
    for inputs, differs in ((("image",), False), (RGBD, True)):
        network = build(model, inputs=inputs).eval()
        assert torch.equal(network(near)[1], network(far)[1]) is not differs


def test_relative_depth_worked_out_by_hand() -> None:
    """The object at 1 m, a part of it 5 cm behind and one 10 cm in front, a wall at 3 m, holes (0)."""
    depth_m = torch.full((1, 8, 8), 3.0)
    depth_m[0, 2:6, 2:6] = 1.0
    depth_m[0, 2, 2], depth_m[0, 2, 3], depth_m[0, 3, 3] = 1.05, 0.9, 0
    d = relative_depth(depth_m)
    assert d[0, 4, 4] == 0
    assert d[0, 2, 2].item() == pytest.approx(0.25)
    assert d[0, 2, 3].item() == pytest.approx(-0.5)
    assert d[0, 3, 3] == d[0, 0, 0] == 1


def test_background_is_plus_one_whether_far_or_absent() -> None:
    """So that renders on nothing and photographs before a wall look alike to the network."""
    photograph = torch.full((1, 8, 8), 4.0)
    photograph[0, 1:7, 1:7] = 1.0
    render = photograph.where(photograph == 1, 0)
    assert torch.equal(relative_depth(photograph), relative_depth(render))
    assert torch.equal(relative_depth(torch.zeros(2, 8, 8)), torch.ones(2, 8, 8))


def test_distance_of_the_object_does_not_matter() -> None:
    depth_m = batch(3)["sensor_depth_m"]
    torch.testing.assert_close(relative_depth(depth_m + 2), relative_depth(depth_m), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("model", "steps"), [("pose_light", 60), ("pixelda_pose", 300), ("test_resnet", 100)])
def test_models_learn_eight_images_by_heart(model: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without dropout, whose purpose is that the tower does not."""
    monkeypatch.setattr(nn.Dropout, "forward", lambda self, features: features)
    rng = np.random.default_rng(0)
    quaternion = rng.normal(size=(8, 4)).astype(np.float32)
    quaternion /= np.linalg.norm(quaternion, axis=1, keepdims=True)
    columns = {"class_id": np.arange(8), "quaternion": quaternion}
    images = ImageSet.from_arrays(image=rng.integers(0, 256, (8, 32, 32, 3), dtype=np.uint8), **columns)
    scores, network = fit(model, images, images, steps, "plain", batch_size=8)
    assert scores["accuracy"] == 1
    assert scores["mean_angle_error"] < 5
    assert network.training


@pytest.fixture(scope="session")
def linemod() -> Callable[[str], ImageSet]:
    """``linemod("fine" | "oracle" | "test")``: renders, labelled photographs, every 20th of the other photographs."""
    folder = Path(__file__).parents[4] / "shared" / "data" / "linemod"
    if not folder.is_dir():
        pytest.skip("the LineMod crops of the shared data are not on this machine")
    from PIL import Image

    split = {int(index) for index in (folder / "real" / "training_split.txt").read_text().split(",")}

    def load(part: str) -> ImageSet:
        domain = "fine" if part == "fine" else "real"
        image, class_id, quaternion = [], [], []
        for number, name in enumerate(("ape", "benchvise", "cam", "cat", "duck")):
            lines = (folder / domain / name / "poses.txt").read_text().split("\n")
            poses = [line.split() for line in lines if line and not line.startswith("#")]
            rows = [i for i in range(len(poses)) if part == "fine" or (i in split) == (part == "oracle")]
            for row in rows[:: 20 if part == "test" else 1]:
                with Image.open(folder / domain / name / f"{domain}{row}.png") as file:
                    image.append(np.asarray(file.convert("RGB")))
                class_id.append(number)
                quaternion.append(np.array(poses[row], np.float64))
        unit = np.stack(quaternion) / np.linalg.norm(quaternion, axis=1, keepdims=True)
        return ImageSet.from_arrays(
            image=np.stack(image), class_id=np.array(class_id), quaternion=unit.astype(np.float32)
        )

    return load


def fit(
    model: str, images: ImageSet, test: ImageSet, steps: int, recipe: str, batch_size: int
) -> tuple[dict[str, float], nn.Module]:
    """Scores on ``test`` after training on ``images``, and the network."""
    n_classes = int(images.columns["class_id"].array.max()) + 1
    width, height = images.image_size
    network = build(model, n_classes=n_classes, width=width, height=height)
    train(
        TASK,
        network,
        (Phase((Stream((images,), 1.0),), steps),),
        recipe=recipe,
        optimiser=TASK.model(model).optimiser,
        batch_size=batch_size,
        seed=0,
        device="cpu",
        progress=lambda *_: None,
    )
    predictions = predict(TASK, network, test, batch_size=100, device="cpu")
    statistics = TASK.statistics(predictions, test.take(np.arange(test.n_images)), space(n_classes))
    return TASK.score(statistics, space(n_classes)), network


@pytest.mark.slow
def test_labelled_photographs_beat_renders_within_a_light_budget(linemod: Callable[[str], ImageSet]) -> None:
    budget = TASK.budgets["light"]
    found = {
        part: fit("pose_light", linemod(part), linemod("test"), budget.train_steps, "strong", budget.batch_size)[0]
        for part in ("fine", "oracle")
    }
    assert found["oracle"]["accuracy"] > 0.98
    assert found["oracle"]["mean_angle_error"] < 65
    assert found["fine"]["mean_angle_error"] > found["oracle"]["mean_angle_error"] + 20
