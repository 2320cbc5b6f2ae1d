import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassJaccardIndex

from bench.api.errors import DataError
from bench.metrics.segmentation import confusion, mean_iou, mean_iou_contributions, per_class_iou, pixel_accuracy

N_CLASSES = 6


@pytest.fixture
def masks() -> tuple[np.ndarray, np.ndarray]:
    """Twelve images of unequally frequent classes, a tenth ignored; class 5 is neither true nor predicted."""
    rng = np.random.default_rng(0)
    true = rng.choice(5, (12, 20, 30), p=[0.6, 0.2, 0.1, 0.07, 0.03])
    predicted = np.where(rng.random(true.shape) < 0.7, true, rng.integers(0, 5, true.shape))
    true[rng.random(true.shape) < 0.1] = 255
    return true.astype(np.uint8), predicted.astype(np.uint8)


def each(masks: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.stack([confusion(true, predicted, N_CLASSES) for true, predicted in zip(*masks, strict=True)])


def test_hand_worked_case() -> None:
    # Class 0: 2 right, 1 called 1. Class 1: 1 right. Class 2: 1 called 0. One pixel ignored, class 3 nowhere.
    true = np.array([[0, 0, 0], [1, 2, 255]], np.uint8)
    predicted = np.array([[0, 0, 1], [1, 0, 2]], np.uint8)
    counts = confusion(true, predicted, 4)
    assert counts.tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert per_class_iou(counts) == pytest.approx([2 / 4, 1 / 2, 0, np.nan], nan_ok=True)
    assert mean_iou(counts) == pytest.approx((2 / 4 + 1 / 2 + 0) / 3)
    assert pixel_accuracy(counts) == pytest.approx(3 / 5)


def test_agrees_with_torchmetrics_over_all_pixels(masks: tuple[np.ndarray, np.ndarray]) -> None:
    true, predicted = (torch.from_numpy(mask.astype(np.int64)) for mask in masks)
    ours = each(masks).sum(axis=0)
    by_class = MulticlassJaccardIndex(N_CLASSES, average="none", ignore_index=255)(predicted, true)
    assert per_class_iou(ours)[:5] == pytest.approx(by_class.numpy()[:5])
    macro = MulticlassJaccardIndex(N_CLASSES, average="macro", ignore_index=255)(predicted, true)
    assert mean_iou(ours) == pytest.approx(macro.item())


def test_it_is_not_the_mean_over_images(masks: tuple[np.ndarray, np.ndarray]) -> None:
    """Two images: class 1 fills half of the first and one missed pixel of the second."""
    first, second = np.array([[50, 0], [0, 50]]), np.array([[99, 0], [1, 0]])
    assert mean_iou(first + second) == pytest.approx((149 / 150 + 50 / 51) / 2)
    assert np.mean([mean_iou(first), mean_iou(second)]) == pytest.approx((1 + 0.99 / 2) / 2)


def test_ground_truth_as_prediction_is_perfect(masks: tuple[np.ndarray, np.ndarray]) -> None:
    true, _ = masks
    counts = each((true, true)).sum(axis=0)
    assert mean_iou(counts) == pixel_accuracy(counts) == 1
    assert mean_iou_contributions(each((true, true))).tolist() == [1] * len(true)


def test_ids_of_ignored_pixels_do_not_matter(masks: tuple[np.ndarray, np.ndarray]) -> None:
    true, predicted = masks
    odd = np.where(true == 255, 200, predicted).astype(np.uint8)
    np.testing.assert_array_equal(each((true, odd)), each(masks))


def test_a_class_that_occurs_on_one_side_alone_counts_as_zero() -> None:
    counts = np.array([[4, 0, 1], [0, 5, 0], [0, 0, 0]])
    assert per_class_iou(counts)[2] == 0
    assert mean_iou(counts) == pytest.approx((4 / 5 + 1 + 0) / 3)


def test_contributions_are_the_jackknife_computed_one_by_one(masks: tuple[np.ndarray, np.ndarray]) -> None:
    counts = each(masks)
    # Class 4 occurs in the first image alone: without it, the mean is over one class less.
    counts[1:, 4, :] = counts[1:, :, 4] = 0
    whole, n_images = mean_iou(counts.sum(axis=0)), len(counts)
    without = np.array([mean_iou(np.delete(counts, i, axis=0).sum(axis=0)) for i in range(n_images)])
    plain = n_images * whole - (n_images - 1) * without
    contributions = mean_iou_contributions(counts.astype(np.uint32))
    assert contributions.dtype == np.float64
    assert contributions.mean() == pytest.approx(whole)
    assert contributions.std() == pytest.approx(plain.std())
    assert contributions - contributions[0] == pytest.approx(plain - plain[0])


def test_images_without_a_label_change_nothing(masks: tuple[np.ndarray, np.ndarray]) -> None:
    counts = each(masks)
    blank = confusion(np.full((3, 4), 255, np.uint8), np.zeros((3, 4), np.uint8), N_CLASSES)
    assert blank.sum() == 0
    assert confusion(np.empty((0, 4), np.uint8), np.empty((0, 4), np.uint8), N_CLASSES).sum() == 0
    more = np.concatenate([counts, blank[None]])
    assert mean_iou(more.sum(axis=0)) == mean_iou(counts.sum(axis=0))
    assert np.isfinite(mean_iou_contributions(more)).all()
    alone = mean_iou_contributions(np.stack([counts[0], blank]))
    assert alone == pytest.approx([mean_iou(counts[0])] * 2)
    assert mean_iou_contributions(counts[:1]) == pytest.approx([mean_iou(counts[0])])


@pytest.mark.parametrize("metric", [mean_iou, pixel_accuracy])
def test_no_label_at_all_is_an_error(metric) -> None:
    with pytest.raises(DataError, match="at least one labelled pixel"):
        metric(np.zeros((3, 3), np.int64))


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([[0, 1]], [[0]], r"two \(H, W\) arrays; found \(1, 2\) and \(1, 1\)"),
        ([[0, 3]], [[0, 1]], "the true mask holds class 3; allowed: 0..2"),
        ([[0, 1]], [[255, 1]], "the predicted mask holds class 255; allowed: 0..2"),
    ],
)
def test_bad_input_is_named(true: list, predicted: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        confusion(np.array(true, np.uint8), np.array(predicted, np.uint8), 3)
