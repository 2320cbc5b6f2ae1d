import contextlib
import io
import time
from pathlib import Path

import numpy as np
import pytest

from bench.api.errors import DataError
from bench.metrics.detection import Detections, evaluate, jackknife

N_CLASSES = 6


def crowd(n_images: int = 30, n_detections: int = 40, n_true: int = 8, seed: int = 0) -> Detections:
    """Noisy copies of random true boxes, some of the wrong class; class 5 is detected but never true."""
    rng = np.random.default_rng(seed)
    true_box = rng.uniform(0, 80, (n_images, n_true, 4))
    true_box[..., 2:] = true_box[..., :2] + rng.uniform(5, 40, (n_images, n_true, 2))
    true_class = rng.integers(-1, N_CLASSES - 1, (n_images, n_true))
    true_class[3] = -1
    copied = rng.integers(0, n_true, (n_images, n_detections))
    box = np.take_along_axis(true_box, copied[..., None], axis=1) + rng.normal(0, 3, (n_images, n_detections, 4))
    right_class = np.take_along_axis(true_class, copied, axis=1)
    class_id = np.where(rng.random(copied.shape) < 0.7, right_class, rng.integers(0, N_CLASSES, copied.shape))
    score = rng.random(copied.shape)
    return Detections(
        box.astype(np.float32), class_id, score.astype(np.float32), true_box.astype(np.float32), true_class, N_CLASSES
    )


def rows(found: Detections, images: np.ndarray) -> Detections:
    arrays = (found.box, found.class_id, found.score, found.true_box, found.true_class)
    return Detections(*(array[images] for array in arrays), found.n_classes)


def one_class(boxes: list[list[float]], scores: list[float], true_boxes: list[list[float]]) -> Detections:
    """One image, one class."""
    box, true_box = (np.array(b, np.float32).reshape(1, -1, 4) for b in (boxes, true_boxes))
    classes, true_classes = (np.zeros((1, len(b)), np.int64) for b in (boxes, true_boxes))
    return Detections(box, classes, np.array([scores], np.float32), true_box, true_classes, 1)


def test_hand_worked_case() -> None:
    """Two true boxes. Best first: one exact, one on nothing, one with IoU 0.8 to the second box.

    Up to t = .80 the ranking is right, wrong, right: precision 1 up to recall ½ (levels 0 … .50, 51 of them), 2/3 up to
    recall 1 (50). From t = .85 on, only the first: 51 levels at 1, the others 0. The second box's IoU is 80/100.
    """
    found = one_class(
        [[0, 0, 10, 10], [50, 50, 60, 60], [20, 0, 30, 8]], [0.9, 0.8, 0.7], [[0, 0, 10, 10], [20, 0, 30, 10]]
    )
    both, only_first = (51 + 50 * 2 / 3) / 101, 51 / 101
    evaluation = evaluate(found)
    assert evaluation.ap50 == pytest.approx(both)
    assert evaluation.ap == pytest.approx((7 * both + 3 * only_first) / 10)
    assert evaluation.ar == pytest.approx((7 * 1 + 3 * 0.5) / 10)


def test_a_true_box_is_found_once() -> None:
    """The second detection of the one box is wrong; being the last, it costs no precision at recall 1."""
    true = [[0, 0, 10, 10]]
    assert evaluate(one_class(true * 2, [0.9, 0.8], true)).ap == pytest.approx(1)
    assert evaluate(one_class([[0, 0, 10, 10], [1, 0, 11, 10]], [0.8, 0.9], true)).ap < 1


def test_ground_truth_as_prediction_is_perfect() -> None:
    found = crowd()
    perfect = Detections(
        found.true_box, found.true_class, np.ones(found.true_class.shape), found.true_box, found.true_class, N_CLASSES
    )
    evaluation = evaluate(perfect)
    assert evaluation.ap == evaluation.ap50 == evaluation.ar == 1
    assert jackknife(perfect).tolist() == [1] * len(found.box)


@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_pycocotools(seed: int) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    found = crowd(seed=seed)

    def records(box: np.ndarray, class_id: np.ndarray, score: np.ndarray | None = None) -> list[dict[str, object]]:
        listed = []
        for image, slot in zip(*np.nonzero(class_id >= 0), strict=True):
            left, top, right, bottom = box[image, slot].astype(float)
            if right <= left or bottom <= top:
                continue
            size = [left, top, right - left, bottom - top]
            record = {"id": len(listed) + 1, "image_id": int(image), "category_id": int(class_id[image, slot]) + 1}
            record |= {"bbox": size, "area": size[2] * size[3], "iscrowd": 0}
            listed.append(record if score is None else record | {"score": float(score[image, slot])})
        return listed

    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {
            "images": [{"id": image} for image in range(len(found.box))],
            "categories": [{"id": number + 1} for number in range(N_CLASSES)],
            "annotations": records(found.true_box, found.true_class),
        }
        truth.createIndex()
        reference = COCOeval(truth, truth.loadRes(records(found.box, found.class_id, found.score)), "bbox")
        reference.evaluate()
        reference.accumulate()
        reference.summarize()
    evaluation = evaluate(found)
    assert [evaluation.ap, evaluation.ap50, evaluation.ar] == pytest.approx(reference.stats[[0, 1, 8]], abs=1e-9)
    assert 0.05 < evaluation.ap < 0.95


def test_the_jackknife_leaves_out_one_image_at_a_time() -> None:
    """Against as many evaluations of faster-coco-eval. Image 0 alone has boxes of class 4; image 3 has none."""
    found = crowd(n_images=12, n_detections=20)
    found.true_class[1:][found.true_class[1:] == 4] = 0
    found = rows(found, np.arange(12))
    n_images = len(found.box)
    ap = evaluate(found).ap
    without = [evaluate(rows(found, np.flatnonzero(np.arange(n_images) != image))).ap for image in range(n_images)]
    contributions = jackknife(found)
    assert contributions.mean() == pytest.approx(ap, abs=1e-9)
    expected = ap + (n_images - 1) * (np.mean(without) - np.array(without))
    np.testing.assert_allclose(contributions, expected, atol=1e-9)
    assert np.ptp(contributions) > 0.01


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_of_two_equally_good_true_boxes_the_last_is_taken(order: list[int]) -> None:
    """The best detection lies midway between both; the other fits one alone."""
    true = [[0.0, 0, 10, 10], [4.0, 0, 14, 10]]
    found = one_class([[2, 0, 12, 10], true[0]], [0.9, 0.8], [true[index] for index in order])
    assert jackknife(found) == pytest.approx(evaluate(found).ap)


def test_the_jackknife_of_a_light_test_set_takes_no_time() -> None:
    found = crowd(n_images=150, n_detections=100)
    start = time.process_time()
    jackknife(found)
    assert time.process_time() - start < 2


def test_an_image_with_all_true_boxes_contributes_the_average() -> None:
    found = crowd(n_images=5)
    found.true_class[1:] = -1
    found = rows(found, np.arange(5))
    contributions = jackknife(found)
    assert contributions[0] == pytest.approx(contributions.mean()) == pytest.approx(evaluate(found).ap)


def test_order_of_images_and_of_detections_does_not_matter() -> None:
    found, rng = crowd(), np.random.default_rng(1)
    images = rng.permutation(len(found.box))
    slots = rng.permutation(found.box.shape[1])
    turned = Detections(
        found.box[images][:, slots],
        found.class_id[images][:, slots],
        found.score[images][:, slots],
        found.true_box[images],
        found.true_class[images],
        N_CLASSES,
    )
    assert evaluate(turned).ap == pytest.approx(evaluate(found).ap, abs=1e-12)
    np.testing.assert_allclose(jackknife(turned), jackknife(found)[images], atol=1e-9)


def test_padding_with_zeros_changes_nothing() -> None:
    """Sets whose lists are shorter are joined with others that way."""
    found = crowd()

    def longer(array: np.ndarray) -> np.ndarray:
        return np.pad(array, [(0, 0), (0, 3)] + [(0, 0)] * (array.ndim - 2))

    padded = Detections(
        *map(longer, (found.box, found.class_id, found.score, found.true_box, found.true_class)), N_CLASSES
    )
    assert evaluate(padded).ap == evaluate(found).ap
    np.testing.assert_allclose(jackknife(padded), jackknife(found))


def test_no_detection_scores_zero() -> None:
    found = crowd()
    nothing = Detections(
        found.box, np.full_like(found.class_id, -1), found.score, found.true_box, found.true_class, N_CLASSES
    )
    evaluation = evaluate(nothing)
    assert evaluation.ap == evaluation.ap50 == evaluation.ar == 0
    assert jackknife(nothing).tolist() == [0] * len(found.box)


def test_a_class_without_true_boxes_has_no_ap_and_no_part_in_the_mean() -> None:
    evaluation = evaluate(crowd())
    assert np.isnan(evaluation.class_ap[5])
    assert evaluation.ap == pytest.approx(evaluation.class_ap[:5].mean())


def test_it_prints_nothing_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    evaluate(crowd())
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"true_class": np.full((30, 8), -1)}, "at least one true box; the 30 images have none"),
        ({"class_id": np.full((30, 40), 6)}, r"detected classes go up to 6; allowed: 0\.\.5"),
        ({"true_class": np.full((30, 8), 9)}, r"true classes go up to 9; allowed: 0\.\.5"),
        ({"score": np.full((30, 40), np.nan)}, "score is not finite"),
        ({"score": np.zeros((30, 41))}, r"\(30, 41\)"),
        ({"true_box": np.zeros((29, 8, 4))}, r"\(29, 8, 4\)"),
    ],
)
def test_bad_input_is_named(change: dict[str, np.ndarray], message: str) -> None:
    found = crowd()
    arrays = {name: getattr(found, name) for name in ("box", "class_id", "score", "true_box", "true_class")}
    with pytest.raises(DataError, match=message):
        Detections(**(arrays | change), n_classes=N_CLASSES)
