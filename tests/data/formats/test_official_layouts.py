"""Published sets given as one's own folders, BOP scenes without their tools' files, and COCO's own folder."""

import json
import shutil

import numpy as np
import pytest

import own_folders as folders
import placed_sets
import tool_folders as tools
from bench.api.errors import DataError
from bench.data.formats import Options, recognise
from bench.data.own.pair import OwnPair
from bench.data.sets.classes import CLASSES


@pytest.mark.parametrize("below", ["", "data/cityscapes"])
def test_cityscapes_is_read_with_its_classes(tmp_path, below):
    placed_sets.cityscapes(tmp_path / below, 3)
    for path in (tmp_path / below / "gtFine").rglob("*_labelIds.png"):
        for other in ("color", "instanceIds"):
            shutil.copy(path, path.with_name(path.name.replace("labelIds", other)))
    folders.save(folders.scene(0), tmp_path / below / "leftImg8bit/test/berlin/berlin_000000_000019_leftImg8bit.png")
    listing = recognise(tmp_path, Options("segmentation"))
    assert (listing.format, listing.n_images, list(listing.class_names)) == ("Cityscapes", 6, CLASSES)
    assert set(np.unique(listing.pixels["mask"](5))) == {0, 13, 10, 3}
    assert "splits test left out" in listing.notes


@pytest.mark.parametrize("kept", ["train", "val"])
def test_one_split_of_cityscapes_is_enough(tmp_path, kept):
    placed_sets.cityscapes(tmp_path, 3)
    for part in ("leftImg8bit", "gtFine"):
        shutil.rmtree(tmp_path / part / {"train": "val", "val": "train"}[kept])
    assert recognise(tmp_path, Options("segmentation")).n_images == 3


def test_masks_without_names_count_as_cityscapes_ids_beside_it(tmp_path):
    placed_sets.cityscapes(tmp_path / "target", 4)
    for i in range(4):
        folders.save(folders.scene(i), tmp_path / "source" / "images" / f"{i}.png")
        folders.save(placed_sets.ids(7, 26, 24, 4), tmp_path / "source" / "masks" / f"{i}.png")
    listing = recognise(tmp_path / "source", Options("segmentation", classes_from=tmp_path / "target"))
    mask = listing.pixels["mask"](0)
    assert {listing.class_names[i] for i in np.unique(mask) if i != 255} == {"road", "car", "person"}
    assert (mask == 255).any(), "4 is 'static', which no class counts"
    assert "ids mean what they mean in target, Cityscapes' labelIds" in listing.notes[0]


@pytest.mark.parametrize("place", [placed_sets.virtual_kitti_1, placed_sets.virtual_kitti_2])
def test_virtual_kitti_is_in_centimetres_whatever_is_stated(tmp_path, place):
    place(tmp_path / "set", 4)
    listing = recognise(tmp_path, Options("depth", 1e-3))
    assert listing.n_images == 4
    depth_m = listing.pixels["depth_m"](0)
    known = depth_m[depth_m > 0]
    assert 5 <= known.min() < 8
    assert known.max() == 50, "655.35 m is the sky"
    assert "depth in centimetres, as the set states" in listing.notes


def test_kitti_is_read_where_it_has_depth(tmp_path):
    placed_sets.kitti(tmp_path)
    listing = recognise(tmp_path, Options("depth"))
    assert (listing.format, listing.n_images) == ("KITTI", 2)
    assert "5 images without annotated depth left out" in listing.notes
    assert listing.pixels["depth_m"](0).max() == pytest.approx(70, rel=0.01)
    shutil.rmtree(tmp_path / "2011_09_26")
    folders.save(folders.scene(0), tmp_path / "a.png")
    with pytest.raises(DataError, match="annotated depth of KITTI and none of its images"):
        recognise(tmp_path, Options("depth"))


def test_synthia_is_read_with_cityscapes_classes(tmp_path):
    placed_sets.synthia(tmp_path, 3)
    listing = recognise(tmp_path, Options("segmentation"))
    assert list(listing.class_names) == CLASSES
    assert listing.n_images == 3


def test_a_published_target_scores_an_own_source(tmp_path):
    for i in range(4):
        folders.save(folders.scene(i), tmp_path / "source" / "rgb" / f"{i}.png")
        folders.save(np.full(folders.SIZE[::-1], 28_000, np.uint16), tmp_path / "source" / "depth" / f"{i}.png")
    placed_sets.virtual_kitti_2(tmp_path / "target", 4)
    params = OwnPair.Params(task="depth", source=tmp_path / "source", target=tmp_path / "target", depth_unit="mm")
    assert any(line.startswith("median depth: source 28 m, target 2") for line in OwnPair(params).describe("light"))


# -------------------------------------------------------------------------------------------------------- BOP


def scene_of_bop(root, *, masks=True, whole_masks=False):
    """Two scenes without scene_gt_info.json; every second object is hidden by half where whole masks are there."""
    placed_sets.bop(root, [("train", 1, (1, 2), ".png", 0.1), ("train", 2, (2,), ".png", 1.0)], 3)
    for scene in (root / "train").iterdir():
        (scene / "scene_gt_info.json").unlink()
        if whole_masks:
            for path in list((scene / "mask_visib").iterdir()):
                mask = np.zeros((96, 128), np.uint8)
                mask[20:100, :][:, 0:128] = 0
                left = 10 + 60 * int(path.stem[-1])
                mask[20:60, left : left + 60] = 255
                folders.save(mask, scene / "mask" / path.name)
        if not masks:
            shutil.rmtree(scene / "mask_visib")
    return root


@pytest.mark.parametrize("masks", [True, False])
def test_depth_of_bop_needs_no_info(tmp_path, masks):
    listing = recognise(scene_of_bop(tmp_path, masks=masks), Options("depth"))
    assert listing.n_images == 6
    assert [float(np.median(listing.pixels["depth_m"](i))) for i in (0, 5)] == pytest.approx([0.7, 0.7])


def test_boxes_of_bop_are_computed_from_its_masks(tmp_path):
    listing = recognise(scene_of_bop(tmp_path), Options("detection"))
    assert listing.boxes(0).tolist() == [[10, 20, 40, 60], [70, 20, 100, 60]]
    assert listing.boxes(5).tolist() == [[10, 20, 40, 60]]
    assert "scene_gt_info.json is missing: boxes of 6 images are computed from mask_visib/" in listing.notes


def test_visibility_is_computed_from_whole_masks(tmp_path):
    scene_of_bop(tmp_path, whole_masks=True)
    listing = recognise(tmp_path, Options("classification"))
    assert listing.n_images == 9, "half of each object is visible, or more where the image cuts it"
    assert listing.size(0) == (72, 72), "1.2 times the whole object's 60 pixels"
    for path in (tmp_path / "train" / "000002" / "mask").iterdir():
        folders.save(np.full((96, 128), 255, np.uint8), path)
    assert recognise(tmp_path, Options("classification")).n_images == 6


@pytest.mark.parametrize("task", ["detection", "classification", "pose"])
def test_what_makes_the_missing_files_is_said(tmp_path, task):
    with pytest.raises(DataError, match=r"calc_gt_masks\.py and calc_gt_info\.py of bop_toolkit.*depth needs neither"):
        recognise(scene_of_bop(tmp_path, masks=False), Options(task))


# ------------------------------------------------------------------------------------------------------- COCO


def change_coco(root, change, name="coco.json"):
    document = json.loads((root / "coco.json").read_text())
    change(document)
    (root / name).write_text(json.dumps(document))


@pytest.mark.parametrize("others", [["person_keypoints"], ["captions", "stuff"], ["person_keypoints", "image_info"]])
@pytest.mark.parametrize("split", ["val2017", "train"])
def test_instances_win_in_cocos_own_folder(tmp_path, others, split):
    tools.write_coco_outlines(tmp_path, 4)
    (tmp_path / "annotations").mkdir()
    for other in others:
        change_coco(tmp_path, lambda d: [a.pop("bbox") for a in d["annotations"]], f"annotations/{other}_{split}.json")
    (tmp_path / "coco.json").rename(tmp_path / "annotations" / f"instances_{split}.json")
    listing = recognise(tmp_path, Options("detection"))
    assert [len(rows) for rows in listing.box_class] == [len(folders.boxes_of(i)) for i in range(4)]
    assert listing.notes[0].startswith(f"instances_{split}.json is read; ")
    assert all(f"{other}_{split}.json" in listing.notes[0] for other in others)


@pytest.mark.parametrize(
    ("on_disk", "written"),
    [
        ("my render (0).png", "my%20render%20%280%29.png"),
        ("a&b.png", "a%26b.png"),
        ("straße 1.png", "stra%C3%9Fe%201.png"),
        ("100%25.png", "100%25.png"),
        ("plus+.png", "images/plus%2B.png"),
    ],
)
def test_names_quoted_by_web_tools_are_found(tmp_path, on_disk, written):
    tools.write_coco_outlines(tmp_path, 3)
    (tmp_path / "images" / "000.png").rename(tmp_path / "images" / on_disk)
    change_coco(tmp_path, lambda d: d["images"][0].update(file_name=written))
    listing = recognise(tmp_path, Options("detection"))
    assert listing.names[0].endswith(f"images/{on_disk}")
    assert listing.n_images == 3


@pytest.mark.parametrize("missing", ["bbox", None])
def test_boxes_may_be_the_bounds_of_outlines(tmp_path, missing):
    tools.write_coco_outlines(tmp_path, 3)
    change_coco(tmp_path, lambda d: [a.pop(missing, None) for a in d["annotations"]])
    assert recognise(tmp_path, Options("detection")).boxes(0).tolist() == [list(folders.boxes_of(0)[0][0])]
