"""What of a folder is a picture to refine: never a label map, and nothing left out silently."""

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
from bench.api import UserError
from bench.api.errors import DataError
from bench.data.whole_folder import FolderSpec, read_again, read_photographs, read_whole


def names(given):
    return [given.relative(row).as_posix() for row in range(given.pictures.n_images)]


def maps(root, pattern, n=4, kind="colours"):
    """Label maps of the scenes: in colours or as ids; those that JPEG compresses are as large as people's are."""
    colours = np.random.default_rng(0).integers(0, 256, (256, 3)).astype(np.uint8)
    for i in range(n):
        mask = folders.mask_of(i)
        mask = mask.repeat(8, axis=0).repeat(8, axis=1) if pattern.endswith("jpg") else mask
        folders.save(mask if kind == "ids" else colours[mask], root / pattern.format(i))


def pictures(root, pattern, n=4, seed=0):
    for i in range(n):
        folders.save(folders.scene(i, seed), root / pattern.format(i))


@pytest.mark.parametrize("kind", ["colours", "ids"])
@pytest.mark.parametrize(
    ("picture", "label"),
    [
        ("rgb_{:04d}.png", "ids_{:04d}.png"),
        ("render/{:03d}.png", "classes/{:03d}.png"),
        ("{:03d}_left.png", "{:03d}_id.png"),
        ("seq1/frame{:03d}.jpg", "seq1/what{:03d}.png"),
        ("{:03d}/camera.png", "{:03d}/objects.png"),
        ("beauty/{:03d}.png", "crypto/{:03d}.jpg"),
    ],
)
def test_label_maps_of_unknown_names_are_refused(tmp_path, picture, label, kind):
    pictures(tmp_path, picture)
    maps(tmp_path, label, kind=kind)
    with pytest.raises(DataError, match=r"may be the label map of .* its name does not say so") as refused:
        read_whole(tmp_path)
    assert label.format(0) in str(refused.value)
    assert picture.format(0) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("label", ["z_{:03d}.png", "far/{:03d}.png", "{:03d}_metres.tiff"])
def test_deep_images_of_unknown_names_are_refused(tmp_path, label):
    pictures(tmp_path, "rgb/{:03d}.png")
    for i in range(4):
        folders.save(folders.depth_steps(i), tmp_path / "rgb" / label.format(i))
    with pytest.raises(DataError, match="has more than 8 bits per pixel and may be the label map"):
        read_whole(tmp_path)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("left/{:03d}.png", "right/{:03d}.png"),
        ("day_{:03d}.png", "night_{:03d}.png"),
        ("car/{:03d}.png", "bus/{:03d}.png"),
        ("camera_1/{:03d}.jpg", "camera_2/{:03d}.jpg"),
    ],
)
def test_several_cameras_and_classes_are_pictures(tmp_path, first, second):
    pictures(tmp_path, first)
    pictures(tmp_path, second, seed=7)
    assert len(names(read_whole(tmp_path))) == 8


def test_flat_pictures_are_pictures_where_all_are_flat(tmp_path):
    for name in ("three", "seven", "nine"):
        maps(tmp_path, f"{name}/{{:03d}}.png")
    assert len(names(read_whole(tmp_path))) == 12


@pytest.mark.parametrize("label", ["masks/{:03d}.png", "depth/{:03d}.png", "{:03d}_mask.png"])
def test_labels_by_name_are_left_out_and_said(tmp_path, label):
    pictures(tmp_path, "images/{:03d}.png" if "/" in label else "{:03d}.png")
    maps(tmp_path, label, kind="ids")
    given = read_whole(tmp_path)
    assert len(names(given)) == 4
    assert sorted(map(str, given.others)) == sorted(label.format(i) for i in range(4))
    assert any("4 files" in line and "are labels by their names or folders" in line for line in given.left_out)


@pytest.mark.parametrize("name", ["video.mp4", "photo.gif", "sky.hdr"])
def test_kinds_that_are_not_read_are_said(tmp_path, name):
    pictures(tmp_path, "{:03d}.png")
    (tmp_path / name).write_bytes(b"\0")
    suffix = name[name.index(".") :]
    if suffix == ".hdr":
        assert read_whole(tmp_path).left_out == ()
        return
    assert read_whole(tmp_path).left_out == (f"1 file (first: {name}) of a kind that is not read ({suffix})",)
    assert read_photographs(tmp_path).left_out == read_whole(tmp_path).left_out


def test_images_that_the_labels_do_not_list_are_said(tmp_path):
    folders.write_coco(tmp_path, 4)
    folders.save(folders.picture(99), tmp_path / "images" / "extra.png")
    given = read_whole(tmp_path)
    assert given.pictures.n_images == 4
    assert given.left_out == ("1 file (first: images/extra.png) that the COCO labels do not list",)


@pytest.mark.parametrize("name", ["label", "labels", "mask"])
def test_a_class_may_be_called_as_labels_are(tmp_path, name):
    for folder in ("box", name, "pallet"):
        pictures(tmp_path, f"{folder}/{{:03d}}.png", seed=len(folder))
    given = read_whole(tmp_path)
    assert given.pictures.format == "class folders"
    assert given.pictures.n_images == 12
    assert given.others == ()


@pytest.mark.parametrize(
    ("name", "text"), [("labels/001.txt", "0 3.5 1 1 1"), ("Annotations/001.xml", "<annotation"), ("coco.json", "{")]
)
def test_broken_labels_do_not_stop_refining_and_are_said(tmp_path, name, text):
    writers = {"labels": folders.write_yolo, "Annotations": folders.write_voc, "coco.json": folders.write_class_folders}
    writers[name.partition("/")[0]](tmp_path, 4)
    (tmp_path / name).write_text(text)
    given = read_whole(tmp_path)
    assert given.pictures.n_images == 4
    if name != "coco.json":
        assert any("labels are not read" in note for note in given.pictures.notes)


@pytest.mark.parametrize("write", [folders.write_yolo, folders.write_voc, folders.write_masks])
def test_broken_labels_beside_good_ones_are_said(tmp_path, write):
    write(tmp_path, 4)
    (tmp_path / "export.json").write_text("{")
    notes = read_whole(tmp_path).pictures.notes
    assert any(note.startswith("COCO labels are not read (export.json is no JSON") for note in notes), notes
    assert read_whole(tmp_path).pictures.labels


@pytest.mark.parametrize("name", ["a", "b c", "ü"])
def test_a_folder_that_changes_under_a_run_is_noticed(tmp_path, name):
    pictures(tmp_path / name, "{:03d}.png")
    spec = FolderSpec.of(tmp_path / name)
    assert spec.path == tmp_path / name
    Image.fromarray(folders.picture(5)).save(tmp_path / name / "new.png")
    with pytest.raises(UserError, match="changed while its images were refined"):
        read_again(spec)
