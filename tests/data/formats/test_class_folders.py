"""Class folders as people have them: below wrappers and splits, beside stray files, nested."""

from pathlib import Path

import pytest

import own_folders as folders
from bench.api.errors import DataError
from bench.data.formats import Options, recognise
from bench.data.formats.class_folders import classes_of
from bench.data.own.pair import OwnPair, OwnParams

THREE = ("cup", "fork", "spoon")


def classes(*names):
    return classes_of(tuple(Path(name) for name in sorted(names)))


def under(prefix, per_class=2, names=THREE):
    return [f"{prefix}{name}/{i}.jpg" for name in names for i in range(per_class)]


@pytest.mark.parametrize(
    "prefixes",
    [
        ["images/"],
        ["wrapper/"],
        ["outer/inner/"],
        ["data/train/", "data/val/"],
        ["images/train/", "images/test/"],
        ["train/images/", "valid/images/"],
        ["seg_train/seg_train/"],
        ["Training Set/", "Test Set/"],
        ["amazon/images/"],
    ],
)
def test_wrappers_splits_and_images_are_no_classes(prefixes):
    found = classes(*(name for prefix in prefixes for name in under(prefix)))
    assert found.names == THREE
    assert len(found.of) == 6 * len(prefixes)
    assert not found.without


@pytest.mark.parametrize(
    "flat",
    [
        ["test/0.jpg", "test/1.jpg"],
        ["test/images/0.jpg", "val/7.jpg"],
        [f"test_images/{i}.jpg" for i in range(50)],
    ],
)
def test_flat_parts_of_a_split_are_left_out_and_said(tmp_path, flat):
    for i, name in enumerate([*under("train/"), *flat]):
        folders.save(folders.picture(i), tmp_path / name)
    listing = recognise(tmp_path, Options("classification"))
    assert (listing.class_names, listing.n_images) == (THREE, 6)
    assert any(
        note.startswith(f"{len(flat)} images lie in no class folder and are left out (") for note in listing.notes
    )


@pytest.mark.parametrize("stray", [["preview.jpg"], ["logo.png", "sheet.webp"], ["wrapper.jpg"]])
def test_stray_files_beside_classes_are_left_out_and_said(stray):
    found = classes(*under(""), *stray)
    assert (found.names, [file.name for file in found.without]) == (THREE, sorted(stray))


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ([f"{i}.jpg" for i in range(9)], r"in no class folders \(0\.jpg"),
        (["train/0.jpg", "test/0.jpg", "val/1.jpg"], "in no class folders"),
        (["only/0.jpg", "only/1.jpg"], "in one folder|no class folders"),
        ([*under(""), *(f"{i}.jpg" for i in range(20))], "20 images lie in no class folder .*more than in cup"),
        ([*under("train/"), "bottle/1.jpg"], "train, names of parts of a split, are no classes and lie beside bottle"),
        (["train/1.jpg", "cup/1.jpg"], "no classes and lie beside cup"),
        (
            [*under("seg_train/seg_train/"), "seg_test/1.jpg", "seg_pred/1.jpg"],
            "seg_test, seg_train, .*beside seg_pred",
        ),
    ],
)
def test_why_folders_are_no_classes(names, why):
    import re

    found = classes(*names)
    assert re.search(why, found.why_none)
    assert not found.of


def test_nested_classes_say_what_lies_deeper(tmp_path):
    for i, name in enumerate(under("left/") + under("right/")):
        folders.save(folders.picture(i), tmp_path / name)
    listing = recognise(tmp_path, Options("classification"))
    assert listing.class_names == ("left", "right")
    assert (
        "below the class folders lie cup, fork, spoon, which do not count: if these are the classes" in listing.notes[0]
    )


def own(root):
    return OwnPair(OwnParams(task="classification", source=root / "source", target=root / "target"))


def test_a_target_in_images_class_is_labelled(tmp_path):
    folders.write_class_folders(tmp_path / "source", 6, names=THREE)
    folders.write_class_folders(tmp_path / "target" / "images", 6, seed=3, names=THREE)
    assert own(tmp_path).target_labels == {"class_id"}


@pytest.mark.parametrize("task", ["classification", "detection", "segmentation"])
def test_where_labels_are_not_found_it_is_said_what_was_looked_for(tmp_path, task):
    writers = {
        "classification": folders.write_class_folders,
        "detection": folders.write_yolo,
        "segmentation": folders.write_masks,
    }
    writers[task](tmp_path / "source", 6)
    folders.write_photos(tmp_path / "target", 4)
    pair = OwnPair(OwnParams(task=task, source=tmp_path / "source", target=tmp_path / "target"))
    line = pair.describe("light")[1]
    expected = {
        "classification": "no class folders: the images lie in no class folders (IMG_0000.jpg",
        "detection": "looked for BOP, COCO, Pascal VOC, YOLO",
        "segmentation": "mask PNGs, COCO, LabelMe",
    }
    assert expected[task] in line


@pytest.mark.parametrize("numbered", [("001.cup", "002.fork"), ("1_cup", "2_fork"), ("01 cup", "02 fork")])
def test_class_names_that_differ_by_a_leading_number_get_a_hint(tmp_path, numbered):
    folders.write_class_folders(tmp_path / "source", 4, names=("cup", "fork"))
    folders.write_class_folders(tmp_path / "target", 4, seed=3, names=numbered)
    with pytest.raises(DataError, match=r"'cup' differ by a leading number alone: rename"):
        own(tmp_path)
