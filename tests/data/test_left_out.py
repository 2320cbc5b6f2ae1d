"""Files that are not used are named with the reason, whatever format the labels are in."""

import json

import pytest

import own_folders as folders
import tool_folders
from bench.data.folders import files_below
from bench.data.formats import Options, recognise
from bench.data.left_out import left_out, notes, short
from bench.data.whole_folder import read_photographs, read_whole


def reasons(root, task="detection"):
    files = files_below(root)
    listing = recognise(root, Options(task, 1e-3))
    return {file.as_posix(): why for why, those in left_out(root, files, listing, task).items() for file in those}


@pytest.mark.parametrize(
    ("write", "task", "stray", "why"),
    [
        (folders.write_yolo, "detection", "tracks.json", "no YOLO labels"),
        (folders.write_yolo, "detection", "images/000.npy", "no YOLO labels"),
        (folders.write_yolo, "detection", "settings.xml", "no YOLO labels"),
        (folders.write_voc, "detection", "notes.json", "no Pascal VOC labels"),
        (folders.write_coco, "detection", "annotations/captions.json", "no COCO labels"),
        (folders.write_coco, "detection", "settings.xml", "no COCO labels"),
        (folders.write_masks, "segmentation", "masks/000.json", "no mask PNGs labels"),
        (folders.write_depth, "depth", "points.npy", "labels of no image"),
        (folders.write_class_folders, "classification", "car/000.txt", "no class folders labels"),
        (folders.write_yolo, "detection", "model.pt", "neither images nor labels"),
        (folders.write_yolo, "detection", "clip.mp4", "of a kind that is not read (.mp4)"),
    ],
)
def test_a_stray_file_is_named(tmp_path, write, task, stray, why):
    write(tmp_path, 4)
    (tmp_path / stray).write_text(json.dumps({"info": {}, "images": []}))
    assert reasons(tmp_path, task) == {stray: why}


@pytest.mark.parametrize(
    "write",
    [
        tool_folders.write_labelme,
        tool_folders.write_cvat,
        tool_folders.write_kitti,
        tool_folders.write_solo,
        tool_folders.write_unity,
        tool_folders.write_replicator,
    ],
)
def test_label_files_of_tools_are_not_left_out(tmp_path, write):
    write(tmp_path, 4)
    left = {file: why for file, why in reasons(tmp_path).items() if not why.startswith("images that hold labels")}
    assert left == {}


def test_labels_in_a_folder_of_another_name_are_not_left_out(tmp_path):
    """LabelMe's files name their images."""
    tool_folders.write_labelme(tmp_path, 4)
    (tmp_path / "json").mkdir()
    for file in tmp_path.glob("*.json"):
        file.rename(tmp_path / "json" / file.name)
    (tmp_path / "json" / "settings.json").write_text("{}")
    assert reasons(tmp_path) == {"json/settings.json": "no LabelMe labels"}


@pytest.mark.parametrize("stray", ["tracks.json", "model.pt", "old/003.xml"])
def test_plan_says_so(tmp_path, stray):
    folders.write_yolo(tmp_path, 4)
    (tmp_path / stray).parent.mkdir(exist_ok=True)
    (tmp_path / stray).write_text("{}")
    listing = recognise(tmp_path, Options("detection"))
    said = "\n".join(notes(tmp_path, files_below(tmp_path), listing, "detection"))
    assert "1 files left out, " in said
    assert stray in said


@pytest.mark.parametrize("stray", ["model.pt", "preview.psd", "LICENSE"])
def test_refine_says_so_of_both_folders(tmp_path, stray):
    folders.write_yolo(tmp_path, 4)
    (tmp_path / stray).write_text("x")
    line = f"1 file (first: {stray}) that are neither images nor labels"
    assert read_whole(tmp_path).left_out == read_photographs(tmp_path).left_out == (line,)


def test_the_short_form_counts_and_names_the_first(tmp_path):
    assert short({"why": [tmp_path / "b", tmp_path / "c"]}) == (f"2 files (first: {tmp_path.as_posix()}/b) why",)
