import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from bench.api import Budget, LabelSpace, UserError
from bench.api.imageset import ImageSet, concatenate
from bench.data.fitting import fit_image
from bench.plugins.registry import Registry
from bench.training.prediction import predict, predict_batches
from tasks.segmentation import Segmentation, SegmentationParams

TASK = Segmentation()
SPACE = LabelSpace(class_names=("sky", "road", "car"), width=32, height=24)
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)


class ByColour(nn.Module):
    """Logits at 1/4 of the size: the mean red, green and blue of each cell; class 0 is red, 1 green, 2 blue."""

    def forward(self, inputs):
        return nn.functional.avg_pool2d(inputs["image"], 4)


def scene(width: int, height: int) -> np.ndarray:
    """Sky above road, a car in the right half of the road: a mask whose edges lie on quarters of the sides."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 2 :] = 1
    mask[height // 2 :, width // 2 :] = 2
    return mask


def test_planning_imports_no_torch() -> None:
    code = (
        "import sys; from tasks.segmentation import Segmentation as S; S().model('deeplab_v2_light'); S().models;"
        "sys.exit(bool({'torch', 'timm', 'segmentation_models_pytorch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("typo", "meant"), [("deeplab", "deeplab_v2"), ("deeplabv3_plus", "deeplabv3plus"), ("u-net", "unet")]
)
def test_an_unknown_model_gets_the_nearest_name(typo: str, meant: str) -> None:
    with pytest.raises(UserError, match=f"no model {typo!r}.*; did you mean {meant!r}.*Available: deeplab_v2, "):
        TASK.model(typo)


def test_the_command_line_reaches_the_option() -> None:
    task, _ = Registry().task("segmentation:multi_scale=true")
    assert task.params == SegmentationParams(multi_scale=True)
    assert not TASK.params.multi_scale


def test_budgets_are_named_as_asked() -> None:
    assert all(isinstance(budget, Budget) and budget.name == name for name, budget in TASK.budgets.items())


def test_loss_is_the_cross_entropy_worked_out_by_hand() -> None:
    logits = torch.zeros(1, 3, 1, 2)
    logits[0, 0, 0, 1] = np.log(3.0)
    labels = {"mask": torch.tensor([[[2, 0]]], dtype=torch.uint8)}
    loss = TASK.loss(lambda inputs: logits, {}, labels)
    assert loss.item() == pytest.approx((np.log(3) + np.log(5 / 3)) / 2)
    labels["mask"][0, 0, 0] = 255
    assert TASK.loss(lambda inputs: logits, {}, labels).item() == pytest.approx(np.log(5 / 3))


def test_coarse_logits_are_compared_with_the_labels_at_their_centres() -> None:
    mask = torch.full((1, 8, 16), 2, dtype=torch.uint8)
    mask[0, 4, 4], mask[0, 4, 12] = 0, 1
    logits = torch.full((1, 3, 1, 2), -100.0)
    logits[0, 0, 0, 0] = logits[0, 1, 0, 1] = 100.0
    assert TASK.loss(lambda inputs: logits, {}, {"mask": mask}).item() == pytest.approx(0, abs=1e-6)


def test_a_batch_without_a_label_has_loss_zero_and_gradient_zero() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = TASK.loss(lambda inputs: logits, {}, {"mask": torch.full((2, 4, 4), 255, dtype=torch.uint8)})
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_predictions_come_back_at_each_images_native_size() -> None:
    sizes = [(64, 48), (128, 48), (16, 24)]
    masks = [scene(*size) for size in sizes]
    image = np.stack([fit_image(COLOURS[mask], (32, 24), "resize") for mask in masks])
    inputs = {
        "image": torch.from_numpy(image).permute(0, 3, 1, 2) / 255,
        "native_size": torch.tensor(sizes),
    }
    predicted = TASK.predict(ByColour(), inputs)["mask"]
    assert (predicted.dtype, predicted.shape) == (np.uint8, (3, 48, 128))
    for found, mask, (width, height) in zip(predicted, masks, sizes, strict=True):
        # Where all three colours meet, interpolation has no clear winner.
        assert (found[:height, :width] == mask).mean() > 0.98
        assert (found[height:] == 255).all()
        assert (found[:, width:] == 255).all()


def test_logits_are_scaled_before_the_largest_is_taken() -> None:
    """A slanted border between two logits stays straight at native size; scaled class ids would be steps of 8."""

    def slanted(inputs):
        x = (torch.arange(8) + 0.5) / 8
        return torch.stack([0.53 - x.expand(8, 8), x.expand(8, 8) - 0.53])[None]

    inputs = {"image": torch.zeros(1, 3, 64, 64), "native_size": torch.tensor([[800, 10]])}
    predicted = TASK.predict(slanted, inputs)["mask"]
    assert np.flatnonzero(predicted[0, 5]).min() == pytest.approx(0.53 * 800, abs=2)


def test_multi_scale_takes_the_largest_logit_of_three_sizes() -> None:
    seen = []

    def by_size(inputs):
        """Class 0 everywhere, but class 2 for half-sized images, with larger logits."""
        height, width = inputs["image"].shape[-2:]
        seen.append((width, height))
        logits = torch.zeros(1, 3, height // 8, width // 8)
        logits[:, 0] = 1
        if width == 32:
            logits[:, 2, :, : width // 16] = 5
        return logits

    inputs = {"image": torch.zeros(1, 3, 48, 64), "native_size": torch.tensor([[64, 48]])}
    single = TASK.predict(by_size, inputs)["mask"]
    assert seen == [(64, 48)]
    assert not single.any()
    multiple = Segmentation(SegmentationParams(multi_scale=True)).predict(by_size, inputs)["mask"]
    assert seen[1:] == [(64, 48), (48, 36), (32, 24)]
    assert (multiple[0, :, :24] == 2).all()
    assert not multiple[0, :, 40:].any()


@pytest.fixture
def native_images() -> ImageSet:
    """Six images of three native sizes, their labels padded to the largest as pairs store them."""
    sizes = np.array([(64, 48), (128, 48), (16, 24)] * 2)
    masks = [scene(*size) for size in sizes.tolist()]
    rng = np.random.default_rng(0)
    image = np.stack([fit_image(COLOURS[mask], (32, 24), "resize") for mask in masks])
    noisy = np.clip(image + rng.normal(0, 120, image.shape), 0, 255).astype(np.uint8)
    mask = concatenate("mask", [mask[None] for mask in masks])
    mask[0, :6] = 255
    return ImageSet.from_arrays(image=noisy, mask=mask, native_size=sizes)


def statistics_of(images: ImageSet, batch_size: int) -> np.ndarray:
    """Predicted and compared batch by batch, as the harness does."""
    batches = predict_batches(TASK, ByColour(), images, ("image", "native_size"), batch_size=batch_size, device="cpu")
    found = []
    for rows, predicted in batches:
        labels = {name: images.columns[name].take(rows) for name in ("mask", "native_size")}
        found.append(TASK.statistics(predicted, labels, SPACE)["confusion"])
    return np.concatenate(found)


def test_statistics_count_the_native_pixels_of_each_image(native_images: ImageSet) -> None:
    counts = statistics_of(native_images, 6)
    assert (counts.dtype, counts.shape) == (np.uint32, (6, 3, 3))
    assert counts.sum(axis=(1, 2)).tolist() == [64 * 42, 128 * 48, 16 * 24, 64 * 48, 128 * 48, 16 * 24]


def test_batch_size_and_order_do_not_matter(native_images: ImageSet) -> None:
    at_once = statistics_of(native_images, 6)
    np.testing.assert_array_equal(statistics_of(native_images, 1), at_once)
    np.testing.assert_array_equal(statistics_of(native_images, 4), at_once)
    order = np.array([4, 2, 0, 5, 1, 3])
    shuffled = statistics_of(native_images.select(order), 4)
    np.testing.assert_array_equal(shuffled, at_once[order])
    assert TASK.score({"confusion": shuffled}, SPACE) == TASK.score({"confusion": at_once}, SPACE)


def test_whole_sets_are_predicted_at_the_largest_native_size(native_images: ImageSet) -> None:
    predicted = predict(TASK, ByColour(), native_images, batch_size=1, device="cpu")["mask"]
    assert predicted.shape == (6, 48, 128)
    assert (predicted[0, :, 64:] == 255).all()


def test_scores_come_from_statistics_and_contributions_average_to_the_primary_metric(native_images: ImageSet) -> None:
    statistics = {"confusion": statistics_of(native_images, 4)}
    scores = TASK.score(statistics, SPACE)
    assert list(scores) == ["miou", "pixel_accuracy", "iou/sky", "iou/road", "iou/car"]
    assert 0.3 < scores["miou"] < 1
    assert scores["miou"] == pytest.approx(np.mean([scores[f"iou/{name}"] for name in SPACE.class_names]))
    contributions = TASK.contributions(statistics, SPACE)
    assert (contributions.dtype, contributions.shape) == (np.float64, (6,))
    assert contributions.mean() == pytest.approx(scores["miou"])


def test_truth_as_prediction_is_perfect_and_an_absent_class_has_no_score(native_images: ImageSet) -> None:
    labels = {name: native_images.columns[name].take(np.arange(6)) for name in ("mask", "native_size")}
    space = SPACE.model_copy(update={"class_names": ("sky", "road", "car", "train")})
    scores = TASK.score(TASK.statistics({"mask": np.minimum(labels["mask"], 2)}, labels, space), space)
    assert scores == {"miou": 1, "pixel_accuracy": 1, "iou/sky": 1, "iou/road": 1, "iou/car": 1}


def test_counts_of_many_large_images_do_not_overflow() -> None:
    large = np.full((3, 1, 1), 2**31, np.uint32)
    space = SPACE.model_copy(update={"class_names": ("all",)})
    assert TASK.score({"confusion": large}, space)["miou"] == 1
    assert TASK.contributions({"confusion": large}, space).tolist() == [1, 1, 1]
