"""Task ``classification``: which of the pair's classes an image shows.

    label        class_id (N,) int64, 0..n_classes-1
    loss         cross-entropy of the logits, no label smoothing
    predictions  class_id int64, confidence float16 (the largest softmax probability)
    statistics   true_class, predicted_class: uint16, one row an image
    metrics      accuracy (primary), macro_accuracy: bench.metrics.classification

Models: ``light_cnn``, ``pixelda_mnist`` and every architecture of timm by its name, always without timm's own
downloads. Torch and timm are imported where a network is built, so that planning need not wait for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.api import Budget, LabelSpace, Metric, ModelParams, ModelSpec, Task
from bench.metrics.classification import accuracy, macro_accuracy
from bench.training.weights import BUNDLED_MODEL

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from tasks.models.image_classifier import ImageClassifier

_MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "light_cnn",
            batch_norm=True,
            ms_per_image=0.15,
            at_pixels=32 * 32,
            module="tasks.models.light_cnn",
            summary="four convolutions, sized for one CPU core",
        ),
        ModelSpec(
            "pixelda_mnist",
            batch_norm=False,
            ms_per_image=0.66,
            at_pixels=32 * 32,
            module="tasks.models.pixelda_tower",
            summary="PixelDA's MNIST tower",
        ),
        ModelSpec(
            BUNDLED_MODEL,
            batch_norm=True,
            ms_per_image=3.3,
            at_pixels=32 * 32,
            module="tasks.models.timm_encoder",
            summary="timm's EfficientNet-Lite0; has pretrained=bundled",
            bundled=True,
        ),
    )
}


class Classification(Task):
    """Image classification; see the module's docstring."""

    name = "classification"
    version = 1
    labels = ("class_id",)
    metrics = (
        Metric("accuracy", higher_is_better=True, unit="%", scale=100.0),
        Metric("macro_accuracy", higher_is_better=True, unit="%", scale=100.0),
    )
    # No flips and no rotations: a mirrored 2 is no digit, and a turned 6 is a 9.
    augmentations = frozenset({"colour", "blur", "noise", "occlusion", "zoom", "shift"})
    budgets: ClassVar[Mapping[str, Budget]] = {
        "light": Budget(name="light", train_steps=500, batch_size=64),
        "standard": Budget(name="standard", train_steps=5_000, batch_size=64),
        # PixelDA's run: 16,000,000 training examples in batches of 32.
        "paper": Budget(name="paper", train_steps=500_000, batch_size=32),
    }
    models = _MODELS
    default_model = "light_cnn"

    def model(self, name: str) -> ModelSpec:
        if name in _MODELS:
            return _MODELS[name]
        from tasks.models.timm_encoder import timm_spec

        return timm_spec(name, _MODELS, self.name)

    def build(self, model: str, params: ModelParams, space: LabelSpace, generator: torch.Generator) -> nn.Module:
        from tasks.models.initial_weights import drawn_from, load_pretrained

        self.model(model)
        with drawn_from(generator):
            network, heads = _network(model, space)
        load_pretrained(network.body, model, params.pretrained, heads)
        return network

    def loss(self, network: nn.Module, inputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        from torch.nn import functional

        return functional.cross_entropy(network(inputs), labels["class_id"])

    def predict(self, network: nn.Module, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
        confidence, class_id = network(inputs).float().softmax(dim=1).max(dim=1)
        return {"class_id": class_id.cpu().numpy(), "confidence": confidence.cpu().numpy().astype(np.float16)}

    def probabilities(self, network: nn.Module, inputs: dict[str, Tensor]) -> Tensor | None:
        return network(inputs).float().softmax(dim=1)

    def statistics(
        self, predictions: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], space: LabelSpace
    ) -> dict[str, np.ndarray]:
        return {
            "true_class": labels["class_id"].astype(np.uint16),
            "predicted_class": predictions["class_id"].astype(np.uint16),
        }

    def score(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> dict[str, float]:
        pairs = statistics["true_class"], statistics["predicted_class"], len(space.class_names)
        return {"accuracy": accuracy(*pairs), "macro_accuracy": macro_accuracy(*pairs)}

    def contributions(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> np.ndarray:
        return (statistics["true_class"] == statistics["predicted_class"]).astype(np.float64)


def _network(model: str, space: LabelSpace) -> tuple[ImageClassifier, tuple[str, ...]]:
    """The network with fresh weights, and the names of the classifier heads inside its ``body``."""
    from tasks.models.image_classifier import ImageClassifier

    n_classes = len(space.class_names)
    half = (0.5, 0.5, 0.5)
    if model == "light_cnn":
        from tasks.models.light_cnn import LightCNN

        return ImageClassifier(LightCNN(n_classes), n_classes, half, half), ("classifier",)
    if model == "pixelda_mnist":
        from tasks.models.pixelda_tower import PixelDATower

        return ImageClassifier(PixelDATower(n_classes, space.width, space.height), n_classes, half, half), (
            "classifier",
        )
    from tasks.models.timm_encoder import timm_body

    timm = timm_body(model, n_classes, space)
    return ImageClassifier(timm.network, n_classes, timm.mean, timm.std), timm.heads
