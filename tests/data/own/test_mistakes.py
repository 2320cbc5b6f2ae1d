"""What strangers bring: exports of the usual tools as they are, and their mistakes, each answered in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
from bench.api import Limits, UserError
from bench.api.errors import DataError
from bench.data.formats import Options, recognise
from bench.data.formats.class_files import names_of_txt, of_csv
from bench.data.own.pair import OwnPair, OwnParams
from bench.suites.own_folders import own_suite

SIZE = (48, 32)


def own(root: Path, task: str = "detection", **options: object) -> OwnPair:
    given = {"source": root / "source", "target": root / "target", **options}
    return OwnPair(OwnParams(task=task, **given))


def classes_found(root: Path, task: str = "detection") -> tuple[str, ...]:
    return recognise(root, Options(task)).class_names


def document(root: Path, change) -> None:
    path = root / "annotations" / "instances.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


# ------------------------------------------------------------------------------------------- exports of tools


def test_a_yolo_export_with_its_readme_lists_and_yaml_of_any_name(tmp_path):
    folders.write_yolo(tmp_path, 6)
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "cards.yaml").write_text("path: ../x\ntrain: images\nnames:\n  0: car\n  1: traffic light\n")
    (tmp_path / "README.roboflow.txt").write_text("exported from somewhere\n")
    (tmp_path / "trainval.txt").write_text("images/000.png\n")
    listing = recognise(tmp_path, Options("detection"))
    assert (listing.format, listing.class_names, listing.n_images) == ("YOLO", folders.CLASSES, 6)


def test_a_yolo_label_without_its_image_is_still_named(tmp_path):
    folders.write_yolo(tmp_path, 4)
    (tmp_path / "images" / "000.png").unlink()
    with pytest.raises(DataError, match=r"1 label files without image \(labels/000\.txt\)"):
        recognise(tmp_path, Options("detection"))


def test_polygons_of_yolo_count_as_their_bounds(tmp_path):
    folders.write_yolo(tmp_path, 4)
    (tmp_path / "labels" / "000.txt").write_text("1 0.25 0.5 0.5 0.25 0.75 0.5 0.5 0.75")
    boxes = recognise(tmp_path, Options("detection")).boxes
    np.testing.assert_allclose(boxes(0), [[12, 8, 36, 24]])


def test_a_voc_devkit_with_masks_of_some_objects(tmp_path):
    folders.write_voc(tmp_path, 4)
    for folder in ("SegmentationClass", "SegmentationObject"):
        folders.save(folders.mask_of(1), tmp_path / folder / "001.png")
    (tmp_path / "AAA.xml").write_text("<project/>")
    listing = recognise(tmp_path, Options("detection"))
    assert (listing.format, listing.n_images) == ("Pascal VOC", 4)


def test_masks_of_cvat_are_named_by_its_labelmap(tmp_path):
    folders.write_masks(tmp_path, 4, kind="colours")
    (tmp_path / "masks").rename(tmp_path / "SegmentationClass")
    shutil.copytree(tmp_path / "SegmentationClass", tmp_path / "SegmentationObject")
    (tmp_path / "classes.csv").unlink()
    lines = [
        "# label:color_rgb:parts:actions",
        "road:0,0,0::",
        "car:128,64,32::",
        "sign:9,200,7::",
        "void:255,255,255::",
    ]
    (tmp_path / "labelmap.txt").write_text("\n".join(lines))
    listing = recognise(tmp_path, Options("segmentation"))
    assert listing.class_names == ("road", "car", "sign")
    np.testing.assert_array_equal(listing.pixels["mask"](1), folders.mask_of(1))


def test_paths_of_another_machine_in_coco_are_found_by_their_end(tmp_path):
    folders.write_coco(tmp_path, 3)
    shutil.copytree(tmp_path / "images", tmp_path / "val" / "images")
    document(tmp_path, lambda d: [i.update(file_name=f"C:\\sets\\val\\images\\{i['file_name']}") for i in d["images"]])
    listing = recognise(tmp_path, Options("detection"))
    assert Path(listing.names[0]) == tmp_path / "val" / "images" / "000.png"


def test_names_from_an_archive_of_a_mac(tmp_path):
    folders.write_coco(tmp_path / "source", 8, names=("Bücher", "car"))
    (tmp_path / "source/images/000.png").rename(tmp_path / "source/images/gro\u0308\u00dfe.png")
    document(tmp_path / "source", lambda d: d["images"][0].update(file_name="gr\u00f6\u00dfe.png"))
    folders.write_yolo(tmp_path / "target", 8, seed=5, names=("Bu\u0308cher", "car"))
    assert own(tmp_path).class_names == ("Bücher", "car")


def test_a_class_that_is_listed_and_never_used_does_not_count(tmp_path):
    folders.write_yolo(tmp_path / "source", 12)
    folders.write_coco(tmp_path / "target", 12, seed=5)
    document(tmp_path / "target", lambda d: d["categories"].insert(0, {"id": 0, "name": "vehicles"}))
    pair = own(tmp_path)
    assert pair.class_names == folders.CLASSES
    assert "vehicles occurs nowhere and is left out" in pair.describe("light")[1]


def test_class_folders_inside_parts_of_a_split_whatever_they_are_called(tmp_path):
    for part in ("train", "val"):
        folders.write_class_folders(tmp_path / part, 4, names=("with_mask", "without mask"))
    listing = recognise(tmp_path, Options("classification"))
    assert (listing.class_names, listing.n_images) == (("with_mask", "without mask"), 8)
    assert listing.notes == ("train, val are read as one set",)


def test_folders_of_images_and_masks_are_no_classes(tmp_path):
    folders.write_masks(tmp_path, 4)
    assert recognise(tmp_path, Options("classification")).format == "images"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfcar\r\ntraffic light\r\n",
        b"0 car\n1 traffic light\n",
        b"0: car\n\n1: traffic light\n",
    ],
)
def test_names_files_of_windows_and_with_ids(tmp_path, content):
    (tmp_path / "classes.txt").write_bytes(content)
    assert names_of_txt(tmp_path / "classes.txt") == folders.CLASSES


def test_csv_of_a_spreadsheet(tmp_path):
    (tmp_path / "classes.csv").write_bytes("\ufeffClass Name;Red;Green;Blue\nroad;0;0;1\ncar;0;1;0\n".encode())
    named = of_csv(tmp_path / "classes.csv")
    assert (named.names, named.values, named.in_colours) == (("road", "car"), (1, 256), True)


def test_masks_of_an_object_in_white_on_black(tmp_path):
    folders.write_masks(tmp_path, 4)
    for i in range(4):
        folders.save(np.where(folders.mask_of(i) == 1, 255, 0).astype(np.uint8), tmp_path / "masks" / f"{i:03d}.png")
    (tmp_path / "classes.txt").unlink()
    assert classes_found(tmp_path, "segmentation") == ("0", "1")
    (tmp_path / "classes.csv").write_text("name,id\nbackground,0\nthing,255\n")
    listing = recognise(tmp_path, Options("segmentation"))
    assert listing.class_names == ("background", "thing")
    assert set(np.unique(listing.pixels["mask"](0))) == {0, 1}


def test_saturated_depth_is_unknown(tmp_path):
    folders.write_depth(tmp_path, 3)
    steps = folders.depth_steps(0)
    steps[5] = 65535
    folders.save(steps, tmp_path / "depth" / "000.png")
    depth_m = recognise(tmp_path, Options("depth", 1e-3)).pixels["depth_m"](0)
    assert (depth_m[5] == 0).all()
    assert depth_m.max() < 6


# ------------------------------------------------------------------------------------------------- mistakes


def coco_with(change):
    def make(root: Path) -> None:
        folders.write_coco(root, 4)
        document(root, change)

    return make


def without_boxes(root: Path) -> None:
    folders.write_yolo(root, 4)
    for label in (root / "labels").iterdir():
        label.write_text("")


def second_json(root: Path) -> None:
    folders.write_coco(root, 4)
    shutil.copy(root / "annotations" / "instances.json", root / "annotations" / "train.json")


def latin_names(root: Path) -> None:
    folders.write_yolo(root, 4)
    (root / "classes.txt").write_bytes("v\xe9lo\ncar\n".encode("latin-1"))


def empty_names(root: Path) -> None:
    folders.write_masks(root, 4)
    (root / "classes.txt").write_text("\n")


def turned(root: Path) -> None:
    folders.write_voc(root, 4)
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(folders.scene(0)).save(root / "JPEGImages" / "000.png", exif=exif)


def in_another_folder(root: Path) -> None:
    folders.write_masks(root, 4)
    (root / "masks").rename(root / "y")


@pytest.mark.parametrize(
    ("task", "make", "message"),
    [
        ("detection", coco_with(lambda d: d["annotations"][0].pop("bbox")), r"entry 1 of 'annotations' has no 'bbox'"),
        ("detection", coco_with(lambda d: d["images"][1].pop("file_name")), r"entry 2 of 'images' has no 'file_name'"),
        (
            "detection",
            coco_with(lambda d: d["annotations"][0].update(bbox=[1, 2])),
            r"expected \[left, top, width, hei",
        ),
        ("detection", coco_with(lambda d: d.update(images={})), r"'images' is a dict where COCO has a list"),
        ("detection", second_json, r"train\.json lists images/000\.png, which .*instances\.json lists already"),
        ("detection", latin_names, r"classes\.txt is no UTF-8 text \(byte 2\); save it as UTF-8"),
        ("segmentation", empty_names, r"classes\.txt names no class; write a name a line, or remove it"),
        ("detection", turned, r"has 32×48 pixels and .*000\.xml says 48×32, as before its EXIF turns it; label"),
        ("detection", without_boxes, r"found 4 images and no box in its label files; the source must have some"),
        ("segmentation", in_another_folder, r"y/000\.png .* may be the label map of images/000\.png, .* called masks"),
        ("detection", lambda root: folders.write_masks(root, 4), r"COCO, Pascal VOC, YOLO, .*--target swapped\?"),
    ],
)
def test_mistakes_of_a_source_are_one_line(tmp_path, task, make, message):
    make(tmp_path / "source")
    folders.write_photos(tmp_path / "target", 4)
    with pytest.raises(DataError, match=message) as caught:
        own(tmp_path, task).source(SIZE, "resize", Limits())
    assert "\n" not in str(caught.value)


def test_all_wrong_boxes_are_counted(tmp_path):
    folders.write_coco(tmp_path / "source", 12)
    folders.write_photos(tmp_path / "target", 4)
    document(tmp_path / "source", lambda d: [a["bbox"].__setitem__(2, 0) for a in d["annotations"]])
    with pytest.raises(DataError, match=r"no box in its label files; 12 boxes without area left out, .*000\.png"):
        own(tmp_path).source(SIZE, "resize", Limits())


def test_numbers_instead_of_names_are_explained(tmp_path):
    folders.write_coco(tmp_path / "source", 8)
    folders.write_yolo(tmp_path / "target", 8, seed=5)
    (tmp_path / "target" / "classes.txt").unlink()
    with pytest.raises(DataError, match=r"classes of the target are mere numbers: put a classes\.txt there"):
        own(tmp_path)


def test_ids_without_names_mean_what_they_mean_on_the_other_side(tmp_path):
    for side, seed in (("source", 0), ("target", 5)):
        folders.write_masks(tmp_path / side, 6, seed)
    (tmp_path / "source" / "classes.txt").unlink()
    pair = own(tmp_path, "segmentation")
    assert pair.class_names == ("road", "car", "sign")
    assert "no classes.txt: ids mean what they mean in target" in pair.describe("light")[0]


def test_masks_of_one_class_are_refused(tmp_path):
    folders.write_masks(tmp_path / "source", 4)
    for i in range(4):
        folders.save(np.where(folders.mask_of(i) == 1, 255, 0).astype(np.uint8), tmp_path / f"source/masks/{i:03d}.png")
    folders.write_photos(tmp_path / "target", 4)
    with pytest.raises(
        DataError, match=r"hold one class \(road\) and 255, which is ignored; .*name it in a classes.csv"
    ):
        own(tmp_path, "segmentation")


def test_a_unit_that_is_wrong_on_one_side_alone_is_noticed(tmp_path):
    folders.write_depth(tmp_path / "source", 4)
    folders.write_depth(tmp_path / "target", 4, seed=5)
    for i in range(4):  # the target in steps of 10 cm
        folders.save((folders.depth_steps(i) // 10).astype(np.uint16), tmp_path / "target" / "depth" / f"{i:03d}.png")
    with pytest.raises(DataError, match=r"would be 0\.31\d* m, and the source's 3\.1\d* m: 10\.0 times apart"):
        own(tmp_path, "depth", depth_unit="mm")
    pair = own(tmp_path, "depth", depth_unit="mm", target_depth_unit="cm")
    assert any(line.startswith("median depth: source 3.13 m, target 3.1") for line in pair.describe("light"))


def test_photographs_that_are_not_read_are_said(tmp_path):
    folders.write_class_folders(tmp_path / "source", 4)
    folders.write_photos(tmp_path / "target", 4)
    (tmp_path / "target" / "IMG_9.gif").write_bytes(b"x")
    (tmp_path / "target" / "labels.json").write_text("{}")
    line = own(tmp_path, "classification").describe("light")[1]
    assert "1 files are not read (.gif): PNG, JPEG, WebP, BMP, TIFF and PPM are" in line
    assert "no labels for classification are known in labels.json" in line


def test_two_folders_have_to_be_two(tmp_path):
    folders.write_class_folders(tmp_path / "source", 6)
    with pytest.raises(DataError, match=r"--source .* and --target .* are one folder"):
        own(tmp_path, "classification", target=tmp_path / "source")
    with pytest.raises(DataError, match=r"lie one inside the other"):
        own(tmp_path, "classification", target=tmp_path)
    folders.write_photos(tmp_path / "target", 4)
    shutil.copy(tmp_path / "source" / "car" / "002.png", tmp_path / "target" / "twin.png")
    with pytest.raises(DataError, match=r"twin\.png is .*car/002\.png, byte for byte: 1 of 5 target images"):
        own(tmp_path, "classification").target(SIZE, "resize", Limits())
    with pytest.raises(DataError, match=r"targe does not exist; .*did you mean .*target\?"):
        own(tmp_path, "classification", target=tmp_path / "targe")


def test_one_photograph_cannot_be_split(tmp_path):
    folders.write_class_folders(tmp_path / "source", 4)
    folders.write_photos(tmp_path / "target", 1)
    with pytest.raises(DataError, match=r"target: asked to split 1 images .*\(--target-test\)"):
        own(tmp_path, "classification").target(SIZE, "resize", Limits())


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("size", "128*96", r"--size: found '128\*96'; expected width and height in pixels, as 320x240"),
        ("depth_unit", "metres", "--depth-unit: found 'metres'; expected mm, cm, m, a fraction of a metre as 1/256m"),
        ("depth_range", "5-1", r"--depth-range: found '5-1'; expected nearest and farthest depth in metres"),
        ("group_by", "video", "--group-by: found 'video'; expected folder or prefix"),
    ],
)
def test_wrong_options_are_called_as_on_the_command_line(option, value, message):
    with pytest.raises(UserError, match=message):
        own_suite("depth", {"source": "a", "target": "b", option: value})


def test_lists_may_be_written_with_commas():
    pair = own_suite("detection", {"source": "a", "target": "b", "classes": "car,bike"}).tables[0].pair
    assert "classes=car+bike" in pair
