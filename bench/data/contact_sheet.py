"""Contact sheets: a pair's images with their labels drawn on them, to be looked at.

For each set of images a line of plain pictures, then a line for each label column: masks in colours over the grey
picture (255, ignored, stays grey), depth from near (yellow) to far (violet) with the unknown black, boxes with class
names, the axes of the object's frame (x red, y green, z blue; drawn without perspective from the middle of its pixels,
length by the object's turn alone), free distances as bars by column bin.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.api import Limits, Pair, UserError
from bench.api.imageset import ImageSet

SUFFIXES = (".png", ".webp", ".jpg")
CELL_PX = 144
MARGIN_PX = 22
_AXES = ((230, 60, 60), (70, 200, 70), (80, 120, 255))
Row = Mapping[str, np.ndarray]
Names = Sequence[str]


def preview(pair: Pair, path: Path, n_images: int = 10) -> None:
    """Write the contact sheet of a pair: its source, its target and, where it ships, the source's layouts in the
    target's look.

    Raises
    ------
    UserError: the path's suffix is not one of :data:`SUFFIXES`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"no picture can be written as {path.name!r}; allowed: names that end in {', '.join(SUFFIXES)}")
    task = min(pair.tasks)
    size = pair.size(task, "light")
    limits = Limits(source_images=n_images, target_images=n_images, test_images=n_images)
    source = pair.source(size, "resize", limits).train
    sets = {
        "source": source,
        "target" + (" (rendered stand-in)" if pair.stand_in else ""): pair.target(size, "resize", limits).train,
    }
    if "in_target_look" in source.columns:
        columns = {**source.columns, "image": source.columns["in_target_look"]}
        sets["source's layouts in the target's look"] = ImageSet(columns, source.assets)
    contact_sheet(sets, pair.class_names, path)


def contact_sheet(sets: Mapping[str, ImageSet], class_names: Names, path: Path) -> None:
    """Write a picture with the lines of each set of images, titles above them."""
    strips = []
    for title, images in sets.items():
        rows = [images.take(np.array([i])) for i in range(images.n_images)]
        firsts = [{name: column[0] for name, column in row.items()} for row in rows]
        strips += [(title, [_shown(row["image"]) for row in firsts])]
        for columns, draw in _DRAWN:
            if all(name in images.columns for name in columns):
                strips += [(f"{title}: {columns[0]}", [draw(row, class_names) for row in firsts])]
    width = max(len(cells) for _, cells in strips) * CELL_PX
    height = sum(cells[0].height + MARGIN_PX for _, cells in strips)
    sheet = Image.new("RGB", (width, height), (24, 24, 24))
    pen, top = ImageDraw.Draw(sheet), 0
    for title, cells in strips:
        pen.text((4, top + 3), title, fill=(235, 235, 235), font=ImageFont.load_default(14))
        for i, cell in enumerate(cells):
            sheet.paste(cell, (i * CELL_PX, top + MARGIN_PX))
        top += cells[0].height + MARGIN_PX
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def picture(row: Row, class_names: Names) -> Image.Image:
    """One picture of an image and the labels that ``row`` has: drawn over it where they have a place, below if not."""
    cell = _shown(row["image"])
    for columns, draw in _DRAWN:
        if columns[0] in _ON_TOP and all(name in row for name in columns):
            cell = draw(row, class_names)
    for columns, draw in _DRAWN:
        if columns[0] in _BELOW and all(name in row for name in columns):
            caption = draw(row, class_names)
            joined = Image.new("RGB", (CELL_PX, cell.height + caption.height))
            joined.paste(cell, (0, 0))
            joined.paste(caption, (0, cell.height))
            cell = joined
    return cell


def class_colours(n_classes: int) -> np.ndarray:
    """``(n, 3) uint8`` colours that differ in hue, neighbours strongly."""
    turns = [(i * 0.618034 % 1, 0.55 + 0.4 * (i % 2), 0.95 - 0.25 * (i // 2 % 2)) for i in range(n_classes)]
    return np.array([[round(255 * c) for c in colorsys.hsv_to_rgb(*turn)] for turn in turns], np.uint8)


def _shown(pixels: np.ndarray) -> Image.Image:
    """``(H, W, 3) uint8`` as a cell of the sheet: pixels enlarged as squares, or averaged."""
    height, width = pixels.shape[:2]
    resampling = Image.Resampling.NEAREST if width <= CELL_PX else Image.Resampling.BOX
    return Image.fromarray(pixels).resize((CELL_PX, round(CELL_PX * height / width)), resampling)


def _grey(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)


def _mask(row: Row, class_names: Names) -> Image.Image:
    colours = np.concatenate([class_colours(len(class_names)), np.zeros((256 - len(class_names), 3), np.uint8)])
    share = np.where(row["mask"] < len(class_names), 0.65, 0.0)[..., None]
    return _shown(((1 - share) * _grey(row["image"]) + share * colours[row["mask"]]).astype(np.uint8))


def _foreground(row: Row, class_names: Names) -> Image.Image:
    share = np.where(row["foreground"], 0.6, 0.0)[..., None]
    return _shown(((1 - share) * _grey(row["image"]) + share * np.array([255, 140, 0])).astype(np.uint8))


def _depth(row: Row, class_names: Names) -> Image.Image:
    from matplotlib import colormaps

    depth_m = row["depth_m"].astype(np.float64)
    known = depth_m > 0
    near, far = (depth_m[known].min(), depth_m[known].max()) if known.any() else (1.0, 2.0)
    near, far = row.get("depth_limits_m", (near, far))
    share = np.log(np.where(known, depth_m, near) / near) / max(np.log(far / near), 1e-6)
    colours = colormaps["plasma_r"](share)[..., :3] * 255
    cell = _shown(np.where(known[..., None], colours, 0).astype(np.uint8))
    ImageDraw.Draw(cell).text((3, cell.height - 14), f"{near:.2f} to {far:.2f} m", fill="white")
    return cell


def _boxes(row: Row, class_names: Names) -> Image.Image:
    cell = _shown(row["image"])
    pen, scale, colours = ImageDraw.Draw(cell), CELL_PX / row["image"].shape[1], class_colours(len(class_names))
    for box, class_id in zip(row["boxes"], row["box_class"], strict=True):
        if class_id >= 0:
            colour = tuple(int(c) for c in colours[class_id])
            left, top, right, bottom = box * scale
            pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour)
            pen.text((left + 2, top), class_names[int(class_id)], fill=colour)
    return cell


def _pose(row: Row, class_names: Names) -> Image.Image:
    w, x, y, z = row["quaternion"].astype(float)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    axes = (np.eye(3) + 2 * w * cross + 2 * cross @ cross).T  # rows: the object's axes in camera axes
    cell = _shown((row["image"] * 0.6).astype(np.uint8))
    pen, scale = ImageDraw.Draw(cell), CELL_PX / row["image"].shape[1]
    seen = row.get("foreground", np.zeros(row["image"].shape[:2], bool))
    v, u = np.nonzero(seen if seen.any() else ~seen)
    middle = np.array([np.mean(u) + 0.5, np.mean(v) + 0.5]) * scale
    for i in np.argsort(-axes[:, 2]):  # the far ones first
        tip = middle + axes[i, :2] * CELL_PX * 0.32
        pen.line((*middle, *tip), fill=_AXES[i], width=3)
    return cell


def _class_name(row: Row, class_names: Names) -> Image.Image:
    cell = Image.new("RGB", (CELL_PX, 18), (24, 24, 24))
    text, colour = class_names[int(row["class_id"])], "white"
    if "true_class_id" in row and row["true_class_id"] != row["class_id"]:
        text, colour = f"{text}: wrong", "#ffa875"
    ImageDraw.Draw(cell).text((4, 2), text, fill=colour, font=ImageFont.load_default(13))
    return cell


def _free_distance(row: Row, class_names: Names) -> Image.Image:
    free_m = row["free_distance_m"]
    most_m = max(float(row.get("free_limit_m", free_m.max())), 1e-6)
    cell = Image.new("RGB", (CELL_PX, CELL_PX // 2), (24, 24, 24))
    pen, step = ImageDraw.Draw(cell), CELL_PX / len(free_m)
    for i, metres in enumerate((free_m / most_m).clip(0, 1)):
        bar = (i * step, cell.height * (1 - metres), (i + 1) * step - 2, cell.height)
        pen.rectangle(bar, fill=(90, 190, 120) if metres else None)
    pen.text((3, 1), f"up to {most_m:.1f} m", fill="white")
    return cell


_DRAWN: tuple[tuple[tuple[str, ...], Callable[[Row, Names], Image.Image]], ...] = (
    (("class_id",), _class_name),
    (("mask",), _mask),
    (("foreground",), _foreground),
    (("depth_m",), _depth),
    (("boxes", "box_class"), _boxes),
    (("quaternion",), _pose),
    (("free_distance_m",), _free_distance),
)
_ON_TOP, _BELOW = ("mask", "depth_m", "boxes", "quaternion"), ("class_id", "free_distance_m")
