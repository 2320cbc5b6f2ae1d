import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
from bench.api.errors import DataError
from bench.data.folders import files_below
from bench.data.formats import Options, recognise, yolo
from bench.data.listing import working_set

ROWS = np.arange(5)
REAL = Path(__file__).parents[3] / "../shared/data"


def native(root: Path, task: str, metres_per_step: float | None = None):
    listing = recognise(root, Options(task, metres_per_step))
    return listing, working_set(listing, folders.SIZE, "resize", native_labels=True).take(ROWS)


@pytest.mark.parametrize(
    ("write", "name"), [(folders.write_coco, "COCO"), (folders.write_voc, "Pascal VOC"), (folders.write_yolo, "YOLO")]
)
def test_boxes_are_the_same_in_every_format(tmp_path, write, name):
    listing, columns = native(write(tmp_path / "set", 5), "detection")
    assert listing.format == name
    assert listing.class_names == folders.CLASSES
    for i in ROWS:
        wanted = folders.boxes_of(i)
        np.testing.assert_allclose(columns["boxes"][i, : len(wanted)], [box for box, _ in wanted] or np.zeros((0, 4)))
        assert columns["box_class"][i].tolist() == [c for _, c in wanted] + [-1] * (2 - len(wanted))
        np.testing.assert_array_equal(columns["image"][i], folders.scene(i))


def test_boxes_of_voc_and_yolo_lie_side_by_side_in_a_real_set():
    if not (root := REAL / "carla_object_detection").is_dir():
        pytest.skip("needs ../shared/data/carla_object_detection")
    listing = recognise(root, Options("detection"))
    assert listing.format == "Pascal VOC"
    assert listing.notes == ("there are YOLO labels too; Pascal VOC is read",)
    assert listing.n_images == 8

    files = tuple(file for file in files_below(root) if file.suffix != ".xml")
    other = yolo.listing(root, files, Options("detection"))
    for i in range(8):
        np.testing.assert_allclose(listing.boxes(i), other.boxes(i), atol=1.1)  # that converter drops a pixel
        assert [listing.class_names[c] for c in listing.box_class[i]] == [
            other.class_names[c] for c in other.box_class[i]
        ]


def test_class_folders(tmp_path):
    listing, columns = native(folders.write_class_folders(tmp_path, 5), "classification")
    assert (listing.format, listing.class_names) == ("class folders", folders.CLASSES)
    assert sorted(columns["class_id"].tolist()) == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("kind", ["index", "palette", "rgb", "colours"])
def test_masks_of_every_kind_hold_the_same_ids(tmp_path, kind):
    listing, columns = native(folders.write_masks(tmp_path, 5, kind=kind), "segmentation")
    assert listing.class_names == ("road", "car", "sign")
    for i in ROWS:
        np.testing.assert_array_equal(columns["mask"][i], folders.mask_of(i))


def test_masks_without_names_are_called_by_their_ids(tmp_path):
    (folders.write_masks(tmp_path, 5) / "classes.txt").unlink()
    listing, columns = native(tmp_path, "segmentation")
    assert listing.class_names == ("0", "1", "2")
    np.testing.assert_array_equal(columns["mask"][1], folders.mask_of(1))


@pytest.mark.parametrize("layout", ["raw_mini", "suffixes"])
def test_masks_beside_pictures_and_in_segnets_folders(tmp_path, layout):
    for i in range(5):
        if layout == "raw_mini":
            paths = tmp_path / "train" / f"{i}.png", tmp_path / "trainannot" / f"{i}.png"
        else:
            paths = tmp_path / f"town_{i}_img.png", tmp_path / f"town_{i}_labelIds.png"
        folders.save(folders.scene(i), paths[0])
        folders.save(folders.mask_of(i), paths[1])
    _, columns = native(tmp_path, "segmentation")
    np.testing.assert_array_equal(columns["mask"][4], folders.mask_of(4))


@pytest.mark.parametrize(("step_m", "last_m"), [(1e-3, 5.0), (1e-2, 50.0), (1 / 256, 5000 / 256)])
def test_depth_is_in_metres(tmp_path, step_m, last_m):
    listing, columns = native(folders.write_depth(tmp_path, 5), "depth", step_m)
    assert listing.format == "depth maps"
    np.testing.assert_allclose(columns["depth_m"][3], folders.depth_steps(3) * step_m, rtol=1e-6)
    assert columns["depth_m"][0, 0, 0] == 0
    assert columns["depth_m"][0].max() == pytest.approx(last_m)


def test_depth_without_a_unit_is_shown_in_each(tmp_path):
    with pytest.raises(DataError, match=r"median of 000.png is 3124\.5, which is 3\.12 m if mm, 31\.2 m if cm"):
        native(folders.write_depth(tmp_path, 5), "depth")


def test_photographs_are_turned_as_their_exif_says(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # turn by 90° clockwise
    Image.fromarray(folders.picture(1)).save(tmp_path / "a.png", exif=exif)
    listing = recognise(tmp_path, Options("detection"))
    assert listing.size(0) == folders.SIZE[::-1]
    np.testing.assert_array_equal(listing.pixels["image"](0), np.rot90(folders.picture(1), -1))


def damage(root: Path, case: str) -> None:
    match case:
        case "truncated":
            path = root / "images" / "002.png"
            path.write_bytes(path.read_bytes()[:300])
        case "empty file":
            (root / "images" / "002.png").write_bytes(b"")
        case "other size":
            folders.save(folders.mask_of(2)[:20, :20], root / "masks" / "002.png")
        case "unpaired":
            (root / "masks" / "001.png").rename(root / "masks" / "077.png")
        case "colours":
            pixels = np.random.default_rng(0).integers(0, 9, (32, 48, 3), np.uint8)
            folders.save(pixels, root / "masks" / "002.png")
        case "unknown id":
            folders.save(np.full((32, 48), 7, np.uint8), root / "masks" / "002.png")
        case "loop":
            (root / "images" / "again").symlink_to(root, target_is_directory=True)
        case "self":
            (root / "images" / "self").symlink_to(root / "images" / "self")
        case "empty":
            shutil.rmtree(root)
            root.mkdir()
        case "no image":
            shutil.rmtree(root)
            root.mkdir()
            (root / "notes.pdf").write_bytes(b"x")


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("truncated", r"images/002\.png cannot be decoded .*: write the image again, or remove it"),
        ("empty file", r"images/002\.png is empty \(0 bytes\); write the image again"),
        ("other size", r"images/002\.png: the image has 48×32 pixels and its mask 20×20; give both one size"),
        (
            "unpaired",
            r"1 images without mask \(images/001\.png\) and 1 mask files without image \(masks/077\.png\); .*rename",
        ),
        ("colours", r"masks/002\.png is a label map in colours .* class ids were expected; put a file classes\.csv"),
        ("unknown id", r"masks/002\.png: found class id 7, which no class has, .*; there are 3 classes: correct"),
        ("loop", r"images/again is a link to a folder that contains it: a loop; remove the link"),
        ("self", r"images/self is a link that leads to itself; remove the link"),
        ("empty", "is an empty folder; put images into it"),
        ("no image", r"found 1 files \(\.pdf\) and no image"),
    ],
)
def test_broken_folders_are_one_line_with_file_and_remedy(tmp_path, case, message):
    root = folders.write_masks(tmp_path / "set", 5)
    damage(root, case)
    with pytest.raises(DataError, match=message) as caught:
        native(root, "segmentation")
    assert "\n" not in str(caught.value)


def test_the_first_five_of_many_unpaired_files_are_shown(tmp_path):
    root = folders.write_masks(tmp_path, 9)
    for i in range(7):
        (root / "masks" / f"{i:03d}.png").unlink()
    with pytest.raises(DataError, match=r"7 images without mask \(images/000\.png, .*images/004\.png, …\);"):
        native(root, "segmentation")


def coco(root: Path) -> tuple[Path, dict]:
    path = folders.write_coco(root, 5) / "annotations" / "instances.json"
    return path, json.loads(path.read_text())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["annotations"][0].update(bbox=[60, 2, 30, 5]), r"000\.png: box 1 of its COCO labels .*leaves"),
        (lambda d: d["images"][1].update(width=96), r"001\.png has 48×32 pixels and .*instances\.json says 96×32"),
        (lambda d: d["annotations"][0].update(category_id=99), r"annotation 0 is of category 99, which the file does"),
        (lambda d: d["images"][1].update(file_name="gone.png"), r"file_name 'gone\.png': found no such file below"),
    ],
)
def test_broken_coco_is_one_line(tmp_path, change, message):
    path, document = coco(tmp_path)
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=message):
        native(tmp_path, "detection")


def test_crowds_are_left_out_and_said(tmp_path):
    path, document = coco(tmp_path)
    document["annotations"][0]["iscrowd"] = 1
    path.write_text(json.dumps(document))
    listing, columns = native(tmp_path, "detection")
    assert "1 crowd regions left out" in listing.notes
    assert columns["box_class"][0].max() == -1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.5 0.5 0.2", r"labels/000\.txt, line 1: found '0 0\.5 0\.5 0\.2'; expected five numbers"),
        ("0 24 16 10 10", r"labels/000\.txt: found 24 where a share of the image in \[0, 1\] is expected"),
        ("5 0.5 0.5 0.2 0.2", r"labels/000\.txt: found class 5; .*classes\.txt lists 2 classes"),
        ("0 1.4 0.5 0.6 0.2", r"images/000\.png: box 1 of its YOLO labels .* leaves the image of 48×32 pixels"),
    ],
)
def test_broken_yolo_is_one_line(tmp_path, text, message):
    folders.write_yolo(tmp_path, 5)
    (tmp_path / "labels" / "000.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        native(tmp_path, "detection")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotation><object></annotation>", r"000\.xml is no XML"),
        ("<annotation><object><name>car</name></object></annotation>", r"000\.xml: an object lacks its name or one of"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', r"000\.xml declares XML entities"),
    ],
)
def test_broken_voc_is_one_line(tmp_path, text, message):
    folders.write_voc(tmp_path, 5)
    (tmp_path / "Annotations" / "000.xml").write_text(text)
    with pytest.raises(DataError, match=message):
        native(tmp_path, "detection")
