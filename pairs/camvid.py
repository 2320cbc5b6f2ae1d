"""The pair ``camvid``: procedural streets → CamVid's photographs from a car, eleven classes.

    {train,test}.txt                     a photograph and its label map a line; only the file names are used
    {train,test}/NAME.png                480 × 360 RGB (in the JPEG copy: ``jpeg_full/…/NAME.jpg``)
    {train,test}annot/NAME.png           8-bit class ids: 0..10 as ``class_names``, 11 = void → 255, ignored

*Source*: the source's look of the pair ``street``, 128 × 96, whose ids are CamVid's. Option ``source=carla``: 17 frames
of the CARLA simulator instead, far too few to be a serious source, mapped to CamVid's classes by :data:`_OF_CARLA` and
cut in their middle to 4:3.
*Target*: SegNet's split, 367 photographs for training and 233 for the test. Its 101 photographs for validation are
fetched and not read: nothing here is selected by target labels. Sequence 0001TP is cut in its middle by the split;
training photographs that a test photograph nearly repeats are left out. Intervals over test images treat
:data:`BLOCK` neighbouring frames (10 s) as one.
*JPEG copy*: ``images=jpeg88`` reads photographs that were encoded again, as JPEG of quality 88, and untouched labels.
Its tables are called so, and their figures are not those of the original photographs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

import numpy as np

from bench.api import Frozen, Limits, Pair, SourceSplits, TargetSplits
from bench.api.imageset import ImageSet
from bench.api.terms import Fit
from bench.data.downloads import Files, open_files
from bench.data.fitting import Size, fit_image, fit_mask
from bench.data.image_files import opened, read_ids, read_picture
from bench.data.parallel import rows_of
from bench.data.public_sets import CAMVID, CAMVID_JPEG88, CARLA
from bench.data.splits import near_duplicates
from pairs.street import StreetPair

NATIVE = (480, 360)
VOID, IGNORE = 11, 255
JPEG_FOLDER = "jpeg_full/"
BLOCK = 10
N_TRAIN, N_TEST = 367, 233
N_CARLA, N_CARLA_VAL = 15, 2

_COURSERA = {13: 0, 1: 1, 11: 1, 5: 2, 6: 3, 7: 3, 8: 4, 9: 5, 12: 6, 18: 6, 2: 7, 10: 8, 4: 9}
_SCAPES = {
    11: 0,
    3: 1,
    4: 1,
    6: 2,
    1: 3,
    24: 3,
    2: 4,
    9: 5,
    8: 6,
    7: 6,
    5: 7,
    14: 8,
    15: 8,
    16: 8,
    12: 9,
    13: 10,
    19: 10,
}
_OF_CARLA = {"carla_coursera_sample": _COURSERA, "carlascapes_sample": _SCAPES}
"""CARLA's ids (0.9.10 to 0.9.13, and from 0.9.14) → CamVid's; all others are ignored."""


class Params(Frozen):
    """``images``: the photographs as published, or the JPEG copy. ``source``: which synthetic side."""

    images: Literal["png", "jpeg88"] = "png"
    source: Literal["street", "carla"] = "street"


class Camvid(Pair):
    """Procedural streets → photographs from a car (CamVid, 11 classes); see the module's docstring."""

    name = "camvid"
    version = 1
    title = "Procedural streets, plainly drawn → CamVid's photographs from a car"
    tasks = frozenset({"segmentation"})
    class_names = StreetPair.class_names
    data_files = StreetPair.data_files
    source_labels = frozenset({"mask"})
    target_labels = frozenset({"mask"})
    tuned = (
        "Width, steps and batch of deeplab_v2_light were chosen by what training on its labelled photographs "
        "reaches in the time allowed; no refiner was part of that. Its suite is run once a version."
    )
    licence = CAMVID.licence
    citation = CAMVID.citation
    Params: ClassVar[type[Frozen]] = Params

    def __init__(self, params: Frozen | None = None) -> None:
        super().__init__(params)
        if self.params.source == "carla":
            self.title = "17 frames of CARLA → CamVid's photographs from a car"
        if self.params.images == "jpeg88":
            self.title += ", encoded again as JPEG of quality 88"
        self._photographs = CAMVID_JPEG88 if self.params.images == "jpeg88" else CAMVID
        self.downloads = (self._photographs.name, *((CARLA.name,) if self.params.source == "carla" else ()))

    def size(self, task: str, budget: str) -> Size:
        """128 × 96, the size of the embedded streets; CARLA's frames serve larger budgets at 240 × 180."""
        return (240, 180) if self.params.source == "carla" and budget != "light" else (128, 96)

    def counts(self, limits: Limits) -> dict[str, int]:
        """Images of each split, of ``target_train`` before near-duplicates go."""
        if self.params.source == "carla":
            most = {"source_train": N_CARLA, "source_val": N_CARLA_VAL}
        else:
            street = StreetPair().counts(Limits())
            most = {split: street[split] for split in ("source_train", "source_val")}
        most |= {"target_train": N_TRAIN, "target_test": N_TEST}
        limit_of = {"source": limits.source_images, "target_train": limits.target_images}
        limit_of["target_test"] = limits.test_images
        counts = {
            split: min(n_images, limit_of.get(split, limit_of["source"]) or n_images)
            for split, n_images in most.items()
        }
        return counts | {"target_train_labelled": counts["target_train"]}

    def source(self, size: Size, fit: Fit, limits: Limits) -> SourceSplits:
        """Streets or CARLA's frames, with masks alone."""
        if self.params.source == "carla":
            return _carla(size, fit, self.counts(limits)["source_train"])
        street = StreetPair().source(size, fit, limits)
        return SourceSplits(street.train.only(frozenset({"mask"})), street.val.only(frozenset({"mask"})))

    def target(self, size: Size, fit: Fit, limits: Limits) -> TargetSplits:
        """The photographs; all of the training split has labels for the arms that may use them."""
        files = open_files(self._photographs)
        folder = JPEG_FOLDER if self.params.images == "jpeg88" else ""
        train, test = _names(files, "train"), _names(files, "test")
        train_image, test_image = (self._images(files, names, size, fit) for names in (train, test))
        kept = np.delete(np.arange(len(train)), near_duplicates(train_image, test_image))
        order = np.random.default_rng(0).permutation(len(kept))  # a smaller set is a sample of all sequences
        kept = kept[order][: self.counts(limits)["target_train"]]
        mask = _masks(files, folder, [train[row] for row in kept], size, partial(fit_mask, size=size, fit=fit))
        n_test = self.counts(limits)["target_test"]
        tested = np.linspace(0, len(test) - 1, n_test).round().astype(np.int64)
        blocks = _blocks(test)[tested]
        return TargetSplits(
            train=ImageSet.from_arrays(image=train_image[kept], mask=mask),
            labelled_rows=np.arange(len(kept)),
            test=ImageSet.from_arrays(
                image=test_image[tested],
                mask=_masks(files, folder, [test[row] for row in tested], NATIVE, lambda mask: mask),
                native_size=np.tile(np.array(NATIVE), (n_test, 1)),
            ),
            groups=np.unique(blocks, return_inverse=True)[1],
        )

    def _images(self, files: Files, names: list[str], size: Size, fit: Fit) -> np.ndarray:
        """Photographs ``split/NAME`` at the working size."""

        def read(row: int) -> np.ndarray:
            name = f"{names[row]}.png" if self.params.images == "png" else f"{JPEG_FOLDER}{names[row]}.jpg"
            return fit_image(read_picture(Path(name), files.read(name)), size, fit)

        return rows_of(len(names), read, (size[1], size[0], 3), np.uint8)


def _names(files: Files, split: str) -> list[str]:
    """``split/NAME`` of each photograph, in the order of the list."""
    return [f"{split}/{PurePosixPath(line.split()[0]).stem}" for line in files.text(f"{split}.txt")]


def _masks(
    files: Files, folder: str, names: list[str], size: Size, fitted: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Label maps of the photographs, each brought to ``size`` by ``fitted``, void as 255."""

    def read(row: int) -> np.ndarray:
        name = f"{folder}{names[row].replace('/', 'annot/')}.png"
        ids = read_ids(Path(name), files.read(name))
        return fitted(np.where(ids == VOID, IGNORE, ids).astype(np.uint8))

    return rows_of(len(names), read, (size[1], size[0]), np.uint8)


def _blocks(names: list[str]) -> np.ndarray:
    """A number for each photograph that :data:`BLOCK` neighbours of one sequence share; names are in their order."""
    sequences = [PurePosixPath(name).name.split("_")[0] for name in names]
    place = np.array([sequences[:row].count(sequence) for row, sequence in enumerate(sequences)])
    return np.unique(sequences, return_inverse=True)[1] * len(names) + place // BLOCK


def _carla(size: Size, fit: Fit, n_train: int) -> SourceSplits:
    files = open_files(CARLA)
    frames = [name for name in files.digests if "/rgb/" in name or name.endswith("_img.png")]
    image = np.stack([fit_image(_middle(read_picture(Path(name), files.read(name))), size, fit) for name in frames])
    mask = np.stack([fit_mask(_middle(_carla_ids(files, name)), size, fit) for name in frames])
    order = np.random.default_rng(0).permutation(len(frames))
    whole = ImageSet.from_arrays(image=image, mask=mask)
    return SourceSplits(whole.select(order[N_CARLA_VAL:][:n_train]), whole.select(order[:N_CARLA_VAL]))


def _carla_ids(files: Files, frame: str) -> np.ndarray:
    """``(H, W) uint8`` CamVid's ids of a frame; the first channel of the file holds CARLA's."""
    name = frame.replace("/rgb/", "/labels/").replace("_img.png", "_labelIds.png")
    with opened(Path(name), files.read(name)) as picture:
        ids = np.asarray(picture.getchannel(0))
    table = np.full(256, IGNORE, np.uint8)
    for theirs, ours in _OF_CARLA[frame.partition("/")[0]].items():
        table[theirs] = ours
    return table[ids]


def _middle(pixels: np.ndarray) -> np.ndarray:
    """The largest part of 4:3 in the middle."""
    height, width = pixels.shape[:2]
    left = max(0, width - height * 4 // 3) // 2
    return np.ascontiguousarray(pixels[:, left : width - left])
