"""Folders whose names do not tell pictures from label maps: refused, by what the files look like.

A *family* is the files of one camera: their names without numbers (``ids_0000.png``, ``ids_0001.png`` …). A folder is
refused where most frames of a family are also frames of another family, of pictures, and the first looks like labels:

    deep    more than 8 bits per pixel
    flat    few colours, also after JPEG
    grey    smooth levels of grey, as depth in 8 bits, beside pictures in colour

Only families that share frames are opened, a few files of each, so that a folder of one camera is not read at all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
from PIL import Image, ImageFilter

from bench.api.errors import DataError
from bench.data.image_files import opened
from bench.data.roles import label_words

FLAT_SHARE = 0.85
"""Of a label map's pixels, how many have one of its 16 commonest colours, at least. The renders that ship have 0.5 to
0.8, photographs less; compressed maps of class ids have 0.9."""
JPEG_SHARE = 0.7
"""The same of JPEG, once a median filter took its ringing away: small maps have 0.7 to 1."""
SMOOTH_SHARE = 0.9
"""Of a depth map's pixels, how many lie on a slope: a level or less from the mean of their neighbours."""
MOST_FAMILIES = 64
"""Class folders may be hundreds of families with the frames 1 to 50; a label map has few others beside it."""
SAMPLED = 4
STEP = 2
DEEP_MODES = ("I", "F")
"""Of Pillow: more than 8 bits per pixel, which depth maps have and pictures have not."""
_WHY = {
    "deep": "has more than 8 bits per pixel",
    "flat": "has few, flat colours",
    "grey": "has smooth levels of grey, as depth has,",
}


def refuse_doubtful(root: Path, pictures: Sequence[Path], harm: str) -> None:
    """Refuse a folder in which a family of pictures looks like the label maps of another.

    Parameters
    ----------
    pictures : sequence of Path
        Relative to ``root``.
    harm : str
        What would become of a label map, as "refining would rewrite it".

    Raises
    ------
    DataError
        Names one file of each family, and says how to name label maps.
    """
    families: dict[str, dict[str, Path]] = defaultdict(dict)
    holders: dict[str, list[str]] = defaultdict(list)
    for picture in pictures:
        family, frame = _family(picture), _frame(picture)
        if frame not in families[family]:
            holders[frame].append(family)
        families[family][frame] = picture
    looks: dict[str, str] = {}

    def look(name: str) -> str:
        if name not in looks:
            looks[name] = _look(root, list(families[name].values()))
        return looks[name]

    for name, frames in families.items():
        n_shared: dict[str, int] = defaultdict(int)
        for frame in frames:
            for other in holders[frame][:MOST_FAMILIES]:
                n_shared[other] += 1
        for other, n in n_shared.items():
            if other == name or 2 * n <= len(frames) or look(name) not in _WHY:
                continue
            if look(other) == "picture":
                frame = min(frames.keys() & families[other].keys())
                label, picture = frames[frame], families[other][frame]
                why = (
                    "but its name does not say so" if not label_words(label) else "but the rest of their names differs"
                )
                raise DataError(
                    f"{root}: {label.as_posix()} {_WHY[look(name)]} and may be the label map of {picture.as_posix()}, "
                    f"{why}; {harm}. If these files are labels, put them into a folder called masks or depth, under "
                    "the names of their pictures, or give them those names with _mask or _depth behind; if they are "
                    "pictures, move them to a folder of their own and name that"
                )


def _family(picture: PurePath) -> str:
    """What the names of one camera's files have in common: the path without its numbers, or folder and suffix.

    ``0001.jpg`` and ``0001.png`` are of two families.
    """
    name = picture.as_posix()
    stem = name.removesuffix(picture.suffix)
    return (
        re.sub(r"[0-9]+", "#", name) if re.search("[0-9]", stem) else f"{picture.parent.as_posix()}/*{picture.suffix}"
    )


def _frame(picture: PurePath) -> str:
    """What the files of one frame have in common: the numbers of their names, or of their folders; the name itself."""
    numbers = re.findall("[0-9]+", picture.stem) or re.findall("[0-9]+", picture.parent.as_posix())
    return "-".join(numbers) or picture.stem


def _look(root: Path, pictures: Sequence[Path]) -> str:
    """What some files look like: a key of ``_WHY``, ``picture`` or ``grey picture``."""
    places = np.unique(np.linspace(0, len(pictures) - 1, SAMPLED).round().astype(int))
    flat, smooth, coloured = [], [], []
    for place in places:
        with opened(root / pictures[place]) as image:
            if image.mode.startswith(DEEP_MODES):
                return "deep"
            rgb = image.convert("RGB")
        pixels = np.asarray(rgb).astype(np.int32)
        coloured.append(bool((pixels != pixels[..., :1]).any()))
        is_jpeg = pictures[place].suffix.lower() in (".jpg", ".jpeg") and min(rgb.size) > 2 * STEP
        clean = np.asarray(_without_ringing(rgb)).astype(np.int32) if is_jpeg else pixels[::STEP, ::STEP]
        flat.append(_commonest(clean) >= (JPEG_SHARE if is_jpeg else FLAT_SHARE))
        smooth.append(_on_slopes(pixels[..., 0]))
    if 2 * sum(flat) >= len(flat):
        return "flat"
    if any(coloured):
        return "picture"
    return "grey" if np.median(smooth) >= SMOOTH_SHARE else "grey picture"


def _without_ringing(image: Image.Image) -> Image.Image:
    """A picture without what JPEG draws around edges."""
    return image.filter(ImageFilter.MedianFilter(5)).reduce(STEP)


def _on_slopes(grey: np.ndarray) -> float:
    """The share of pixels that are a level or less from the mean of their neighbours, across and down."""
    if min(grey.shape) < 3:
        return 0.0
    inner = grey[1:-1, 1:-1]
    across = np.abs(grey[1:-1, :-2] + grey[1:-1, 2:] - 2 * inner) <= 2
    down = np.abs(grey[:-2, 1:-1] + grey[2:, 1:-1] - 2 * inner) <= 2
    return float((across & down).mean())


def _commonest(pixels: np.ndarray) -> float:
    """The share of an image's pixels that have one of its 16 commonest colours, told apart by 32 levels per channel.

    Smooth edges and weak compression change a label map in few pixels; shading and noise change a picture in most.
    Greys are told apart by 64 levels.
    """
    some = pixels.reshape(-1, 3)
    is_grey = (some == some[:, :1]).all()
    levels = some[:, 0] >> 2 if is_grey else (some >> 3) @ (1024, 32, 1)
    counts = np.sort(np.bincount(levels))[::-1]
    return float(counts[:16].sum() / counts.sum())
