"""BOP: scenes ``000000/`` with ``rgb/`` (or ``gray/``), ``depth/``, ``mask_visib/`` and three JSON files.

    scene_camera.json   "0": {"cam_K": 9 numbers row by row, "depth_scale": mm a step}
    scene_gt.json       "0": [{"cam_R_m2c": 9 numbers row by row, "cam_t_m2c": mm, "obj_id": int}, …]
    scene_gt_info.json  "0": [{"bbox_visib": [left, top, width, height], "bbox_obj": …, "visib_fract": 0..1}, …]

    detection              whole images; the visible boxes of objects of which at least a tenth is visible
    depth                  whole images; depth_m = value × depth_scale / 1000
    pose, classification   a square crop around each object: side 1.2 × the larger side of ``bbox_obj``, centred on it;
                           at least half of the object visible. Rotation as seen from the crop's own direction
                           (allocentric): R' = A(ray)ᵀ R, A the smallest rotation from the view axis to the ray through
                           the crop's centre, because a crop shows an object alike wherever it stood in the image

Where ``scene_gt_info.json`` is missing, as BlenderProc's writer leaves it, what boxes and crops need of it is computed
from ``mask_visib/`` (and ``mask/``); depth needs none of them. Quaternions are (w, x, y, z) of model → camera. Outside
the image a crop is black.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.api.errors import DataError
from bench.data.formats import Options
from bench.data.image_files import image_size, read_depth, read_ids, read_picture
from bench.data.listing import Listing, Reader
from bench.data.parallel import for_each

NAME = "BOP"
GROUND_TRUTH, GT_INFO = "scene_gt.json", "scene_gt_info.json"
CROP_FACTOR = 1.2
LEAST_VISIBLE = 0.1
LEAST_VISIBLE_OF_CROP = 0.5
SUFFIXES = (".png", ".jpg", ".tif")


@dataclass(frozen=True)
class Shot:
    """One image of a scene: its files, camera, and the objects in it as the JSON files have them."""

    image: Path
    depth: Path | None
    masks: Path
    number: int
    intrinsics: np.ndarray
    metres_per_step: float
    objects: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Crop:
    """An object in an image, and the square around it: left, top and side in pixels."""

    shot: Shot
    index: int
    left: int
    top: int
    side: int


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """Some folder has BOP's ground truth."""
    return any(file.name == GROUND_TRUTH for file in files)


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; classes are called ``obj_000001`` … as the models are."""
    if not recognised(root, files):
        return None
    shots = [shot for file in files if file.name == GROUND_TRUTH for shot in read_scene(root / file.parent)]
    if options.task == "depth":
        return whole(shots, with_depth=True)
    shots, n_computed = with_visibility(shots)
    found = crops(shots) if options.task in ("pose", "classification") else whole(shots, with_depth=False)
    note = f"{GT_INFO} is missing: boxes of {n_computed} images are computed from mask_visib/"
    return replace(found, notes=(*found.notes, note)) if n_computed else found


def read_scene(folder: Path) -> list[Shot]:
    """The images of one scene.

    Raises
    ------
    DataError: a JSON file or an image that is missing or broken.
    """
    truth, camera = (_json(folder / name) for name in (GROUND_TRUTH, "scene_camera.json"))
    info = _json(folder / GT_INFO) if (folder / GT_INFO).is_file() else None
    pictures = _by_number(folder, ("rgb", "gray"))
    depths = _by_number(folder, ("depth",))
    shots = []
    for key, objects in sorted(truth.items(), key=lambda item: int(item[0])):
        number = int(key)
        if number not in pictures or key not in camera or (info is not None and key not in info):
            raise DataError(
                f"{folder}: image {number} of {GROUND_TRUTH} has no picture in rgb/ or gray/, or no entry in "
                f"scene_camera.json or {GT_INFO}; unpack the scene again"
            )
        seen = info[key] if info is not None else [{}] * len(objects)
        k = camera[key]["cam_K"]
        shots.append(
            Shot(
                image=pictures[number],
                depth=depths.get(number),
                masks=folder / "mask_visib",
                number=number,
                intrinsics=np.array([k[0], k[4], k[2], k[5]], np.float32),
                metres_per_step=float(camera[key].get("depth_scale", 1.0)) / 1000,
                objects=tuple({**pose, **visible} for pose, visible in zip(objects, seen, strict=True)),
            )
        )
    return shots


def with_visibility(shots: list[Shot]) -> tuple[list[Shot], int]:
    """The images with what ``scene_gt_info.json`` says of each object, computed from masks where that is missing.

    BlenderProc's writer leaves both to the tools of BOP. Also returned is the number of images so mended.

    Raises
    ------
    DataError: neither the file nor the masks are there.
    """
    bare = [i for i, shot in enumerate(shots) if any("visib_fract" not in obj for obj in shot.objects)]
    mended = list(shots)

    def mend(place: int) -> None:
        shot = shots[bare[place]]
        objects = tuple({**obj, **_visibility(shot, index)} for index, obj in enumerate(shot.objects))
        mended[bare[place]] = replace(shot, objects=objects)

    for_each(mend, len(bare))
    return mended, len(bare)


def _visibility(shot: Shot, index: int) -> dict[str, Any]:
    """``bbox_visib``, ``bbox_obj`` and ``visib_fract`` of an object, from its masks."""
    name = f"{shot.number:06d}_{index:06d}.png"
    visible_file, whole_file = shot.masks / name, shot.masks.parent / "mask" / name
    if not visible_file.is_file():
        raise DataError(
            f"{shot.masks.parent} has no {GT_INFO} and no mask_visib/{name}, and boxes and crops need one of the two: "
            "make them with calc_gt_masks.py and calc_gt_info.py of bop_toolkit (BlenderProc's writer leaves that to "
            "it); depth needs neither"
        )
    visible = read_ids(visible_file) > 0
    entire = read_ids(whole_file) > 0 if whole_file.is_file() else visible
    n_pixels = int(entire.sum())
    return {
        "bbox_visib": _bounds(visible),
        "bbox_obj": _bounds(entire),
        "visib_fract": int(visible.sum()) / n_pixels if n_pixels else 0.0,
    }


def _bounds(mask: np.ndarray) -> list[int]:
    """Left, top, width, height of the true pixels, zeros without any."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return [0, 0, 0, 0]
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]


def whole(shots: list[Shot], *, with_depth: bool) -> Listing:
    """Whole images with visible boxes, or with depth."""
    ids = sorted({obj["obj_id"] for shot in shots for obj in shot.objects})
    pixels: dict[str, Reader] = {"image": lambda i: read_picture(shots[i].image)}
    plain = Listing(
        format=NAME,
        names=[str(shot.image) for shot in shots],
        size=lambda i: image_size(shots[i].image),
        pixels=pixels,
        class_names=tuple(map(object_name, ids)),
        arrays={"intrinsics": np.stack([shot.intrinsics for shot in shots])},
    )
    if with_depth:
        return replace(plain, pixels={**pixels, "depth_m": lambda i: _depth_m(shots[i])}, class_names=())
    seen = [[obj for obj in shot.objects if obj["visib_fract"] >= LEAST_VISIBLE] for shot in shots]
    return replace(
        plain,
        boxes=lambda i: _corners([obj["bbox_visib"] for obj in seen[i]]),
        box_class=[np.array([ids.index(obj["obj_id"]) for obj in row], np.int64) for row in seen],
    )


def complete(shots: list[Shot]) -> Listing:
    """Whole images with visible boxes, depth, and what is visible of any object as foreground: every file is read."""
    boxes = whole(shots, with_depth=False)

    def foreground(i: int) -> np.ndarray:
        width, height = boxes.size(i)
        seen = np.zeros((height, width), bool)
        for index in range(len(shots[i].objects)):
            mask = _mask(shots[i], index) > 0
            if mask.shape != seen.shape:
                return mask  # whoever reads it holds its size against the image's
            seen |= mask
        return seen

    pixels = {**boxes.pixels, "depth_m": lambda i: _depth_m(shots[i]), "foreground": foreground}
    return replace(boxes, pixels=pixels)


def crops(shots: list[Shot], object_ids: tuple[int, ...] = (), *, of_scene: bool = False) -> Listing:
    """A crop of every object that is visible enough.

    Parameters
    ----------
    object_ids: of these objects alone; empty for all.
    of_scene: of each scene's own object alone, the one of its number (the test scenes of LM).
    """
    found = []
    for shot in shots:
        for index, obj in enumerate(shot.objects):
            wanted = not object_ids or obj["obj_id"] in object_ids
            wanted &= not of_scene or obj["obj_id"] == int(shot.masks.parent.name)
            if wanted and obj["visib_fract"] >= LEAST_VISIBLE_OF_CROP:
                left, top, width, height = obj["bbox_obj"]
                side = max(1, round(CROP_FACTOR * max(width, height)))
                found.append(
                    Crop(shot, index, round(left + width / 2 - side / 2), round(top + height / 2 - side / 2), side)
                )
    if not found:
        raise DataError("no object is at least half visible in these scenes; a crop of it would show others")
    ids = object_ids or tuple(sorted({_object(crop)["obj_id"] for crop in found}))
    pixels: dict[str, Reader] = {
        "image": lambda i: cut(read_picture(found[i].shot.image), found[i]),
        "foreground": lambda i: cut(_mask(found[i].shot, found[i].index), found[i]) > 0,
    }
    if all(crop.shot.depth is not None for crop in found):
        pixels["sensor_depth_m"] = lambda i: cut(_depth_m(found[i].shot), found[i])
    return Listing(
        format=NAME,
        names=[f"{crop.shot.image} object {crop.index}" for crop in found],
        size=lambda i: (found[i].side, found[i].side),
        pixels=pixels,
        class_names=tuple(map(object_name, ids)),
        arrays={
            "class_id": np.array([ids.index(_object(crop)["obj_id"]) for crop in found], np.int64),
            "quaternion": np.stack([_quaternion(crop) for crop in found]),
        },
    )


def object_name(obj_id: int) -> str:
    """``obj_000001``, as BOP calls the model."""
    return f"obj_{obj_id:06d}"


def cut(array: np.ndarray, crop: Crop) -> np.ndarray:
    """The square of a whole image, zero outside it."""
    square = np.zeros((crop.side, crop.side, *array.shape[2:]), array.dtype)
    height, width = array.shape[:2]
    top, bottom = max(crop.top, 0), min(crop.top + crop.side, height)
    left, right = max(crop.left, 0), min(crop.left + crop.side, width)
    if top < bottom and left < right:
        square[top - crop.top : bottom - crop.top, left - crop.left : right - crop.left] = array[top:bottom, left:right]
    return square


def allocentric(rotation: np.ndarray, ray: np.ndarray) -> np.ndarray:
    """``(3, 3)`` rotation as a camera would see it that looked along ``ray`` ``(3,)``: A(ray)ᵀ R.

    A is the smallest rotation that turns the view axis (0, 0, 1) to the ray (Rodrigues' formula).
    """
    x, y, z = ray / np.linalg.norm(ray)
    cross = np.array([[0, 0, x], [0, 0, y], [-x, -y, 0]])  # of the axis (−y, x, 0), sine included
    turn = np.eye(3) + cross + cross @ cross / (1 + z)
    return turn.T @ rotation


def quaternion_of(rotation: np.ndarray) -> np.ndarray:
    """``(3, 3)`` rotation → ``(4,) float32`` w, x, y, z with w ≥ 0."""
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(rotation).as_quat()
    quaternion = np.array([w, x, y, z], np.float32)
    return -quaternion if w < 0 else quaternion


def _quaternion(crop: Crop) -> np.ndarray:
    fx, fy, cx, cy = crop.shot.intrinsics
    u, v = crop.left + crop.side / 2, crop.top + crop.side / 2
    ray = np.array([(u - cx) / fx, (v - cy) / fy, 1.0])
    rotation = np.array(_object(crop)["cam_R_m2c"], float).reshape(3, 3)
    return quaternion_of(allocentric(rotation, ray))


def _object(crop: Crop) -> dict[str, Any]:
    return crop.shot.objects[crop.index]


def _mask(shot: Shot, index: int) -> np.ndarray:
    """``(H, W) uint8``: 255 where object ``index`` of the image is visible."""
    return read_ids(shot.masks / f"{shot.number:06d}_{index:06d}.png").astype(np.uint8)


def _depth_m(shot: Shot) -> np.ndarray:
    if shot.depth is None:
        raise DataError(f"{shot.image}: its scene has no depth/ for it; unpack the depth, or choose another task")
    return read_depth(shot.depth, shot.metres_per_step)


def _corners(boxes: list[list[float]]) -> np.ndarray:
    """Left, top, width, height → left, top, right, bottom."""
    array = np.array(boxes, np.float32).reshape(-1, 4)
    array[:, 2:] += array[:, :2]
    return array


def _by_number(folder: Path, names: tuple[str, ...]) -> dict[int, Path]:
    """Image files by their number, of the first of the sub-folders that is there; ``.jpg`` in train_pbr."""
    for name in names:
        if (folder / name).is_dir():
            return {int(p.stem): p for p in (folder / name).iterdir() if p.suffix in SUFFIXES and p.stem.isdigit()}
    return {}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path} is missing; unpack the scene again") from None
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}); unpack the scene again") from None
