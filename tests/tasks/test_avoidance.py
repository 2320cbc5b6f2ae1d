import subprocess
import sys

import numpy as np
import pytest
import torch
from toy_rooms import rooms

from bench.api import LabelSpace, ModelParams, PluginError, UserError
from bench.api.errors import DataError
from bench.training.batches import Phase, Stream
from bench.training.loop import train
from bench.training.prediction import predict
from tasks.avoidance import Avoidance
from tasks.models.light_regressor import LightRegressor

TASK = Avoidance()
SPACE = LabelSpace(class_names=(), width=96, height=96, depth_range_m=(0.5, 8.0), safe_distance_m=3.0)


def build(model: str = "light_regressor", seed: int = 0, **params: str) -> torch.nn.Module:
    return TASK.build(model, ModelParams(**params), SPACE, torch.Generator().manual_seed(seed))


class Says(torch.nn.Module):
    """A network that returns what it was told."""

    def __init__(self, log_distance: torch.Tensor) -> None:
        super().__init__()
        self.log_distance = log_distance

    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.log_distance


def test_planning_needs_neither_torch_nor_timm() -> None:
    code = (
        "import sys; from tasks.avoidance import Avoidance as A; A().model('light_regressor'); A().models;"
        "sys.exit(bool({'torch', 'timm'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_typo_gets_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"no model 'light_regresor' .*; did you mean 'light_regressor'"):
        TASK.model("light_regresor")


def test_loss_is_the_log_error_over_known_bins_worked_out_by_hand() -> None:
    true = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 4.0]])
    says = torch.log(torch.tensor([[2.0, 2.0, 9.0], [9.0, 9.0, 1.0]])).requires_grad_()
    loss = TASK.loss(Says(says), {}, {"free_distance_m": true})
    assert loss.item() == pytest.approx((np.log(2) + 0 + np.log(4)) / 3)
    loss.backward()
    assert (says.grad[true == 0] == 0).all()


def test_a_batch_without_a_known_bin_teaches_nothing() -> None:
    says = torch.zeros(2, 3, requires_grad=True)
    loss = TASK.loss(Says(says), {}, {"free_distance_m": torch.zeros(2, 3)})
    loss.backward()
    assert loss.item() == 0
    assert (says.grad == 0).all()


def test_predictions_are_metres() -> None:
    found = TASK.predict(Says(torch.log(torch.tensor([[1.0, 4.0]]))), {})
    assert found["predicted_distance_m"] == pytest.approx(np.array([[1.0, 4.0]]))
    assert found["predicted_distance_m"].dtype == np.float32


def test_untrained_networks_speak_of_the_pairs_range() -> None:
    image = torch.rand(4, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    for model in ("light_regressor", "test_resnet"):
        with torch.inference_mode():
            found = TASK.predict(build(model).eval(), {"image": image})["predicted_distance_m"]
        assert found.shape == (4, 16)
        # The geometric middle of 0.5 and 8 m is 2 m.
        assert np.median(found) == pytest.approx(2.0, rel=0.7)


def statistics() -> dict[str, np.ndarray]:
    true = np.array([[1.0, 4.0, 4.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 6.0, 0.0]], np.float32)
    predicted = np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 3.0], [1.0, 2.0, 3.0], [9.0, 6.0, 9.0]], np.float32)
    return TASK.statistics({"predicted_distance_m": predicted}, {"free_distance_m": true}, SPACE)


def test_scores_come_from_statistics_and_contributions_average_to_the_primary_metric() -> None:
    found = statistics()
    assert found["collision_free"].tolist() == [1, 0, 0, 1]
    assert found["n_bins"].tolist() == [3, 3, 0, 1]
    scores = TASK.score(found, SPACE)
    assert list(scores) == [metric.name for metric in TASK.metrics]
    # The third image has no bin to choose; errors are ln 2 once and ln 3 once, over seven bins.
    assert scores["collision_free_rate"] == pytest.approx(2 / 3)
    assert scores["log_error"] == pytest.approx((np.log(2) + np.log(3)) / 7)
    contributions = TASK.contributions(found, SPACE)
    assert contributions.shape == (4,)
    assert contributions.mean() == pytest.approx(2 / 3)


def test_a_test_set_of_ignored_bins_is_an_error() -> None:
    zeros = {"free_distance_m": np.zeros((2, 16), np.float32)}
    found = TASK.statistics({"predicted_distance_m": np.ones((2, 16), np.float32)}, zeros, SPACE)
    with pytest.raises(DataError, match="all column bins of all 2 test images are ignored"):
        TASK.score(found, SPACE)


def test_a_pair_that_does_not_state_its_distances_is_named_as_the_culprit() -> None:
    space = LabelSpace(class_names=(), width=96, height=96)
    with pytest.raises(PluginError, match="needs the pair's depth_range_m"):
        TASK.build("light_regressor", ModelParams(), space, torch.Generator())
    ones = np.ones((1, 16), np.float32)
    with pytest.raises(PluginError, match="needs the pair's safe_distance_m"):
        TASK.statistics({"predicted_distance_m": ones}, {"free_distance_m": ones}, space)


@pytest.mark.parametrize("model", ["light_regressor", "test_resnet"])
def test_weights_are_drawn_from_the_generator_alone(model: str) -> None:
    state = torch.get_rng_state()
    first, again, other = (build(model, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_pretrained_weights_reach_the_encoder(tmp_path) -> None:
    bundled, fresh = build("tf_efficientnet_lite0", pretrained="bundled"), build("tf_efficientnet_lite0")
    first, head = "body.0.body.conv_stem.weight", "body.1.weight"
    assert not torch.equal(bundled.state_dict()[first], fresh.state_dict()[first])
    assert torch.equal(bundled.state_dict()[head], fresh.state_dict()[head])
    path = tmp_path / "regressor.pth"
    torch.save(build(seed=5).body.state_dict(), path)
    loaded = build(seed=6, pretrained=str(path)).state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in build(seed=5).state_dict().items())


def test_the_light_regressor_has_the_parameters_of_its_layers() -> None:
    convolutions = 25 * 3 * 16 + 9 * (16 * 32 + 32 * 64 + 64 * 64)
    norms = 2 * (16 + 32 + 64 + 64)
    columns = 3 * 4 * 64 * 64 + 2 * 64 + 64 + 1
    found = sum(parameter.numel() for parameter in LightRegressor(16).parameters())
    assert found == convolutions + norms + columns == 110_801


def test_every_declared_model_states_whether_it_has_batch_norm_truly() -> None:
    for name, spec in TASK.models.items():
        found = any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in build(name).modules())
        assert spec.batch_norm is found


@pytest.mark.parametrize("model", ["light_regressor", "test_resnet"])
def test_models_learn_eight_rooms_by_heart(model: str) -> None:
    images = rooms(8, 96, 96, seed=0)
    network = build(model)
    train(
        TASK,
        network,
        (Phase((Stream((images,), 1.0),), 80),),
        recipe="plain",
        optimiser=TASK.model(model).optimiser,
        batch_size=8,
        seed=0,
        device="cpu",
        progress=lambda *_: None,
    )
    network.train()
    found = [predict(TASK, network, images, batch_size=size, device="cpu") for size in (8, 3)]
    assert network.training
    for name in found[0]:
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-4)
    labels = {"free_distance_m": images.columns["free_distance_m"].array}
    assert TASK.score(TASK.statistics(found[0], labels, SPACE), SPACE)["log_error"] < 0.06
