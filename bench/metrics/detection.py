"""COCO's average precision of detected boxes, through faster-coco-eval, and its jackknife over images.

A detection is right at threshold t if its IoU with a true box of its class is ≥ t and no better-scored detection took
that box. Down the ranking of one class over all images, with n true boxes:

    precision(k) = right among the first k / k        recall(k) = right among the first k / n
    AP(class, t) = mean over r = 0, .01 … 1 of max {precision(k) : recall(k) ≥ r},  0 where recall r is never reached
    AP   = mean over classes and t = .50, .55 … .95      AP50 = the same at t = .50 alone
    AR   = mean over classes and t of the largest recall, with at most 100 detections an image

Values are in [0, 1]. A class without true boxes is left out of every mean. Equal scores rank in the order of images.
Crowd regions, boxes marked difficult and COCO's size classes are not supported: every true box counts.

Box lists are padded: (N, M, 4) float32 x1 y1 x2 y2 in pixels with (N, M) class ids. A slot is empty where the class is
negative or the box has no area; the second lets sets of different M be joined by padding them with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bench.api.errors import DataError

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MAX_DETECTIONS = 100


@dataclass(frozen=True)
class Detections:
    """Detected and true boxes of N images, padded as the module says.

    Parameters
    ----------
    box, class_id, score: ``(N, M, 4)``, ``(N, M)``, ``(N, M)``; scores of any finite range, higher is surer.
    true_box, true_class: ``(N, K, 4)``, ``(N, K)``.
    n_classes: class ids run from 0 to ``n_classes − 1``.

    Raises
    ------
    DataError: shapes that disagree, a class id too high, a score that is not finite, no image, or no true box at all.
    """

    box: np.ndarray
    class_id: np.ndarray
    score: np.ndarray
    true_box: np.ndarray
    true_class: np.ndarray
    n_classes: int
    here: np.ndarray = field(init=False)
    true_here: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        shape, true_shape = self.class_id.shape, self.true_class.shape
        fits = self.box.shape == (*shape, 4) and self.score.shape == shape and self.true_box.shape == (*true_shape, 4)
        if not fits or len(shape) != 2 or len(true_shape) != 2 or shape[0] != true_shape[0]:
            raise DataError(
                f"detections must be (N, M, 4), (N, M), (N, M) and true boxes (N, K, 4), (N, K); "
                f"found {self.box.shape}, {shape}, {self.score.shape} and {self.true_box.shape}, {true_shape}"
            )
        object.__setattr__(self, "here", _occupied(self.box, self.class_id))
        object.__setattr__(self, "true_here", _occupied(self.true_box, self.true_class))
        for name, ids in (("detected", self.class_id[self.here]), ("true", self.true_class[self.true_here])):
            if ids.size and ids.max() >= self.n_classes:
                raise DataError(f"{name} classes go up to {ids.max()}; allowed: 0..{self.n_classes - 1}")
        if not np.isfinite(self.score[self.here]).all():
            raise DataError("a detection's score is not finite; scores must be numbers")
        if not self.true_here.any():
            raise DataError(f"average precision needs at least one true box; the {shape[0]} images have none")


@dataclass(frozen=True)
class Evaluation:
    """What COCO's evaluation leaves; NaN for a class without true boxes.

    Attributes
    ----------
    precision: ``(10, 101, n_classes) float64``, by threshold, recall level and class.
    recall: ``(10, n_classes) float64``, the largest reached.
    """

    precision: np.ndarray
    recall: np.ndarray

    @cached_property
    def class_ap(self) -> np.ndarray:
        """``(n_classes,) float64`` AP of each class; NaN for one without true boxes."""
        return self.precision.mean(axis=(0, 1))

    @property
    def ap(self) -> float:
        return float(np.nanmean(self.class_ap))

    @property
    def ap50(self) -> float:
        return float(np.nanmean(self.precision[0]))

    @property
    def ar(self) -> float:
        return float(np.nanmean(self.recall))


def evaluate(found: Detections) -> Evaluation:
    """faster-coco-eval over all images; it prints nothing and writes nothing."""
    from faster_coco_eval import COCO, COCOeval_faster

    truth = COCO(
        {
            "images": [{"id": image} for image in range(len(found.box))],
            "categories": [{"id": class_id, "name": str(class_id)} for class_id in range(found.n_classes)],
            "annotations": _annotations(found.true_box, found.true_class, found.true_here),
        }
    )
    results = _annotations(found.box, found.class_id, found.here)
    for result, score in zip(results, found.score[found.here].tolist(), strict=True):
        result["score"] = score
    coco = COCOeval_faster(truth, truth.loadRes(results), "bbox")
    coco.params.iouThrs, coco.params.recThrs, coco.params.maxDets = THRESHOLDS, RECALLS, [MAX_DETECTIONS]
    coco.params.areaRng, coco.params.areaRngLbl = [[0, np.inf]], ["all"]
    coco.evaluate()
    coco.accumulate()
    precision, recall = coco.eval["precision"][:, :, :, 0, 0], coco.eval["recall"][:, :, 0, 0]
    return Evaluation(np.where(precision < 0, np.nan, precision), np.where(recall < 0, np.nan, recall))


def jackknife(found: Detections) -> np.ndarray:
    """``(N,) float64`` contributions of the images to AP: their mean is AP, their spread is the jackknife's.

    With AP₋ᵢ the AP without image i (classes that go with it left out): ``AP + (N − 1)·(mean AP₋ − AP₋ᵢ)``, the
    jackknife's pseudo-values, moved by their bias so that they average to AP. An image that holds all true boxes has
    no AP₋ᵢ and counts as average. Own code, exact, because N evaluations would take N times as long: 150 images with
    100 detections each in less than a second.
    """
    n_images = len(found.box)
    order = np.argsort(-np.where(found.here, found.score, -np.inf), axis=1, kind="stable")
    score, class_id = (np.take_along_axis(a, order, axis=1) for a in (found.score, found.class_id))
    here = np.take_along_axis(found.here, order, axis=1)
    right = _right(found, np.take_along_axis(found.box, order[..., None], axis=1), class_id, here)
    ap = np.full((n_images + 1, found.n_classes), np.nan)
    for cls in np.unique(found.true_class[found.true_here]):
        image, slot = np.nonzero(here & (class_id == cls))
        ranking = np.argsort(-score[image, slot], kind="stable")
        image, slot = image[ranking], slot[ranking]
        n_true = (found.true_here & (found.true_class == cls)).sum(axis=1)
        # Images without the class change nothing; image N stands for "none left out".
        without = np.union1d(np.append(image, n_images), np.flatnonzero(n_true))
        left = n_true.sum() - np.append(n_true, 0)[without]
        of_class = np.mean([_ap_without(image, right[image, slot, t], without, left) for t in range(10)], axis=0)
        ap[:, cls] = of_class[-1]
        ap[without, cls] = np.where(left > 0, of_class, np.nan)
    # An image may take the last box of a class with it, or of all classes.
    counted = ~np.isnan(ap)
    mean_ap = np.where(counted, ap, 0).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    ap_without, full = mean_ap[:-1], mean_ap[-1]
    defined = counted[:-1].any(axis=1)
    ap_without = np.where(defined, ap_without, ap_without[defined].mean() if defined.any() else full)
    return full + (n_images - 1) * (ap_without.mean() - ap_without)


def _right(found: Detections, box: np.ndarray, class_id: np.ndarray, here: np.ndarray) -> np.ndarray:
    """``(N, M, 10) bool``: COCO's greedy matching by falling score, of all images and thresholds at once."""
    same = (class_id[:, :, None] == found.true_class[:, None]) & here[:, :, None] & found.true_here[:, None]
    iou = np.where(same, _iou(box[:, :, None], found.true_box[:, None]), -1.0)
    n_images, n_slots, n_true = iou.shape
    right = np.zeros((n_images, n_slots, len(THRESHOLDS)), bool)
    if n_true == 0:
        return right
    free = np.ones((n_images, len(THRESHOLDS), n_true), bool)
    for slot in range(n_slots):
        candidates = np.where(free, iou[:, slot, None], -1.0)
        # Of equally good true boxes COCO takes the last.
        best = n_true - 1 - candidates[..., ::-1].argmax(axis=2)[..., None]
        hit = np.take_along_axis(candidates, best, axis=2) >= THRESHOLDS[:, None]
        np.put_along_axis(free, best, np.take_along_axis(free, best, axis=2) & ~hit, axis=2)
        right[:, slot] = hit[..., 0]
    return right


def _ap_without(image: np.ndarray, right: np.ndarray, without: np.ndarray, n_true: np.ndarray) -> np.ndarray:
    """AP of one class at one threshold with each of the images ``without`` left out: ``(R,) float64``.

    ``image`` and ``right`` ``(D,)`` run down the ranking; ``n_true`` ``(R,)`` is what stays of the true boxes.
    Precision peaks at right detections, so they alone matter: leaving an image out removes its own and moves the
    others up.
    """
    n_rows, n_detections = len(without), len(image)
    position = np.flatnonzero(right)
    if len(position) == 0:
        return np.zeros(n_rows)
    keys = np.sort(image * n_detections + np.arange(n_detections))
    first = without[:, None] * n_detections
    own_above = np.searchsorted(keys, first + position) - np.searchsorted(keys, first)
    kept = image[position] != without[:, None]
    n_right = kept.cumsum(axis=1)
    precision = np.where(kept, n_right / np.maximum(position + 1 - own_above, 1), 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    envelope = np.append(envelope, np.zeros((n_rows, 1)), axis=1)
    # The first column with enough right detections for each recall level, in all rows by one search.
    n_columns = len(position)
    levels, row_level = np.unique(n_true, return_inverse=True)
    needed = np.stack([np.searchsorted(np.arange(n + 1) / max(n, 1), RECALLS) for n in levels])[row_level]
    offset = np.arange(n_rows)[:, None] * (n_columns + 1)
    sought = offset + needed.clip(1, n_columns + 1)
    column = np.searchsorted((offset + n_right).ravel(), sought) - np.arange(n_rows)[:, None] * n_columns
    return np.take_along_axis(envelope, column, axis=1).mean(axis=1)


def _iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union in float64, 0 where neither has an area; leading axes broadcast."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    shared = sides.clip(min=0).prod(axis=-1)
    area = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (first, second)]
    union = area[0] + area[1] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _occupied(box: np.ndarray, class_id: np.ndarray) -> np.ndarray:
    return (class_id >= 0) & (box[..., 2:] > box[..., :2]).all(axis=-1)


def _annotations(box: np.ndarray, class_id: np.ndarray, here: np.ndarray) -> list[dict[str, Any]]:
    """COCO's records, in the order of images and slots."""
    corners = box[here].astype(np.float64)
    sides = corners[:, 2:] - corners[:, :2]
    rows = zip(np.nonzero(here)[0].tolist(), class_id[here].tolist(), corners.tolist(), sides.tolist(), strict=True)
    return [
        {"id": index, "image_id": image, "category_id": cls, "bbox": xy[:2] + wh, "area": wh[0] * wh[1], "iscrowd": 0}
        for index, (image, cls, xy, wh) in enumerate(rows, start=1)
    ]
