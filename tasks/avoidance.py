"""Task ``avoidance``: the free distance ahead in 16 column bins of one image, and the direction to take.

    label        free_distance_m (N, 16) float32 metres, 0 = ignored bin (bench.metrics.avoidance: how it is measured)
    loss         mean |ln d̂ − ln d| over the bins of a batch that are not ignored
    predictions  predicted_distance_m (N, 16) float32 metres
    statistics   collision_free uint8, log_error_sum float64, n_bins int64 (those not ignored), one row an image
    metrics      collision_free_rate (primary): images whose chosen direction is free, of those with a bin to choose
                 log_error: mean |ln d̂ − ln d| over all bins of the test set that are not ignored

The choice is among the bins with a true distance, and each network is asked for a number in metres: a regression, where
GeneSIS-RT's own network may have classified log-spaced distances. Inspired by its second task, not a replication.
An image whose bins are all ignored is left out of both figures; a set of such images is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.api import Budget, LabelSpace, Metric, ModelParams, ModelSpec, PluginError, Task
from bench.api.errors import DataError
from bench.metrics.avoidance import N_BINS, collision_free, log_error
from bench.metrics.scored_mean import scored_contributions, scored_mean
from bench.training.weights import BUNDLED_MODEL

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "light_regressor",
            batch_norm=True,
            ms_per_image=1.3,
            module="tasks.models.light_regressor",
            summary="four convolutions and two over columns",
        ),
        ModelSpec(
            BUNDLED_MODEL,
            batch_norm=True,
            ms_per_image=26,
            module="tasks.models.timm_encoder",
            summary="timm's EfficientNet-Lite0; has pretrained=bundled",
            bundled=True,
        ),
    )
}


class Avoidance(Task):
    """Reactive obstacle avoidance; see the module's docstring."""

    name = "avoidance"
    version = 1
    labels = ("free_distance_m",)
    metrics = (
        Metric("collision_free_rate", higher_is_better=True, unit="%", scale=100.0, label="collision-free rate"),
        Metric("log_error", higher_is_better=False, unit=""),
    )
    # Whatever moves pixels across columns would have to move the labels' bins.
    augmentations = frozenset({"colour", "blur", "noise", "occlusion"})
    budgets: ClassVar[Mapping[str, Budget]] = {
        "light": Budget(name="light", train_steps=300, batch_size=16),
        "standard": Budget(name="standard", train_steps=10_000, batch_size=32),
        # GeneSIS-RT's schedule is not obtainable: ten times the standard one.
        "paper": Budget(name="paper", train_steps=100_000, batch_size=32),
    }
    models = _MODELS
    default_model = "light_regressor"

    def model(self, name: str) -> ModelSpec:
        if name in _MODELS:
            return _MODELS[name]
        from tasks.models.timm_encoder import timm_spec

        return timm_spec(name, _MODELS, self.name)

    def build(self, model: str, params: ModelParams, space: LabelSpace, generator: torch.Generator) -> nn.Module:
        from torch import nn

        from tasks.models.initial_weights import drawn_from, load_pretrained
        from tasks.models.light_regressor import LightRegressor, LogDistances

        self.model(model)
        if space.depth_range_m is None:
            raise PluginError(
                "task 'avoidance' needs the pair's depth_range_m, nearest and farthest distance in metres; it is None"
            )
        body: nn.Module
        with drawn_from(generator):
            if model == "light_regressor":
                body = LightRegressor(N_BINS)
            else:
                from tasks.models.timm_encoder import TimmEncoder

                encoder = TimmEncoder(model, space, params.pretrained)
                body = nn.Sequential(encoder, nn.Linear(encoder.n_features, N_BINS))
        if model == "light_regressor":
            load_pretrained(body, model, params.pretrained, heads=())
        return LogDistances(body, space.depth_range_m)

    def loss(self, network: nn.Module, inputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        true_m = labels["free_distance_m"]
        known = true_m > 0
        error = (network(inputs) - true_m.where(known, 1.0).log()).abs()
        return (error * known).sum() / known.sum().clamp(min=1)

    def predict(self, network: nn.Module, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
        return {"predicted_distance_m": network(inputs).exp().cpu().numpy()}

    def as_labels(self, predictions: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"free_distance_m": predictions["predicted_distance_m"]}

    def statistics(
        self, predictions: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], space: LabelSpace
    ) -> dict[str, np.ndarray]:
        if space.safe_distance_m is None:
            raise PluginError("task 'avoidance' needs the pair's safe_distance_m, in metres; it is None")
        predicted_m, true_m = predictions["predicted_distance_m"], labels["free_distance_m"]
        return {
            "collision_free": collision_free(predicted_m, true_m, space.safe_distance_m).astype(np.uint8),
            "log_error_sum": log_error(predicted_m, true_m).sum(axis=1),
            "n_bins": (true_m > 0).sum(axis=1),
        }

    def score(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> dict[str, float]:
        return {
            "collision_free_rate": scored_mean(statistics["collision_free"], _scored(statistics)),
            "log_error": float(statistics["log_error_sum"].sum() / statistics["n_bins"].sum()),
        }

    def contributions(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> np.ndarray:
        return scored_contributions(statistics["collision_free"], _scored(statistics))


def _scored(statistics: Mapping[str, np.ndarray]) -> np.ndarray:
    scored: np.ndarray = statistics["n_bins"] > 0
    if not scored.any():
        raise DataError(
            f"all column bins of all {len(scored)} test images are ignored; the obstacle band or the depth is wrong"
        )
    return scored
