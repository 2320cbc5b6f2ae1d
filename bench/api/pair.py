"""The contract of a pair: one synthetic and one real side, with fixed splits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bench.api.errors import UserError
from bench.api.imageset import ImageSet
from bench.api.refiner import SourceFile
from bench.api.terms import Fit, Frozen, Limits


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
    version: as a refiner's; raise it also when the data behind the pair change and no folder of its options does.
    source_labels, target_labels: label columns that each side has; planning refuses arms and refiners on them.
    inputs: input columns of both sides.
    depth_range_m: nearest and farthest depth that is labelled, in metres; a set whose median lies outside is refused.
    safe_distance_m: free distance that a vehicle needs there, in metres (task ``avoidance``).
    renders_more: whether ``source(…).extra`` exists (arm ``source@2N``).
    stand_in: the target is rendered, and is called so everywhere; never "real".
    redistributable: whether published pages may show its images.
    tuned: which of the benchmark's defaults were chosen with this pair's target labels in sight, in sentences for its
        pages; empty where nothing is claimed.
    looks: in which the pair can draw more images than it holds (``bench data render``); none for most pairs.
    data_files: files of the package that its images come from; they count by content, as its code does.
    downloads: names of the public sets that it reads, to be fetched before it is used (``bench data fetch``).
    Params: pydantic model of the options: ``linemod:held_out_classes=cat+duck`` in a suite sets one of them.
    overlap_remedy: what to do about images that training and test set share, where the pair's user can; printed.
    notes: what ``target`` has to say of how it split the images; printed once they are read.
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
    looks: ClassVar[tuple[str, ...]] = ()
    data_files: ClassVar[tuple[Path, ...]] = ()
    downloads: tuple[str, ...] = ()
    overlap_remedy: str = ""
    notes: tuple[str, ...] = ()
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

    def render(
        self,
        out: Path,
        n_images: int,
        *,
        looks: tuple[str, ...],
        size: tuple[int, int] | None = None,
        layout_gap: float = 0.0,
        processes: int = 1,
        progress: Callable[[int, int], None] = lambda n_done, n_all: None,
    ) -> None:
        """Draw ``n_images`` images with labels into ``out``, in each of ``looks``; goes on where it stopped.

        Raises
        ------
        UserError: the pair has no ``looks``.
        """
        raise UserError(f"pair {self.name!r} has no renderer")

    def source_files(self, size: tuple[int, int], fit: Fit, limits: Limits) -> dict[str, list[SourceFile]]:
        """The files behind the rows of ``source_train`` and ``source_val``; nothing where images are no files."""
        return {}

    def describe(self, budget: str) -> list[str]:
        """Lines that a run prints before it begins: what was found in a user's folders. Nothing for other pairs."""
        return []
