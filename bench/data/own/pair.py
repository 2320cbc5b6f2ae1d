"""Pair ``own``: a user's two folders, as they are.

    own:task=detection,source=DIR,target=DIR            options: OwnParams; the command line writes this for you

Planning reads names, headers and label files (of masks and depth, 16 a side), and decodes no picture. The format of
each folder is recognised (:mod:`bench.data.formats`), class names are matched by their words, ignoring case, ``-``,
``_`` and blanks. Splits:

    source   a tenth is ``source_val``, by the hash of the name below the root
    target   half is unlabelled ``target_train``, half ``target_test``, by the hash of the pixels
             (:func:`bench.data.splits.split_hashed`); or all of it and all of ``target_test=DIR``

Labels of the target serve the test half alone, unless ``labelled_target`` says otherwise. The recipe id of what is
prepared holds the names, sizes and times of all files, so that a folder that changed is read again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from bench.api import Frozen, Limits, Pair, SourceFile, SourceSplits, TargetSplits
from bench.api.terms import Fit
from bench.data import fitting, left_out
from bench.data.depth_units import parse_unit
from bench.data.doubtful import refuse_doubtful
from bench.data.fitting import Size
from bench.data.folders import files_below, sequence_of
from bench.data.formats import Options, class_folders, recognise
from bench.data.formats.mask_levels import parse_levels
from bench.data.listing import Listing, working_set
from bench.data.own.matching import depth_range_m, described, known_depths_m, matched, sample_sizes
from bench.data.own.split import halves, warn_of_frames
from bench.data.own.usable import (
    LABELS,
    refuse_nested,
    refuse_one_class,
    refuse_shared,
    refuse_unusable,
    without_empty_labels,
)
from bench.data.splits import content_hashes, name_hash

LONG_SIDE = {
    "classification": {"light": 64, "standard": 128, "paper": 224},
    "pose": {"light": 64, "standard": 64, "paper": 64},
    "segmentation": {"light": 128, "standard": 320, "paper": 1024},
    "depth": {"light": 128, "standard": 320, "paper": 640},
    "detection": {"light": 192, "standard": 384, "paper": 640},
}
"""Working pixels of the longer side: what a budget can afford, unless the photographs are smaller."""
MULTIPLE = {"classification": 4, "pose": 16, "segmentation": 32, "depth": 32, "detection": 32}
"""Sides are rounded to it: networks halve them several times."""
VAL_SHARE = 0.1


class OwnParams(Frozen):
    """Options of the pair; lists are written with ``+``: ``classes=car+person``.

    ``target_test``: a folder of test images of its own. ``group_by`` keeps the frames of a video on one side of the
    split: images of one folder, or whose names differ in the last number alone. ``depth_unit`` says what depth files
    hold (:mod:`bench.data.depth_units`; ``target_depth_unit`` where the target's differ), ``depth_range`` nearest and
    farthest depth in metres, as ``0.5+20``. ``mask_levels`` are the levels of masks that are classes, as ``0+255``
    (:mod:`bench.data.formats.mask_levels`). ``classes`` keeps these alone. ``size`` is the working size, as
    ``320x240``. ``labelled_target`` lends the labels of the target's training half to the arms that train on real
    images.
    """

    task: Literal["classification", "pose", "detection", "segmentation", "depth"]
    source: Path
    target: Path
    target_test: Path | None = None
    group_by: Literal["", "folder", "prefix"] = ""
    depth_unit: str = ""
    target_depth_unit: str = ""
    depth_range: str = ""
    mask_levels: str = ""
    classes: str = ""
    size: str = Field("", pattern=r"^(\d+x\d+)?$")
    labelled_target: bool = False

    @field_validator("depth_unit", "target_depth_unit")
    @classmethod
    def _a_unit(cls, text: str) -> str:
        if text:
            parse_unit(text)
        return text

    @field_validator("mask_levels")
    @classmethod
    def _levels(cls, text: str) -> str:
        if text:
            parse_levels(text)
        return text

    @field_validator("depth_range")
    @classmethod
    def _two_numbers(cls, text: str) -> str:
        if text:
            near, far = map(float, text.split("+"))
            if not 0 < near < far:
                raise ValueError("nearest and farthest depth in metres are needed, as 0.5+20")
        return text


class OwnPair(Pair):
    """A user's own two folders; see docs/own-data.md"""

    name, version = "own", 1
    Params = OwnParams
    licence, citation = "the user's own data", "none"

    def __init__(self, params: OwnParams) -> None:
        super().__init__(params)
        unit = params.target_depth_unit or params.depth_unit
        folders = {"source": params.source, "target": params.target}
        if params.target_test:
            folders["target test"] = params.target_test
        units = {"source": params.depth_unit}
        refuse_nested(folders)
        read: dict[str, Listing] = {}
        for side, root in folders.items():
            read[side] = self._read(root, units.get(side, unit))
            refuse_unusable(side, root, read[side], params.task, labelled=params.labelled_target)
        sides = matched({side: without_empty_labels(listing) for side, listing in read.items()}, params.classes)
        if not all("sensor_depth_m" in listing.pixels for listing in sides.values()):
            sides = {side: _without_sensor(listing) for side, listing in sides.items()}
        else:
            self.inputs = frozenset({"image", "sensor_depth_m"})
        self._sides = sides
        if params.target_test:
            self.overlap_remedy = (
                "a fixed camera takes such images; leave --target-test out and put those images into --target, whose "
                "near-duplicates then stay on one side of the split, or remove these images from --target"
            )
        self._source, self._target, self._test = sides["source"], sides["target"], sides.get("target test")
        self.alias = f"{params.source.resolve().name} to {params.target.resolve().name}"
        self.title = f"{params.source.resolve().name} → {params.target.resolve().name}, a user's own folders"
        self.tasks = frozenset({params.task})
        self.class_names = self._source.class_names
        self.source_labels = self._source.labels
        self.target_labels = (self._test or self._target).labels
        if params.labelled_target:
            self.target_labels &= self._target.labels
        if params.task == "segmentation":
            refuse_one_class(self._source, params.source)
        if params.task == "depth":
            known = known_depths_m(sides)
            self.depth_range_m = depth_range_m(known, folders, params.depth_range)
            self._median_depths_m = {side: float(np.median(depths_m)) for side, depths_m in known.items()}

    def size(self, task: str, budget: str) -> Size:
        """As asked, otherwise in the shape of the target's median image, of :data:`LONG_SIDE` pixels at most."""
        if self.params.size:
            width, height = map(int, self.params.size.split("x"))
            return width, height
        sizes = np.median(sample_sizes(self._target), axis=0)
        longest = min(LONG_SIDE[task][budget], int(sizes.max()))
        multiple = MULTIPLE[task]
        width, height = (max(multiple, round(side * longest / sizes.max() / multiple) * multiple) for side in sizes)
        return int(width), int(height)

    def counts(self, limits: Limits) -> dict[str, int]:
        """Exact for the source and for named test images; halves of a target are halves but for chance."""
        n_source, n_target = self._source.n_images, self._target.n_images
        n_val = _n_val(n_source)
        n_train = n_target if self._test else n_target - n_target // 2
        counts = {
            "source_train": _at_most(n_source - n_val, limits.source_images),
            "source_val": _at_most(n_val, limits.source_images),
            "target_train": _at_most(n_train, limits.target_images),
            "target_test": _at_most(self._test.n_images if self._test else n_target // 2, limits.test_images),
        }
        return counts | {"target_train_labelled": counts["target_train"] if self.params.labelled_target else 0}

    def source(self, size: Size, fit: Fit, limits: Limits) -> SourceSplits:
        """Both parts in the order of their names' hashes, so that fewer images are a random sample of more."""
        train, val = self._source_rows(limits)
        return SourceSplits(
            working_set(self._source.select(train), size, fit), working_set(self._source.select(val), size, fit)
        )

    def _source_rows(self, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
        keys = [name_hash(name, self.params.source) for name in self._source.names]
        order = np.argsort(keys, kind="stable")
        n_val = _n_val(len(order))
        return order[n_val:][: limits.source_images], order[:n_val][: limits.source_images]

    def source_files(self, size: Size, fit: Fit, limits: Limits) -> dict[str, list[SourceFile]]:
        """Of a source whose images are files; BOP's crops are not."""
        names, native = self._source.names, self._source.size
        if not all(Path(name).is_file() for name in names):
            return {}
        return {
            split: [SourceFile(names[i], native(i), fitting.placement(native(i), size, fit)) for i in rows.tolist()]
            for split, rows in zip(("source_train", "source_val"), self._source_rows(limits), strict=True)
        }

    def target(self, size: Size, fit: Fit, limits: Limits) -> TargetSplits:
        """The halves of the target, or the target and the named test images.

        Raises
        ------
        DataError: all images fall on one side, or an image of the source is among them.
        """
        refuse_shared(self._source, self._target, *([self._test] if self._test else []))
        groups = None
        if self.params.group_by:
            groups = np.array([self._sequence(name, self.params.target) for name in self._target.names])
        if self._test is None:
            contents, vectors = content_hashes(self._target, size, fit)
            where, how = self.params.target, self.params.group_by
            train_rows, test_rows, self.notes = halves(where, contents, vectors, groups, how, salt=self.name)
            train, test = self._target.select(train_rows), self._target.select(test_rows)
            test_groups = None if groups is None else groups[test_rows]
        else:
            train, test = self._target, self._test
            train = train.select(np.argsort([name_hash(name, self.params.target) for name in train.names]))
            test = test.select(np.argsort([name_hash(name, self.params.target_test) for name in test.names]))
            test_groups = np.array([self._sequence(name, self.params.target_test) for name in test.names])
            test_groups = test_groups if self.params.group_by else None
        train = train.select(np.arange(_at_most(train.n_images, limits.target_images)))
        test = test.select(np.arange(_at_most(test.n_images, limits.test_images)))
        if not self.params.labelled_target:
            train = train.unlabelled()
        if test_groups is not None:
            test_groups = np.unique(test_groups[: test.n_images], return_inverse=True)[1].astype(np.int64)
        return TargetSplits(
            working_set(train, size, fit),
            np.arange(train.n_images if self.params.labelled_target else 0),
            working_set(test, size, fit, native_labels=True),
            test_groups,
        )

    def describe(self, budget: str) -> list[str]:
        """What was recognised and how it is used, a line each, for the terminal."""
        lines = [f"{side}: {described(listing)}" for side, listing in self._sides.items()]
        counts = self.counts(Limits())
        lines.append(f"source split: {counts['source_train']} to train, {counts['source_val']} held out, by name hash")
        if self._test is None:
            group = self.params.group_by
            grouped = f"images of one {group} together" if group else "--group-by keeps the frames of a video together"
            lines.append(f"target split: half unlabelled to train, half to test, by content hash; {grouped}")
            if not group and self._target.format != class_folders.NAME:
                lines += warn_of_frames([PurePath(name).relative_to(self.params.target) for name in self._target.names])
        if LABELS[self.params.task] <= self.target_labels:
            also = ", and those of the training half to arms with real labels" if self.params.labelled_target else ""
            lines.append(f"target labels: used to score the test images{also}")
        if self.depth_range_m:
            medians = ", ".join(f"{side} {depth_m:.3g} m" for side, depth_m in self._median_depths_m.items())
            lines.append(f"median depth: {medians}")
            lines.append(f"depth range: {self.depth_range_m[0]:g} to {self.depth_range_m[1]:g} m (--depth-range)")
        width, height = self.size(self.params.task, budget)
        return [*lines, f"working size: {width}×{height} pixels (--size)"]

    # ------------------------------------------------------------------------------------------ reading

    def _read(self, root: Path, unit: str) -> Listing:
        other = self.params.target if root == self.params.source else self.params.source
        options = Options(self.params.task, parse_unit(unit) if unit else None, other, self.params.mask_levels)
        found = recognise(root, options)
        if found.format not in (class_folders.NAME, "BOP"):
            pictures = [Path(name).relative_to(root) for name in found.names]
            refuse_doubtful(root, pictures, "it would be trained on as a picture")
        return replace(found, notes=(*found.notes, *left_out.notes(root, files_below(root), found, self.params.task)))

    def _sequence(self, name: str, root: Path) -> str:
        return sequence_of(PurePath(name).relative_to(root), self.params.group_by)


def _without_sensor(listing: Listing) -> Listing:
    return replace(listing, pixels={name: read for name, read in listing.pixels.items() if name != "sensor_depth_m"})


def _n_val(n_images: int) -> int:
    return max(1, round(VAL_SHARE * n_images))


def _at_most(n_images: int, limit: int | None) -> int:
    return n_images if limit is None else min(n_images, limit)
