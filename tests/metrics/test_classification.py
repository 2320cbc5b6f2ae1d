import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, recall_score

from bench.api.errors import DataError
from bench.metrics.classification import accuracy, confusion, macro_accuracy, per_class_accuracy

N_CLASSES = 6


@pytest.fixture
def classes() -> tuple[np.ndarray, np.ndarray]:
    """500 images of unequally frequent classes; class 5 is predicted but never true."""
    rng = np.random.default_rng(0)
    true = rng.choice(5, 500, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    return true, np.where(rng.random(500) < 0.6, true, rng.integers(0, N_CLASSES, 500))


def test_hand_worked_case() -> None:
    # Class 0: 2 of 3 right; class 1: 1 of 1; class 2: 0 of 2.
    true, predicted = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 0, 1, 1, 0, 1])
    assert confusion(true, predicted, 3).tolist() == [[2, 1, 0], [0, 1, 0], [1, 1, 0]]
    assert accuracy(true, predicted, 3) == pytest.approx(3 / 6)
    assert per_class_accuracy(true, predicted, 3) == pytest.approx([2 / 3, 1, 0])
    assert macro_accuracy(true, predicted, 3) == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_agrees_with_scikit_learn(classes: tuple[np.ndarray, np.ndarray]) -> None:
    true, predicted = classes
    np.testing.assert_array_equal(
        confusion(true, predicted, N_CLASSES), confusion_matrix(true, predicted, labels=range(N_CLASSES))
    )
    assert accuracy(true, predicted, N_CLASSES) == pytest.approx(accuracy_score(true, predicted))
    recalls = recall_score(true, predicted, labels=range(5), average=None)
    assert per_class_accuracy(true, predicted, N_CLASSES)[:5] == pytest.approx(recalls)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_a_class_that_never_occurs_has_no_recall_and_no_part_in_the_mean(
    classes: tuple[np.ndarray, np.ndarray],
) -> None:
    true, predicted = classes
    assert np.isnan(per_class_accuracy(true, predicted, N_CLASSES)[5])
    assert macro_accuracy(true, predicted, N_CLASSES) == pytest.approx(balanced_accuracy_score(true, predicted))


def test_ground_truth_as_prediction_is_perfect(classes: tuple[np.ndarray, np.ndarray]) -> None:
    true, _ = classes
    assert accuracy(true, true, N_CLASSES) == 1
    assert macro_accuracy(true, true, N_CLASSES) == 1


@pytest.mark.parametrize("metric", [accuracy, macro_accuracy])
def test_order_of_images_does_not_matter(classes: tuple[np.ndarray, np.ndarray], metric) -> None:
    true, predicted = classes
    order = np.random.default_rng(1).permutation(len(true))
    assert metric(true[order], predicted[order], N_CLASSES) == metric(true, predicted, N_CLASSES)
    assert metric(true, predicted[order], N_CLASSES) != metric(true, predicted, N_CLASSES)


def test_small_dtypes_do_not_overflow() -> None:
    true = np.full(3, 255, np.uint8)
    assert confusion(true, true, 256)[255, 255] == 3


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([], [], "at least one image"),
        ([0, 1], [0], r"\(2,\) and \(1,\)"),
        ([0, 3], [0, 1], "true classes run from 0 to 3; allowed: 0..2"),
        ([0, 1], [-1, 1], "predicted classes run from -1 to 1; allowed: 0..2"),
    ],
)
def test_bad_input_is_named(true: list[int], predicted: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        accuracy(np.array(true, np.int64), np.array(predicted, np.int64), 3)
