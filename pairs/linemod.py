"""The pair ``linemod``: renders of five LineMod objects on black → photographs of them, 64 × 64 crops.

    fine/OBJECT/fineI.png, coarse/OBJECT/coarseI.png   the source; real/OBJECT/realI.png   the target
    DOMAIN/OBJECT/poses.txt        two lines an image: "# NAME", then a unit quaternion
    real/training_split.txt        indices of the training photographs, counted from 0, the same for all objects

*Quaternions* are w, x, y, z and turn the object into the camera's axes. The set does not say so; it follows from the
renders: of 200 pairs of ``duck`` renders whose poses, read so, differ by a turn about the view axis alone, one picture
turned by that angle is the other one to 1.1 grey levels of 255 (mean; as they are, they differ by 7.1). No other
reading gives less than 4.0.
*Source*: the coarse renders are byte-identical copies of fine ones, all 1,335 of them, so each picture is taken once.
*Foreground*: pixels that are not black. Black pixels inside an object are lost by that: 0.6 % of the benchvise's, and
less than 0.04 % of the others'.
*Target*: the set's own training split. Photographs of the training split that a test photograph nearly repeats
(:mod:`bench.data.splits`) are left out of training; the test set is the set's own. All photographs of an object are one
sequence, whose views the split interleaves: intervals treat :data:`BLOCK` neighbouring indices as one.

Rows stand in the order of the content hash: a smaller set is a random part of a larger one.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import field_validator

from bench.api import Frozen, Limits, Pair, SourceSplits, TargetSplits, UserError
from bench.api.errors import DataError
from bench.api.imageset import Column, ImageSet
from bench.api.names import nearest
from bench.api.terms import Fit
from bench.data.downloads import Files, open_files
from bench.data.fitting import Size
from bench.data.image_files import read_picture
from bench.data.parallel import rows_of
from bench.data.public_sets import LINEMOD
from bench.data.splits import content_hash, near_duplicates

SIDE = 64
OBJECTS = ("ape", "benchvise", "cam", "cat", "duck")
BLOCK = 20
N_SOURCE, N_VAL, N_TRAIN, N_TEST = 4549, 506, 2335, 3535


class Params(Frozen):
    """PixelDA's test on unseen objects (its table 4): ``held_out_classes``, joined by ``+``, are kept from refiners.

    They learn from the other objects' images alone and refine those of all. ``test``: photographs to score on, of
    ``all`` objects or of the ``held_out`` ones alone.
    """

    held_out_classes: tuple[str, ...] = ()
    test: Literal["all", "held_out"] = "all"

    @field_validator("held_out_classes", mode="before")
    @classmethod
    def _joined(cls, value: object) -> object:
        return tuple(value.split("+")) if isinstance(value, str) else value


class Linemod(Pair):
    """Five objects, rendered on black → LineMod's photographs of them; see the module's docstring."""

    name = "linemod"
    version = 1
    title = "LineMod renders on black, 5 objects → LineMod photographs"
    tasks = frozenset({"classification", "pose"})
    class_names = OBJECTS
    source_labels = frozenset({"class_id", "quaternion", "foreground"})
    target_labels = frozenset({"class_id", "quaternion"})
    downloads = (LINEMOD.name,)
    tuned = (
        "Width, steps and batch of pose_light were chosen by what training on its labelled photographs "
        "reaches in the time allowed; no refiner was part of that. Its suite is run once a version."
    )
    licence = LINEMOD.licence
    citation = LINEMOD.citation
    Params: ClassVar[type[Frozen]] = Params

    def __init__(self, params: Frozen | None = None) -> None:
        super().__init__(params)
        held_out = self.params.held_out_classes
        if wrong := [name for name in held_out if name not in OBJECTS]:
            raise UserError(
                f"pair 'linemod' has no class {wrong[0]!r} to hold out{nearest(wrong[0], OBJECTS)} Allowed: "
                f"{', '.join(OBJECTS)}, joined by +."
            )
        if len(set(held_out)) == len(OBJECTS) or (self.params.test == "held_out" and not held_out):
            raise UserError(f"pair 'linemod' was asked to hold out {held_out or 'nothing'}: name one to four classes")

    def size(self, task: str, budget: str) -> Size:
        """64 × 64, the crops' own size."""
        return SIDE, SIDE

    def counts(self, limits: Limits) -> dict[str, int]:
        """Images of each split: exact."""
        n_test = N_TEST
        if self.params.test == "held_out":
            n_test = N_TEST // len(OBJECTS) * len(set(self.params.held_out_classes))
        n_train = min(N_TRAIN, limits.target_images or N_TRAIN)
        return {
            "source_train": min(N_SOURCE, limits.source_images or N_SOURCE),
            "source_val": min(N_VAL, limits.source_images or N_VAL),
            "target_train": n_train,
            "target_train_labelled": n_train,
            "target_test": min(n_test, limits.test_images or n_test),
        }

    def source(self, size: Size, fit: Fit, limits: Limits) -> SourceSplits:
        """The renders; ``source_val`` is the first tenth in the order of the content hash."""
        _check_size(size)
        files = open_files(LINEMOD)
        found = [_read(files, domain) for domain in ("fine", "coarse")]
        columns = {name: np.concatenate([columns[name] for columns, _ in found]) for name in found[0][0]}
        _, rows = np.unique(content_hash(columns["image"]), return_index=True)
        columns["foreground"] = np.any(columns["image"], axis=3)
        counts = self.counts(limits)
        whole = ImageSet({name: Column(array) for name, array in columns.items()})
        train = whole.select(rows[N_VAL:][: counts["source_train"]])
        return SourceSplits(
            train=train,
            val=whole.select(rows[:N_VAL][: counts["source_val"]]),
            fit_rows=self._known(train),
        )

    def target(self, size: Size, fit: Fit, limits: Limits) -> TargetSplits:
        """The photographs; all of the training split has labels for the arms that may use them."""
        _check_size(size)
        files = open_files(LINEMOD)
        columns, index = _read(files, "real")
        indices = np.array([int(text) for text in "".join(files.text("real/training_split.txt")).split(",")])
        in_train = np.isin(index, indices)
        order = np.argsort(content_hash(columns["image"]), kind="stable")
        train_rows, test_rows = order[in_train[order]], order[~in_train[order]]
        repeated = near_duplicates(columns["image"][train_rows], columns["image"][test_rows])
        whole = ImageSet({name: Column(array) for name, array in columns.items()})
        counts = self.counts(limits)
        train = whole.select(np.delete(train_rows, repeated)[: counts["target_train"]])
        if self.params.test == "held_out":
            held_out = [OBJECTS.index(name) for name in self.params.held_out_classes]
            test_rows = test_rows[np.isin(columns["class_id"][test_rows], held_out)]
        test_rows = test_rows[: counts["target_test"]]
        sequences = columns["class_id"] * (index.max() // BLOCK + 1) + index // BLOCK
        return TargetSplits(
            train=train,
            labelled_rows=np.arange(train.n_images),
            test=whole.select(test_rows),
            groups=np.unique(sequences[test_rows], return_inverse=True)[1],
            fit_rows=self._known(train),
        )

    def _known(self, images: ImageSet) -> np.ndarray | None:
        """Rows of the classes that refiners may know."""
        if not self.params.held_out_classes:
            return None
        held_out = [OBJECTS.index(name) for name in self.params.held_out_classes]
        class_id = images.columns["class_id"].take(np.arange(images.n_images))
        return np.flatnonzero(~np.isin(class_id, held_out))


def _read(files: Files, domain: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Columns of all images of a domain, object by object, and each image's index in its folder."""
    names, class_id, quaternion = [], [], []
    for number, name in enumerate(OBJECTS):
        lines = files.text(f"{domain}/{name}/poses.txt")
        for title, pose in zip(lines[::2], lines[1::2], strict=True):
            names.append(f"{domain}/{name}/{title.removeprefix('# ')}")
            class_id.append(number)
            quaternion.append([float(part) for part in pose.split()])
    image = rows_of(len(names), lambda i: read_picture(Path(names[i]), files.read(names[i])), (SIDE, SIDE, 3), np.uint8)
    columns = {
        "image": image,
        "class_id": np.array(class_id, np.int64),
        "quaternion": np.array(quaternion, np.float32),
    }
    index = np.array([int(name.rpartition("/")[2].removeprefix(domain).removesuffix(".png")) for name in names])
    return columns, index


def _check_size(size: Size) -> None:
    if size != (SIDE, SIDE):
        raise DataError(f"pair 'linemod' was asked for {size[0]} × {size[1]} pixels; its crops have {SIDE} × {SIDE}")
