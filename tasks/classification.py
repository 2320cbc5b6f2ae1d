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

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.api import Budget, LabelSpace, Metric, ModelParams, ModelSpec, Task, UserError
from bench.metrics.classification import accuracy, macro_accuracy
from bench.weights import BUNDLED_MODEL, bundled_classifier, load_into, read_weights

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from tasks.models.image_classifier import ImageClassifier

_MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec("light_cnn", batch_norm=True, ms_per_image=0.15, summary="four convolutions, sized for one CPU core"),
        ModelSpec("pixelda_mnist", batch_norm=False, ms_per_image=0.66, summary="PixelDA's MNIST tower"),
        ModelSpec(
            BUNDLED_MODEL,
            batch_norm=True,
            ms_per_image=3.3,
            summary="timm's EfficientNet-Lite0; has pretrained=bundled",
            bundled=True,
        ),
    )
}

TIMM_MS_PER_IMAGE = 3.3
"""Prior for a timm model that nobody measured: that of EfficientNet-Lite0 at 32×32."""


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
    default_model = "light_cnn"

    def models(self) -> Mapping[str, ModelSpec]:
        return _MODELS

    def model(self, name: str) -> ModelSpec:
        if name in _MODELS:
            return _MODELS[name]
        import timm

        architectures = timm.list_models()
        if name not in architectures:
            near = difflib.get_close_matches(name, [*_MODELS, *architectures], n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UserError(
                f"no model {name!r} for task {self.name!r}; {hint}allowed: {', '.join(_MODELS)}, "
                f"or any of timm's {len(architectures)} architectures"
            )
        return ModelSpec(name, batch_norm=None, ms_per_image=TIMM_MS_PER_IMAGE, summary="timm architecture")

    def build(self, model: str, params: ModelParams, space: LabelSpace, generator: torch.Generator) -> nn.Module:
        import torch

        self.model(model)
        seed = int(torch.randint(2**62, (), generator=generator))
        # Layers draw their first weights from the global generator; give it ours, and put its state back.
        with torch.random.fork_rng([]):
            torch.default_generator.manual_seed(seed)
            network, heads = _network(model, space)
        if params.pretrained == "none":
            return network
        if params.pretrained == "bundled":
            state = bundled_classifier()
        else:
            state = read_weights(Path(params.pretrained))
        load_into(network.body, state, heads, params.pretrained)
        return network

    def loss(self, network: nn.Module, inputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        from torch.nn import functional

        return functional.cross_entropy(network(inputs), labels["class_id"])

    def predict(self, network: nn.Module, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
        confidence, class_id = network(inputs).float().softmax(dim=1).max(dim=1)
        return {"class_id": class_id.cpu().numpy(), "confidence": confidence.cpu().numpy().astype(np.float16)}

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
    import timm
    from timm.data.config import resolve_model_data_config

    published = timm.models.get_pretrained_cfg(model)
    if published is None or not published.classifier:
        raise UserError(f"timm's {model!r} is an encoder without a classifier; choose a model that classifies")
    # Transformers are built for one size; theirs becomes ours.
    size: dict[str, Any] = {"img_size": (space.height, space.width)} if published.fixed_input_size else {}
    body = timm.create_model(model, pretrained=False, num_classes=n_classes, **size)
    expects, heads = resolve_model_data_config(body), published.classifier
    network = ImageClassifier(body, n_classes, expects["mean"], expects["std"])
    return network, (heads,) if isinstance(heads, str) else tuple(heads)
