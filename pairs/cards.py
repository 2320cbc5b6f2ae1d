"""The pair ``cards``: drawn playing cards on made-up tables → phone photographs of playing cards, as boxes by rank.

    {train,test}/NAME.jpg        378 × 504 or 960 × 540 RGB, 1 to 6 cards
    {train,test}_labels.csv      filename, width, height, class, xmin, ymin, xmax, ymax: a line a box, pixels

*Source*: one to four faces of :mod:`pairs.drawn.card_faces`, at any angle, in perspective, lit unevenly, with
a soft shadow, on a background of noise (grain, cloth, planks), the whole slightly blurred. A label is the box of the
warped card, also where another card covers a part of it. Image ``i`` of a split depends on (version, split, i) alone.
*Target*: the published split into training and test photographs; training photographs that a test photograph nearly
repeats are left out. Both were taken in the same rooms with the same deck: a new room would be harder.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from bench.api import Limits, Pair, SourceSplits, TargetSplits
from bench.api.imageset import ImageSet
from bench.api.terms import Fit
from bench.data.downloads import Files, open_files
from bench.data.fitting import Size, fit_boxes, fit_image, fit_mask
from bench.data.image_files import read_picture
from bench.data.parallel import rows_of
from bench.data.public_sets import CARDS
from bench.data.splits import near_duplicates
from pairs.drawn.card_faces import RANKS, SUITS, face

SCENE = (240, 320)
"""Width and height at which scenes are drawn: 3:4, as most photographs are."""
MAX_CARDS = 4
MOST_COVERED = 0.25  # of a card's box, by the box of each card above it
N_SOURCE, N_VAL, N_TRAIN, N_TEST = 500, 60, 296, 67


class Cards(Pair):
    """Drawn playing cards → phone photographs of playing cards; see the module's docstring."""

    name = "cards"
    version = 1
    title = "Drawn playing cards on made-up tables → phone photographs of playing cards"
    tasks = frozenset({"detection"})
    class_names = RANKS
    source_labels = frozenset({"boxes", "box_class", "foreground"})
    target_labels = frozenset({"boxes", "box_class"})
    renders_more = True
    redistributable = True
    downloads = (CARDS.name,)
    tuned = (
        "Width, steps and batch of ssd_light were chosen by what training on its labelled photographs "
        "reaches in the time allowed; no refiner was part of that. Its suite is run once a version."
    )
    licence = CARDS.licence
    citation = CARDS.citation

    def size(self, task: str, budget: str) -> Size:
        """160 × 160, letterboxed; 320 × 320 for larger budgets."""
        return (160, 160) if budget == "light" else (320, 320)

    def counts(self, limits: Limits) -> dict[str, int]:
        """Images of each split, of ``target_train`` before near-duplicates go."""
        n_source = min(N_SOURCE, limits.source_images or N_SOURCE)
        n_train = min(N_TRAIN, limits.target_images or N_TRAIN)
        return {
            "source_train": n_source,
            "source_val": min(N_VAL, limits.source_images or N_VAL),
            "source_extra": n_source,
            "target_train": n_train,
            "target_train_labelled": n_train,
            "target_test": min(N_TEST, limits.test_images or N_TEST),
        }

    def source(self, size: Size, fit: Fit, limits: Limits) -> SourceSplits:
        """Draw the scenes."""
        counts = self.counts(limits)
        splits = ("source_train", "source_val", "source_extra")
        train, val, extra = (_drawn(split, counts[split], size, fit) for split in splits)
        return SourceSplits(train, val, extra)

    def target(self, size: Size, fit: Fit, limits: Limits) -> TargetSplits:
        """The photographs; all of the training split has labels for the arms that may use them."""
        files, counts = open_files(CARDS), self.counts(limits)
        train, test = _labelled(files, "train"), _labelled(files, "test")
        train_image, train_native = _photographs(files, list(train), size, fit)
        test_image, test_native = _photographs(files, list(test), size, fit)
        kept = np.delete(np.arange(len(train)), near_duplicates(train_image, test_image))
        kept = np.random.default_rng(0).permutation(kept)[: counts["target_train"]]
        tested = np.arange(counts["target_test"])
        boxes, box_class = _slots(list(train.values()))
        used = box_class >= 0
        for row, native in enumerate(train_native):
            boxes[row] = np.where(used[row, :, None], fit_boxes(boxes[row], tuple(native), size, fit), 0)
        test_boxes, test_class = _slots(list(test.values()))
        return TargetSplits(
            train=ImageSet.from_arrays(image=train_image[kept], boxes=boxes[kept], box_class=box_class[kept]),
            labelled_rows=np.arange(len(kept)),
            test=ImageSet.from_arrays(
                image=test_image[tested],
                boxes=test_boxes[tested],
                box_class=test_class[tested],
                native_size=test_native[tested],
            ),
        )


def _labelled(files: Files, split: str) -> dict[str, list[tuple[list[float], int]]]:
    """(box, class) of each photograph, by file name, sorted."""
    found: dict[str, list[tuple[list[float], int]]] = {}
    for line in csv.DictReader(files.text(f"{split}_labels.csv")):
        box = [float(line[edge]) for edge in ("xmin", "ymin", "xmax", "ymax")]
        found.setdefault(f"{split}/{line['filename']}", []).append((box, RANKS.index(line["class"])))
    return dict(sorted(found.items()))


def _photographs(files: Files, names: list[str], size: Size, fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Images at the working size, and their native widths and heights ``(N, 2) int64``."""
    native = np.empty((len(names), 2), np.int64)

    def read(row: int) -> np.ndarray:
        photograph = read_picture(Path(names[row]), files.read(names[row]))
        native[row] = photograph.shape[1], photograph.shape[0]
        return fit_image(photograph, size, fit)

    return rows_of(len(names), read, (size[1], size[0], 3), np.uint8), native


def _slots(labels: list[list[tuple[list[float], int]]]) -> tuple[np.ndarray, np.ndarray]:
    """``boxes (N, M, 4) float32`` and ``box_class (N, M) int64``, padded."""
    n_slots = max(map(len, labels))
    boxes = np.zeros((len(labels), n_slots, 4), np.float32)
    box_class = np.full((len(labels), n_slots), -1, np.int64)
    for row, found in enumerate(labels):
        for slot, (box, class_id) in enumerate(found):
            boxes[row, slot], box_class[row, slot] = box, class_id
    return boxes, box_class


# ------------------------------------------------------------------------------------------------- drawing


def _drawn(split: str, n_images: int, size: Size, fit: Fit) -> ImageSet:
    foreground = np.empty((n_images, size[1], size[0]), bool)
    labels: list[list[tuple[list[float], int]]] = [[]] * n_images

    def draw(row: int) -> np.ndarray:
        digest = hashlib.sha256(f"{Cards.name}/{Cards.version}/{split}/{row}".encode()).digest()
        scene, mask, found = scene_of(np.random.default_rng(int.from_bytes(digest[:16])))
        foreground[row], labels[row] = fit_mask(mask, size, fit), found
        return fit_image(scene, size, fit)

    image = rows_of(n_images, draw, (size[1], size[0], 3), np.uint8)
    boxes, box_class = _slots(labels)
    boxes = np.where(box_class[..., None] >= 0, fit_boxes(boxes, SCENE, size, fit), 0).astype(np.float32)
    return ImageSet.from_arrays(image=image, foreground=foreground, boxes=boxes, box_class=box_class)


def scene_of(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[tuple[list[float], int]]]:
    """A scene ``(320, 240, 3) uint8``, where cards are ``(320, 240) bool``, and (box, class) of each card."""
    width, height = SCENE
    scene = Image.fromarray(_table(generator))
    covered = Image.new("L", SCENE)
    found: list[tuple[list[float], int]] = []
    n_cards = int(generator.integers(1, MAX_CARDS + 1))
    for _ in range(20):
        if len(found) == n_cards:
            break
        corners = _corners(generator, n_cards)
        box = [*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()]
        if not (box[0] >= 2 and box[1] >= 2 and box[2] <= width - 2 and box[3] <= height - 2):
            continue
        if any(_share_covered(other, box) > MOST_COVERED for other, _ in found):
            continue
        rank, suit = int(generator.integers(len(RANKS))), SUITS[generator.integers(len(SUITS))]
        alpha = _lay(scene, face(RANKS[rank], suit), corners, generator)
        covered.paste(255, (0, 0), alpha)
        found.append((box, rank))
    if not found:
        return scene_of(generator)
    pixels = np.asarray(scene.filter(ImageFilter.GaussianBlur(generator.uniform(0, 1.2)))).astype(np.float32)
    tint = generator.uniform(0.7, 1.05) * generator.uniform(0.92, 1.08, 3)
    return np.clip(pixels * tint, 0, 255).astype(np.uint8), np.asarray(covered) > 127, found


def _corners(generator: np.random.Generator, n_cards: int) -> np.ndarray:
    """``(4, 2)`` pixels: where a card's upper left, upper right, lower right and lower left corners lie."""
    card_height = SCENE[1] * generator.uniform(0.22, 0.62 if n_cards == 1 else 0.42)
    half = np.array([card_height / 1.4, card_height]) / 2
    angle = generator.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    flat = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half @ turn
    depth = 1 + flat @ generator.uniform(-0.25, 0.25, 2) / card_height  # nearer parts are larger
    return np.array(SCENE) * generator.uniform(0.1, 0.9, 2) + flat / depth[:, None]


def _share_covered(box: list[float], above: list[float]) -> float:
    across = min(box[2], above[2]) - max(box[0], above[0])
    down = min(box[3], above[3]) - max(box[1], above[1])
    return max(across, 0) * max(down, 0) / ((box[2] - box[0]) * (box[3] - box[1]))


def _lay(scene: Image.Image, card: np.ndarray, corners: np.ndarray, generator: np.random.Generator) -> Image.Image:
    """Draw a card and its shadow into the scene; returns where it is."""
    height, width = card.shape[:2]
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    warped = Image.fromarray(card).transform(
        SCENE, Image.Transform.PERSPECTIVE, _homography(corners, flat), Image.Resampling.BICUBIC
    )
    alpha = warped.getchannel("A")
    offset = generator.integers(-4, 5, 2)
    shadow = Image.new("L", SCENE)
    shadow.paste(int(generator.uniform(60, 170)), (int(offset[0]), int(offset[1])), alpha)
    scene.paste((10, 10, 10), (0, 0), shadow.filter(ImageFilter.GaussianBlur(3)))
    x, y = np.meshgrid(np.linspace(-1, 1, SCENE[0]), np.linspace(-1, 1, SCENE[1]))
    slope_x, slope_y = generator.uniform(-0.25, 0.25, 2)
    light = generator.uniform(0.7, 1.05) + slope_x * x + slope_y * y
    lit = np.clip(np.asarray(warped.convert("RGB")) * light[..., None], 0, 255).astype(np.uint8)
    scene.paste(Image.fromarray(lit), (0, 0), alpha)
    return alpha


def _homography(seen: np.ndarray, flat: np.ndarray) -> Any:
    """Pillow's eight coefficients of the map that takes four points of the scene to those of the card."""
    rows = []
    for (u, v), (x, y) in zip(seen, flat, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -x * u, -x * v], [0, 0, 0, u, v, 1, -y * u, -y * v]]
    return tuple(np.linalg.solve(np.array(rows), flat.reshape(-1)))


def _table(generator: np.random.Generator) -> np.ndarray:
    """A background: two colours blended by smooth noise, drawn out to a grain, with fine noise and perhaps planks."""
    width, height = SCENE
    dark, bright = np.sort(generator.uniform(20, 230, (2, 1))) + generator.uniform(-25, 25, (2, 3))
    grain = np.zeros((height, width), np.float32)
    stretch = int(generator.choice([1, 1, 4, 12]))
    for octave in range(2, 7):
        cells = (max(2, 2**octave // stretch), 2**octave)
        coarse = Image.fromarray(generator.random(cells).astype(np.float32))
        grain += 0.6**octave * np.asarray(coarse.resize(SCENE, Image.Resampling.BICUBIC))
    grain = (grain - grain.min()) / (grain.max() - grain.min())
    pixels = dark + (bright - dark) * grain[..., None]
    pixels += generator.uniform(0, 22) * generator.standard_normal((height, width, 1))
    table = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if generator.random() < 0.3:
        pen, step = ImageDraw.Draw(table), int(generator.integers(40, 100))
        for left in range(int(generator.integers(step)), width, step):
            pen.line((left, 0, left, height), tuple(int(level) for level in np.clip(dark * 0.6, 0, 255)), 2)
    turned = table.rotate(90, expand=True).resize(SCENE) if generator.random() < 0.5 else table
    return np.asarray(turned)
