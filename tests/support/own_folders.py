"""Folders as users have them, written by tests: the same scenes in every format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (48, 32)
BOXES = [(4, 6, 20, 26), (22, 2, 44, 15)]
CLASSES = ("car", "traffic light")


def picture(seed: int, size: tuple[int, int] = SIZE, tint: tuple[float, float, float] = (1, 1, 1)) -> np.ndarray:
    """``(H, W, 3) uint8`` of smooth noise: no two are near-duplicates."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return (np.asarray(coarse) * np.array(tint)).astype(np.uint8)


def scene(i: int, seed: int = 0) -> np.ndarray:
    """The picture of scene ``i``, tinted where each of its boxes is; no two are near-duplicates."""
    pixels = picture(1000 * seed + i)
    for box, class_id in boxes_of(i):
        left, top, right, bottom = box
        colour = np.array((250, 250, 40) if class_id else (40, 40, 250))
        pixels[top:bottom, left:right] = (pixels[top:bottom, left:right] * 0.7 + colour * 0.3).astype(np.uint8)
    return pixels


def boxes_of(i: int) -> list[tuple[tuple[int, int, int, int], int]]:
    """Scene ``i``'s boxes and classes: one, two, or for every fourth none."""
    return [] if i % 4 == 3 else [(BOXES[j], (i + j) % 2) for j in range(1 + i % 2)]


def save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_coco(root: Path, n: int, seed: int = 0, names: Sequence[str] = CLASSES) -> Path:
    images, annotations = [], []
    for i in range(n):
        save(scene(i, seed), root / "images" / f"{i:03d}.png")
        images.append({"id": 10 + i, "file_name": f"{i:03d}.png", "width": SIZE[0], "height": SIZE[1]})
        for (left, top, right, bottom), class_id in boxes_of(i):
            box = [left, top, right - left, bottom - top]
            annotations.append(
                {"id": len(annotations), "image_id": 10 + i, "category_id": 3 + 4 * class_id, "bbox": box, "iscrowd": 0}
            )
    categories = [{"id": 3 + 4 * c, "name": name} for c, name in enumerate(names)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations").mkdir()
    (root / "annotations" / "instances.json").write_text(json.dumps(document))
    return root


def write_voc(root: Path, n: int, seed: int = 0, names: Sequence[str] = CLASSES) -> Path:
    (root / "Annotations").mkdir(parents=True)
    for i in range(n):
        save(scene(i, seed), root / "JPEGImages" / f"{i:03d}.png")
        objects = "".join(
            f"<object><name>{names[class_id]}</name><difficult>0</difficult><bndbox><xmin>{left + 1}</xmin>"
            f"<ymin>{top + 1}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
            for (left, top, right, bottom), class_id in boxes_of(i)
        )
        size = f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height><depth>3</depth></size>"
        (root / "Annotations" / f"{i:03d}.xml").write_text(f"<annotation>{size}{objects}</annotation>")
    return root


def write_yolo(root: Path, n: int, seed: int = 0, names: Sequence[str] = CLASSES) -> Path:
    (root / "labels").mkdir(parents=True)
    for i in range(n):
        save(scene(i, seed), root / "images" / f"{i:03d}.png")
        lines = [
            f"{class_id} {(left + right) / 2 / SIZE[0]} {(top + bottom) / 2 / SIZE[1]} "
            f"{(right - left) / SIZE[0]} {(bottom - top) / SIZE[1]}"
            for (left, top, right, bottom), class_id in boxes_of(i)
        ]
        (root / "labels" / f"{i:03d}.txt").write_text("\n".join(lines))
    (root / "classes.txt").write_text("\n".join(names))
    return root


def write_class_folders(root: Path, n: int, seed: int = 0, names: Sequence[str] = CLASSES) -> Path:
    for i in range(n):
        save(picture(1000 * seed + i), root / names[i % len(names)] / f"{i:03d}.png")
    return root


def mask_of(i: int) -> np.ndarray:
    """``(H, W) uint8``: 0 around, 1 and 2 in the boxes, 255 in a corner."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    for (left, top, right, bottom), class_id in boxes_of(i):
        mask[top:bottom, left:right] = 1 + class_id
    mask[-3:, -3:] = 255
    return mask


def write_masks(root: Path, n: int, seed: int = 0, kind: str = "index") -> Path:
    """``kind``: index, palette, rgb (three equal channels) or colours (with a classes.csv)."""
    colours = np.zeros((256, 3), np.uint8)
    colours[:3], colours[255] = [(0, 0, 0), (128, 64, 32), (9, 200, 7)], (255, 255, 255)
    for i in range(n):
        save(scene(i, seed), root / "images" / f"{i:03d}.png")
        mask = mask_of(i)
        path = root / "masks" / f"{i:03d}.png"
        if kind == "colours":
            save(colours[mask], path)
        elif kind == "rgb":
            save(np.repeat(mask[..., None], 3, axis=2), path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(mask)
            if kind == "palette":
                image.putpalette(colours.tobytes())
            image.save(path)
    if kind == "colours":
        rows = ["name,r,g,b", "road,0,0,0", "car,128,64,32", "sign,9,200,7", "void,255,255,255"]
        (root / "classes.csv").write_text("\n".join(rows))
    else:
        (root / "classes.txt").write_text("road\ncar\nsign\n")
    return root


def depth_steps(i: int) -> np.ndarray:
    """``(H, W) uint16``: 1000 to 5000 steps, some unknown."""
    steps = np.linspace(1000, 5000, SIZE[0] * SIZE[1]).reshape(SIZE[::-1]).astype(np.uint16) + np.uint16(i)
    steps[:2] = 0
    return steps


def write_depth(root: Path, n: int, seed: int = 0) -> Path:
    for i in range(n):
        save(scene(i, seed), root / "rgb" / f"{i:03d}.png")
        save(depth_steps(i), root / "depth" / f"{i:03d}.png")
    return root


def write_photos(root: Path, n: int, seed: int = 9) -> Path:
    for i in range(n):
        save(picture(1000 * seed + i, tint=(0.6, 0.8, 1)), root / f"IMG_{i:04d}.jpg")
    return root
