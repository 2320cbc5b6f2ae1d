"""Task ``segmentation``: which of the pair's classes each pixel shows.

    label        mask (N, H, W) uint8, 0..n_classes-1, 255 = ignore
    loss         cross-entropy, mean over the labelled pixels; where logits are coarser than labels, the labels are
                 taken at the centres of the logits' cells (as DeepLab-v2 does); 0 for a batch without a label
    predictions  mask uint8 of native size: logits scaled up bilinearly to it, then the largest
    statistics   confusion (C, C) uint32: an image's pixels, rows are true classes
    metrics      miou (primary), pixel_accuracy: bench.metrics.segmentation, one confusion matrix over the test set;
                 a score also holds ``iou/<class>`` for each class that occurs

Option ``segmentation:multi_scale=true``: test images are seen at 1, 0.75 and 0.5 of their size, and the largest logit
of the three counts (DeepLab-v2). Torch and the networks are imported where they are used, so that planning need not
wait for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.api import Budget, Frozen, LabelSpace, Metric, ModelParams, ModelSpec, Optimiser, Task
from bench.metrics.segmentation import (
    IGNORE,
    confusion,
    mean_iou,
    mean_iou_contributions,
    per_class_iou,
    pixel_accuracy,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from tasks.models.segmenter import Segmenter

_PAPER = Optimiser(kind="sgd", learning_rate=2.5e-4, weight_decay=5e-4, schedule="poly", warm_up=0.0)
"""DeepLab-v2's, for a pretrained trunk; from scratch its rate is low."""
_SCRATCH = Optimiser(schedule="poly")
_FINE_TUNED = Optimiser(learning_rate=1e-3, schedule="poly")

_MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "deeplab_v2_light",
            batch_norm=True,
            ms_per_image=6.0,
            module="tasks.models.deeplab_v2",
            summary="DeepLab-v2's head on a small trunk, sized for one CPU core",
            optimiser=_SCRATCH,
        ),
        ModelSpec(
            "deeplab_v2",
            batch_norm=True,
            ms_per_image=540.0,
            module="tasks.models.deeplab_v2",
            summary="dilated ResNet-101, four summed ASPP branches; give it pretrained=PATH",
            optimiser=_PAPER,
        ),
        ModelSpec(
            "deeplab_v2_lite0",
            batch_norm=True,
            ms_per_image=125.0,
            module="tasks.models.deeplab_v2",
            summary="DeepLab-v2 on EfficientNet-Lite0; has pretrained=bundled",
            optimiser=_FINE_TUNED,
            bundled=True,
        ),
        ModelSpec(
            "deeplabv3plus",
            batch_norm=True,
            ms_per_image=60.0,
            module="tasks.models.smp_segmenter",
            summary="DeepLabV3+ on EfficientNet-Lite0; has pretrained=bundled",
            optimiser=_FINE_TUNED,
            bundled=True,
        ),
        ModelSpec(
            "unet",
            batch_norm=True,
            ms_per_image=60.0,
            module="tasks.models.smp_segmenter",
            summary="U-Net on EfficientNet-Lite0; has pretrained=bundled",
            optimiser=_FINE_TUNED,
            bundled=True,
        ),
    )
}

SMALLER_SCALES = (0.75, 0.5)
"""Of a multi-scale test, beside 1."""


class SegmentationParams(Frozen):
    """Options of the task: ``multi_scale`` tests at three sizes instead of one."""

    multi_scale: bool = False


class Segmentation(Task):
    """Semantic segmentation; see the module's docstring."""

    name = "segmentation"
    version = 1
    labels = ("mask",)
    geometry = ("native_size",)
    Params = SegmentationParams
    metrics = (
        Metric("miou", higher_is_better=True, unit="%", scale=100.0, label="mIoU"),
        Metric("pixel_accuracy", higher_is_better=True, unit="%", scale=100.0),
    )
    # No rotation: streets and rooms stand upright.
    augmentations = frozenset({"colour", "blur", "noise", "occlusion", "zoom", "shift", "flip"})
    budgets: ClassVar[Mapping[str, Budget]] = {
        "light": Budget(name="light", train_steps=700, batch_size=4),
        "standard": Budget(name="standard", train_steps=10_000, batch_size=10),
        # DeepLab-v2's run: 20,000 iterations on 10 images.
        "paper": Budget(name="paper", train_steps=20_000, batch_size=10),
    }
    models = _MODELS
    default_model = "deeplab_v2_light"

    def build(self, model: str, params: ModelParams, space: LabelSpace, generator: torch.Generator) -> nn.Module:
        from tasks.models.initial_weights import drawn_from

        self.model(model)
        with drawn_from(generator):
            return _network(model, len(space.class_names), params.pretrained)

    def loss(self, network: nn.Module, inputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        from torch.nn import functional

        logits, mask = network(inputs).float(), labels["mask"]
        if logits.shape[-2:] != mask.shape[-2:]:
            mask = functional.interpolate(mask[:, None], logits.shape[-2:], mode="nearest-exact")[:, 0]
        total = functional.cross_entropy(logits, mask.long(), ignore_index=IGNORE, reduction="sum")
        return total / (mask != IGNORE).sum().clamp(min=1)

    def predict(self, network: nn.Module, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
        from torch.nn import functional

        logits = self._logits(network, inputs["image"])
        sizes = inputs["native_size"].tolist()
        widths, heights = zip(*sizes, strict=True)
        masks = np.full((len(sizes), max(heights), max(widths)), IGNORE, np.uint8)
        # One by one: their sizes differ, and the logits of one large image fill 160 MB.
        for row, (width, height) in enumerate(sizes):
            scaled = functional.interpolate(logits[row, None], (height, width), mode="bilinear", align_corners=False)
            # Not argmax: on a CPU it takes 40 times as long along the outermost axis.
            masks[row, :height, :width] = scaled[0].max(dim=0).indices.byte().cpu().numpy()
        return {"mask": masks}

    def probabilities(self, network: nn.Module, inputs: dict[str, Tensor]) -> Tensor | None:
        return self._logits(network, inputs["image"]).softmax(dim=1)

    def _logits(self, network: nn.Module, image: Tensor) -> Tensor:
        """``(B, C, h, w) float32``; of several scales the largest."""
        import torch
        from torch.nn import functional

        logits = network({"image": image}).float().contiguous()
        for scale in SMALLER_SCALES if self.params.multi_scale else ():
            size = [max(1, round(scale * side)) for side in image.shape[-2:]]
            smaller = functional.interpolate(image, size, mode="bilinear", align_corners=False)
            found = network({"image": smaller}).float().contiguous()
            found = functional.interpolate(found, logits.shape[-2:], mode="bilinear", align_corners=False)
            logits = torch.maximum(logits, found)
        return logits

    def statistics(
        self, predictions: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], space: LabelSpace
    ) -> dict[str, np.ndarray]:
        counts = [
            confusion(true[:height, :width], predicted[:height, :width], len(space.class_names))
            for true, predicted, (width, height) in zip(
                labels["mask"], predictions["mask"], labels["native_size"].tolist(), strict=True
            )
        ]
        return {"confusion": np.stack(counts).astype(np.uint32)}

    def score(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> dict[str, float]:
        counts = statistics["confusion"].sum(axis=0, dtype=np.int64)
        of_class = zip(space.class_names, per_class_iou(counts).tolist(), strict=True)
        return {
            "miou": mean_iou(counts),
            "pixel_accuracy": pixel_accuracy(counts),
            **{f"iou/{name}": iou for name, iou in of_class if np.isfinite(iou)},
        }

    def contributions(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> np.ndarray:
        return mean_iou_contributions(statistics["confusion"])


def _network(model: str, n_classes: int, pretrained: str) -> Segmenter:
    """The network with fresh weights, or with those of ``pretrained`` in its encoder."""
    from tasks.models.segmenter import HALF, IMAGENET_MEAN, IMAGENET_STD, Segmenter

    if model in ("deeplabv3plus", "unet"):
        from tasks.models.smp_segmenter import MULTIPLES, smp_network

        return Segmenter(smp_network(model, n_classes, pretrained), HALF, HALF, MULTIPLES[model])
    from tasks.models import deeplab_v2

    if model == "deeplab_v2":
        body, mean, std = deeplab_v2.deeplab_v2(n_classes, pretrained), IMAGENET_MEAN, IMAGENET_STD
    elif model == "deeplab_v2_lite0":
        body, mean, std = deeplab_v2.deeplab_v2_lite0(n_classes, pretrained), HALF, HALF
    else:
        body, mean, std = deeplab_v2.deeplab_v2_light(n_classes, pretrained), HALF, HALF
    return Segmenter(body, mean, std, deeplab_v2.STRIDE)
