"""Fixture trees of the data sets that users place themselves, with the exact encodings of the originals."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from own_folders import picture, save

WIDTH, HEIGHT = 64, 32


def place(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def ids(*values: int) -> np.ndarray:
    """``(H, W) uint8``: vertical stripes of the values."""
    return np.repeat(np.array(values, np.uint8), -(-WIDTH // len(values)))[None, :WIDTH].repeat(HEIGHT, axis=0)


def steps(first: int, last: int) -> np.ndarray:
    """``(H, W) uint16`` from first to last, the top row 0."""
    grid = np.linspace(first, last, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    grid[0] = 0
    return grid


def png16_rgb(pixels: np.ndarray) -> bytes:
    """``(H, W, 3) uint16`` as a PNG of 16 bits and three channels, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def gta5(root: Path, n: int = 12) -> Path:
    """Palette PNGs of Cityscapes ids; the colours say something else, and one label is smaller than its image."""
    for i in range(1, n + 1):
        save(picture(i, (WIDTH, HEIGHT)), root / "images" / f"{i:05d}.png")
        label = Image.fromarray(ids(7, 26, 23, 0))
        label.putpalette([255 - i for i in range(256) for _ in range(3)])
        (root / "labels").mkdir(exist_ok=True)
        (label.resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.NEAREST) if i == 2 else label).save(
            root / "labels" / f"{i:05d}.png"
        )
    return root


def synthia(root: Path, n: int = 12) -> Path:
    for i in range(n):
        save(picture(100 + i, (WIDTH, HEIGHT)), root / "RGB" / f"{i:07d}.png")
        label = np.zeros((HEIGHT, WIDTH, 3), np.uint16)
        label[..., 0], label[..., 1] = ids(3, 8, 21, 22), 40_000 + i
        (root / "GT" / "LABELS").mkdir(parents=True, exist_ok=True)
        (root / "GT" / "LABELS" / f"{i:07d}.png").write_bytes(png16_rgb(label))
    return root


def cityscapes(root: Path, n: int = 8) -> Path:
    for split, city, seed in (("train", "aachen", 200), ("val", "lindau", 300)):
        for i in range(n):
            stem = f"{city}_{i:06d}_000019"
            save(picture(seed + i, (WIDTH, HEIGHT)), root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png")
            save(ids(7, 26, 23, 12), root / "gtFine" / split / city / f"{stem}_gtFine_labelIds.png")
    return root


def virtual_kitti_1(root: Path, n: int = 12) -> Path:
    for i in range(n):
        save(picture(400 + i, (WIDTH, HEIGHT)), root / "vkitti_1.3.1_rgb" / "0001" / "clone" / f"{i:05d}.png")
        depth = steps(500, 5000)
        depth[1] = 65535
        save(depth, root / "vkitti_1.3.1_depthgt" / "0001" / "clone" / f"{i:05d}.png")
    return root


def virtual_kitti_2(root: Path, n: int = 12) -> Path:
    for i in range(n):
        frames = root / "Scene01" / "fog" / "frames"
        save(picture(500 + i, (WIDTH, HEIGHT)), frames / "rgb" / "Camera_0" / f"rgb_{i:05d}.jpg")
        save(steps(500, 5000), frames / "depth" / "Camera_0" / f"depth_{i:05d}.png")
    return root


def kitti(root: Path) -> Path:
    """Two drives; the test frames 3 (without depth), 5 and 6."""
    date = "2011_09_26"
    lists = {"train": ("0001", range(4)), "test": ("0002", (3, 5, 6))}
    for split, (drive, numbers) in lists.items():
        name, lines = f"{date}_drive_{drive}_sync", []
        for number in numbers:
            image = Path(date, name, "image_02", "data", f"{number:010d}.png")
            save(picture(600 + 10 * int(drive) + number, (WIDTH, HEIGHT)), root / image)
            lines.append(f"{date}/{name} {number} l" if split == "train" else f"{image.as_posix()} x.txt")
            if number >= 5:
                truth = root / "val" / name / "proj_depth" / "groundtruth" / "image_02" / f"{number:010d}.png"
                save(steps(256 * 5, 256 * 70), truth)
        place(root / f"eigen_{split}_files.txt", "\n".join(lines))
    return root


def nyuv2(root: Path, n: int = 9) -> Path:
    """HDF5 with reversed axes; splits that count from 1."""
    import h5py
    from scipy.io import savemat

    root.mkdir(parents=True, exist_ok=True)
    pictures = np.stack([picture(700 + i, (WIDTH, HEIGHT)) for i in range(n)])
    depths = np.stack([np.linspace(1, 4, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH) + i / 100 for i in range(n)])
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w") as content:
        content["images"] = pictures.transpose(0, 3, 2, 1)
        content["depths"] = depths.transpose(0, 2, 1).astype(np.float32)
    train = np.arange(1, n // 2 + 1, dtype=np.uint16)[:, None]
    savemat(
        root / "splits.mat", {"trainNdxs": train, "testNdxs": np.arange(n // 2 + 1, n + 1, dtype=np.uint16)[:, None]}
    )
    return root


def hypersim(root: Path, n: int = 12) -> Path:
    import h5py

    images = root / "ai_001_002" / "images"
    for i in range(n):
        frame = f"frame.{i:04d}"
        save(picture(800 + i, (WIDTH, HEIGHT)), images / "scene_cam_00_final_preview" / f"{frame}.tonemap.jpg")
        folder = images / "scene_cam_00_geometry_hdf5"
        folder.mkdir(exist_ok=True)
        distance_m = np.full((HEIGHT, WIDTH), 2.0, np.float16)
        distance_m[0, 0] = np.nan
        with h5py.File(folder / f"{frame}.depth_meters.hdf5", "w") as content:
            content["dataset"] = distance_m
    return root


def scenenet(root: Path, n: int = 4) -> Path:
    """The validation archive alone, as most users have it."""
    for i in range(n):
        folder = root / "val" / "0" / "223"
        save(picture(900 + i, (320, 240)), folder / "photo" / f"{25 * i}.jpg")
        save(np.full((240, 320), 3000, np.uint16), folder / "depth" / f"{25 * i}.png")
    return root


def bop_lm(root: Path) -> Path:
    """A PBR scene with JPEG pictures and depth of 0.1 mm, and the test scenes of objects 1 and 2."""
    scenes = [("train_pbr", 0, (1, 2), ".jpg", 0.1), ("test", 1, (1,), ".png", 1.0), ("test", 2, (2,), ".png", 1.0)]
    return bop(root, scenes)


def bop_tless(root: Path) -> Path:
    """T-LESS's sensor is in the names of its splits; beside them lie folders that hold no scenes."""
    place(root / "models_cad" / "models_info.json", "{}")
    place(root / "camera_primesense.json", "{}")
    scenes = [("train_primesense", 5, (5,), ".png", 0.1), ("test_primesense", 1, (2, 25), ".png", 0.1)]
    return bop(root, scenes, n=3)


def bop_ycbv(root: Path) -> Path:
    """YCB-V's training scenes are real, synthetic and physically based; an object may be hidden."""
    scenes = [
        ("train_real", 0, (1, 14), ".png", 0.1),
        ("train_synt", 0, (3,), ".png", 0.1),
        ("train_pbr", 0, (21,), ".jpg", 0.1),
        ("test", 48, (1, 6), ".png", 0.1),
    ]
    bop(root, scenes, n=2)
    file = root / "test" / "000048" / "scene_gt_info.json"
    info = json.loads(file.read_text())
    info["1"][1] |= {"bbox_visib": [-1, -1, -1, -1], "visib_fract": 0.0}
    file.write_text(json.dumps(info))
    return root


def bop(root: Path, scenes: Sequence[tuple[str, int, tuple[int, ...], str, float]], n: int = 8) -> Path:
    """Scenes of ``n`` pictures: split, number, objects in it, the pictures' suffix, millimetres a step of depth."""
    for split, scene, objects, suffix, scale in scenes:
        folder = root / split / f"{scene:06d}"
        camera, truth, info = {}, {}, {}
        for i in range(n):
            save(picture(1000 + 100 * scene + 50 * len(split) + i, (128, 96)), folder / "rgb" / f"{i:06d}{suffix}")
            save(np.full((96, 128), round(700 / scale), np.uint16), folder / "depth" / f"{i:06d}.png")
            camera[i] = {"cam_K": [100.0, 0, 64.0, 0, 100.0, 48.0, 0, 0, 1], "depth_scale": scale}
            truth[i], info[i] = [], []
            for index, obj_id in enumerate(objects):
                left = 10 + 60 * index
                mask = np.zeros((96, 128), np.uint8)
                mask[20:60, left : left + 30] = 255
                save(mask, folder / "mask_visib" / f"{i:06d}_{index:06d}.png")
                turn = [1, 0, 0, 0, 0, -1, 0, 1, 0]  # 90° about the camera's x axis
                truth[i].append({"cam_R_m2c": turn, "cam_t_m2c": [0, 0, 700], "obj_id": obj_id})
                box = [left, 20, 30, 40]
                info[i].append({"bbox_obj": box, "bbox_visib": box, "visib_fract": 0.9})
        for name, content in (("scene_camera", camera), ("scene_gt", truth), ("scene_gt_info", info)):
            place(folder / f"{name}.json", json.dumps(content))
    return root


PRODUCTS = ("cereal", "milk", "tea")


def groceries_real(root: Path) -> Path:
    records = []
    for i in range(12):
        save(picture(1300 + i, (WIDTH, HEIGHT)), root / "images" / f"IMG_{i:04d}.JPG")
        labels = [{"label_id": 1 + i % 3, "bbox": [4, 5, 20, 10]}]
        records.append({"file_name": f"IMG_{i:04d}.JPG", "annotations": labels})
    place(root / "annotations.json", json.dumps(records))
    spec = [{"label_id": i + 1, "label_name": name} for i, name in enumerate(PRODUCTS)]
    place(root / "annotation_definitions.json", json.dumps({"annotation_definitions": [{"spec": spec}]}))
    for split, rows in (("train", (0, 2, 4, 6, 8)), ("val", (1, 3)), ("test", (5, 7, 9, 10, 11))):
        place(root / f"groceries_real_{split}.txt", " ".join(map(str, rows)))
    return root


def synthdet(root: Path, n: int = 12) -> Path:
    captures = []
    for i in range(n):
        save(picture(1400 + i, (WIDTH, HEIGHT)), root / "RGBabc" / f"rgb_{i}.png")
        box = {"label_id": 7 - i % 3, "label_name": PRODUCTS[i % 3], "x": 8.0, "y": 4.0, "width": 16.0, "height": 12.0}
        captures.append(
            {
                "id": str(i),
                "filename": f"RGBabc/rgb_{i}.png",
                "format": "PNG",
                "annotations": [{"id": "a", "values": [box]}, {"id": "b", "filename": "x.png", "values": None}],
            }
        )
    place(root / "Datasetabc" / "captures_000.json", json.dumps({"version": "0.0.1", "captures": captures}))
    return root


def mnist_m(root: Path, n: int = 6) -> Path:
    for split in ("train", "test"):
        lines = []
        for i in range(n):
            save(picture(1500 + i, (32, 32)), root / f"mnist_m_{split}" / f"{i:08d}.png")
            lines.append(f"{i:08d}.png {i % 10}")
        place(root / f"mnist_m_{split}_labels.txt", "\n".join(lines) + "\n")
    return root


def usps(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for split in ("train", "test"):
        values = np.full((3, 256), -1.0)
        values[:, 17], values[:, 18] = 1.0, 0.0
        lines = [
            " ".join([f"{digit}.0000", *(f"{v:.3f}" for v in row)])
            for digit, row in zip((6, 5, 4), values, strict=True)
        ]
        (root / f"zip.{split}.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return root


def voc(root: Path, lists: tuple[str, ...] = ("train", "val"), n: int = 4) -> Path:
    """Boxes that count from 1; people have parts with boxes of their own, which are no objects."""
    head = "<part><name>head</name><bndbox><xmin>32</xmin><ymin>3</ymin><xmax>38</xmax><ymax>9</ymax></bndbox></part>"
    for i in range(n * len(lists)):
        save(picture(1600 + i, (WIDTH, HEIGHT)), root / "JPEGImages" / f"2008_{i:06d}.jpg")
        boxes = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{left + 1}</xmin><ymin>3</ymin><xmax>{left + 10}</xmax>"
            f"<ymax>20</ymax></bndbox>{part}</object>"
            for name, left, part in (("car", 4, ""), ("person", 30, head))
        )
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
        place(root / "Annotations" / f"2008_{i:06d}.xml", f"<annotation>{size}{boxes}</annotation>")
    for part, name in enumerate(lists):
        names = [f"2008_{i:06d}" for i in range(part * n, (part + 1) * n)]
        place(root / "ImageSets" / "Main" / f"{name}.txt", "\n".join(names))
    return root


def sim10k(root: Path) -> Path:
    return voc(root, ("trainval10k",))
