"""Omniverse Replicator's BasicWriter: files of one frame share the end of their names, flat or in a folder per kind.

    rgb_0000.png                           the picture; ``rgb/rgb_0000.png`` where a camera has folders
    bounding_box_2d_tight_0000.npy         rows with semanticId, x_min, y_min, x_max, y_max; the last pixel is included
    bounding_box_2d_tight_labels_0000.json     {"0": {"class": "car"}, …}        (``loose`` where there is no ``tight``)
    semantic_segmentation_0000.png         colours, explained by
    semantic_segmentation_labels_0000.json     {"(140, 25, 255, 255)": {"class": "car"}, …}; BACKGROUND, UNLABELLED
    distance_to_image_plane_0000.npy       float32 metres along the view axis, infinite where nothing is

``distance_to_camera`` is along the ray, which is no depth, and is not read.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.depth_files import read_float_depth
from bench.data.fitting import Size
from bench.data.folders import all_images_among
from bench.data.formats import Options, Resize
from bench.data.formats.colour_maps import Colour, ColourMap, masks_of
from bench.data.formats.depth_png import nearest_rows
from bench.data.formats.objects import Annotated, Labels, Object, listing_of, read_json
from bench.data.image_files import image_size
from bench.data.listing import Listing

NAME = "Replicator BasicWriter"
BOXES = ("bounding_box_2d_tight", "bounding_box_2d_loose")
SEMANTIC, DEPTH = "semantic_segmentation", "distance_to_image_plane"
FIELDS = ("semanticId", "x_min", "y_min", "x_max", "y_max")
PIXELS = (DEPTH, "distance_to_camera", "normals", "motion_vectors", "instance_segmentation", "instance_id_segmentation")
"""Kinds of ``.npy`` files that hold a value per pixel."""
WITHOUT_PIXELS = ("bounding_box_3d", "occlusion")
"""Kinds of ``.npy`` files in metres or shares."""
_FRAME = re.compile(r"rgb_(.+)")
_COLOUR = re.compile(r"\(?\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*(?:,\s*\d+\s*)?\)?")
_NOT_LABELLED = "unlabelled"


def recognised(root: Path, files: tuple[Path, ...]) -> bool:
    """There are pictures ``rgb_…`` and files of their frames in Replicator's words."""
    return any(any(_beside(image, kind, end, set(files)) for kind, end in _KINDS) for image in _pictures(files)[:20])


_KINDS = ((BOXES[0], ".npy"), (BOXES[1], ".npy"), (f"{SEMANTIC}_labels", ".json"), (DEPTH, ".npy"))


def listing(root: Path, files: tuple[Path, ...], options: Options) -> Listing | None:
    """See :mod:`bench.data.formats`; classes are those that occur, sorted."""
    if not recognised(root, files):
        return None
    known, images = set(files), _pictures(files)
    if options.task == "segmentation":
        rows = [Annotated(image, image) for image in images]
        return masks_of(NAME, root, rows, [_map(root, image, known) for image in images], files)
    if options.task == "depth":
        return _with_depth(root, images, known, files)
    found = [(image, _boxes_file(image, known)) for image in images]
    labelled = [(image, file) for image, file in found if file is not None]
    if not labelled:
        return None
    bare = [image for image, file in found if file is None]
    notes = (f"{len(bare)} pictures without boxes file left out, as {bare[0]}",) if bare else ()
    rows = [Annotated(image, file, _objects(root, file)) for image, file in labelled]
    return listing_of(NAME, root, Labels(rows, notes=notes), files, options)


def rescale(root: Path, file: Path, resize: Resize) -> bytes | None:
    """Boxes in the new pixels, maps by nearest neighbour; labels in words stay."""
    path = root / file
    kind = next((kind for kind in (*BOXES, *PIXELS, *WITHOUT_PIXELS) if file.name.startswith(f"{kind}_")), None)
    if file.suffix == ".json" and ("_labels_" in file.name or "_mapping_" in file.name):
        return path.read_bytes()
    if file.suffix == ".json" and file.name.startswith("camera_params_"):
        camera = read_json(path)
        if not isinstance(camera, dict) or "renderProductResolution" not in camera:
            return None
        return json.dumps({**camera, "renderProductResolution": list(resize.size)}).encode()
    if file.suffix != ".npy" or kind is None:
        return None
    if kind in WITHOUT_PIXELS:
        return path.read_bytes()
    array = read_npy(path)
    stream = io.BytesIO()
    if kind in BOXES:
        np.save(stream, _scaled_boxes(path, array, resize.factors(_native(root, file, kind))))
    else:
        np.save(stream, nearest_rows(array, resize.size))
    return stream.getvalue()


def read_npy(path: Path) -> np.ndarray:
    """An array of NumPy's own format.

    Raises
    ------
    DataError
        It is none, or holds objects.
    """
    try:
        array: np.ndarray = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        reason = str(error).split("\n")[0]
        raise DataError(f"{path} is no NumPy array of numbers ({reason}); write it again, or remove it") from None
    return array


def _pictures(files: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(file for file in all_images_among(files) if _FRAME.fullmatch(file.stem))


def _beside(image: Path, kind: str, end: str, known: set[Path]) -> Path | None:
    """The file of another kind of an image's frame: in its folder, or in a folder of that kind beside it."""
    name = f"{kind}_{image.stem.removeprefix('rgb_')}{end}"
    folder = kind.removesuffix("_labels")
    for candidate in (image.parent / name, image.parent.parent / folder / name):
        if candidate in known:
            return candidate
    return None


def _boxes_file(image: Path, known: set[Path]) -> Path | None:
    return _beside(image, BOXES[0], ".npy", known) or _beside(image, BOXES[1], ".npy", known)


def _native(root: Path, file: Path, kind: str) -> Size:
    """Width and height of the picture of a file's frame."""
    name = file.name.replace(kind, "rgb", 1)
    for folder in (file.parent, file.parent.parent / "rgb"):
        for suffix in (".png", ".jpg", ".jpeg"):
            if (image := (root / folder / name).with_suffix(suffix)).is_file():
                return image_size(image)
    raise DataError(f"{root / file}: found no picture {name}; add it, or leave --size out")


def _objects(root: Path, file: Path) -> tuple[Object, ...]:
    path = root / file
    rows = read_npy(path)
    kind = next(kind for kind in BOXES if file.name.startswith(kind))
    labels = read_json(path.with_name(file.name.replace(kind, f"{kind}_labels", 1)).with_suffix(".json"))
    if rows.dtype.names is None or not set(FIELDS) <= set(rows.dtype.names):
        raise DataError(f"{path}: found the fields {rows.dtype.names}; expected {', '.join(FIELDS)}")
    objects = []
    for row in rows.ravel():
        key = str(int(row["semanticId"]))
        if key not in labels:
            raise DataError(f"{path}: semanticId {key} has no name in the labels file beside it; write the frame again")
        left, top, right, bottom = (float(row[field]) for field in FIELDS[1:])
        objects.append(Object(_class_of(labels[key]), (left, top, right + 1, bottom + 1)))
    return tuple(objects)


def _scaled_boxes(path: Path, rows: np.ndarray, factors: tuple[float, float]) -> np.ndarray:
    if rows.dtype.names is None or not set(FIELDS) <= set(rows.dtype.names):
        raise DataError(f"{path}: found the fields {rows.dtype.names}; expected {', '.join(FIELDS)}")
    scaled = rows.copy()
    for axis, factor in zip("xy", factors, strict=True):
        first = np.rint(rows[f"{axis}_min"] * factor)
        scaled[f"{axis}_min"] = first
        scaled[f"{axis}_max"] = np.maximum(first, np.rint((rows[f"{axis}_max"].astype(float) + 1) * factor) - 1)
    return scaled


def _map(root: Path, image: Path, known: set[Path]) -> ColourMap | None:
    path, labels = _beside(image, SEMANTIC, ".png", known), _beside(image, f"{SEMANTIC}_labels", ".json", known)
    if path is None or labels is None:
        return None
    colours: dict[Colour, str] = {}
    for key, value in read_json(root / labels).items():
        if (found := _COLOUR.fullmatch(key.strip())) is None:
            raise DataError(
                f"{root / labels}: found the key {key!r} where a colour (r, g, b, a) is expected; write the frames "
                "with colorize_semantic_segmentation=True"
            )
        name = _class_of(value)
        colours[tuple(map(int, found.groups()))] = _NOT_LABELLED if name.lower() == _NOT_LABELLED else name
    return ColourMap(root / path, colours)


def _class_of(value: object) -> str:
    """``{"class": "car"}``, or any other type of semantics, or the bare word."""
    if isinstance(value, dict):
        return str(value.get("class", next(iter(value.values()), _NOT_LABELLED)))
    return str(value)


def _with_depth(root: Path, images: tuple[Path, ...], known: set[Path], files: tuple[Path, ...]) -> Listing | None:
    paths = [_beside(image, DEPTH, ".npy", known) or _beside(image, DEPTH, ".exr", known) for image in images]
    if not any(paths):
        return None
    if bare := [image for image, path in zip(images, paths, strict=True) if path is None]:
        raise DataError(f"{root}: {len(bare)} of {len(images)} pictures have no {DEPTH} file, as {bare[0]}; add them")
    plain = listing_of(NAME, root, Labels([Annotated(i, i) for i in images]), files, Options("detection"))
    assert plain is not None  # boxes are never missing
    pixels = {**plain.pixels, "depth_m": lambda i: read_float_depth(root / str(paths[i]))}
    return replace(plain, pixels=pixels, boxes=None, box_class=None, class_names=())
