"""Folders as renderers and annotation tools write them, drawn by tests: the scenes of own_folders in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from own_folders import CLASSES, SIZE, boxes_of, save, scene

RECTANGLE = tuple[int, int, int, int]
COLOURS = ((25, 255, 82), (140, 25, 255))


def dump(content: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def polygon_of(box: RECTANGLE) -> list[int]:
    left, top, right, bottom = box
    return [left, top, right, top, right, bottom, left, bottom]


def regions(i: int) -> np.ndarray:
    """``(H, W) uint8``: 0 around, 1 and 2 in the boxes of scene ``i``; the smaller box lies above."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    for (left, top, right, bottom), class_id in sorted(boxes_of(i), key=lambda item: -_area(item[0])):
        mask[top:bottom, left:right] = 1 + class_id
    return mask


def _area(box: RECTANGLE) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def write_labelme(root: Path, n: int, kind: str = "polygon", embedded: str | None = None) -> Path:
    for i in range(n):
        save(scene(i), root / f"{i:03d}.png")
        shapes = []
        for box, class_id in boxes_of(i):
            points = np.array(polygon_of(box)).reshape(-1, 2).tolist()
            if kind == "rectangle":
                points = [points[2], points[0]]  # drawn from the lower right
            shapes.append({"label": CLASSES[class_id], "points": points, "shape_type": kind, "flags": {}})
        content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": f"{i:03d}.png"}
        dump(content | {"imageData": embedded, "imageHeight": SIZE[1], "imageWidth": SIZE[0]}, root / f"{i:03d}.json")
    return root


def write_cvat(root: Path, n: int, kind: str = "box") -> Path:
    images = []
    for i in range(n):
        save(scene(i), root / "images" / f"f{i:03d}.png")
        shapes = []
        for box, class_id in boxes_of(i):
            if kind == "box":
                where = " ".join(f'{k}="{v:.2f}"' for k, v in zip(("xtl", "ytl", "xbr", "ybr"), box, strict=True))
            else:
                pairs = np.array(polygon_of(box)).reshape(-1, 2)
                where = 'points="' + ";".join(f"{x:.2f},{y:.2f}" for x, y in pairs) + '"'
            shapes.append(f'<{kind} label="{CLASSES[class_id]}" occluded="0" {where} z_order="0"></{kind}>')
        size = f'width="{SIZE[0]}" height="{SIZE[1]}"'
        images.append(f'<image id="{i}" name="f{i:03d}.png" {size}>{"".join(shapes)}</image>')
    labels = "".join(f"<label><name>{name}</name></label>" for name in CLASSES)
    meta = f"<meta><task><labels>{labels}</labels></task></meta>"
    (root / "annotations.xml").write_text(f"<annotations><version>1.1</version>{meta}{''.join(images)}</annotations>")
    return root


KITTI_NAMES = ("Car", "Traffic_Light")
KITTI_METRES = "1.63 1.48 2.37 3.23 1.59 8.55 -1.47"


def write_kitti(root: Path, n: int, folders: tuple[str, str] = ("training/image_2", "training/label_2")) -> Path:
    for i in range(n):
        save(scene(i), root / folders[0] / f"{i:06d}.png")
        lines = [
            f"{KITTI_NAMES[class_id]} 0.00 0 -1.82 {' '.join(f'{edge:.2f}' for edge in box)} {KITTI_METRES}"
            for box, class_id in boxes_of(i)
        ]
        lines.append("DontCare -1 -1 -10 2.00 2.00 9.00 9.00 -1 -1 -1 -1000 -1000 -1000 -10")
        (root / folders[1]).mkdir(parents=True, exist_ok=True)
        (root / folders[1] / f"{i:06d}.txt").write_text("\n".join(lines) + "\n")
    return root


def write_solo(root: Path, n: int) -> Path:
    unity = "type.unity.com/unity.solo."
    for i in range(n):
        folder = root / f"sequence.{i}"
        save(scene(i), folder / "step0.camera.png")
        values = [
            {"instanceId": j, "labelId": 1 + c, "labelName": CLASSES[c], "origin": [b[0], b[1]]}
            | {"dimension": [b[2] - b[0], b[3] - b[1]]}
            for j, (b, c) in enumerate(boxes_of(i))
        ]
        save(coloured(i), folder / "step0.camera.semantic segmentation.png")
        instances = [{"labelName": CLASSES[c], "pixelValue": [*COLOURS[c], 255]} for c in range(len(CLASSES))]
        annotations = [
            {"@type": f"{unity}BoundingBox2DAnnotation", "id": "bounding box", "values": values},
            {"@type": f"{unity}SemanticSegmentationAnnotation", "id": "semantic segmentation", "imageFormat": "Png"}
            | {"filename": "step0.camera.semantic segmentation.png", "dimension": list(SIZE), "instances": instances},
        ]
        capture = {"@type": f"{unity}RGBCamera", "id": "camera", "filename": "step0.camera.png"}
        capture |= {"dimension": list(map(float, SIZE)), "annotations": annotations}
        dump({"frame": i, "sequence": i, "step": 0, "captures": [capture]}, folder / "step0.frame_data.json")
    spec = [{"label_id": 1 + c, "label_name": name} for c, name in enumerate(CLASSES)]
    definition = {"@type": f"{unity}BoundingBox2DAnnotation", "id": "bounding box", "spec": spec}
    dump({"annotationDefinitions": [definition]}, root / "annotation_definitions.json")
    dump({"unityVersion": "2021.3", "totalFrames": n, "totalSequences": n}, root / "metadata.json")
    return root


def coloured(i: int) -> np.ndarray:
    """``(H, W, 3) uint8``: :func:`regions` in colours on black."""
    return np.array([(0, 0, 0), *COLOURS], np.uint8)[regions(i)]


def write_unity(root: Path, n: int) -> Path:
    captures = []
    for i in range(n):
        save(scene(i), root / "RGB5f3a" / f"rgb_{i}.png")
        save(coloured(i), root / "SemanticSegmentation1c" / f"segmentation_{i}.png")
        values = [
            {"label_id": 1 + c, "label_name": CLASSES[c], "x": b[0], "y": b[1], "width": b[2] - b[0]}
            | {"height": b[3] - b[1]}
            for b, c in boxes_of(i)
        ]
        annotations = [
            {"id": "a", "annotation_definition": "bb", "values": values},
            {"id": "s", "annotation_definition": "ss", "filename": f"SemanticSegmentation1c/segmentation_{i}.png"},
        ]
        captures.append({"id": str(i), "filename": f"RGB5f3a/rgb_{i}.png", "annotations": annotations})
    dump({"version": "0.0.1", "captures": captures}, root / "Dataset8c" / "captures_000.json")
    boxes = [{"label_id": 1 + c, "label_name": name} for c, name in enumerate(CLASSES)]
    colours = [
        {"label_name": name, "pixel_value": dict(zip("rgb", COLOURS[c], strict=True)) | {"a": 255}}
        for c, name in enumerate(CLASSES)
    ]
    definitions = [{"id": "bb", "spec": boxes}, {"id": "ss", "spec": colours}]
    dump({"version": "0.0.1", "annotation_definitions": definitions}, root / "Dataset8c/annotation_definitions.json")
    return root


REPLICATOR_BOX = np.dtype(
    [("semanticId", "<u4"), ("x_min", "<i4"), ("y_min", "<i4"), ("x_max", "<i4"), ("y_max", "<i4"), ("occ", "<f4")]
)


def write_replicator(root: Path, n: int, folders: bool = False) -> Path:
    """Flat, or with a folder per kind, as a render product with a name has them."""

    def place(kind: str, name: str) -> Path:
        path = root / "Camera" / kind / name if folders else root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    for i in range(n):
        end = f"{i:04d}"
        opaque = np.dstack([scene(i), np.full(SIZE[::-1], 255, np.uint8)])
        save(opaque, place("rgb", f"rgb_{end}.png"))
        rows = [(c, b[0], b[1], b[2] - 1, b[3] - 1, 0.0) for b, c in boxes_of(i)]
        kind = "bounding_box_2d_tight"
        np.save(place(kind, f"{kind}_{end}.npy"), np.array(rows, REPLICATOR_BOX))
        dump({str(c): {"class": name} for c, name in enumerate(CLASSES)}, place(kind, f"{kind}_labels_{end}.json"))
        kind = "semantic_segmentation"
        save(np.dstack([coloured(i), np.full(SIZE[::-1], 255, np.uint8)]), place(kind, f"{kind}_{end}.png"))
        named = {f"({', '.join(map(str, COLOURS[c]))}, 255)": {"class": name} for c, name in enumerate(CLASSES)}
        dump({"(0, 0, 0, 255)": {"class": "BACKGROUND"}} | named, place(kind, f"{kind}_labels_{end}.json"))
        kind = "distance_to_image_plane"
        np.save(place(kind, f"{kind}_{end}.npy"), metres(i))
    return root


def metres(i: int) -> np.ndarray:
    """``(H, W) float32`` from 1 to 5 m; the first row is infinite, where nothing is."""
    depth_m = np.linspace(1, 5, SIZE[0] * SIZE[1], dtype=np.float32).reshape(SIZE[::-1]) + np.float32(0.001 * i)
    depth_m[0] = np.inf
    return depth_m


def write_coco_outlines(root: Path, n: int, kind: str = "polygon") -> Path:
    """COCO with polygons, or run lengths of the same pixels."""
    images, annotations = [], []
    for i in range(n):
        save(scene(i), root / "images" / f"{i:03d}.png")
        images.append({"id": i, "file_name": f"{i:03d}.png", "width": SIZE[0], "height": SIZE[1]})
        for box, class_id in boxes_of(i):
            left, top, right, bottom = box
            outline: Any = [polygon_of(box)]
            if kind == "run lengths":
                mask = np.zeros(SIZE[::-1], bool)
                mask[top:bottom, left:right] = True
                outline = {"size": [SIZE[1], SIZE[0]], "counts": _run_lengths(mask)}
            annotations.append(
                {"id": len(annotations), "image_id": i, "category_id": 1 + class_id, "segmentation": outline}
                | {"bbox": [left, top, right - left, bottom - top], "area": _area(box), "iscrowd": 0}
            )
    categories = [{"id": 1 + c, "name": name} for c, name in enumerate(CLASSES)]
    dump({"images": images, "annotations": annotations, "categories": categories}, root / "coco.json")
    return root


def _run_lengths(mask: np.ndarray) -> list[int]:
    """Counts of equal pixels column by column, those of zeros first, one by one."""
    counts, value = [0], False
    for pixel in mask.T.ravel().tolist():
        if pixel == value:
            counts[-1] += 1
        else:
            counts.append(1)
            value = pixel
    return counts


def write_yolo_polygons(root: Path, n: int) -> Path:
    for i in range(n):
        save(scene(i), root / "images" / f"{i:03d}.png")
        lines = []
        for box, class_id in boxes_of(i):
            shares = np.array(polygon_of(box)).reshape(-1, 2) / SIZE
            lines.append(" ".join([str(class_id), *(f"{share:.6f}" for share in shares.ravel())]))
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"{i:03d}.txt").write_text("\n".join(lines))
    (root / "classes.txt").write_text("\n".join(CLASSES))
    return root


def write_depth_file(path: Path, values: np.ndarray, channel: str = "Z") -> Path:
    """Floats in the format that the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix:
        case ".npy":
            np.save(path, values)
        case ".npz":
            np.savez(path, depth=values)
        case ".tif":
            Image.fromarray(values.astype(np.float32)).save(path)
        case ".pfm":
            height, width = values.shape
            path.write_bytes(f"Pf\n{width} {height}\n-1.0\n".encode() + values[::-1].astype("<f4").tobytes())
        case ".exr":
            import OpenEXR

            header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
            OpenEXR.File(header, {channel: np.ascontiguousarray(values)}).write(str(path))
    return path
