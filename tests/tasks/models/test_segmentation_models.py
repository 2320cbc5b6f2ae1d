import socket
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from sklearn.datasets import load_sample_image
from torch import nn
from torchvision.models import resnet101

from bench.api import LabelSpace, ModelParams, Optimiser, UserError
from bench.api.imageset import ImageSet
from bench.data.fitting import fit_image
from bench.training.batches import Phase, Stream
from bench.training.loop import train
from bench.training.prediction import predict, reestimate_batch_norm
from bench.training.weights import BUNDLED_MODEL, bundled_classifier
from tasks.models.deeplab_v2 import STRIDE, DeepLabV2, LightTrunk, ResNetTrunk
from tasks.models.segmenter import HALF, Segmenter
from tasks.segmentation import Segmentation

TASK = Segmentation()
SPACE = LabelSpace(class_names=tuple("abcde"), width=64, height=48)
SMALL = ["deeplab_v2_light", "deeplab_v2_lite0", "deeplabv3plus", "unet"]
ALL = [*SMALL, "deeplab_v2"]
ON_LITE0 = ["deeplab_v2_lite0", "deeplabv3plus", "unet"]


def build(model: str, seed: int = 0, pretrained: str = "none", n_classes: int = 5) -> nn.Module:
    space = SPACE.model_copy(update={"class_names": tuple(map(str, range(n_classes)))})
    return TASK.build(model, ModelParams(pretrained=pretrained), space, torch.Generator().manual_seed(seed))


def n_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def step(network: nn.Module, optimiser: Optimiser, n_steps: int = 1, images: ImageSet | None = None) -> float:
    rng = np.random.default_rng(0)
    if images is None:
        images = ImageSet.from_arrays(
            image=rng.integers(0, 256, (2, 48, 64, 3), dtype=np.uint8),
            mask=rng.choice([0, 1, 2, 3, 4, 255], (2, 48, 64)).astype(np.uint8),
        )
    result = train(
        TASK,
        network,
        (Phase((Stream((images,), 1.0),), n_steps),),
        recipe="plain",
        optimiser=optimiser,
        batch_size=images.n_images,
        seed=0,
        device="cpu",
        progress=lambda *_: None,
    )
    return result.final_loss


def test_every_declared_model_states_whether_it_has_batch_norm_truly() -> None:
    assert sorted(TASK.models) == sorted(ALL)
    for name, spec in TASK.models.items():
        assert spec.name == name
        assert spec.batch_norm is bool(norms(build(name)))
        assert spec.bundled is (name in ON_LITE0)


def test_deeplab_v2_has_the_parameters_of_the_literature() -> None:
    trunk = n_parameters(resnet101(weights=None)) - (2048 * 1000 + 1000)
    assert n_parameters(build("deeplab_v2", n_classes=21)) == trunk + 4 * (9 * 2048 * 21 + 21) == 44_048_532


def test_the_light_models_parameters_are_those_of_its_layers() -> None:
    stem = 49 * 3 * 32 + 2 * 32
    first = 9 * (32 * 64 + 64 * 64) + 32 * 64 + 3 * 2 * 64
    others = 2 * (9 * 2 * 64 * 64 + 2 * 2 * 64)
    assert n_parameters(build("deeplab_v2_light")) == stem + first + others + 4 * (9 * 64 * 5 + 5)


def test_the_resnets_strides_and_dilations_are_the_papers() -> None:
    trunk = ResNetTrunk()
    assert trunk.maxpool.ceil_mode
    found = {
        name: {(block.conv2.stride[0], block.conv2.dilation[0], block.conv2.padding[0]) for block in stage}
        for name, stage in trunk.named_children()
        if name.startswith("layer")
    }
    assert found == {
        "layer1": {(1, 1, 1)},
        "layer2": {(2, 1, 1), (1, 1, 1)},
        "layer3": {(1, 2, 2)},
        "layer4": {(1, 4, 4)},
    }
    assert [len(stage) for name, stage in trunk.named_children() if name.startswith("layer")] == [3, 4, 23, 3]


def test_the_head_is_four_summed_convolutions_at_the_papers_rates() -> None:
    network = build("deeplab_v2_lite0").body.eval()
    branches = list(network.branches)
    assert [branch.dilation[0] for branch in branches] == [6, 12, 18, 24]
    for branch in branches:
        assert branch.weight.std().item() == pytest.approx(0.01, rel=0.05)
        assert not branch.bias.any()
    image = torch.rand(1, 3, 48, 64)
    features = network.trunk(image)
    assert features.shape == (1, 320, 6, 8)
    with torch.no_grad():
        branches[0].bias += 1
    assert torch.allclose(network(image), sum(branch(features) for branch in branches))


@pytest.mark.parametrize("model", ALL)
def test_a_step_at_full_size_is_finite_and_moves_every_trained_part(model: str) -> None:
    network = build(model)
    before = {name: value.clone() for name, value in network.named_parameters()}
    assert np.isfinite(step(network, TASK.model(model).optimiser))
    assert [name for name, value in network.named_parameters() if torch.equal(value, before[name])] == []


@pytest.mark.parametrize("model", ALL)
def test_state_comes_back(model: str) -> None:
    network, other = build(model, seed=1).eval(), build(model, seed=2).eval()
    other.load_state_dict(network.state_dict())
    image = {"image": torch.rand(1, 3, 48, 64)}
    with torch.inference_mode():
        assert torch.equal(network(image), other(image))


@pytest.mark.parametrize("model", SMALL)
def test_weights_are_drawn_from_the_generator_alone(model: str) -> None:
    state = torch.get_rng_state()
    first = build(model, seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    again, other = build(model, seed=1).state_dict(), build(model, seed=2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("model", ALL)
def test_models_take_any_working_size(model: str) -> None:
    """Where its stride divides the sides, DeepLab-v2 has a cell for every 8 pixels, and no more; else full maps."""
    network = build(model).eval()
    coarse = 1 if model in ("deeplabv3plus", "unet") else 8
    with torch.inference_mode():
        assert network({"image": torch.rand(1, 3, 48, 64)}).shape == (1, 5, 48 // coarse, 64 // coarse)
        assert network({"image": torch.rand(1, 3, 47, 65)}).shape == (1, 5, 47, 65)


def test_logits_of_awkward_sizes_stay_in_place() -> None:
    """A body of stride 8 that averages its cells: what it says of a 20×30 image is there where the image says it."""
    network = Segmenter(nn.AvgPool2d(8), (0, 0, 0), (1, 1, 1), multiple=8)
    ramp = torch.arange(30.0).expand(1, 3, 20, 30)
    logits = network({"image": ramp})
    assert logits.shape == ramp.shape
    assert torch.allclose(logits[..., 4:20], ramp[..., 4:20])
    shifted = network({"image": ramp[..., :24].transpose(2, 3).contiguous()})
    assert shifted.shape == (1, 3, 24, 20)
    assert torch.allclose(shifted[..., 4:20, :], ramp[..., :24].transpose(2, 3)[..., 4:20, :])


@pytest.mark.parametrize("model", ALL)
def test_evaluation_leaves_train_mode_as_it_was(model: str) -> None:
    network = build(model).train()
    network.body.get_submodule("trunk" if "v2" in model else "encoder").eval()
    modes = [module.training for module in network.modules()]
    assert {True, False} <= set(modes)
    images = ImageSet.from_arrays(image=np.zeros((1, 16, 16, 3), np.uint8), native_size=np.array([[16, 16]]))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    predict(TASK, network, images, batch_size=1, device="cpu")
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


# -------------------------------------------------------------------------------------------- initial weights


def lite0(network: nn.Module) -> nn.Module:
    """timm's encoder inside a segmenter: normalised images → features, stage by stage."""
    return network.body.trunk.encoder if hasattr(network.body, "trunk") else network.body.encoder.model


@pytest.mark.parametrize(("model", "stride"), [("deeplab_v2_lite0", 8), ("deeplabv3plus", 16), ("unet", 32)])
def test_bundled_features_are_those_of_timms_network(model: str, stride: int) -> None:
    """Of a photograph; the reference is the whole classifier, built by timm and filled by bench.training.weights."""
    photograph = fit_image(load_sample_image("china.jpg"), (96, 64), "resize").copy()
    image = torch.from_numpy(photograph).permute(2, 0, 1)[None] / 127.5 - 1
    reference = timm.create_model(BUNDLED_MODEL, pretrained=False, output_stride=stride).eval()
    reference.load_state_dict(bundled_classifier())
    bundled, fresh = (lite0(build(model, pretrained=pretrained).eval()) for pretrained in ("bundled", "none"))
    with torch.inference_mode():
        wanted = reference.blocks(reference.bn1(reference.conv_stem(image)))
        torch.testing.assert_close(bundled(image)[-1], wanted)
        assert (fresh(image)[-1] - wanted).square().mean() > 0.5 * wanted.var()


def test_bundled_images_are_normalised_as_the_weights_expect() -> None:
    for model in ON_LITE0:
        network = build(model, pretrained="bundled")
        assert network.mean.flatten().tolist() == network.std.flatten().tolist() == [0.5, 0.5, 0.5]
    assert build("deeplab_v2").mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])


@pytest.mark.parametrize("model", ON_LITE0)
def test_encoder_weights_come_from_a_file_of_the_classifier(model: str, tmp_path: Path) -> None:
    state = {name: value + 1 for name, value in bundled_classifier().items()}
    torch.save(state, tmp_path / "lite0.pth")
    encoder = lite0(build(model, pretrained=str(tmp_path / "lite0.pth")))
    assert all(torch.equal(value, state[name]) for name, value in encoder.state_dict().items())


@pytest.mark.parametrize("model", ALL)
def test_building_never_touches_the_network(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"asked the network for {arguments}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    build(model, pretrained="bundled" if model in ON_LITE0 else "none")


@pytest.mark.parametrize("model", ["deeplab_v2_light", "deeplab_v2"])
def test_bundled_is_refused_where_there_is_nothing_bundled(model: str) -> None:
    with pytest.raises(UserError, match=f"model {model!r} has no bundled weights"):
        build(model, pretrained="bundled")


@pytest.mark.parametrize("model", ALL)
def test_weights_of_another_network_are_refused(model: str, tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="does not fit"):
        build(model, pretrained=str(tmp_path / "other.pth"))


# ------------------------------------------------------------------------------------- batch norm of DeepLab-v2


def test_pretrained_statistics_are_frozen_in_training_and_fresh_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "resnet101.pth"
    torch.save(resnet101(weights=None).state_dict(), path)
    fresh, pretrained = build("deeplab_v2"), build("deeplab_v2", pretrained=str(path))
    loaded = torch.load(path, weights_only=True)
    trunk = pretrained.body.trunk
    assert all(torch.equal(value, loaded[name]) for name, value in trunk.state_dict().items())
    pretrained.train()
    assert pretrained.body.training
    assert not any(norm.training or norm.weight.requires_grad for norm in norms(pretrained))
    step(pretrained, TASK.model("deeplab_v2").optimiser)
    step(fresh, TASK.model("deeplab_v2").optimiser)
    after = trunk.state_dict()
    assert not torch.equal(after["conv1.weight"], loaded["conv1.weight"])
    assert all(torch.equal(after[name], loaded[name]) for name in after if "bn" in name or "downsample.1" in name)
    assert all(norm.num_batches_tracked == 1 and norm.weight.requires_grad for norm in norms(fresh))


def test_frozen_fresh_statistics_would_blow_up() -> None:
    """Why DeepLab-v2 freezes pretrained statistics alone."""
    torch.manual_seed(0)
    frozen = DeepLabV2(ResNetTrunk(), 2048, 5, freeze_norm=True)
    with torch.no_grad():
        assert frozen.trunk(torch.randn(1, 3, 32, 32)).square().mean() > 1e6


def test_adabn_reaches_frozen_layers_too() -> None:
    torch.manual_seed(0)
    body = DeepLabV2(ResNetTrunk(blocks=(1, 1, 1, 1), width_per_group=8), 2048, 5, freeze_norm=True)
    network = Segmenter(body, HALF, HALF, STRIDE)
    image = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    reestimate_batch_norm(network, ImageSet.from_arrays(image=image).unlabelled(), batch_size=2, device="cpu")
    assert body.trunk.bn1.running_var.sub(1).abs().max() > 0.1
    assert not body.trunk.bn1.training


def test_heads_learn_faster_and_their_biases_do_not_decay() -> None:
    for model, scale in (("deeplab_v2_lite0", 10), ("deeplab_v2_light", 1)):
        network = build(model)
        trunk, weights, biases = network.parameter_groups()
        assert "lr_scale" not in trunk
        assert (weights["lr_scale"], biases["lr_scale"], biases["weight_decay"]) == (scale, 2 * scale, 0)
        assert [len(group["params"]) for group in (weights, biases)] == [4, 4]
        grouped = {id(p) for group in (trunk, weights, biases) for p in group["params"]}
        assert grouped == {id(p) for p in network.parameters()}


# -------------------------------------------------------------------------------------------------- learning


def eight_scenes() -> ImageSet:
    """Noise with a bright rectangle in it, whose hue is its class. Edges lie between cells of 8 pixels.

    Native labels have a pixel a cell: what a network at output stride 8 can know, all of it.
    """
    rng = np.random.default_rng(0)
    image = rng.integers(0, 128, (8, 32, 48, 3), dtype=np.uint8)
    cells = np.zeros((8, 4, 6), np.uint8)
    hues = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]])
    for row in range(8):
        left, top = rng.integers(0, 4), rng.integers(0, 3)
        cells[row, top : top + 2, left : left + 3] = 1 + row % 4
        image[row, 8 * top : 8 * top + 16, 8 * left : 8 * left + 24] = hues[row % 4]
    return ImageSet.from_arrays(image=image, mask=cells, native_size=np.tile([6, 4], (8, 1)))


def narrow(model: str) -> nn.Module:
    if model != "deeplab_v2":
        return build(model, pretrained="bundled" if model in ON_LITE0 else "none")
    torch.manual_seed(0)
    trunk = ResNetTrunk(blocks=(1, 1, 1, 1), width_per_group=8)
    return Segmenter(DeepLabV2(trunk, trunk.n_features, 5), HALF, HALF, STRIDE)


@pytest.mark.parametrize(
    ("model", "learning_rate", "n_steps"),
    [
        ("deeplab_v2_light", 3e-3, 40),
        pytest.param("deeplab_v2", 1e-3, 60, marks=pytest.mark.slow),
        *(pytest.param(model, 1e-3, 40, marks=pytest.mark.slow) for model in ON_LITE0),
    ],
)
def test_models_learn_eight_images_by_heart(model: str, learning_rate: float, n_steps: int) -> None:
    scenes, network = eight_scenes(), narrow(model)
    cells = scenes.take(np.arange(8))
    training = ImageSet.from_arrays(image=cells["image"], mask=cells["mask"].repeat(8, axis=1).repeat(8, axis=2))
    step(network, Optimiser(learning_rate=learning_rate), n_steps, training)
    predicted = predict(TASK, network, scenes, batch_size=8, device="cpu")
    assert TASK.score(TASK.statistics(predicted, cells, SPACE), SPACE)["miou"] > 0.95


def test_the_light_trunk_is_narrowed_by_its_width() -> None:
    assert LightTrunk(8)(torch.rand(2, 3, 32, 40)).shape == (2, 32, 4, 5)
