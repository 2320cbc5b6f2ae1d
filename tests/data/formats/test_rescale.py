"""Label files of resized images: read again, they hold the same objects in the new pixels, or they are refused."""

import json
from functools import partial

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
import tool_folders as tools
from bench.api.errors import DataError
from bench.data.folders import files_below
from bench.data.formats import Options, recognise
from bench.run.refine_folder.rescale_labels import copied, refuse_unscalable, rescaled

N = 4
TWICE = (2 * folders.SIZE[0], 3 * folders.SIZE[1])
FACTORS = np.array([2, 3, 2, 3])
WRITERS = [
    folders.write_coco,
    folders.write_voc,
    folders.write_yolo,
    tools.write_coco_outlines,
    partial(tools.write_coco_outlines, kind="run lengths"),
    tools.write_labelme,
    partial(tools.write_labelme, kind="rectangle"),
    tools.write_cvat,
    partial(tools.write_cvat, kind="polygon"),
    tools.write_kitti,
    partial(tools.write_kitti, folders=("Camera/rgb", "Camera/object_detection")),
    tools.write_solo,
    tools.write_unity,
    tools.write_replicator,
    partial(tools.write_replicator, folders=True),
    tools.write_yolo_polygons,
]


def resize_folder(source, out, size):
    """The folder with its images resized and every other file rescaled."""
    pictures = {name.relative_to(source) for name in source.rglob("*") if is_picture(name)}
    refuse_unscalable(source, [f for f in files_below(source) if f not in pictures], size)
    for file in files_below(source):
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        if file in pictures:
            Image.open(source / file).resize(size).save(out / file)
        else:
            (out / file).write_bytes(rescaled(source, file, size))
    return out


def is_picture(path):
    label = "segmentation" in path.as_posix().rpartition("source")[2].lower()
    return path.suffix in (".png", ".jpg") and not label and not {"masks", "depth"} & set(path.parts)


@pytest.mark.parametrize("write", WRITERS)
def test_boxes_follow_a_new_size(tmp_path, write):
    write(tmp_path / "source", N)
    before = recognise(tmp_path / "source", Options("detection"))
    after = recognise(resize_folder(tmp_path / "source", tmp_path / "out", TWICE), Options("detection"))
    assert after.format == before.format
    assert after.class_names == before.class_names
    for i in range(N):
        assert after.size(i) == TWICE
        np.testing.assert_allclose(after.boxes(i), before.boxes(i) * FACTORS, atol=0.02)
        np.testing.assert_array_equal(after.box_class[i], before.box_class[i])


@pytest.mark.parametrize(
    "write",
    [
        tools.write_coco_outlines,
        partial(tools.write_coco_outlines, kind="run lengths"),
        tools.write_labelme,
        partial(tools.write_cvat, kind="polygon"),
        tools.write_solo,
        tools.write_unity,
        tools.write_replicator,
        folders.write_masks,
    ],
)
def test_masks_follow_a_new_size(tmp_path, write):
    write(tmp_path / "source", N)
    before = recognise(tmp_path / "source", Options("segmentation"))
    after = recognise(resize_folder(tmp_path / "source", tmp_path / "out", TWICE), Options("segmentation"))
    for i in range(N):
        whole = np.repeat(np.repeat(before.pixels["mask"](i), 3, axis=0), 2, axis=1)
        np.testing.assert_array_equal(after.pixels["mask"](i), whole)


@pytest.mark.parametrize("suffix", [".npy", ".pfm", ".exr", ".npz"])
def test_depth_of_floats_follows_a_new_size(tmp_path, suffix):
    from tool_folders import write_depth_file

    for i in range(2):
        folders.save(folders.scene(i), tmp_path / "source" / "rgb" / f"{i}.png")
        write_depth_file(tmp_path / "source" / "depth" / f"{i}{suffix}", tools.metres(i))
    before = recognise(tmp_path / "source", Options("depth"))
    after = recognise(resize_folder(tmp_path / "source", tmp_path / "out", TWICE), Options("depth"))
    whole = np.repeat(np.repeat(before.pixels["depth_m"](1), 3, axis=0), 2, axis=1)
    np.testing.assert_array_equal(after.pixels["depth_m"](1), whole)


def test_keypoints_of_coco_follow_and_visibilities_stay(tmp_path):
    path = tools.write_coco_outlines(tmp_path, 2) / "coco.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["keypoints"] = [10, 20, 2, 0, 0, 0]
    path.write_text(json.dumps(document))
    new = json.loads(rescaled(tmp_path, path.relative_to(tmp_path), TWICE))
    assert new["annotations"][0]["keypoints"] == [20, 60, 2, 0, 0, 0]
    assert new["annotations"][0]["area"] == document["annotations"][0]["area"] * 6


def test_a_circle_of_labelme_becomes_the_ellipse_it_is_then(tmp_path):
    folders.save(folders.scene(0), tmp_path / "a.png")
    shape = {"label": "ball", "shape_type": "circle", "points": [[20, 16], [28, 16]]}
    content = {"shapes": [shape], "imagePath": "a.png", "imageWidth": 48, "imageHeight": 32, "imageData": None}
    tools.dump(content, tmp_path / "a.json")
    new = json.loads(rescaled(tmp_path, (tmp_path / "a.json").relative_to(tmp_path), (96, 32)))["shapes"][0]
    points = np.array(new["points"])
    assert new["shape_type"] == "polygon"
    np.testing.assert_allclose([*points.min(axis=0), *points.max(axis=0)], [24, 8, 56, 24], atol=0.1)


def test_projections_of_kitti_follow_and_metres_stay(tmp_path):
    tools.write_kitti(tmp_path, 2)
    calibration = "P2: 100 0 24 4 0 100 16 2 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\n"
    (tmp_path / "training" / "calib").mkdir()
    (tmp_path / "training" / "calib" / "000000.txt").write_text(calibration)
    file = (tmp_path / "training" / "calib" / "000000.txt").relative_to(tmp_path)
    first, second = rescaled(tmp_path, file, TWICE).decode().splitlines()
    np.testing.assert_allclose(list(map(float, first.split()[1:])), [200, 0, 48, 8, 0, 300, 48, 6, 0, 0, 1, 0])
    assert second == "R0_rect: 1 0 0 0 1 0 0 0 1"
    label = rescaled(tmp_path, (tmp_path / "training/label_2/000000.txt").relative_to(tmp_path), TWICE).decode()
    assert tools.KITTI_METRES in label


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("boxes.json", b'{"a": [{"rect": [1, 2, 30, 40]}]}'),
        ("poses.csv", b"x,y\n1,2\n"),
        ("tracks.xml", b"<tracks><t x='1'/></tracks>"),
        ("points.npy", b"\x93NUMPY"),
        ("0001.mat", b"MATLAB"),
    ],
)
def test_files_of_unknown_formats_are_refused_by_name(tmp_path, name, content):
    folders.write_voc(tmp_path, 2)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} may hold coordinates in pixels, .*leave --size out, or move"):
        refuse_unscalable(tmp_path, files_below(tmp_path), TWICE)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README.txt", b"8 renders"),
        ("classes.csv", b"name,id\ncar,1\n"),
        ("licence.json", b'{"licence": "CC0", "year": 2024, "authors": ["a", "b"]}'),
        ("train.txt", b"images/000.png\nimages/001.png\n"),
    ],
)
def test_files_without_coordinates_are_copied(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert rescaled(tmp_path, (tmp_path / name).relative_to(tmp_path), TWICE) == content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('<box label="car"', '<mask rle="1,2" label="car"'), r"annotations\.xml: a mask cannot be rescaled"),
        (('<box label="car"', '<box rotation="30" label="car"'), r"annotations\.xml: a turned box cannot be rescaled"),
    ],
)
def test_shapes_that_cannot_be_rescaled_are_refused(tmp_path, change, message):
    path = tools.write_cvat(tmp_path, 2) / "annotations.xml"
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(DataError, match=message):
        refuse_unscalable(tmp_path, files_below(tmp_path), TWICE)


def test_unknown_annotations_of_solo_are_refused(tmp_path):
    path = tools.write_solo(tmp_path, 1) / "sequence.0" / "step0.frame_data.json"
    path.write_text(path.read_text().replace("SemanticSegmentationAnnotation", "LidarAnnotation"))
    with pytest.raises(DataError, match=r"annotations of type '.*LidarAnnotation' cannot be rescaled"):
        refuse_unscalable(tmp_path, files_below(tmp_path), TWICE)


def test_labels_are_copied_byte_for_byte_but_for_a_picture_inside(tmp_path):
    tools.write_cvat(tmp_path / "cvat", 2)
    tools.write_solo(tmp_path / "solo", 2)
    tools.write_labelme(tmp_path / "plain", 2)
    for folder in ("cvat", "solo", "plain"):
        for file in files_below(tmp_path / folder):
            assert copied(tmp_path / folder, file) == (tmp_path / folder / file).read_bytes()
    tools.write_labelme(tmp_path / "embedded", 2, embedded="aGVsbG8=")
    (file,) = (f for f in files_below(tmp_path / "embedded") if f.name == "001.json")
    old, new = json.loads((tmp_path / "embedded" / file).read_text()), json.loads(copied(tmp_path / "embedded", file))
    assert new["imageData"] is None, "LabelMe would show it instead of the refined picture"
    assert new == old | {"imageData": None}
