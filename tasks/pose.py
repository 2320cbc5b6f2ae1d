"""Task ``pose``: which of the pair's objects an image shows, and how it is turned (LineMod, PixelDA's second task).

    inputs       image; sensor_depth_m where the pair has it
    labels       class_id (N,) int64; quaternion (N, 4) float32 of unit norm, w x y z, object to camera
    loss         CE(logits, class) + ξ·log(1e-4 + 1 − |q·q̂|), ξ = 0.125, means over the batch
    predictions  class_id int64; confidence float16, the largest softmax probability; quaternion (N, 4) float32
    statistics   true_class, predicted_class: uint16; angle_deg float32
    metrics      mean_angle_error (primary) over all test images, accuracy: bench.metrics.pose, .classification

Models: ``pose_light``, ``pixelda_pose`` and every classifier of timm's by its name, each with the two heads of
:mod:`tasks.models.pose_estimator`. Depth is read by the first two; encoders of timm's are made for colour and get no
more. Torch and timm are imported where a network is built, so that planning need not wait for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.api import Budget, LabelSpace, Metric, ModelParams, ModelSpec, Optimiser, Task
from bench.metrics.classification import accuracy
from bench.metrics.pose import angles_deg, mean_angle_error
from bench.training.weights import BUNDLED_MODEL

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

QUATERNION_WEIGHT = 0.125
"""ξ; the weight of refined images in the official code, which gives raw ones twice that."""
FLOOR = 1e-4
"""Keeps the logarithm finite for a perfect match."""

_MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "pose_light",
            batch_norm=True,
            ms_per_image=0.5,
            module="tasks.models.pose_light",
            summary="three convolutions, sized for one CPU core",
        ),
        ModelSpec(
            "pixelda_pose",
            batch_norm=False,
            ms_per_image=3.8,
            module="tasks.models.pose_tower",
            summary="PixelDA's tower pose_mini for 64×64",
            optimiser=Optimiser(learning_rate=1e-3),
        ),
        ModelSpec(
            BUNDLED_MODEL,
            batch_norm=True,
            ms_per_image=9,
            module="tasks.models.timm_encoder",
            summary="timm's EfficientNet-Lite0; has pretrained=bundled",
            bundled=True,
        ),
    )
}


class Pose(Task):
    """Class and rotation of one object; see the module's docstring."""

    name = "pose"
    version = 1
    labels = ("class_id", "quaternion")
    optional_inputs = ("sensor_depth_m",)
    metrics = (
        Metric("mean_angle_error", higher_is_better=False, unit="°"),
        Metric("accuracy", higher_is_better=True, unit="%", scale=100.0),
    )
    # No flips: a mirrored object is another object, which no rotation reaches. No rotations: they change the label.
    # Zoom and shift keep it, because the crop is centred on the object, whose distance and place are not asked for.
    augmentations = frozenset({"colour", "blur", "noise", "occlusion", "zoom", "shift"})
    budgets: ClassVar[Mapping[str, Budget]] = {
        "light": Budget(name="light", train_steps=400, batch_size=32),
        "standard": Budget(name="standard", train_steps=10_000, batch_size=64),
        # PixelDA's run: 16,000,000 training examples in batches of 32.
        "paper": Budget(name="paper", train_steps=500_000, batch_size=32),
    }
    models = _MODELS
    default_model = "pose_light"

    def model(self, name: str) -> ModelSpec:
        if name in _MODELS:
            return _MODELS[name]
        from tasks.models.timm_encoder import timm_spec

        return timm_spec(name, _MODELS, self.name)

    def build(self, model: str, params: ModelParams, space: LabelSpace, generator: torch.Generator) -> nn.Module:
        from tasks.models.initial_weights import drawn_from, load_pretrained
        from tasks.models.pose_estimator import PoseEstimator
        from tasks.models.pose_light import PoseLight
        from tasks.models.pose_tower import PoseTower
        from tasks.models.timm_encoder import TimmEncoder

        self.model(model)
        n_classes = len(space.class_names)
        with_depth = "sensor_depth_m" in space.inputs
        with drawn_from(generator):
            if model not in ("pose_light", "pixelda_pose"):
                timm_encoder = TimmEncoder(model, space, params.pretrained)
                return PoseEstimator(timm_encoder, timm_encoder.n_features, n_classes)
            kind = PoseLight if model == "pose_light" else PoseTower
            encoder = kind(space.width, space.height, with_depth=with_depth)
            network = PoseEstimator(encoder, kind.n_features, n_classes, tanh=model == "pixelda_pose")
        load_pretrained(network, model, params.pretrained, heads=("class_head",))
        return network

    def loss(self, network: nn.Module, inputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        from torch.nn import functional

        logits, quaternion = network(inputs)
        cosine = (quaternion * labels["quaternion"]).sum(dim=1).abs()
        rotation = (FLOOR + 1 - cosine).log().mean()
        return functional.cross_entropy(logits.float(), labels["class_id"]) + QUATERNION_WEIGHT * rotation

    def predict(self, network: nn.Module, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
        logits, quaternion = network(inputs)
        confidence, class_id = logits.float().softmax(dim=1).max(dim=1)
        return {
            "class_id": class_id.cpu().numpy(),
            "confidence": confidence.cpu().numpy().astype(np.float16),
            "quaternion": quaternion.cpu().numpy(),
        }

    def statistics(
        self, predictions: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], space: LabelSpace
    ) -> dict[str, np.ndarray]:
        return {
            "true_class": labels["class_id"].astype(np.uint16),
            "predicted_class": predictions["class_id"].astype(np.uint16),
            "angle_deg": angles_deg(labels["quaternion"], predictions["quaternion"]).astype(np.float32),
        }

    def score(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> dict[str, float]:
        classes = statistics["true_class"], statistics["predicted_class"]
        return {
            "mean_angle_error": mean_angle_error(statistics["angle_deg"]),
            "accuracy": accuracy(*classes, len(space.class_names)),
        }

    def contributions(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> np.ndarray:
        return statistics["angle_deg"].astype(np.float64)
