"""SIM10K (Johnson-Roberson et al., ICRA 2017): ``VOC2012/{JPEGImages,Annotations,ImageSets/Main}``.

10,000 frames of 1914×1052 with 58,701 boxes of cars, the one class that is used; ``ImageSets/Main/trainval10k.txt``
lists them. The root is the folder ``VOC2012``.
"""

from __future__ import annotations

from pathlib import Path

from bench.data.listing import Listing
from bench.data.sets.voc import of_list

NAME, TITLE = "sim10k", "SIM10K"
LICENCE = "non-commercial"
CITATION = "M. Johnson-Roberson et al. Driving in the Matrix. ICRA 2017."
EXPECTED = ("JPEGImages/*.jpg", "Annotations/*.xml", "ImageSets/Main/trainval10k.txt")
SPLITS = ("all",)


def listing(root: Path, split: str = "all") -> Listing:
    """All frames with the boxes of cars."""
    return of_list(root, "trainval10k", ("car",), TITLE)
