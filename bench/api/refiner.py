"""The contract of a refiner: what it is given to learn from, what it rewrites, and what it must state of itself."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.api.errors import PluginError
from bench.api.imageset import ImageSet, UnlabelledImages
from bench.api.terms import Budget, Frozen, LabelSpace

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


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


@dataclass(frozen=True)
class SourceFile:
    """The file behind a source image, for refiners whose results lie in files of their own.

    Attributes
    ----------
    path: absolute, or as the pair's folder was given.
    native_size: width and height of its picture.
    placement: left, top, width and height of that picture inside the working image; the rest is padding.
    """

    path: str
    native_size: tuple[int, int]
    placement: tuple[int, int, int, int]


class Refiner(ABC):
    """Rewrites synthetic images so that a model trained on them does better on real ones.

    Write ``fit`` (learn from labelled-by-``reads`` source and unlabelled target), ``refine`` (rewrite a batch) and
    the state pair; declare the class attributes. Hyper-parameters live in ``Params`` with the paper's defaults and
    reach you as ``self.params``; ``fda:beta=0.05`` on the command line sets one of them.

    Class attributes
    ----------------
    name: what users type; lower case.
    version: what published records are held against. Raise it when numbers made before should no longer stand beside
        numbers made now: ``check`` then objects to records of the version before. Caches do not need it: results are
        reused only while the code that makes them is the same (:mod:`bench.run.code.digest`); raise it too when outputs
        change for a reason outside the code, such as a file that it reads.
    reads: source label columns used; a pair without a required one is refused at planning.
    needs: see :class:`Need`.
    views: refined samples stored for each source image (an instance attribute may depend on ``Params``).
    tiles: whether ``refine`` may be called on overlapping tiles of an image and with other sizes than ``fit`` saw, as
        convolutional networks may; ``bench refine`` relies on it. It calls others on whole images, of other sizes than
        ``fit`` saw where a folder has several.
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

    def see_files(self, files: Mapping[str, Sequence[SourceFile]]) -> str:
        """The files behind the rows of ``source_train`` and ``source_val``, before ``fit`` and before ``refine``.

        Called at planning too, so that what cannot work is refused before anything is trained; only where the pair's
        source is files. Returns a line to print; does nothing by default.
        """
        return ""

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
