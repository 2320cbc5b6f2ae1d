"""Formats of renderers and annotation tools: boxes and masks of the same scenes, and their own mistakes."""

import base64
import io
import json
import shutil
from functools import partial

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
import tool_folders as tools
from bench.api.errors import DataError
from bench.data.formats import Options, recognise

N = 6
BOX_FORMATS = [
    (tools.write_labelme, "LabelMe"),
    (partial(tools.write_labelme, kind="rectangle"), "LabelMe"),
    (tools.write_cvat, "CVAT for images"),
    (partial(tools.write_cvat, kind="polygon"), "CVAT for images"),
    (tools.write_kitti, "KITTI labels"),
    (partial(tools.write_kitti, folders=("Camera/rgb", "Camera/object_detection")), "KITTI labels"),
    (partial(tools.write_kitti, folders=("frames", "frames")), "KITTI labels"),
    (tools.write_solo, "Unity SOLO"),
    (tools.write_unity, "Unity Perception captures"),
    (tools.write_replicator, "Replicator BasicWriter"),
    (partial(tools.write_replicator, folders=True), "Replicator BasicWriter"),
    (tools.write_coco_outlines, "COCO"),
]
MASK_FORMATS = [
    tools.write_labelme,
    partial(tools.write_labelme, kind="rectangle"),
    partial(tools.write_cvat, kind="polygon"),
    tools.write_solo,
    tools.write_unity,
    tools.write_replicator,
    partial(tools.write_replicator, folders=True),
    tools.write_coco_outlines,
    partial(tools.write_coco_outlines, kind="run lengths"),
    tools.write_yolo_polygons,
]


def boxes_found(root):
    """Names without case and separators, and boxes, of every image of a folder; sorted."""
    listing = recognise(root, Options("detection"))
    names = [name.lower().replace("_", " ") for name in listing.class_names]
    return listing, [
        sorted((tuple(np.round(box, 3).tolist()), names[c]) for box, c in zip(listing.boxes(i), ids, strict=True))
        for i, ids in enumerate(listing.box_class)
    ]


def boxes_drawn(n=N):
    return [sorted((tuple(map(float, box)), folders.CLASSES[c]) for box, c in folders.boxes_of(i)) for i in range(n)]


@pytest.mark.parametrize(("write", "name"), BOX_FORMATS)
def test_boxes_are_the_same_in_every_format(tmp_path, write, name):
    listing, found = boxes_found(write(tmp_path, N))
    assert listing.format == name
    assert found == boxes_drawn()
    for i in range(N):
        np.testing.assert_array_equal(listing.pixels["image"](i), folders.scene(i))


@pytest.mark.parametrize("write", MASK_FORMATS)
def test_masks_are_the_same_in_every_format(tmp_path, write):
    listing = recognise(write(tmp_path, N), Options("segmentation"))
    assert tuple(name.lower() for name in listing.class_names) == ("background", *folders.CLASSES)
    for i in range(N):
        np.testing.assert_array_equal(listing.pixels["mask"](i), tools.regions(i))


@pytest.mark.parametrize("layout", [False, True])
def test_replicators_depth_is_in_metres(tmp_path, layout):
    listing = recognise(tools.write_replicator(tmp_path, 3, layout), Options("depth"))
    depth_m = listing.pixels["depth_m"](1)
    assert (depth_m[0] == 0).all(), "infinite is unknown"
    np.testing.assert_array_equal(depth_m[1:], tools.metres(1)[1:])


def test_boxes_alone_are_no_masks(tmp_path):
    tools.write_cvat(tmp_path, 4)
    listing = recognise(tmp_path, Options("segmentation"))
    assert not listing.labels
    assert "no labels for segmentation are known in annotations.xml" in listing.notes[0]


def test_objects_without_outline_are_ignored_in_masks(tmp_path):
    tools.write_coco_outlines(tmp_path, 4)
    document = json.loads((tmp_path / "coco.json").read_text())
    document["annotations"][0]["segmentation"] = []
    (tmp_path / "coco.json").write_text(json.dumps(document))
    listing = recognise(tmp_path, Options("segmentation"))
    mask = listing.pixels["mask"](0)
    assert set(np.unique(mask[tools.regions(0) > 0])) == {255}
    assert listing.notes == ("1 objects have a box and no outline: their boxes are ignored",)


@pytest.mark.parametrize("order", [1, -1])
def test_small_objects_lie_on_large_ones_whatever_the_order(tmp_path, order):
    tools.write_coco_outlines(tmp_path, 2)
    document = json.loads((tmp_path / "coco.json").read_text())
    outer, inner = [0, 0, 40, 30], [10, 10, 20, 15]
    document["annotations"] = [
        {"id": k, "image_id": 0, "category_id": 1 + k, "segmentation": [tools.polygon_of(box)], "bbox": [0, 0, 1, 1]}
        for k, box in enumerate((outer, inner))
    ][::order]
    (tmp_path / "coco.json").write_text(json.dumps(document))
    mask = recognise(tmp_path, Options("segmentation")).pixels["mask"](0)
    assert (mask[12, 15], mask[5, 5], mask[31, 45]) == (2, 1, 0)


# ---------------------------------------------------------------------------------------------------- LabelMe


def test_circles_masks_and_points_of_labelme(tmp_path):
    folders.save(folders.scene(0), tmp_path / "a.png")
    stream = io.BytesIO()
    Image.fromarray(np.array([[255, 0, 255], [255, 255, 255]], np.uint8)).save(stream, "PNG")
    png = base64.b64encode(stream.getvalue()).decode()
    shapes = [
        {"label": "ball", "shape_type": "circle", "points": [[10, 12], [15, 12]]},
        {"label": "blob", "shape_type": "mask", "points": [[30, 20], [32, 21]], "mask": png},
        {"label": "spot", "shape_type": "point", "points": [[3, 3]]},
        {"label": "edge", "shape_type": "linestrip", "points": [[3, 3], [9, 9], [4, 9]]},
    ]
    tools.dump({"shapes": shapes, "imagePath": "a.png", "imageData": None}, tmp_path / "a.json")
    listing, found = boxes_found(tmp_path)
    assert found == [[((5.0, 7.0, 15.0, 17.0), "ball"), ((30.0, 20.0, 33.0, 22.0), "blob")]]
    assert "2 points and lines have no area and are left out" in listing.notes
    mask = recognise(tmp_path, Options("segmentation")).pixels["mask"](0)
    assert mask[20:22, 30:33].tolist() == [[2, 0, 2], [2, 2, 2]]
    assert mask[12, 10] == 1


def test_labelme_finds_images_in_other_folders_and_counts_bare_ones(tmp_path):
    tools.write_labelme(tmp_path / "json", 4)
    (tmp_path / "photos").mkdir()
    for i in range(4):
        shutil.move(tmp_path / "json" / f"{i:03d}.png", tmp_path / "photos" / f"{i:03d}.png")
        path = tmp_path / "json" / f"{i:03d}.json"
        path.write_text(path.read_text().replace(f'"{i:03d}.png"', f'"..\\\\photos\\\\{i:03d}.png"'))
    folders.save(folders.scene(9), tmp_path / "photos" / "empty.png")
    listing, found = boxes_found(tmp_path)
    assert found == [*boxes_drawn(4), []]
    assert "1 images have no JSON file and so no object" in listing.notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["shapes"].append({"label": "a", "shape_type": "polygon"}),
            r"shape of type 'polygon' cannot be read \(no 'points'\)",
        ),
        (
            lambda d: d["shapes"].append({"label": "a", "points": [[1], [2, 3], [4, 5]]}),
            r"shape of type 'polygon' cannot",
        ),
        (lambda d: d.update(imageWidth=96), r"000\.png has 48×32 pixels and .*000\.json says 96×32"),
    ],
)
def test_mistakes_in_labelme_files_are_one_line(tmp_path, change, message):
    path = tools.write_labelme(tmp_path, 3) / "000.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        recognise(tmp_path, Options("detection"))


def test_a_label_whose_image_was_renamed_is_found_by_its_own_name(tmp_path):
    path = tools.write_labelme(tmp_path, 3) / "000.json"
    path.write_text(path.read_text().replace('"000.png"', '"IMG_2041.JPG"'))
    assert boxes_found(tmp_path)[1] == boxes_drawn(3)
    (tmp_path / "000.png").unlink()
    with pytest.raises(DataError, match=r"000\.json: found no image 'IMG_2041\.JPG'; put it beside the JSON file"):
        recognise(tmp_path, Options("detection"))


# ------------------------------------------------------------------------------------------------------- CVAT


def test_turned_boxes_ellipses_and_masks_of_cvat(tmp_path):
    tools.write_cvat(tmp_path, 1)
    shapes = (
        '<box label="car" rotation="90" xtl="10" ytl="10" xbr="30" ybr="14"/>'
        '<ellipse label="car" cx="20" cy="10" rx="6" ry="3"/>'
        '<mask label="traffic light" rle="1,2,3" left="4" top="5" width="3" height="2"/>'
        '<polyline label="car" points="1,1;2,2"/>'
    )
    path = tmp_path / "annotations.xml"
    path.write_text(path.read_text().replace("</image>", f"{shapes}</image>"))
    listing, found = boxes_found(tmp_path)
    assert ((18.0, 2.0, 22.0, 22.0), "car") in found[0]
    assert ((14.0, 7.0, 26.0, 13.0), "car") in found[0]
    assert "1 polyline shapes left out" in listing.notes
    mask = recognise(tmp_path, Options("segmentation")).pixels["mask"](0)
    assert mask[5:7, 4:7].tolist() == [[0, 2, 2], [255, 255, 255]], "the box around is ignored"
    assert (mask[10, 25], mask[20, 20]) == (1, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name="f001.png"', 'name="gone.png"', r"found no image 'gone\.png'; add it, or export with images"),
        ("<image id", '<track id="0"><box frame="0"/></track><image id', r"CVAT for video, .* 'CVAT for images 1\.1'"),
        ("</annotations>", "", r"annotations\.xml is no XML"),
        ('xtl="4.00"', "", r"image images/f000\.png: a box cannot be read \(no attribute 'xtl'\)"),
    ],
)
def test_mistakes_in_cvat_files_are_one_line(tmp_path, old, new, message):
    path = tools.write_cvat(tmp_path, 3) / "annotations.xml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        recognise(tmp_path, Options("detection"))


# ------------------------------------------------------------------------------------------------------ KITTI


def test_dont_care_and_unlabelled_images_of_kitti_are_said(tmp_path):
    tools.write_kitti(tmp_path, 3)
    folders.save(folders.scene(7), tmp_path / "testing" / "image_2" / "000000.png")
    folders.save(folders.scene(8), tmp_path / "training" / "image_3" / "000000.png")
    listing, found = boxes_found(tmp_path)
    assert found == boxes_drawn(3)
    assert "3 DontCare regions left out" in listing.notes
    assert any(note.startswith("2 images without a label file are left out") for note in listing.notes)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Car 0 0 0 1 2 3", r"000001\.txt, line 2: found 'Car 0 0 0 1 2 3'; expected KITTI's 15 columns"),
        ("0 0.5 0.5 0.1 0.1", r"line 2: found '0 0\.5 0\.5 0\.1 0\.1'"),
        ("Car a 0 0 1 2 3 4 5 6 7 8 9 10 11", r"line 2: found 'Car a"),
    ],
)
def test_mistakes_in_kitti_labels_are_one_line(tmp_path, line, message):
    path = tools.write_kitti(tmp_path, 3) / "training" / "label_2" / "000001.txt"
    first = path.read_text().splitlines()[0]
    path.write_text(f"{first}\n{line}\n")
    with pytest.raises(DataError, match=message):
        recognise(tmp_path, Options("detection"))


# ------------------------------------------------------------------------------------------ Unity, Replicator


def replace_in(path, old, new):
    path.write_text(path.read_text().replace(old, new))


def test_a_colour_without_a_name_is_refused(tmp_path):
    tools.write_solo(tmp_path, 2)
    path = tmp_path / "sequence.0" / "step0.camera.semantic segmentation.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[0, :3] = (9, 9, 9)
    folders.save(pixels, path)
    listing = recognise(tmp_path, Options("segmentation"))
    with pytest.raises(DataError, match=r"colour \(9, 9, 9\) is in 3 pixels and has no name in its JSON file"):
        listing.pixels["mask"](0)


@pytest.mark.parametrize(
    ("write", "damage", "message"),
    [
        (
            tools.write_replicator,
            lambda root: (root / "bounding_box_2d_tight_labels_0000.json").write_text("{}"),
            r"tight_0000\.npy: semanticId 0 has no name in the labels file",
        ),
        (
            tools.write_replicator,
            lambda root: np.save(root / "bounding_box_2d_tight_0001.npy", np.zeros((2, 5))),
            r"tight_0001\.npy: found the fields None; expected semanticId",
        ),
        (
            tools.write_unity,
            lambda root: (root / "RGB5f3a" / "rgb_1.png").unlink(),
            r"captures_000\.json: found no image 'RGB5f3a/rgb_1\.png'",
        ),
        (
            tools.write_solo,
            lambda root: replace_in(root / "sequence.1" / "step0.frame_data.json", '"origin"', '"place"'),
            r"frame_data\.json: a capture cannot be read \(no 'origin'\)",
        ),
    ],
)
def test_mistakes_of_renderers_are_one_line(tmp_path, write, damage, message):
    damage(write(tmp_path, 3))
    with pytest.raises(DataError, match=message):
        recognise(tmp_path, Options("detection"))
