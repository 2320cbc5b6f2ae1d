"""Pascal VOC (Everingham et al., IJCV 2010): ``VOC2012/{JPEGImages,Annotations,ImageSets/Main}``.

20 classes; ``ImageSets/Main/{train,val,trainval}.txt`` name the images of a split. The root is the folder of one year.
Boxes are 1-based with their last pixel included (:mod:`bench.data.formats.voc`). Objects marked difficult count.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.formats import of_images
from bench.data.formats.voc import from_voc, read_annotation
from bench.data.listing import Listing
from bench.data.sets import refuse_missing

NAME, TITLE = "voc", "Pascal VOC"
LICENCE = "images from flickr, under its terms of use"
CITATION = "M. Everingham et al. The Pascal Visual Object Classes (VOC) Challenge. IJCV 2010."
EXPECTED = ("JPEGImages/*.jpg", "Annotations/*.xml", "ImageSets/Main/train.txt")
SPLITS = ("train", "val")
_CLASSES = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep "
    "sofa train tvmonitor"
)
CLASSES = tuple(_CLASSES.split())


def listing(root: Path, split: str) -> Listing:
    """One split with ``boxes`` and ``box_class`` of the 20 classes."""
    return of_list(root, split, CLASSES, TITLE)


def of_list(root: Path, list_name: str, classes: tuple[str, ...], title: str) -> Listing:
    """The images of a list with the boxes of some classes; boxes of others are left out."""
    file = root / "ImageSets" / "Main" / f"{list_name}.txt"
    if not file.is_file():
        raise DataError(f"{file} is missing, the list of the split's images; unpack the image sets there")
    names = [line.split()[0] for line in file.read_text().splitlines() if line.strip()]
    images = tuple(Path("JPEGImages", f"{name}.jpg") for name in names)
    labels = [root / "Annotations" / f"{name}.xml" for name in names]
    refuse_missing(root, labels, "unpack the annotations there")
    annotations = [read_annotation(label) for label in labels]
    kept = [[name in classes for name in annotation.names] for annotation in annotations]
    return replace(
        of_images(title, root, images, images),
        class_names=classes,
        boxes=lambda i: from_voc(annotations[i].boxes[kept[i]]),
        box_class=[
            np.array([classes.index(name) for name in annotation.names if name in classes], np.int64)
            for annotation in annotations
        ],
    )
