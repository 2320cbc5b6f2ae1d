"""Task ``depth``: metres along the view axis at each pixel of one image.

    label        depth_m (N, H, W) float32 metres, 0 = unknown
    loss         L1 on depth scaled to −1..1 by the pair's range (near, far), over known pixels, summed over the
                 network's scales: T2Net's has four, its light form three, ``unet`` one (tasks.models.depth_network)
    predictions  depth_m (N, h, w) float16 metres at the working size: 0.05 % of error at most
    statistics   abs_rel, sq_rel, rmse_m, rmse_log, delta1..3 float64 and n_valid int64, one row an image
    metrics      their means over the images with a known pixel: abs_rel (primary) … : bench.metrics.depth

Predictions are resized bilinearly to native size and compared there. Options, each of which changes the figures and so
is part of the task's name in tables: ``cap_m`` (the pair's far by default), ``min_depth_m`` (0.001), ``crop`` (none,
garg, eigen, nyu) and ``median_scaling``. T2Net's own figures on KITTI: ``depth:min_depth_m=1,cap_m=50``.

An image without a known pixel inside cap and crop is left out of every mean; a set of such images is an error. T2Net is
Zheng, Cham & Cai, ECCV 2018 (arXiv 1808.01454); its objective multiplies this loss by 100 beside its other terms, which
are its refiner's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from bench.api import (
    Budget,
    Frozen,
    LabelSpace,
    Metric,
    ModelParams,
    ModelSpec,
    Optimiser,
    PluginError,
    Task,
)
from bench.api.errors import DataError
from bench.metrics.depth import ERRORS, Crop, depth_errors
from bench.metrics.scored_mean import scored_contributions, scored_mean

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from tasks.models.depth_network import DepthBody

LIGHT_WIDTH = 8

_MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "t2net_depth_light",
            batch_norm=True,
            ms_per_image=9.0,
            module="tasks.models.t2net_depth",
            summary=f"T2Net's depth net at width {LIGHT_WIDTH} without full resolution, for one CPU core",
        ),
        ModelSpec(
            "t2net_depth",
            batch_norm=True,
            ms_per_image=500,
            module="tasks.models.t2net_depth",
            summary="T2Net's multi-scale depth net, width 64",
            # T2Net's rate for its task network; its betas (0.95, 0.999) and its linear decay are not ours to set.
            optimiser=Optimiser(learning_rate=1e-4, weight_decay=0.0),
        ),
        ModelSpec(
            "unet",
            batch_norm=True,
            ms_per_image=60,
            module="tasks.models.smp_depth",
            summary="U-Net on EfficientNet-Lite0; has pretrained=bundled",
            bundled=True,
        ),
    )
}


class Params(Frozen):
    """Options of the evaluation, in metres at native size; see :mod:`bench.metrics.depth`."""

    cap_m: float | None = Field(default=None, gt=0)
    min_depth_m: float = Field(default=1e-3, gt=0)
    crop: Crop = "none"
    median_scaling: bool = False

    @model_validator(mode="after")
    def _bounds(self) -> Params:
        if self.cap_m is not None and self.cap_m <= self.min_depth_m:
            raise ValueError(f"cap_m={self.cap_m:g} must be above min_depth_m={self.min_depth_m:g}")
        return self


class Depth(Task):
    """Monocular depth; see the module's docstring."""

    name = "depth"
    version = 1
    labels = ("depth_m",)
    geometry = ("native_size",)
    Params = Params
    metrics = (
        Metric("abs_rel", higher_is_better=False, unit="%", scale=100.0, label="AbsRel"),
        Metric("sq_rel", higher_is_better=False, unit="m", label="SqRel"),
        Metric("rmse_m", higher_is_better=False, unit="m", label="RMSE"),
        Metric("rmse_log", higher_is_better=False, unit="", label="log RMSE"),
        *(Metric(f"delta{n}", higher_is_better=True, unit="%", scale=100.0, label=f"δ{n}") for n in (1, 2, 3)),
    )
    # A zoomed image shows another depth, at a fixed lens, than its label says; a shifted or tilted one another ground.
    augmentations = frozenset({"colour", "blur", "noise", "occlusion", "flip"})
    budgets: ClassVar[Mapping[str, Budget]] = {
        "light": Budget(name="light", train_steps=150, batch_size=8),
        "standard": Budget(name="standard", train_steps=10_000, batch_size=8),
        # T2Net's run: ten epochs of 21,260 vKITTI images in batches of 6.
        "paper": Budget(name="paper", train_steps=35_433, batch_size=6),
    }
    models = _MODELS
    default_model = "t2net_depth_light"

    def build(self, model: str, params: ModelParams, space: LabelSpace, generator: torch.Generator) -> nn.Module:
        from tasks.models.depth_network import DepthNetwork
        from tasks.models.initial_weights import drawn_from

        self.model(model)
        with drawn_from(generator):
            body = _body(model, params.pretrained)
        return DepthNetwork(body, _range_m(space))

    def loss(self, network: Any, inputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        from tasks.models.depth_network import multi_scale_l1

        depth_m = labels["depth_m"]
        return multi_scale_l1(network(inputs), network.scaled(depth_m), depth_m > 0)

    def predict(self, network: Any, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
        size = list(inputs["image"].shape[2:])
        depth_m = _resize(network.metres(network(inputs)[-1].float()), size)
        return {"depth_m": depth_m.cpu().numpy().astype(np.float16)}

    def statistics(
        self, predictions: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], space: LabelSpace
    ) -> dict[str, np.ndarray]:
        import torch

        cap_m = _range_m(space)[1] if self.params.cap_m is None else self.params.cap_m
        rows = []
        for predicted, true, (width, height) in zip(
            predictions["depth_m"], labels["depth_m"], labels["native_size"], strict=True
        ):
            native = _resize(torch.from_numpy(predicted.astype(np.float32))[None], [int(height), int(width)])[0].numpy()
            rows.append(
                depth_errors(
                    native,
                    true[:height, :width],
                    min_depth_m=self.params.min_depth_m,
                    cap_m=cap_m,
                    crop=self.params.crop,
                    median_scaling=self.params.median_scaling,
                )
            )
        statistics = {name: np.array([row[name] for row in rows]) for name in (*ERRORS, "n_valid")}
        return statistics | {"n_valid": statistics["n_valid"].astype(np.int64)}

    def score(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> dict[str, float]:
        scored = self._scored(statistics)
        return {metric.name: scored_mean(statistics[metric.name], scored) for metric in self.metrics}

    def contributions(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> np.ndarray:
        return scored_contributions(statistics["abs_rel"], self._scored(statistics))

    def _scored(self, statistics: Mapping[str, np.ndarray]) -> np.ndarray:
        scored = statistics["n_valid"] > 0
        if not scored.any():
            options = ", ".join(f"{name}={value}" for name, value in self.params)
            raise DataError(
                f"none of {len(scored)} test images has a known depth within {options}; widen the cap or the crop"
            )
        return scored


def _range_m(space: LabelSpace) -> tuple[float, float]:
    if space.depth_range_m is None:
        raise PluginError(
            "task 'depth' needs the pair's depth_range_m, nearest and farthest depth in metres; it is None"
        )
    return space.depth_range_m


def _body(model: str, pretrained: str) -> DepthBody:
    if model == "unet":
        from tasks.models.smp_depth import SmpDepth

        return SmpDepth(pretrained)
    from tasks.models.initial_weights import load_pretrained
    from tasks.models.t2net_depth import T2NetDepth

    body = T2NetDepth() if model == "t2net_depth" else T2NetDepth(LIGHT_WIDTH, full_resolution=False)
    load_pretrained(body, model, pretrained, heads=())
    return body


def _resize(depth_m: Tensor, size: list[int]) -> Tensor:
    """``(B, h, w)`` → ``(B, *size)``, bilinear, pixel edges aligned."""
    from torch.nn import functional

    return functional.interpolate(depth_m[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
