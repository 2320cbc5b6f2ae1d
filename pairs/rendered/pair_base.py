"""The base of the rendered pairs: packed splits in, image sets at the working size out.

Images and labels ship at one size for all tasks, the generator's, and are resampled for others by
:mod:`bench.data.fitting`. Test labels, and the geometry that explains them, stay at the shipped size. Nothing here
needs Mitsuba; ``embedded/PAIR/manifest.json`` says how the files were made (:mod:`pairs.rendered.ship`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.api import Limits, Pair, SourceSplits, TargetSplits
from bench.api.errors import DataError
from bench.api.imageset import COLUMNS, ImageSet
from bench.api.terms import Fit
from bench.data import fitting
from bench.data.fitting import Size
from pairs.rendered.packed import MANIFEST, read_manifest, read_split
from pairs.rendered.scene import LOOKS, Generator

SETS = Path(__file__).parents[1] / "embedded"
TARGET_LOOK = "_in_target_look"
"""Ends the name of a source split's file that holds its images, and no labels, in the target's look."""


class RenderedPair(Pair):
    """A pair whose two sides are rendered and packed.

    Class attributes
    ----------------
    generator: what drew it; class names, depth range and safe distance are the generator's.
    folder: of its packed splits; :data:`SETS` / ``name`` by default.
    """

    generator: ClassVar[type[Generator]]
    folder: ClassVar[Path]
    stand_in = True
    looks = LOOKS
    redistributable = True
    licence = "Apache-2.0, rendered by this project"
    citation = "Rendered with Mitsuba 3: W. Jakob et al., https://mitsuba-renderer.org, 2022."

    def __init_subclass__(cls) -> None:
        drawn = cls.generator
        cls.name, cls.version, cls.class_names = drawn.name, drawn.version, drawn.class_names
        cls.depth_range_m, cls.safe_distance_m = drawn.depth_range_m, drawn.safe_distance_m
        labels = {name for name in drawn.columns if COLUMNS[name].kind == "label"}
        if drawn.obstacle_band_m:
            labels.add("free_distance_m")
        cls.source_labels = cls.target_labels = frozenset(labels)
        if not hasattr(cls, "folder"):
            cls.folder = SETS / cls.name
        if (cls.folder / MANIFEST).is_file():
            cls.data_files = (cls.folder / MANIFEST,)  # which knows the SHA-256 of every split
            if cls.has_target_look():
                cls.source_labels |= {"in_target_look"}

    def size(self, task: str, budget: str) -> Size:
        """The shipped size, for every task and budget: a larger one would show nothing more."""
        return self.generator.size

    def counts(self, limits: Limits) -> dict[str, int]:
        """Images of each split under these limits, from the manifest.

        Raises
        ------
        DataError: the packed sets are missing, or of another version than the generator.
        """
        manifest = read_manifest(self.folder)
        if manifest["version"] != self.version:
            raise DataError(
                f"{self.folder} holds version {manifest['version']} of the pair {self.name!r}, the code is version "
                f"{self.version}; install the package again"
            )
        files = manifest["files"]
        limit_of = {
            "source_train": limits.source_images,
            "source_val": limits.source_images,
            "target_train": limits.target_images,
            "target_test": limits.test_images,
        }
        counts = {}
        for split, limit in limit_of.items():
            shipped = files[f"{split}.npz"]["n_images"]
            counts[split] = shipped if limit is None else min(limit, shipped)
        return counts | {"target_train_labelled": counts["target_train"]}

    def source(self, size: Size, fit: Fit, limits: Limits) -> SourceSplits:
        """Read the source's look of the source layouts; the target's look of them is the column ``in_target_look``."""
        train, val = (self._set(split, size, fit, limits) for split in ("source_train", "source_val"))
        return SourceSplits(train, val)

    def target(self, size: Size, fit: Fit, limits: Limits) -> TargetSplits:
        """Read the stand-in target; all of ``target_train`` has labels for the arms that may use them."""
        train = self._set("target_train", size, fit, limits)
        return TargetSplits(train, np.arange(train.n_images), self._set("target_test", size, fit, limits))

    def render(
        self,
        out: Path,
        n_images: int,
        *,
        looks: tuple[str, ...] = LOOKS,
        size: Size | None = None,
        layout_gap: float = 0.0,
        processes: int = 1,
        progress: Callable[[int, int], None] = lambda n_done, n_all: None,
    ) -> None:
        """Draw images with :mod:`.driver`; needs the extra ``render``."""
        from pairs.rendered.driver import render

        render(
            self.name,
            out,
            n_images,
            size=size,
            looks=tuple(look for look in LOOKS if look in looks),
            layout_gap=layout_gap,
            processes=processes,
            progress=progress,
        )

    @classmethod
    def has_target_look(cls) -> bool:
        """Whether the source's layouts ship in the target's look too."""
        return f"source_train{TARGET_LOOK}.npz" in read_manifest(cls.folder)["files"]

    def _set(self, split: str, size: Size, fit: Fit, limits: Limits) -> ImageSet:
        n_images = self.counts(limits)[split]
        packed = read_split(self.folder, split, n_images)
        columns = packed.columns
        if split.startswith("source") and self.has_target_look():
            look = read_split(self.folder, split + TARGET_LOOK, n_images).columns["image"]
            columns = columns | {"in_target_look": look}
        if split == "target_test":
            image = _each(fitting.fit_image, columns["image"], size, fit)
            native_size = np.tile(np.array(self.generator.size), (n_images, 1))
            columns = columns | {"image": image, "native_size": native_size}
        else:
            columns = fitted(columns, self.generator.size, size, fit)
        if band_m := self.generator.obstacle_band_m:
            columns = columns | {"free_distance_m": _free_distance(columns, band_m)}
        assets = {name: fitting.fit_image(array, size, fit) for name, array in packed.assets.items()}
        return ImageSet.from_arrays(assets, **columns)


def fitted(columns: dict[str, np.ndarray], native_size: Size, size: Size, fit: Fit) -> dict[str, np.ndarray]:
    """Columns of images of ``native_size`` brought to ``size``, labels and geometry with them."""
    if size == native_size:
        return columns
    of_pixels = {
        "image": fitting.fit_image,
        "in_target_look": fitting.fit_image,
        "mask": fitting.fit_mask,
        "foreground": fitting.fit_mask,
        "depth_m": fitting.fit_depth,
    }
    resized = dict(columns)
    for name, rows in columns.items():
        if name in of_pixels:
            resized[name] = _each(of_pixels[name], rows, size, fit)
        elif name == "boxes":
            used = columns["box_class"] >= 0
            resized[name] = np.where(used[..., None], fitting.fit_boxes(rows, native_size, size, fit), 0)
        elif name == "intrinsics":
            resized[name] = np.stack([fitting.fit_intrinsics(row, native_size, size, fit) for row in rows])
    return resized


def _each(change: Callable[[np.ndarray, Size, Fit], np.ndarray], rows: np.ndarray, size: Size, fit: Fit) -> np.ndarray:
    if rows.shape[2::-1][:2] == size:
        return rows
    return np.stack([change(row, size, fit) for row in rows])


def _free_distance(columns: dict[str, np.ndarray], band_m: tuple[float, float]) -> np.ndarray:
    """``(N, 16) float32`` free distances in the depth at hand."""
    from bench.metrics.avoidance import free_distance

    height_m, up = columns["camera_height_m"], columns["up"]
    return free_distance(columns["depth_m"], columns["intrinsics"], height_m, up, band_m)
