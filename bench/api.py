"""The contracts between the harness and its plug-ins: :class:`Refiner`, :class:`Task` and :class:`Pair`.

This file imports no torch, so that planning and listing stay cheap; tensors appear in annotations alone.

Who calls what, and when
------------------------
*prepare* ``Pair.source``/``Pair.target`` once → *fit* ``Refiner.fit`` once for each (pair, refiner seed) →
*refine* ``Refiner.refine`` batch by batch over ``source_train`` and ``source_val`` → *train* ``Task.build``,
``Task.loss`` → *score* ``Task.predict``, ``Task.statistics``, ``Task.score``. A refiner never sees the target's
labels nor its test images, and never scores itself.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bench.data.fitting import Fit
from bench.data.imageset import ImageSet, UnlabelledImages

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class UserError(Exception):
    """A mistake of the user's: one line (asked, found, allowed, what to do), never a traceback."""


class PluginError(Exception):
    """A plug-in broke its contract; the cell fails with this reason and the run goes on."""


class Frozen(BaseModel):
    """Base of all parameter and specification models: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(Frozen):
    """Upper bounds on the images taken from each split; ``None`` takes all.

    A pair must make smaller sets prefixes of larger ones.
    """

    source_images: int | None = Field(default=None, ge=1, strict=True)
    target_images: int | None = Field(default=None, ge=1, strict=True)
    test_images: int | None = Field(default=None, ge=1, strict=True)


class Budget(Frozen):
    """A named limit on work.

    ``train_steps`` and ``batch_size`` bind every arm alike; ``name`` is what learned refiners size themselves by.
    """

    name: Literal["light", "standard", "paper"]
    train_steps: int
    batch_size: int


class Need(enum.StrEnum):
    """What a refiner's fit needs beyond images; a non-empty set ties the fit to one (task, model)."""

    TASK_LOSS = "task_loss"
    SOURCE_MODEL = "source_model"


@dataclass(frozen=True)
class Reads:
    """Label columns of the source that a refiner reads: required ones, and ones it uses if there."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()

    def __or__(self, names: frozenset[str]) -> frozenset[str]:
        return self.required | self.optional | names


class LabelSpace(Frozen):
    """What a task must know of a pair to build a model and to score it.

    Attributes
    ----------
    class_names: in id order.
    width, height: the working size in pixels.
    inputs: the input columns that a model gets.
    depth_range_m: nearest and farthest depth that the pair labels, in metres.
    safe_distance_m: free distance that a vehicle needs, in metres.
    """

    class_names: tuple[str, ...]
    width: int
    height: int
    inputs: tuple[str, ...] = ("image",)
    depth_range_m: tuple[float, float] | None = None
    safe_distance_m: float | None = None


# ---------------------------------------------------------------------------------------------- refiners


class Checkpoint:
    """Where a long fit leaves its state, so that a killed run goes on from there. This one keeps nothing.

    The state must hold all that decides the rest of the fit: weights, optimisers, memories, the order of the images to
    come and the generator's own state; a fit that was killed and resumed then ends bit-equal on a CPU.
    """

    def load(self) -> dict[str, Tensor] | None:
        """The state saved last by a run of this very fit that was killed; ``None`` for a fresh one."""
        return None

    def save(self, state: Mapping[str, Tensor]) -> None:
        """Keep ``state`` (named tensors, copied) in place of what was saved before."""


@dataclass(frozen=True)
class FitContext:
    """What ``Refiner.fit`` gets beside the images.

    Attributes
    ----------
    generator: seeded ``torch.Generator`` on the CPU; the only source of randomness a fit may use.
    device: where to put networks.
    progress: call ``progress(step, n_steps, loss)`` to show life on the terminal.
    build, loss, predict: of the task and model at hand (``Need.TASK_LOSS``), otherwise ``None``; as
        :meth:`Task.build`, :meth:`Task.loss` and :meth:`Task.predict`, the model's name and the label space filled in.
    source_model: the network trained on plain source, in eval mode (``Need.SOURCE_MODEL``), otherwise ``None``.
    checkpoint: where to leave the state now and then; see :class:`Checkpoint`.
    space: classes, size and depth range of the pair, for refiners that have needs, otherwise ``None``.
    """

    generator: torch.Generator
    device: torch.device
    progress: Callable[[int, int, float], None]
    build: Callable[[], nn.Module] | None = None
    loss: Callable[[nn.Module, dict[str, Tensor], dict[str, Tensor]], Tensor] | None = None
    predict: Callable[[nn.Module, dict[str, Tensor]], dict[str, np.ndarray]] | None = None
    source_model: nn.Module | None = None
    space: LabelSpace | None = None
    checkpoint: Checkpoint = Checkpoint()  # noqa: RUF009 (it has no state)


@dataclass(frozen=True)
class RefineBatch:
    """A batch of source images to rewrite.

    Attributes
    ----------
    inputs: ``image`` float32 ``(B, 3, H, W)`` in [0, 1]; ``sensor_depth_m`` float32 ``(B, H, W)`` if the pair has it.
    labels: the columns named in ``Refiner.reads`` that the pair has; read, never rewritten.
    split, rows: where the images come from: ``source_train`` or ``source_val``, and ``(B,)`` int64 positions in it.
    """

    inputs: dict[str, Tensor]
    labels: dict[str, Tensor]
    split: str
    rows: np.ndarray


class Refiner(ABC):
    """Rewrites synthetic images so that a model trained on them does better on real ones.

    Write ``fit`` (learn from labelled-by-``reads`` source and unlabelled target), ``refine`` (rewrite a batch) and
    the state pair; declare the class attributes. Hyper-parameters live in ``Params`` with the paper's defaults and
    reach you as ``self.params``; ``fda:beta=0.05`` on the command line sets one of them.

    Class attributes
    ----------------
    name: what users type; lower case.
    version: raise it whenever outputs change, so that cached results are not mistaken for new ones.
    reads: source label columns used; a pair without a required one is refused at planning.
    needs: see :class:`Need`.
    views: refined samples stored for each source image (an instance attribute may depend on ``Params``).
    tiles: whether ``refine`` may be called on overlapping tiles of an image and with other sizes than ``fit`` saw, as
        convolutional networks may; :mod:`bench.native` relies on it.
    images_seen: set by ``fit``: source images that its steps drew, with repetition (0 where it takes no steps).
    joint: whether ``fit`` trains a task network of its own, which :meth:`predictor` returns (arm ``end_to_end``).
    fit_seconds: a prior for the dry run: a fit at budget ``light`` on images of 64×64, on one CPU core.
    Params: pydantic model of the hyper-parameters.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    reads: ClassVar[Reads] = Reads()
    needs: ClassVar[frozenset[Need]] = frozenset()
    Params: ClassVar[type[Frozen]] = Frozen
    views: int = 1
    joint: bool = False
    tiles: ClassVar[bool] = False
    fit_seconds: ClassVar[float] = 0.1
    images_seen: int = 0

    def __init__(self, params: Frozen | None = None) -> None:
        self.params: Any = self.Params() if params is None else params

    @abstractmethod
    def fit(self, source: ImageSet, target: UnlabelledImages, budget: Budget, context: FitContext) -> None:
        """Learn from source (inputs and the columns in ``reads``) and unlabelled target images."""

    @abstractmethod
    def refine(self, batch: RefineBatch, generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """Rewrite a batch.

        Returns the keys of ``batch.inputs`` in the order and sizes they came; ``image`` float32 in [0, 1].
        ``generators[i]`` is seeded by (refiner seed, split, row, view) of image ``i``: use it for anything random, and
        the output depends neither on the batch size nor on where a killed run stopped. Do not modify ``batch``.
        """

    def state_dict(self) -> dict[str, Tensor]:
        """All that ``fit`` learned, as named tensors (stored as safetensors)."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned; ``refine`` then gives bit-equal output on a CPU."""
        if state:
            raise PluginError(f"refiner {self.name!r} stores a state but does not define load_state_dict")

    def predictor(self) -> Mapping[str, Tensor]:
        """Right after ``fit`` of a joint refiner: the state of the task network that it trained.

        Names and shapes are those of the network that ``context.build()`` makes; the harness scores it as it is.
        """
        raise PluginError(f"refiner {self.name!r} trains no task network of its own")


# ------------------------------------------------------------------------------------------------- tasks


@dataclass(frozen=True)
class Metric:
    """A score: how to name, scale and read it.

    ``scale`` turns the stored value into the printed one (accuracy is stored in [0, 1], printed in %).
    """

    name: str
    higher_is_better: bool
    unit: str
    scale: float = 1.0


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
    """

    name: str
    batch_norm: bool | None
    ms_per_image: float
    summary: str
    optimiser: Optimiser = ADAMW
    bundled: bool = False
    at_pixels: int = 0

    def ms_at(self, n_pixels: int) -> float:
        """The prior for images of another size."""
        return self.ms_per_image * (n_pixels / self.at_pixels if self.at_pixels else 1.0)


class ModelParams(Frozen):
    """Options after a model's name: ``tf_efficientnet_lite0:pretrained=bundled``.

    ``pretrained`` is ``none``, ``bundled`` (:mod:`bench.weights`), or the path of a ``.safetensors`` or ``.pth`` file.
    """

    pretrained: str = "none"


class Task(ABC):
    """A label type with its loss, metrics and models. Stateless but for ``params``: networks and tensors are passed in.

    Class attributes
    ----------------
    labels, inputs: names of the columns used.
    optional_inputs: input columns that its models take where the pair has them; ``LabelSpace.inputs`` lists both.
    geometry: geometry columns that ``predict`` gets beside the inputs, and ``statistics`` beside the labels.
    fit: how images of another shape are brought to the working size (:mod:`bench.data.fitting`).
    Params: pydantic model of the options: ``depth:crop=garg`` on the command line sets one of them.
    metrics: the primary one first.
    augmentations: the transforms legal for these labels, of :data:`bench.augment.TRANSFORMS`.
    budgets: steps and batch size for each budget name.
    models: the networks by name, as ``list`` shows them.
    default_model: what a suite that names no model trains.
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
            from bench.names import unknown  # which needs this file

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

        On a GPU it runs in bfloat16 where that is safe; what needs float32 converts by itself.
        """

    @abstractmethod
    def predict(self, network: nn.Module, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
        """Predictions of a batch, one row an image; the caller has set eval mode and inference mode.

        ``inputs`` holds the columns of ``geometry`` too. Rows may be longer in one batch than in another; the shorter
        ones are padded at their ends, with zeros or as a column of that name is.
        """

    def as_labels(self, predictions: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Predictions as the label columns that they are predictions of, to be drawn as those are.

        Here: those that bear a label's name.
        """
        return {name: predictions[name] for name in self.labels if name in predictions}

    def probabilities(self, network: nn.Module, inputs: dict[str, Tensor]) -> Tensor | None:
        """Class probabilities ``(B, C)`` of images or ``(B, C, h, w)`` of pixels; ``None`` where no class is predicted.

        For what may be known of a model without labels; the caller has set eval mode and inference mode.
        """
        return None

    @abstractmethod
    def statistics(
        self, predictions: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], space: LabelSpace
    ) -> dict[str, np.ndarray]:
        """Per-image sufficient statistics of a batch, one row an image: all that the scores are computed from.

        ``labels`` are of native size (see :mod:`bench.data.imageset`) and hold the columns of ``geometry`` too.
        """

    @abstractmethod
    def score(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> dict[str, float]:
        """Every metric by name, from statistics alone."""

    @abstractmethod
    def contributions(self, statistics: Mapping[str, np.ndarray], space: LabelSpace) -> np.ndarray:
        """``(N,) float64`` per-image contributions whose mean is the primary metric.

        Jackknife pseudo-values where the metric is not a mean over images. Intervals over images rest on them.
        """


# ------------------------------------------------------------------------------------------------- pairs


@dataclass(frozen=True)
class TargetSplits:
    """The real side of a pair.

    Attributes
    ----------
    train: ``target_train``, images and labels at the working size; only its inputs ever leave this object (refiners,
        ``adabn``).
    labelled_rows: ``(K,) int64`` rows of ``train`` that carry labels: ``target_train_labelled``.
    test: ``target_test``, its images at the working size, its labels at native size; disjoint from ``train`` by
        content and near-duplicate hash.
    groups: ``(N_test,) int64`` capture sequence of each test image where neighbours are not independent, else ``None``.
    fit_rows: ``(K,) int64`` rows of ``train`` that refiners may learn from, ``None`` for all.
    """

    train: ImageSet
    labelled_rows: np.ndarray
    test: ImageSet
    groups: np.ndarray | None = None
    fit_rows: np.ndarray | None = None


@dataclass(frozen=True)
class SourceSplits:
    """The synthetic side: training set, held-out set, and as much again for the arm ``source@2N`` (or ``None``).

    ``fit_rows`` ``(K,) int64``: rows of ``train`` that refiners may learn from, ``None`` for all; they refine all.
    """

    train: ImageSet
    val: ImageSet
    extra: ImageSet | None = None
    fit_rows: np.ndarray | None = None


class Pair(ABC):
    """One source and one target over the same label space, with fixed splits.

    Class attributes
    ----------------
    source_labels, target_labels: label columns that each side has; planning refuses arms and refiners on them.
    inputs: input columns of both sides.
    depth_range_m: nearest and farthest depth that is labelled, in metres; a set whose median lies outside is refused.
    safe_distance_m: free distance that a vehicle needs there, in metres (task ``avoidance``).
    renders_more: whether ``source(…).extra`` exists (arm ``source@2N``).
    stand_in: the target is rendered, and is called so everywhere; never "real".
    redistributable: whether published pages may show its images.
    tuned: which of the benchmark's defaults were chosen with this pair's target labels in sight, in sentences for its
        pages; empty where nothing is claimed.
    downloads: names of the public sets that it reads, to be fetched before it is used (``bench data fetch``).
    Params: pydantic model of the options: ``linemod:held_out_classes=cat+duck`` in a suite sets one of them.
    alias: what tables call the pair in place of its name and options, where these are long.

    What depends on options, as the classes of a folder do, is set by ``__init__``.
    """

    name: ClassVar[str]
    alias: str = ""
    version: ClassVar[int]
    title: str
    tasks: frozenset[str]
    class_names: tuple[str, ...]
    source_labels: frozenset[str]
    target_labels: frozenset[str]
    inputs: frozenset[str] = frozenset({"image"})
    depth_range_m: tuple[float, float] | None = None
    safe_distance_m: ClassVar[float | None] = None
    renders_more: ClassVar[bool] = False
    stand_in: ClassVar[bool] = False
    redistributable: ClassVar[bool] = False
    tuned: ClassVar[str] = ""
    downloads: tuple[str, ...] = ()
    licence: ClassVar[str]
    citation: ClassVar[str]
    Params: ClassVar[type[Frozen]] = Frozen

    def __init__(self, params: Frozen | None = None) -> None:
        self.params: Any = self.Params() if params is None else params

    @abstractmethod
    def size(self, task: str, budget: str) -> tuple[int, int]:
        """Working width and height in pixels."""

    @abstractmethod
    def counts(self, limits: Limits) -> dict[str, int]:
        """Images a split will have at most, without making them (for the dry run)."""

    @abstractmethod
    def source(self, size: tuple[int, int], fit: Fit, limits: Limits) -> SourceSplits:
        """Render or read the synthetic side, images and labels brought to ``size`` by ``fit``."""

    @abstractmethod
    def target(self, size: tuple[int, int], fit: Fit, limits: Limits) -> TargetSplits:
        """Read the real side; see :class:`TargetSplits` for what is at which size."""

    def describe(self, budget: str) -> list[str]:
        """Lines that a run prints before it begins: what was found in a user's folders. Nothing for other pairs."""
        return []


class Described(Frozen):
    """A plug-in choice made concrete: everything that determines its behaviour, by description.

    ``digest`` is that of the plug-in's source file (empty for built-ins, whose ``version`` speaks for them);
    ``contents`` are digests of the files and folders that its parameters name.
    """

    name: str
    version: int
    params: dict[str, Any] = {}
    digest: str = ""
    contents: dict[str, str] = {}

    def identity(self) -> dict[str, Any]:
        """What ids are hashed from: a path counts by its content, never by where it lies."""
        described = self.model_dump()
        described["params"] = {key: value for key, value in self.params.items() if key not in self.contents}
        return described
