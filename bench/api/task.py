"""The contract of a task: its labels, metrics and networks, how these are trained, predict and are scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from bench.api.terms import Budget, Fit, Frozen, LabelSpace

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class Metric:
    """A score: how to name, scale and read it.

    ``scale`` turns the stored value into the printed one (accuracy is stored in [0, 1], printed in %). ``label`` is
    what pages call it, without the unit: "AbsRel", "mean angle error". Records and CSV files use ``name``.
    """

    name: str
    higher_is_better: bool
    unit: str
    scale: float = 1.0
    label: str = ""

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Least and greatest possible printed value of a share where higher is better; ``None`` for other metrics.

        An error in per cent, such as AbsRel, may exceed 100.
        """
        return (0.0, 100.0) if self.unit == "%" and self.higher_is_better else None

    @property
    def title(self) -> str:
        """What pages call it: the label, or the name without underscores."""
        return self.label or self.name.replace("_", " ")


class Optimiser(Frozen):
    """How a model's weights are stepped: the same for every arm.

    A rate climbs linearly over the first ``warm_up`` of all steps, then falls to zero along half a ``cosine``, or as
    ``poly``: (1 − step/steps)^0.9 (DeepLab). A network with a method ``parameter_groups`` returns dictionaries
    ``{"params": […], "lr_scale": 10.0, "weight_decay": 0.0}``, the last two optional; others are one group.
    ``momentum`` is that of ``sgd``.
    """

    kind: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    momentum: float = 0.9
    schedule: Literal["cosine", "poly"] = "cosine"
    warm_up: float = 0.1


ADAMW = Optimiser()
"""The default. Its rate was chosen on the embedded pair ``digits``: at 1e-2 ``strong`` diverges, at 1e-3 a light
budget learns too little."""


@dataclass(frozen=True)
class ModelSpec:
    """A network that a task can train, and what planning must know of it without building it.

    ``batch_norm`` is ``None`` where only building tells (any timm name); then the arm ``adabn`` is checked at run time.
    ``ms_per_image`` is a prior for the dry run's estimate: one training step on one CPU core, divided by the batch; at
    images of ``at_pixels`` (0: at whatever size the task's pairs ship).
    ``bundled`` says whether ``pretrained=bundled`` has weights for it.
    ``module`` holds the network, importable: an edit there trains this model again and leaves those of other modules
    alone. Without it, an edit of any network that ``Task.build`` reaches trains this one again.
    """

    name: str
    batch_norm: bool | None
    ms_per_image: float
    summary: str
    optimiser: Optimiser = ADAMW
    bundled: bool = False
    at_pixels: int = 0
    module: str = ""

    def ms_at(self, n_pixels: int) -> float:
        """The prior for images of another size."""
        return self.ms_per_image * (n_pixels / self.at_pixels if self.at_pixels else 1.0)


class ModelParams(Frozen):
    """Options after a model's name: ``tf_efficientnet_lite0:pretrained=bundled``.

    ``pretrained`` is ``none``, ``bundled`` (:mod:`bench.training.weights`), or the path of a ``.safetensors`` or
    ``.pth`` file.
    """

    pretrained: str = "none"


class Task(ABC):
    """A label type with its loss, metrics and models. The only state is ``params``; networks and tensors are passed in.

    Class attributes
    ----------------
    version: as for a refiner; ``check`` objects to published records of another version.
    labels, inputs: names of the columns used.
    optional_inputs: input columns that its models take where the pair has them; ``LabelSpace.inputs`` lists both.
    geometry: geometry columns that ``predict`` gets beside the inputs, and ``statistics`` beside the labels.
    fit: how images of another shape are brought to the working size (:mod:`bench.data.fitting`).
    Params: pydantic model of the options: ``depth:crop=garg`` on the command line sets one of them.
    metrics: the primary one first.
    augmentations: the transforms legal for these labels, of :data:`bench.training.augment.TRANSFORMS`.
    budgets: steps and batch size for each budget name.
    models: networks by name, as listed by ``python -m bench list``.
    default_model: the model trained when a suite names none.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    labels: ClassVar[tuple[str, ...]]
    inputs: ClassVar[tuple[str, ...]] = ("image",)
    optional_inputs: ClassVar[tuple[str, ...]] = ()
    geometry: ClassVar[tuple[str, ...]] = ()
    fit: ClassVar[Fit] = "resize"
    Params: ClassVar[type[Frozen]] = Frozen
    metrics: ClassVar[tuple[Metric, ...]]
    augmentations: ClassVar[frozenset[str]]
    budgets: ClassVar[Mapping[str, Budget]]
    models: ClassVar[Mapping[str, ModelSpec]]
    default_model: ClassVar[str]

    def __init__(self, params: Frozen | None = None) -> None:
        self.params: Any = self.Params() if params is None else params

    def model(self, name: str) -> ModelSpec:
        """The network called ``name``, of :attr:`models` or, in a task that says so, of another library.

        Raises
        ------
        UserError: no such network, or it cannot be used here; the nearest right name is suggested.
        """
        if name not in self.models:
            from bench.api.names import unknown

            raise unknown("model", name, self.models, f" for task {self.name!r}")
        return self.models[name]

    @abstractmethod
    def build(self, model: str, params: ModelParams, space: LabelSpace, generator: torch.Generator) -> nn.Module:
        """A network with weights drawn from ``generator`` alone.

        Called with a batch of inputs, ``{'image': (B, 3, H, W) in [0, 1]}``, it is what ``loss`` and ``predict`` know.
        """

    @abstractmethod
    def loss(self, network: nn.Module, inputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        """Scalar training loss of a batch; runs ``network`` on ``inputs`` itself, since detectors need both at once.

        On a GPU it runs under bfloat16 autocast where that is safe; convert explicitly where float32 is needed.
        """

    @abstractmethod
    def predict(self, network: nn.Module, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
        """Predictions of a batch, one row per image; the caller has set eval mode and inference mode.

        ``inputs`` holds the columns of ``geometry`` too. Rows may be longer in one batch than in another; the shorter
        ones are padded at their ends, with zeros or as a column of that name is.
        """

    def as_labels(self, predictions: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Predictions under the names of the label columns they predict, so that they can be drawn as labels.

        The default returns the predictions that are named like a label.
        """
        return {name: predictions[name] for name in self.labels if name in predictions}

    def probabilities(self, network: nn.Module, inputs: dict[str, Tensor]) -> Tensor | None:
        """Class probabilities ``(B, C)`` of images or ``(B, C, h, w)`` of pixels; ``None`` where no class is predicted.

        Used to describe a model without labels. The caller has set eval mode and inference mode.
        """
        return None

    @abstractmethod
    def statistics(
        self, predictions: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], space: LabelSpace
    ) -> dict[str, np.ndarray]:
        """Per-image sufficient statistics of a batch, one row per image: all that the scores are computed from.

        ``labels`` are of native size (see :mod:`bench.api.imageset`) and hold the columns of ``geometry`` too.
        """

    @abstractmethod
    def score(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> dict[str, float]:
        """Every metric by name, from statistics alone."""

    @abstractmethod
    def contributions(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> np.ndarray:
        """``(N,) float64`` per-image contributions whose mean is the primary metric.

        Jackknife pseudo-values if the metric is not a mean over images; intervals over images are computed from them.
        """
