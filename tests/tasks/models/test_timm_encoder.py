import pytest
import torch

from bench.api import LabelSpace, UserError
from bench.training.weights import bundled_classifier
from tasks.models.timm_encoder import TimmEncoder, timm_body, timm_spec

SPACE = LabelSpace(class_names=("a",), width=64, height=48)
IMAGE = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))


# The last keep layers between the pooling and the classifier.
@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "tf_efficientnet_lite0", "mobilenetv3_small_100"])
def test_any_architecture_gives_pooled_features_of_the_width_it_states(name: str) -> None:
    encoder = TimmEncoder(name, SPACE)
    assert encoder.training
    assert encoder({"image": IMAGE}).shape == (2, encoder.n_features)


def test_features_are_what_the_classifier_sees() -> None:
    encoder = TimmEncoder("tf_efficientnet_lite0", SPACE, "bundled").eval()
    state, body = bundled_classifier(), timm_body("tf_efficientnet_lite0", 1000, SPACE)
    body.network.load_state_dict(state)
    normalised = (IMAGE - torch.tensor(body.mean).view(3, 1, 1)) / torch.tensor(body.std).view(3, 1, 1)
    with torch.inference_mode():
        logits = encoder({"image": IMAGE}) @ state["classifier.weight"].T + state["classifier.bias"]
        torch.testing.assert_close(logits, body.network.eval()(normalised))


def test_counting_features_leaves_batch_norm_statistics_alone() -> None:
    assert TimmEncoder("test_resnet", SPACE).body.bn1.running_mean.abs().max() == 0


def test_a_typo_gets_the_nearest_name() -> None:
    with pytest.raises(UserError, match="no model 'resnet_18' for task 'pose'; did you mean 'resnet18'"):
        timm_spec("resnet_18", {}, "pose")


def test_bundled_weights_are_refused_for_another_architecture() -> None:
    with pytest.raises(UserError, match="'test_resnet' has no bundled weights"):
        TimmEncoder("test_resnet", SPACE, "bundled")


def test_an_encoder_without_a_classifier_is_refused() -> None:
    with pytest.raises(UserError, match="encoder without a classifier"):
        TimmEncoder("qwen3_vit_88m_enc", SPACE)
