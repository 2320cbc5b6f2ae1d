import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from toy_rooms import WALL_M, rooms

from bench.api import LabelSpace, ModelParams, PluginError, UserError
from bench.api.errors import DataError
from bench.metrics.depth import depth_errors
from bench.training.batches import Phase, Stream
from bench.training.loop import train
from bench.training.prediction import predict
from tasks.depth import Depth
from tasks.models.depth_network import multi_scale_l1

TASK = Depth()
SPACE = LabelSpace(class_names=(), width=96, height=96, depth_range_m=(0.5, WALL_M))
LIGHT = ("t2net_depth_light", "unet")


def build(model: str = "t2net_depth_light", seed: int = 0, **params: str) -> torch.nn.Module:
    return TASK.build(model, ModelParams(**params), SPACE, torch.Generator().manual_seed(seed))


def image(width: int = 96, height: int = 96, n_images: int = 2) -> torch.Tensor:
    return torch.rand(n_images, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_planning_needs_neither_torch_nor_segmentation_models() -> None:
    code = (
        "import sys; from tasks.depth import Depth as D; D().model('unet'); D().models;"
        "sys.exit(bool({'torch', 'segmentation_models_pytorch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_typo_gets_the_nearest_name() -> None:
    with pytest.raises(UserError, match="no model 't2net_deph' for task 'depth'; did you mean 't2net_depth'"):
        TASK.model("t2net_deph")


# ------------------------------------------------------------------------------------------------ the scale


def test_the_pairs_range_becomes_minus_one_to_one_and_back() -> None:
    network = build()
    depth_m = torch.tensor([0.5, 3.25, WALL_M])
    assert network.scaled(depth_m).tolist() == pytest.approx([-1, 0, 1])
    torch.testing.assert_close(network.metres(network.scaled(depth_m)), depth_m)
    assert network.scaled(torch.tensor([0.1, 99.0])).tolist() == pytest.approx([-1, 1])


def test_loss_is_summed_over_scales_and_averaged_over_known_cells_worked_out_by_hand() -> None:
    depth = torch.tensor([[[1.0, 0.5, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0]]])
    known = torch.tensor([[[True, True, False, False], [False, True, False, False]]])
    # Halved, the left cell is the mean of the three known depths, 2/3; the right one is unknown.
    coarse, fine = torch.tensor([[[0.0, 9.0]]]), torch.tensor([[[1.0, 0.0, 9.0, 9.0], [9.0, 0.5, 9.0, 9.0]]])
    assert multi_scale_l1([fine], depth, known).item() == pytest.approx(0.5 / 3)
    assert multi_scale_l1([coarse, fine], depth, known).item() == pytest.approx(2 / 3 + 0.5 / 3)


def test_unknown_depth_pulls_at_nothing() -> None:
    known = torch.zeros(2, 8, 8, dtype=torch.bool)
    known[:, :, :4] = True
    found = torch.zeros(2, 8, 8, requires_grad=True)
    loss = multi_scale_l1([found], torch.full((2, 8, 8), 0.5), known)
    loss.backward()
    assert loss.item() == pytest.approx(0.5)
    assert torch.equal(found.grad != 0, known)


def test_a_batch_without_known_depth_teaches_nothing() -> None:
    network = build()
    loss = TASK.loss(network, {"image": image()}, {"depth_m": torch.zeros(2, 96, 96)})
    loss.backward()
    assert loss.item() == 0
    assert all((p.grad is None) or (p.grad == 0).all() for p in network.parameters())


@pytest.mark.parametrize("model", LIGHT)
@pytest.mark.parametrize(("width", "height"), [(96, 96), (70, 50)])
def test_models_take_any_working_size(model: str, width: int, height: int) -> None:
    network = build(model).eval()
    with torch.inference_mode():
        assert len(network({"image": image(width, height)})) == (1 if model == "unet" else 3)
        found = TASK.predict(network, {"image": image(width, height)})["depth_m"]
    assert found.shape == (2, height, width)
    assert found.dtype == np.float16
    assert 0.499 <= found.min() <= found.max() <= WALL_M * 1.001


# ------------------------------------------------------------------------------------------------ scores


def statistics(task: Depth, predicted: np.ndarray, true: np.ndarray, sizes: list[tuple[int, int]] | None = None):
    sizes = sizes or [(true.shape[2], true.shape[1])] * len(true)
    return task.statistics({"depth_m": predicted}, {"depth_m": true, "native_size": np.array(sizes)}, SPACE)


@pytest.fixture
def maps() -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true depth of three 40×30 images, the second without a known pixel."""
    rng = np.random.default_rng(0)
    true = rng.uniform(0.6, 8, (3, 30, 40)).astype(np.float32)
    predicted = (true * rng.uniform(0.5, 2, true.shape)).astype(np.float32)
    true[1] = 0
    return predicted, true


def test_scores_are_means_over_images_with_a_known_pixel(maps: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, true = maps
    found = statistics(TASK, predicted, true)
    assert found["n_valid"][1] == 0
    assert found["n_valid"][0] == (true[0] <= WALL_M).sum()
    scores = TASK.score(found, SPACE)
    assert list(scores) == [metric.name for metric in TASK.metrics]
    by_image = [depth_errors(predicted[i], true[i], min_depth_m=0.001, cap_m=WALL_M) for i in (0, 2)]
    for name, score in scores.items():
        assert score == pytest.approx((by_image[0][name] + by_image[1][name]) / 2)
    contributions = TASK.contributions(found, SPACE)
    assert contributions.shape == (3,)
    assert contributions.mean() == pytest.approx(scores["abs_rel"])


def test_the_truth_is_perfect() -> None:
    true = rooms(3, 64, 48, seed=0).columns["depth_m"].array
    scores = TASK.score(statistics(TASK, true, true), SPACE)
    assert list(scores.values()) == [0, 0, 0, 0, 1, 1, 1]


def test_each_option_changes_the_figures(maps: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, true = maps
    options = [{}, {"cap_m": 3.0}, {"min_depth_m": 2.0}, {"crop": "garg"}, {"crop": "eigen"}, {"median_scaling": True}]
    found = [
        TASK.score(statistics(Depth(Depth.Params(**option)), predicted, true), SPACE)["abs_rel"] for option in options
    ]
    assert len({round(value, 6) for value in found}) == len(options)


@pytest.mark.parametrize("options", [{"cap_m": 1.0, "min_depth_m": 2.0}, {"crop": "middle"}, {"min_depth_m": 0.0}])
def test_options_that_make_no_sense_are_refused(options: dict) -> None:
    with pytest.raises(ValidationError):
        Depth.Params(**options)


def test_a_test_set_without_known_depth_is_an_error(maps: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, true = maps
    task = Depth(Depth.Params(cap_m=0.5))
    with pytest.raises(DataError, match=r"none of 3 test images has a known depth within cap_m=0\.5"):
        task.score(statistics(task, predicted, true), SPACE)


def test_a_pair_without_a_depth_range_is_named_as_the_culprit() -> None:
    with pytest.raises(PluginError, match="needs the pair's depth_range_m"):
        TASK.build(
            "t2net_depth_light", ModelParams(), SPACE.model_copy(update={"depth_range_m": None}), torch.Generator()
        )


def test_predictions_are_compared_at_native_size() -> None:
    """A plane whose depth grows with the column, predicted at a quarter of the size, is met almost exactly inside."""
    width, height = 80, 40
    true = np.broadcast_to(1 + (np.arange(width) + 0.5) / width, (1, height, width)).astype(np.float32)
    small = true.reshape(1, height // 4, 4, width // 4, 4).mean(axis=(2, 4))
    padded = np.zeros((1, 64, 128), np.float32)
    padded[:, :height, :width] = true
    found = statistics(TASK, small, padded, sizes=[(width, height)])
    assert found["n_valid"][0] == width * height
    assert found["abs_rel"][0] < 2e-3
    assert statistics(TASK, small[:, :, ::-1], padded, sizes=[(width, height)])["abs_rel"][0] > 0.1


def test_neither_order_nor_batch_size_nor_padding_matters() -> None:
    rng = np.random.default_rng(0)
    sizes = [(40, 30), (32, 36), (24, 24), (40, 36)]
    predicted = rng.uniform(0.6, 5, (4, 24, 24)).astype(np.float32)
    true = np.zeros((4, 36, 40), np.float32)
    for row, (width, height) in enumerate(sizes):
        true[row, :height, :width] = rng.uniform(0.6, 5, (height, width))
    whole = statistics(TASK, predicted, true, sizes)
    order = [2, 0, 3, 1]
    shuffled = statistics(TASK, predicted[order], true[order], [sizes[row] for row in order])
    single = statistics(TASK, predicted[2:3], true[2:3, :24, :24], sizes[2:3])
    for name, values in whole.items():
        np.testing.assert_array_equal(shuffled[name], values[order])
        assert single[name][0] == values[2]


# ---------------------------------------------------------------------------------------------- training


def test_weights_are_drawn_from_the_generator_alone() -> None:
    for model in LIGHT:
        state = torch.get_rng_state()
        first, again, other = (build(model, seed).state_dict() for seed in (1, 1, 2))
        assert torch.equal(torch.get_rng_state(), state)
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert any(not torch.equal(first[name], other[name]) for name in first)


def test_pretrained_weights_reach_the_encoder(tmp_path) -> None:
    bundled, fresh = build("unet", pretrained="bundled").state_dict(), build("unet").state_dict()
    stem = "body.unet.encoder.model.conv_stem.weight"
    assert not torch.equal(bundled[stem], fresh[stem])
    head = "body.unet.segmentation_head.0.weight"
    assert torch.equal(bundled[head], fresh[head])
    path = tmp_path / "t2net.pth"
    torch.save(build(seed=5).body.state_dict(), path)
    loaded = build(seed=6, pretrained=str(path)).state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in build(seed=5).state_dict().items())


def test_one_step_of_the_unet_is_finite_and_reaches_every_weight() -> None:
    network = build("unet")
    assert sum(parameter.numel() for parameter in network.parameters()) == 5_198_161
    loss = TASK.loss(network, {"image": image(64, 64)}, {"depth_m": torch.full((2, 64, 64), 2.0)})
    loss.backward()
    assert torch.isfinite(loss)
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad != 0).any(), name


def learn_by_heart(model: str, side: int, n_steps: int) -> dict[str, float]:
    images = rooms(8, side, side, seed=0)
    space = SPACE.model_copy(update={"width": side, "height": side})
    network = build(model)
    train(
        TASK,
        network,
        (Phase((Stream((images,), 1.0),), n_steps),),
        recipe="plain",
        optimiser=TASK.model(model).optimiser,
        batch_size=8,
        seed=0,
        device="cpu",
        progress=lambda *_: None,
    )
    network.train()
    found = [predict(TASK, network, images, batch_size=size, device="cpu")["depth_m"] for size in (8, 3)]
    assert network.training
    np.testing.assert_allclose(found[0], found[1], rtol=2e-3)
    labels = {name: images.columns[name].array for name in ("depth_m", "native_size")}
    return TASK.score(TASK.statistics({"depth_m": found[0]}, labels, space), space)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "side", "n_steps"), [("t2net_depth_light", 96, 80), ("unet", 64, 40)])
def test_models_learn_eight_rooms_by_heart(model: str, side: int, n_steps: int) -> None:
    scores = learn_by_heart(model, side, n_steps)
    assert scores["abs_rel"] < 0.07
    assert scores["delta1"] > 0.9
