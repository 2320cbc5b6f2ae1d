import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

from bench.api import LabelSpace, ModelParams, UserError
from tasks.classification import Classification
from tasks.models.image_classifier import ImageClassifier

TASK = Classification()
SPACE = LabelSpace(class_names=tuple("abc"), width=32, height=32)


def build(model: str, seed: int = 0) -> torch.nn.Module:
    return TASK.build(model, ModelParams(), SPACE, torch.Generator().manual_seed(seed))


def test_planning_needs_neither_torch_nor_timm() -> None:
    code = (
        "import sys; from tasks.classification import Classification as C; C().model('light_cnn'); C().models;"
        "sys.exit(bool({'torch', 'timm'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("light_cn", "light_cnn"),
        ("pixelda", "pixelda_mnist"),
        ("resnet_18", "resnet18"),
        ("efficientnet_b00", "efficientnet_b0"),
    ],
)
def test_an_unknown_model_gets_the_nearest_name_of_ours_or_timms(typo: str, meant: str) -> None:
    with pytest.raises(UserError, match=f"no model {typo!r}.*; did you mean {meant!r}"):
        TASK.model(typo)


def test_any_timm_name_is_a_model() -> None:
    assert TASK.model("resnet18").batch_norm is None
    assert build("test_resnet")({"image": torch.rand(2, 3, 32, 32)}).shape == (2, 3)


@pytest.mark.parametrize("model", ["light_cnn", "test_resnet", "tf_efficientnet_lite0"])
def test_building_never_touches_the_network(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"asked the network for {arguments}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    TASK.build(model, ModelParams(pretrained="bundled" if "lite0" in model else "none"), SPACE, torch.Generator())


def test_an_encoder_without_a_classifier_is_refused() -> None:
    with pytest.raises(UserError, match="encoder without a classifier"):
        build("qwen3_vit_88m_enc")


@pytest.mark.parametrize("model", ["light_cnn", "pixelda_mnist", "test_resnet"])
def test_weights_are_drawn_from_the_generator_alone(model: str) -> None:
    state = torch.get_rng_state()
    first = build(model, seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(7)
    again, other = build(model, seed=1).state_dict(), build(model, seed=2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_each_network_sees_the_range_it_expects() -> None:
    """PixelDA's tower sees −1..1 , a timm network its own mean and standard deviation."""
    network = ImageClassifier(torch.nn.Identity(), 3, (0.5, 0.25, 0.0), (0.5, 0.25, 1.0))
    image = torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1)
    assert network({"image": image}).flatten().tolist() == [-1, 1, 1]
    tower, resnet = build("pixelda_mnist"), build("resnet18")
    assert tower.mean.flatten().tolist() == tower.std.flatten().tolist() == [0.5, 0.5, 0.5]
    assert resnet.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])


def test_loss_is_the_cross_entropy_worked_out_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0], [np.log(3.0), 0.0, 0.0]])
    loss = TASK.loss(lambda inputs: logits, {}, {"class_id": torch.tensor([2, 0])})
    assert loss.item() == pytest.approx((np.log(3) + np.log(5 / 3)) / 2)


def test_predictions_are_the_largest_probability() -> None:
    network = ImageClassifier(torch.nn.Flatten(), 3, (0, 0, 0), (1, 1, 1))
    image = torch.log(torch.tensor([[0.2, 0.7, 0.1], [0.5, 0.25, 0.25]])).view(2, 3, 1, 1)
    predictions = TASK.predict(network, {"image": image})
    assert predictions["class_id"].tolist() == [1, 0]
    assert predictions["confidence"] == pytest.approx([0.7, 0.5], abs=1e-3)
    assert predictions["confidence"].dtype == np.float16


def test_scores_come_from_statistics_and_contributions_average_to_the_primary_metric() -> None:
    labels = {"class_id": np.array([0, 0, 0, 1, 2])}
    statistics = TASK.statistics({"class_id": np.array([0, 0, 1, 1, 0])}, labels, SPACE)
    assert {name: values.dtype for name, values in statistics.items()} == {
        "true_class": np.uint16,
        "predicted_class": np.uint16,
    }
    scores = TASK.score(statistics, SPACE)
    assert list(scores) == [metric.name for metric in TASK.metrics]
    assert scores["accuracy"] == pytest.approx(3 / 5)
    assert scores["macro_accuracy"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    contributions = TASK.contributions(statistics, SPACE)
    assert contributions.dtype == np.float64
    assert contributions.mean() == pytest.approx(scores["accuracy"])


def test_every_declared_model_states_whether_it_has_batch_norm_truly() -> None:
    for name, spec in TASK.models.items():
        found = any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in build(name).modules())
        assert spec.batch_norm is found
        assert spec.name == name
