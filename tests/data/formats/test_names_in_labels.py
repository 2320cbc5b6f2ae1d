"""Names of files and of classes as other systems and tools write them, in YOLO and COCO."""

import json

import numpy as np
import pytest

import own_folders as folders
from bench.api.errors import DataError
from bench.data.formats import Options, recognise

DETECTION = Options("detection")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("{0: car, 1: light, 7: bus}", ("car", "light", "bus")),
        ("{'0': car, '1': no}", ("car", "no")),
        ("[yes, 007]", ("yes", "007")),
        ("['traffic light', \"bob's car\"]", ("traffic light", "bob's car")),
        ("\n- 3.50\n- ~", ("3.50", "~")),
    ],
)
def test_class_names_in_yaml_are_texts_and_may_have_gaps(tmp_path, names, expected):
    folders.write_yolo(tmp_path, 4)
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "data.yaml").write_text(f"path: /home/someone/set\ntrain: images\nnc: 2\nnames: {names}\n")
    listing = recognise(tmp_path, DETECTION)
    assert listing.class_names == expected
    assert [listing.class_names[i] for i in listing.box_class[1]] == [expected[1], expected[0]]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("{0: car, 2: bus}", r"labels/001\.txt: found class 1, for which .*data\.yaml has no name"),
        ("", "names is ''"),
        ("[]", r"names is \[\]"),
        ("{car: 0}", "invalid literal for int.*'car'"),
    ],
)
def test_names_that_do_not_say_are_refused(tmp_path, names, message):
    folders.write_yolo(tmp_path, 4)
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "data.yaml").write_text(f"names: {names}\n")
    with pytest.raises(DataError, match=message):
        recognise(tmp_path, DETECTION)


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text.replace("\n", "\r\n").encode() + b"\r\n",
        lambda text: text.replace(" ", "\t").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: ("\n\n" + text.replace("\n", "\n \n") + "  \n").encode(),
    ],
)
def test_yolo_lines_of_any_system(tmp_path, write):
    folders.write_yolo(tmp_path, 4)
    for label in (tmp_path / "labels").iterdir():
        label.write_bytes(write(label.read_text()))
    listing = recognise(tmp_path, DETECTION)
    for i in range(4):
        np.testing.assert_allclose(listing.boxes(i), np.array([b for b, _ in folders.boxes_of(i)]).reshape(-1, 4))


@pytest.mark.parametrize("line", ["car .5 .5 .2 .2", "-1 .5 .5 .2 .2", "0;0.5;0.5;0.2;0.2"])
def test_text_that_is_no_label_is_shown(tmp_path, line):
    folders.write_yolo(tmp_path, 4)
    for label in (tmp_path / "labels").iterdir():
        label.write_text(line)
    try:
        said = " ".join(recognise(tmp_path, DETECTION).notes)
    except DataError as error:
        said = str(error)
    assert line in said
    assert "class cx cy width height" in said


@pytest.mark.parametrize(
    ("disk", "written"),
    [
        ("{}.png", "C:\\data\\images\\{}.png"),
        ("{}.png", "/home/someone/images/{}.png"),
        ("{}.png", "{}.PNG"),
        ("IMG_{}.PNG", "img_{}.png"),
        ("my photo {}.png", "my+photo+{}.png"),
        ("ü {}.png", "%C3%BC%20{}.png"),
        ("100% {}.png", "100% {}.png"),
        ("{}.png", "/data/local-files/?d=images/{}.png"),
    ],
)
def test_images_are_found_as_they_were_called_elsewhere(tmp_path, disk, written):
    folders.write_coco(tmp_path, 4)
    file = tmp_path / "annotations" / "instances.json"
    document = json.loads(file.read_text())
    for image in document["images"]:
        stem = image["file_name"].removesuffix(".png")
        (tmp_path / "images" / f"{stem}.png").rename(tmp_path / "images" / disk.format(stem))
        image["file_name"] = written.format(stem)
    file.write_text(json.dumps(document))
    listing = recognise(tmp_path, DETECTION)
    assert listing.n_images == 4
    np.testing.assert_array_equal(listing.boxes(1), [box for box, _ in folders.boxes_of(1)])


@pytest.mark.parametrize("inner", ["annotations", "."])
@pytest.mark.parametrize("splits", [("train", "valid"), ("train2017", "val2017"), ("a/one", "b/two")])
def test_each_export_finds_its_own_images_of_one_name(tmp_path, splits, inner):
    for seed, split in enumerate(splits):
        folders.write_coco(tmp_path / split, 3, seed=seed)
        if inner == ".":
            (tmp_path / split / "annotations" / "instances.json").rename(tmp_path / split / "_annotations.coco.json")
    listing = recognise(tmp_path, DETECTION)
    assert sorted(listing.names) == sorted(str(f) for s in splits for f in (tmp_path / s / "images").iterdir())


def test_two_images_of_one_name_at_one_place_are_refused(tmp_path):
    folders.write_coco(tmp_path, 3)
    (tmp_path / "images").rename(tmp_path / "a")
    folders.write_coco(tmp_path / "more", 3)
    (tmp_path / "more" / "images").rename(tmp_path / "b")
    (tmp_path / "more" / "annotations" / "instances.json").unlink()
    with pytest.raises(DataError, match="found 2 files of that name"):
        recognise(tmp_path, DETECTION)
