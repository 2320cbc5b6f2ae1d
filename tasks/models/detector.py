"""What ``detection`` asks of a network: a training loss and decoded detections, both in pixels of the working size.

    image                (B, 3, H, W) float32 in [0, 1]
    boxes                (n, 4) float32, x1 y1 x2 y2 in pixels: 0 ≤ x1 < x2 ≤ W, 0 ≤ y1 < y2 ≤ H
    labels               (n,) int64 in 0..n_classes-1; a network that counts background adds its own 1

Normalisation, anchors, matching, decoding and non-maximum suppression are the network's own business; every network
ends with at most :data:`MAX_DETECTIONS` detections an image, none below :data:`MIN_SCORE`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

MAX_DETECTIONS = 100
"""COCO's limit for AP."""
MIN_SCORE = 0.01
"""SSD's threshold (Liu et al. 2016, §3.1); what lies below hardly moves an average precision."""


class Detector(nn.Module, ABC):
    """A network that finds boxes of ``n_classes`` classes; ``n_classes`` lets the training loop check labels."""

    n_classes: int

    @abstractmethod
    def training_loss(self, image: Tensor, targets: list[dict[str, Tensor]]) -> Tensor:
        """Scalar loss of a batch; in eval mode too, where batch norm and dropout stay still (a frozen network's loss).

        ``targets[i]`` holds ``boxes (n, 4)`` and ``labels (n,)`` of image ``i``; n = 0 is allowed, for all images too.
        Random sampling, where the method has it, draws from torch's global generator, which the loop seeds.
        """

    @abstractmethod
    def detect(self, image: Tensor) -> list[dict[str, Tensor]]:
        """Detections of each image, in eval mode: ``boxes (m, 4)``, ``scores (m,)`` in [0, 1], ``labels (m,)``.

        Suppressed, sorted by falling score, at most :data:`MAX_DETECTIONS`; m = 0 is allowed.
        """

    def forward(self, inputs: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
        """``detect`` of a batch of inputs: how the arm ``adabn`` passes images through."""
        return self.detect(inputs["image"])


class TorchvisionDetector(Detector):
    """A detector of torchvision's (SSD, Faster R-CNN) as ``body``; there, label 0 is background and ours begin at 1.

    Its own transform normalises, and resizes where the model says so; boxes go in and come out in pixels of the images
    as they are given. Losses are added with equal weight, as their papers do.
    """

    def __init__(self, body: nn.Module, n_classes: int) -> None:
        super().__init__()
        self.body = body
        self.n_classes = n_classes

    def training_loss(self, image: Tensor, targets: list[dict[str, Tensor]]) -> Tensor:
        with asked_for_losses(self.body):
            losses = self.body(list(image), [{"boxes": t["boxes"], "labels": t["labels"] + 1} for t in targets])
        return torch.stack(list(losses.values())).sum()

    def detect(self, image: Tensor) -> list[dict[str, Tensor]]:
        return [found | {"labels": found["labels"] - 1} for found in self.body(list(image))]


@contextmanager
def asked_for_losses(body: nn.Module) -> Iterator[None]:
    """Detectors of libraries give losses where they are told that they train; what that does to layers is left out."""
    layers = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    told = [module for module in body.modules() if not module.training and not isinstance(module, layers)]
    for module in told:
        module.training = True
    try:
        yield
    finally:
        for module in told:
            module.training = False
