"""BOP's LM, T-LESS and YCB-V (Hodaň et al., ECCV 2018): ``SPLIT/000001/{rgb,depth,mask_visib}`` with three JSON files.

The splits are the folders of the root that hold scenes: ``train_pbr``, ``train``, ``test``, ``train_primesense`` …
:mod:`bench.data.formats.bop` says what is read and how crops are cut. A scene of LM's ``test`` annotates one object,
that of its own number; crops of others are left out there. Cropped LineMod, the set of PixelDA, was never released:
eleven objects without rotational symmetry, cropped from these scenes, stand in for it (our construction).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.api.errors import DataError
from bench.data.formats import bop as layout
from bench.data.listing import Listing

NAME, TITLE = "bop-lm", "a BOP data set"
LICENCE = "LM and T-LESS: CC BY 4.0; YCB-V: MIT"
CITATION = "T. Hodaň et al. BOP: Benchmark for 6D Object Pose Estimation. ECCV 2018."
EXPECTED = ("*/*/scene_gt.json", "*/*/scene_camera.json", "*/*/scene_gt_info.json")
OBJECTS = {1: "ape", 2: "benchvise", 4: "camera", 5: "can", 6: "cat", 8: "driller", 9: "duck"} | {
    12: "holepuncher",
    13: "iron",
    14: "lamp",
    15: "phone",
}
"""LM's eleven objects without rotational symmetry."""


def splits(root: Path) -> tuple[str, ...]:
    """The folders that hold scenes."""
    return tuple(sorted({path.parts[-3] for path in root.glob(EXPECTED[0])}))


def listing(root: Path, split: str) -> Listing:
    """Whole images with all that their scenes hold; see :func:`cropped` for pose."""
    return layout.complete(_shots(root, split))


def cropped(root: Path, split: str) -> Listing:
    """Crops of LM's eleven objects: class, quaternion, foreground, and ``sensor_depth_m`` as an input."""
    crops = layout.crops(_shots(root, split), tuple(OBJECTS), of_scene=split == "test")
    return replace(crops, format=TITLE, class_names=tuple(OBJECTS.values()))


def _shots(root: Path, split: str) -> list[layout.Shot]:
    folders = sorted(path.parent for path in (root / split).glob("*/scene_gt.json"))
    if not folders:
        found = ", ".join(splits(root)) or "none"
        raise DataError(f"{root} has no split {split!r}; found {found}: unpack it there")
    return layout.with_visibility([shot for folder in folders for shot in layout.read_scene(folder)])[0]
