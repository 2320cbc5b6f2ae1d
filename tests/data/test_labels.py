import numpy as np
import pytest

from bench.api.errors import DataError
from bench.api.imageset import ImageSet
from bench.data.labels import check_labels

N = 300
"""More than one block."""


def images(files=(), **columns):
    image = np.zeros((N, 8, 10, 3), np.uint8)
    made = ImageSet.from_arrays(image=image, **columns)
    return ImageSet(made.columns, files=files)


def good():
    rng = np.random.default_rng(0)
    quaternion = rng.normal(size=(N, 4))
    return {
        "class_id": rng.integers(0, 3, N),
        "quaternion": (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).astype(np.float32),
        "mask": rng.choice(np.array([0, 1, 2, 255], np.uint8), (N, 8, 10)),
        "depth_m": rng.uniform(0.5, 4, (N, 8, 10)).astype(np.float32),
        "boxes": np.tile(np.array([[1, 1, 9, 7], [0, 0, 0, 0]], np.float32), (N, 1, 1)),
        "box_class": np.tile(np.array([2, -1]), (N, 1)),
        "free_distance_m": np.where(rng.random((N, 16)) < 0.2, 0, 2).astype(np.float32),
    }


def check(files=(), **columns):
    check_labels(images(files, **{**good(), **columns}), "source_train", 3, (0.1, 10.0))


def test_right_labels_pass() -> None:
    check()


@pytest.mark.parametrize(
    ("column", "place", "value", "message"),
    [
        ("class_id", 270, 3, r"row 270, column 'class_id': class 3; allowed: 0\.\.2"),
        ("class_id", 0, -1, "row 0, column 'class_id': class -1"),
        ("quaternion", 5, 0, "row 5, column 'quaternion': a quaternion of norm 0; unit quaternions"),
        ("quaternion", 5, np.nan, "row 5, column 'quaternion'"),
        ("mask", (7, 2, 2), 3, "row 7, column 'mask': class 3 in the mask; allowed: 0..2, or 255"),
        ("depth_m", (9, 0, 0), np.nan, "row 9, column 'depth_m': nan m; allowed: finite metres"),
        ("depth_m", (9, 0, 0), -1, "row 9, column 'depth_m': -1.0 m"),
        ("boxes", (11, 0), [1, 1, 1, 7], r"row 11, column 'boxes': box 0 \(1, 1, 1, 7\) has no area or leaves"),
        ("boxes", (11, 0), [1, 1, 11, 7], r".*box 0 \(1, 1, 11, 7\) .* leaves the image of 10 × 8 pixels"),
        ("boxes", (11, 0), np.nan, "row 11, column 'boxes'"),
        ("box_class", (11, 0), 3, r"row 11, column 'box_class': class 3 of a box; allowed: 0\.\.2"),
        ("free_distance_m", (3, 3), np.inf, "row 3, column 'free_distance_m': inf m"),
    ],
)
def test_a_wrong_label_is_named_by_row(column, place, value, message) -> None:
    array = good()[column]
    array[place] = value
    with pytest.raises(DataError, match=f"^source_train, {message}"):
        check(**{column: array})


def test_the_file_is_named_where_it_is_known() -> None:
    mask = good()["mask"]
    mask[4] = 77
    with pytest.raises(DataError, match=r"^source_train, row 4 \(labels/0004.png\), column 'mask': class 77"):
        check(files=[f"labels/{i:04d}.png" for i in range(N)], mask=mask)


@pytest.mark.parametrize("column", ["depth_m", "free_distance_m"])
def test_another_unit_is_seen_by_the_median(column) -> None:
    with pytest.raises(DataError, match=r"the median is .* m, and the pair states 0.1 to 10 m; give depths in metres"):
        check(**{column: good()[column] * 1000})


def test_boxes_of_test_images_are_held_against_their_native_size() -> None:
    boxes = good()["boxes"] * 3
    native = np.tile(np.array([30, 24]), (N, 1))
    check(boxes=boxes, native_size=native)
    with pytest.raises(DataError, match="leaves the image of 10 × 8 pixels"):
        check(boxes=boxes)


def test_file_names_are_for_every_image_or_none() -> None:
    with pytest.raises(DataError, match="2 file names were given for 300 images"):
        images(files=["a", "b"])
