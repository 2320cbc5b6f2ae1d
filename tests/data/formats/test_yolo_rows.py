"""YOLO rows of every length, and names files wherever exports have them."""

import shutil

import numpy as np
import pytest

import own_folders as folders
from bench.api.errors import DataError
from bench.data.formats import Options, recognise

N = 8
BOXES = [(4, 6, 20, 26), (22, 2, 44, 15)]


def shares(box):
    left, top, right, bottom = box
    width, height = folders.SIZE
    return [(left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height]


def corners(box):
    left, top, right, bottom = box
    return (np.array([left, top, right, top, right, bottom, left, bottom]).reshape(-1, 2) / folders.SIZE).ravel()


def write(root, row, yaml="names: [car, person]\n"):
    """Every image has both boxes; ``row(box)`` gives the numbers behind the class."""
    for i in range(N):
        folders.save(folders.scene(i), root / "images" / f"{i}.png")
        (root / "labels").mkdir(exist_ok=True, parents=True)
        lines = [" ".join([str(k), *(f"{v:.6g}" for v in row(box))]) for k, box in enumerate(BOXES)]
        (root / "labels" / f"{i}.txt").write_text("\n".join(lines) + "\n")
    (root / "data.yaml").write_text(yaml)
    return root


def keypoints(box, each, count=4, visibility=2):
    points = np.resize(corners(box).reshape(-1, 2), (count, 2))
    return [*shares(box), *np.hstack([points, np.full((count, 1), visibility)])[:, :each].ravel().tolist()]


def found(root):
    listing = recognise(root, Options("detection"))
    return listing, [np.round(listing.boxes(i), 2).tolist() for i in range(listing.n_images)]


@pytest.mark.parametrize(
    ("count", "each", "visibility"), [(4, 2, 0), (8, 2, 0), (17, 3, 2), (4, 3, 1), (1, 2, 0), (5, 3, 0)]
)
def test_the_box_stands_before_the_keypoints(tmp_path, count, each, visibility):
    yaml = f"names: [car, person]\nkpt_shape: [{count}, {each}]\n"
    _, boxes = found(write(tmp_path, lambda box: keypoints(box, each, count, visibility), yaml))
    assert boxes == [[list(map(float, box)) for box in BOXES]] * N


def test_boxes_without_keypoints_are_read_beside_those_with(tmp_path):
    write(tmp_path, lambda box: keypoints(box, 2), "names: [car, person]\nkpt_shape: [4, 2]\n")
    (tmp_path / "labels" / "3.txt").write_text("1 0.5 0.5 0.25 0.5\n")
    assert found(tmp_path)[1][3] == [[18, 8, 30, 24]]


@pytest.mark.parametrize("row", [lambda box: corners(box), lambda box: [*corners(box), *corners(box)[:2]]])
def test_polygons_and_turned_boxes_are_read_by_their_bounds(tmp_path, row):
    _, boxes = found(write(tmp_path, row))
    np.testing.assert_allclose(boxes[0], BOXES, atol=0.01)


@pytest.mark.parametrize(
    ("row", "yaml", "message"),
    [
        (lambda box: [*shares(box), 0.9], "", r"0\.txt, line 1: found 6 numbers; expected 5: .*confidence.*save_conf"),
        (lambda box: [*corners(box), 0.9], "", r"line 1: found 10 numbers, which is no box \(5\) and no polygon"),
        (lambda box: [*shares(box), 0.1, 0.2, 0.3], "", r"line 1: found 8 numbers, which is no box"),
        (lambda box: keypoints(box, 3), "", r"found 17 numbers, as 4 keypoints with visibility .* kpt_shape: \[4, 3\]"),
        (lambda box: keypoints(box, 2), "", r"found 13 numbers a row.*kpt_shape: \[4, 2\] in data\.yaml for keypoints"),
        (
            lambda box: keypoints(box, 2),
            "kpt_shape: [5, 2]\n",
            r"found 13 numbers; kpt_shape \[5, 2\] in .*data\.yaml makes 15: class cx cy width height",
        ),
        (lambda box: [*shares(box), 0.9, 12], "", r"found 7 numbers, the last 12; expected 5: .*of a tracker"),
        (lambda box: [30, 20, 16, 20], "", r"found 30 where a share of the image in \[0, 1\] is expected; divide"),
        (
            lambda box: shares(box),
            "kpt_shape: four\n",
            r"data\.yaml: .*kpt_shape, where it is there, as \[count, 2 or 3",
        ),
    ],
)
def test_rows_that_fit_nothing_say_what_was_found(tmp_path, row, yaml, message):
    write(tmp_path, row, f"names: [car, person]\n{yaml}")
    with pytest.raises(DataError, match=message) as caught:
        recognise(tmp_path, Options("detection"))
    assert "\n" not in str(caught.value)


def test_polygons_that_look_like_keypoints_may_be_stated(tmp_path):
    write(tmp_path, lambda box: keypoints(box, 2), "names: [car, person]\nkpt_shape: [0, 0]\n")
    assert recognise(tmp_path, Options("segmentation")).pixels["mask"](0).any()


# ------------------------------------------------------------------------------------------------------ names


def classes(root, **options):
    """Class names of the boxes of every image."""
    listing = recognise(root, Options("detection", **options))
    return {
        name.removeprefix(f"{root}/"): [listing.class_names[c] for c in ids]
        for name, ids in zip(listing.names, listing.box_class, strict=True)
    }


@pytest.mark.parametrize("second", ["[person, car]", "{0: person, 1: truck}", "[person, car, bus]"])
def test_each_label_counts_by_the_names_file_nearest_above_it(tmp_path, second):
    write(tmp_path / "a", shares)
    write(tmp_path / "b", shares, f"names: {second}\n")
    found = classes(tmp_path)
    assert found["a/images/0.png"] == ["car", "person"]
    assert found["b/images/0.png"] == ["person", "truck" if "truck" in second else "car"]


@pytest.mark.parametrize("inner", ["train", "valid"])
def test_the_names_file_of_an_export_lies_a_level_above(tmp_path, inner):
    write(tmp_path / "export" / inner, shares)
    (tmp_path / "export" / inner / "data.yaml").rename(tmp_path / "export" / "data.yaml")
    other = folders.write_yolo(tmp_path / "other", 4, names=("person", "bus"))
    assert classes(tmp_path / "export" / inner, classes_from=other)["images/0.png"] == ["car", "person"]


def test_names_of_the_other_folder_count_where_there_are_none_at_all(tmp_path):
    write(tmp_path / "set" / "deep", shares)
    (tmp_path / "set" / "deep" / "data.yaml").unlink()
    other = folders.write_yolo(tmp_path / "x" / "other", 4, names=("person", "bus"))
    assert classes(tmp_path / "set" / "deep", classes_from=other)["images/0.png"] == ["person", "bus"]


@pytest.mark.parametrize("places", [("data.yaml", "dataset.yaml"), ("a/data.yaml", "b/data.yaml")])
def test_names_files_that_disagree_are_refused(tmp_path, places):
    write(tmp_path, shares)
    (tmp_path / "data.yaml").unlink()
    for place, names in zip(places, ("[car, person]", "[person, car]"), strict=True):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(f"names: {names}\n")
    with pytest.raises(DataError, match=r"names car, person and .* names person, car, and .*; keep one of the two"):
        recognise(tmp_path, Options("detection"))
    shutil.copy(tmp_path / places[0], tmp_path / places[1])
    assert classes(tmp_path)["images/0.png"] == ["car", "person"]


def test_a_class_beyond_its_own_names_file_is_refused(tmp_path):
    write(tmp_path / "a", shares)
    write(tmp_path / "b", shares, "names: [car]\n")
    with pytest.raises(DataError, match=r"b/labels/0\.txt: found class 1; .*b/data\.yaml lists 1 classes"):
        recognise(tmp_path, Options("detection"))
