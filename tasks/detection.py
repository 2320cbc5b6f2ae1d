"""Task ``detection``: where the objects of the pair's classes are, as boxes along the image's axes.

    labels       boxes (N, M, 4) float32 left, top, right, bottom in pixels; box_class (N, M) int64, −1 = empty slot
    fit          letterbox: detectors do not see stretched objects; bars are grey
    loss         the network's own (tasks.models.detector)
    predictions  box (N, 100, 4) float32 in pixels of the native image and clipped to it, score (N, 100) float32,
                 class_id (N, 100) int16, −1 = empty slot; sorted by falling score, none below 0.01
    statistics   the predictions as detected_box, detected_score, detected_class, and true_box, true_class
    metrics      ap (COCO's AP@[.50:.95], primary), ap50, recall (COCO's AR at 100 detections): bench.metrics.detection

A class without a true box in the test set counts in no metric. Crowd regions and "difficult" boxes are not supported:
every labelled box counts. Contributions are COCO AP's jackknife over images.

Torch, torchvision and ultralytics (AGPL-3.0, the extra ``yolo``) are imported where a network is built.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.api import Budget, LabelSpace, Metric, ModelParams, ModelSpec, Optimiser, Task, UserError
from bench.data.fitting import unfit_boxes
from bench.metrics.detection import MAX_DETECTIONS, Detections, evaluate, jackknife

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from tasks.models.detector import Detector

SSD_PAPER = Optimiser(kind="sgd", learning_rate=1e-3, weight_decay=5e-4)
PVANET_RELEASE = Optimiser(kind="sgd", learning_rate=1e-3, weight_decay=2e-4)

_MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "ssd_light",
            batch_norm=True,
            ms_per_image=5.5,
            module="tasks.models.ssd",
            summary="SSD on nine convolutions, for one CPU core",
        ),
        ModelSpec(
            "ssd300",
            batch_norm=False,
            ms_per_image=1800,
            module="tasks.models.ssd",
            summary="SSD on VGG-16, 300×300",
            optimiser=SSD_PAPER,
        ),
        ModelSpec(
            "ssdlite",
            batch_norm=True,
            ms_per_image=54,
            module="tasks.models.ssdlite",
            summary="SSDLite on EfficientNet-Lite0; has pretrained=bundled",
            bundled=True,
        ),
        ModelSpec(
            "pvanet",
            batch_norm=True,
            ms_per_image=750,
            module="tasks.models.pvanet",
            summary="PVANET with Faster R-CNN",
            optimiser=PVANET_RELEASE,
        ),
        ModelSpec(
            "yolov3",
            batch_norm=True,
            ms_per_image=710,
            module="tasks.models.yolo",
            summary="ultralytics' YOLOv3, anchor-free head; AGPL-3.0",
            optimiser=Optimiser(learning_rate=1e-3),
        ),
        ModelSpec(
            "yolov3-tiny",
            batch_norm=True,
            ms_per_image=40,
            module="tasks.models.yolo",
            summary="ultralytics' small YOLOv3; AGPL-3.0",
        ),
        ModelSpec(
            "yolo11n",
            batch_norm=True,
            ms_per_image=20,
            module="tasks.models.yolo",
            summary="ultralytics' smallest YOLO11; AGPL-3.0",
        ),
    )
}

DRAWN_SCORE = 0.3
"""Pictures show the detections that are at least so sure."""


class Detection(Task):
    """Object detection; see the module's docstring."""

    name = "detection"
    version = 1
    labels = ("boxes", "box_class")
    geometry = ("native_size",)
    fit = "letterbox"
    metrics = (
        Metric("ap", higher_is_better=True, unit="%", scale=100.0, label="AP"),
        Metric("ap50", higher_is_better=True, unit="%", scale=100.0, label="AP50"),
        Metric("recall", higher_is_better=True, unit="%", scale=100.0),
    )
    # No rotation: the box of a turned box is larger than that of the turned object.
    augmentations = frozenset({"colour", "blur", "noise", "occlusion", "zoom", "shift", "flip"})
    budgets: ClassVar[Mapping[str, Budget]] = {
        # Small batches: at equal cost, 450 steps of 8 found twice as much as 225 of 16.
        "light": Budget(name="light", train_steps=400, batch_size=8),
        "standard": Budget(name="standard", train_steps=12_000, batch_size=16),
        # SSD's run on VOC.
        "paper": Budget(name="paper", train_steps=120_000, batch_size=32),
    }
    models = _MODELS
    default_model = "ssd_light"

    def model(self, name: str) -> ModelSpec:
        spec = super().model(name)
        if name.startswith("yolo") and importlib.util.find_spec("ultralytics") is None:
            raise UserError(
                f"model {name!r} needs ultralytics (AGPL-3.0), which is not installed; "
                f"run `python -m pip install 'realgain[yolo]'` or choose another model"
            )
        return spec

    def build(self, model: str, params: ModelParams, space: LabelSpace, generator: torch.Generator) -> nn.Module:
        from tasks.models.initial_weights import drawn_from

        self.model(model)
        with drawn_from(generator):
            return _network(model, params.pretrained, space)

    def loss(self, network: nn.Module, inputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        targets = [
            {"boxes": boxes[box_class >= 0], "labels": box_class[box_class >= 0]}
            for boxes, box_class in zip(labels["boxes"], labels["box_class"], strict=True)
        ]
        return network.training_loss(inputs["image"], targets)  # type: ignore[operator]

    def predict(self, network: nn.Module, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
        height, width = inputs["image"].shape[-2:]
        native_sizes = inputs["native_size"].tolist()
        n_images = len(native_sizes)
        boxes = np.zeros((n_images, MAX_DETECTIONS, 4), np.float32)
        scores = np.zeros((n_images, MAX_DETECTIONS), np.float32)
        class_ids = np.full((n_images, MAX_DETECTIONS), -1, np.int16)
        for row, found in enumerate(network.detect(inputs["image"])):  # type: ignore[operator]
            box = unfit_boxes(found["boxes"].cpu().numpy(), tuple(native_sizes[row]), (width, height), self.fit)
            # Of what lies in the bars, outside the image, nothing is left.
            inside = (box[:, 2:] > box[:, :2]).all(axis=1)
            n_found = np.count_nonzero(inside)
            boxes[row, :n_found] = box[inside]
            scores[row, :n_found] = found["scores"].cpu().numpy()[inside]
            class_ids[row, :n_found] = found["labels"].cpu().numpy()[inside]
        return {"box": boxes, "score": scores, "class_id": class_ids}

    def as_labels(self, predictions: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        sure = predictions["score"] >= DRAWN_SCORE
        return {"boxes": predictions["box"], "box_class": np.where(sure, predictions["class_id"], -1)}

    def statistics(
        self, predictions: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], space: LabelSpace
    ) -> dict[str, np.ndarray]:
        return {
            "detected_box": predictions["box"],
            "detected_score": predictions["score"],
            "detected_class": predictions["class_id"],
            "true_box": labels["boxes"],
            "true_class": labels["box_class"].astype(np.int16),
        }

    def score(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> dict[str, float]:
        evaluation = evaluate(_detections(statistics, space))
        return {"ap": evaluation.ap, "ap50": evaluation.ap50, "recall": evaluation.ar}

    def contributions(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> np.ndarray:
        return jackknife(_detections(statistics, space))


def _detections(statistics: Mapping[str, np.ndarray], space: LabelSpace) -> Detections:
    return Detections(
        box=statistics["detected_box"],
        class_id=statistics["detected_class"],
        score=statistics["detected_score"],
        true_box=statistics["true_box"],
        true_class=statistics["true_class"],
        n_classes=len(space.class_names),
    )


def _network(model: str, pretrained: str, space: LabelSpace) -> Detector:
    n_classes, width, height = len(space.class_names), space.width, space.height
    if model == "ssd300":
        from tasks.models.ssd import ssd300

        return ssd300(n_classes, pretrained)
    if model == "ssdlite":
        from tasks.models.ssdlite import ssdlite

        return ssdlite(n_classes, width, height, pretrained)
    if model == "ssd_light":
        from tasks.models.ssd import ssd_light

        return ssd_light(n_classes, width, height, pretrained=pretrained)
    if model == "pvanet":
        from tasks.models.pvanet import pvanet

        return pvanet(n_classes, width, height, pretrained=pretrained)
    from tasks.models.yolo import yolo

    return yolo(model, n_classes, pretrained)
