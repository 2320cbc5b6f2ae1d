"""YOLO of ultralytics (8.4; AGPL-3.0, the extra ``yolo``): its networks, loss and box decoding inside our loop.

================  ==========  ==================  ====================================================================
name              parameters  strides             network
================  ==========  ==================  ====================================================================
``yolov3``        103.8 M     8, 16, 32           Darknet-53 and YOLOv3's neck (Redmon & Farhadi 2018, arXiv 1804.02767)
                                                  under ultralytics' newer anchor-free head; the paper's has 61.9 M
``yolov3-tiny``   12.2 M      16, 32              its small version, under the same head
``yolo11n``       2.6 M       8, 16, 32           YOLO11 at scale n
================  ==========  ==================  ====================================================================

Parameters are for 80 classes. Built from the architecture files inside the package, with random weights; nothing is
downloaded. Neither version of YOLOv3 has anchors, objectness or the loss of the paper: compare its numbers with care.

    image    (B, 3, H, W) float32 in [0, 1], padded at the right and bottom with grey to multiples of 32, at least 64
    head     for each cell of each stride, box distances as distributions over 0..15 strides, and class logits
    loss     7.5·CIoU + 0.5·BCE(class) + 1.5·DFL on task-aligned assignments (``v8DetectionLoss``), per image:
             ultralytics multiplies by the batch size, to suit its own learning rates, and we divide by it again.
             It is relative to the sum of the assigned scores of the whole batch (at least 1)
    decode   expected distances → boxes; sigmoid scores, one detection per cell and class; suppression at IoU 0.7 in
             a class. Suppression is torchvision's: that of ultralytics stops after a time limit and then loses boxes

The loss and all of detection are computed in float32, under autocast too. Of ultralytics' trainer nothing is used: no
mosaic, no moving average of weights, no data loading.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import yaml
from torch import Tensor
from torch.nn import functional
from torchvision.ops import batched_nms, box_convert, clip_boxes_to_image

from bench.data.fitting import GREY
from tasks.models.detector import MAX_DETECTIONS, MIN_SCORE, Detector, asked_for_losses
from tasks.models.initial_weights import load_pretrained
from tasks.models.ultralytics_import import ultralytics_module

_ARCHITECTURES = {"yolov3": "v3/yolov3.yaml", "yolov3-tiny": "v3/yolov3-tiny.yaml", "yolo11n": "11/yolo11.yaml"}

STRIDE = 32
SMALLEST_SIDE = 64
"""At 32 pixels ``yolov3-tiny`` has five cells, fewer than the ten that its loss assigns to a box."""
LOSS_GAINS = {"box": 7.5, "cls": 0.5, "dfl": 1.5}
"""ultralytics' defaults (cfg/default.yaml)."""
SUPPRESSION_IOU = 0.7
MAX_CANDIDATES = 30_000


class Yolo(Detector):
    """The network called ``name`` for ``n_classes`` classes.

    Parameters
    ----------
    width, depth: factors on the architecture's channels and repeats, for smaller versions.

    Raises
    ------
    UserError: ultralytics is missing.
    """

    def __init__(self, name: str, n_classes: int, *, width: float = 1.0, depth: float = 1.0) -> None:
        super().__init__()
        self.n_classes = n_classes
        architecture = _architecture(name, width, depth) | {"nc": n_classes}
        self.body = ultralytics_module("nn.tasks").DetectionModel(architecture, ch=3, nc=n_classes, verbose=False)
        self.body.args = SimpleNamespace(**LOSS_GAINS)

    @property
    def class_branch(self) -> str:
        """Name, inside ``body``, of the part of the head that depends on the number of classes."""
        return f"model.{len(self.body.model) - 1}.cv3"

    def training_loss(self, image: Tensor, targets: list[dict[str, Tensor]]) -> Tensor:
        padded = _pad(image)
        with asked_for_losses(self.body):
            predicted = self.body(padded)
        height, width = padded.shape[-2:]
        boxes = torch.cat([target["boxes"] for target in targets])
        counts = torch.tensor([len(target["boxes"]) for target in targets], device=image.device)
        batch = {
            "batch_idx": torch.arange(len(targets), device=image.device).repeat_interleave(counts),
            "cls": torch.cat([target["labels"] for target in targets]),
            "bboxes": box_convert(boxes, "xyxy", "cxcywh") / boxes.new_tensor([width, height, width, height]),
        }
        with torch.autocast(image.device.type, enabled=False):
            predicted = {
                "boxes": predicted["boxes"].float(),
                "scores": predicted["scores"].float(),
                "feats": [features.float() for features in predicted["feats"]],
            }
            terms, _ = ultralytics_module("utils.loss").v8DetectionLoss(self.body)(predicted, batch)
        return terms.sum() / len(image)

    def detect(self, image: Tensor) -> list[dict[str, Tensor]]:
        with torch.autocast(image.device.type, enabled=False):
            decoded, _ = self.body(_pad(image.float()))
        boxes = box_convert(decoded[:, :4].mT, "cxcywh", "xyxy")
        scores = decoded[:, 4:].mT
        height, width = image.shape[-2:]
        return [_suppress(*found, (height, width)) for found in zip(boxes, scores, strict=True)]


def yolo(name: str, n_classes: int, pretrained: str = "none") -> Yolo:
    """``name`` of the table, its weights drawn from the global generator or read from the file ``pretrained``.

    A file may have been trained on other classes; the class branch then stays random. ``bundled`` is refused.
    """
    network = Yolo(name, n_classes)
    load_pretrained(network.body, name, pretrained, heads=(network.class_branch,))
    return network


def _architecture(name: str, width: float, depth: float) -> dict[str, Any]:
    package = Path(str(ultralytics_module("nn.tasks").__file__)).parents[1]
    architecture = yaml.safe_load((package / "cfg" / "models" / _ARCHITECTURES[name]).read_text())
    if "scales" in architecture:
        own_depth, own_width, max_channels = architecture["scales"]["n"]
        return architecture | {"scale": "n", "scales": {"n": (own_depth * depth, own_width * width, max_channels)}}
    return architecture | {
        "depth_multiple": architecture["depth_multiple"] * depth,
        "width_multiple": architecture["width_multiple"] * width,
    }


def _pad(image: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    to_height, to_width = (max(SMALLEST_SIDE, -(-side // STRIDE) * STRIDE) for side in (height, width))
    return functional.pad(image, (0, to_width - width, 0, to_height - height), value=GREY / 255)


def _suppress(boxes: Tensor, scores: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
    """Detections of one image from ``(A, 4)`` boxes and ``(A, n_classes)`` scores, clipped to ``size`` (H, W)."""
    cells, labels = (scores >= MIN_SCORE).nonzero(as_tuple=True)
    scores, order = scores[cells, labels].sort(descending=True, stable=True)
    order = order[:MAX_CANDIDATES]
    scores, boxes, labels = scores[:MAX_CANDIDATES], boxes[cells[order]], labels[order]
    kept = batched_nms(boxes, scores, labels, SUPPRESSION_IOU)
    clipped = clip_boxes_to_image(boxes[kept], size)
    # Of a box that lies in the padding, nothing is left.
    inside = (clipped[:, 2:] > clipped[:, :2]).all(dim=1)
    kept = kept[inside][:MAX_DETECTIONS]
    return {"boxes": clipped[inside][:MAX_DETECTIONS], "scores": scores[kept], "labels": labels[kept]}
