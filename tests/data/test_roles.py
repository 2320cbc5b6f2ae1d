"""Which files are images and which are labels: by names alone, and one decision for all commands."""

from pathlib import Path

import numpy as np
import pytest

import own_folders as folders
from bench.api.errors import DataError
from bench.data.folders import images_among, label_images_among, paired
from bench.data.formats import Options, photographs, recognise, recognise_any
from bench.data.roles import MASK_WORDS, is_split, roles_of


def paths(*names):
    return tuple(sorted(Path(name) for name in names))


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("rgb_0007.png", "semantic_segmentation_0007.png"),
        ("rgba_00012.png", "segmentation_00012.png"),
        ("shelf.png", "mask_shelf.png"),
        ("a/shelf-3.jpg", "a/shelf-3 (label).png"),
        ("cam1_rgb_5.png", "cam1_gt_5.png"),
        ("render0003.png", "seg0003.png"),
        ("leftCam/ColorImage_4.png", "leftCam/LabelMap_4.png"),
        ("images_png/9.png", "masks_png/9.png"),
        ("rgb_left/9.png", "depth_left/9.png"),
        ("train/Images/9.png", "train/GroundTruth/9.png"),
        ("TrainImages/9.png", "TrainMasks/9.png"),
        ("scenes/7.png", "scenes/7_normals.png"),
        ("segmentation/images/3.png", "segmentation/masks/3.png"),
        ("depth_set/3.png", "depth_set/3_depth.png"),
        ("frame/0001.png", "label/0001.png"),
    ],
)
def test_words_for_labels_count_wherever_they_stand(image, label):
    roles = roles_of(paths(image, label))
    assert (roles.images, roles.labels, roles.doubted) == ((Path(image),), (Path(label),), ())
    assert paired(Path("root"), roles.images, roles.labels, "mask") == [Path(label)]


@pytest.mark.parametrize(
    "names",
    [
        ("shelf_label.jpg", "man_with_mask.jpg", "ford_gt.jpg", "IMG_1.jpg"),
        ("box/1.jpg", "label/1.jpg", "pallet/1.jpg"),
        ("with_mask/1.jpg", "without_mask/1.jpg"),
        ("train/depth/1.jpg", "train/flat/1.jpg", "test/depth/2.jpg", "test/flat/2.jpg"),
        ("images/mask/1.jpg", "images/cap/1.jpg"),
        ("mask (1).jpg", "label 2.png", "seg_x.png"),
        ("store_image.jpg", "store_photo.jpg", "store_depth_sale.jpg"),
    ],
)
def test_a_label_is_a_label_only_if_it_has_an_image(names):
    roles = roles_of(paths(*names))
    assert roles.images == paths(*names)
    assert roles.labels == ()
    assert roles.doubted


@pytest.mark.parametrize(
    "names",
    [
        ("images/1.png", "images/2.png", "masks/other_1.png", "masks/other_2.png"),
        ("images/1.png", "images/2.png", "masks/1.png", "masks/3.png"),
        ("train/1.png", "train/2.png", "masks/x.png"),
        ("1.png", "2.png", "labels/x.png"),
        ("a.png", "a_mask.png", "b.png", "b_mask.png", "c_mask.png"),
    ],
)
def test_masks_whose_image_is_missing_stay_labels_and_are_named(names):
    found = images_among(paths(*names))
    labels = label_images_among(paths(*names), MASK_WORDS)
    assert not any("mask" in str(file) or "label" in str(file) for file in found)
    with pytest.raises(DataError, match="mask files without image"):
        paired(Path("root"), found, labels, "mask")


def test_masks_alone_are_no_images(tmp_path):
    folders.save(folders.mask_of(1), tmp_path / "masks" / "1.png")
    with pytest.raises(DataError, match="no image outside label folders"):
        recognise(tmp_path, Options("classification"))


def test_masks_beside_renders_by_prefix_are_read_and_are_no_images(tmp_path):
    for i in range(5):
        folders.save(folders.scene(i), tmp_path / f"rgb_{i:04}.png")
        folders.save(folders.mask_of(i), tmp_path / f"semantic_segmentation_{i:04}.png")
        folders.save(folders.mask_of(i + 1), tmp_path / f"instance_segmentation_{i:04}.png")
    listing = recognise(tmp_path, Options("segmentation"))
    assert [Path(name).name for name in listing.names] == [f"rgb_{i:04}.png" for i in range(5)]
    np.testing.assert_array_equal(listing.pixels["mask"](1), folders.mask_of(1))
    assert listing.names == recognise_any(tmp_path).names == photographs(tmp_path).names


@pytest.mark.parametrize("classes", [("box", "label"), ("mask", "no mask", "cap"), ("depth", "a", "b")])
def test_run_and_refine_see_the_same_class_folders(tmp_path, classes):
    folders.write_class_folders(tmp_path, 12, names=classes)
    run, refine = recognise(tmp_path, Options("classification")), recognise_any(tmp_path)
    assert run.format == refine.format == "class folders"
    assert run.names == refine.names == photographs(tmp_path).names
    assert run.n_images == 12


def test_a_label_belongs_to_the_image_of_exactly_its_name_first():
    images, labels = paths("a/store_image.jpg", "a/store_photo.jpg"), paths("a/store_image.txt", "a/store_photo.txt")
    assert paired(Path("root"), images, labels, "label") == list(labels)
    with pytest.raises(DataError, match=r"store_image\.jpg and a/store_photo\.jpg are both the image of 'a/store'"):
        paired(Path("root"), images, paths("a/store.txt"), "label")


@pytest.mark.parametrize("name", ["train", "Test", "val2017", "training_set", "test_images", "valid", "Validation Set"])
def test_names_of_splits(name):
    assert is_split(name)


@pytest.mark.parametrize("name", ["trainer", "test_tube", "contest", "validator", "bottle", "set", "images"])
def test_names_of_classes(name):
    assert not is_split(name)
