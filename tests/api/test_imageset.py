"""Image sets: the contract on columns, row maps, and the unlabelled view."""

import numpy as np
import pytest

from bench.api.errors import DataError
from bench.api.imageset import Column, ImageSet, UnlabelledImages, array_digest

IMAGE = np.arange(4 * 6 * 5 * 3, dtype=np.uint8).reshape(4, 6, 5, 3)
CLASS_ID = np.array([3, 1, 4, 1], np.int64)


def test_reports_its_size_and_columns():
    images = ImageSet.from_arrays(image=IMAGE, class_id=CLASS_ID, intrinsics=np.zeros((4, 4), np.float32))
    assert images.n_images == 4
    assert images.image_size == (5, 6)
    assert images.names("input") == ("image",)
    assert images.names("label") == ("class_id",)
    assert images.names("geometry") == ("intrinsics",)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "needs the column 'image'; found no column"),
        ({"class_id": CLASS_ID}, r"needs the column 'image'; found \['class_id'\]"),
        ({"image": IMAGE[:0]}, "at least one image; found none"),
        ({"image": IMAGE, "label": CLASS_ID}, "column 'label' is not allowed here; allowed: box_class, "),
        ({"image": IMAGE.astype(np.float32)}, r"'image' is float32 .* expected uint8"),
        ({"image": IMAGE[..., 0]}, r"'image' is uint8 with rows of shape \(6, 5\); expected"),
        ({"image": IMAGE[..., :2]}, r"rows of shape \(6, 5, 2\); expected"),
        ({"image": IMAGE, "class_id": CLASS_ID.astype(np.int32)}, "'class_id' is int32 .* expected int64"),
        ({"image": IMAGE, "class_id": CLASS_ID[:3]}, "'class_id' has 3 rows, but there are 4 images"),
    ],
)
def test_refuses_what_breaks_the_contract(arrays, message):
    with pytest.raises(DataError, match=message):
        ImageSet.from_arrays(**arrays)


def test_labels_are_unreachable_from_the_unlabelled_view():
    images = ImageSet.from_arrays({"background_template": IMAGE[0]}, image=IMAGE, class_id=CLASS_ID)
    view = images.unlabelled()
    assert set(view.columns) == {"image"}
    assert not hasattr(view, "class_id")
    np.testing.assert_array_equal(view.images(np.array([2, 0])), IMAGE[[2, 0]])
    np.testing.assert_array_equal(view.assets["background_template"], IMAGE[0])
    with pytest.raises(DataError, match="column 'class_id' is not allowed here; allowed: image, sensor_depth_m"):
        UnlabelledImages({"image": Column(IMAGE), "class_id": Column(CLASS_ID)})


def test_only_keeps_inputs_and_the_named_labels():
    images = ImageSet.from_arrays(image=IMAGE, class_id=CLASS_ID, foreground=IMAGE[..., 0] > 9)
    assert set(images.only(frozenset({"foreground", "depth_m"})).columns) == {"image", "foreground"}


def test_row_maps_compose_and_copy_nothing():
    column = Column(CLASS_ID).through(np.array([3, 2, 0]))
    assert len(column) == 3
    assert column.take(np.array([0, 2])).tolist() == [1, 3]
    again = column.through(np.array([1, 1]))
    assert again.take(np.array([0, 1])).tolist() == [4, 4]
    assert again.array is CLASS_ID


def test_a_selection_keeps_columns_in_step():
    images = ImageSet.from_arrays(image=IMAGE, class_id=CLASS_ID).select(np.array([2, 0])).select(np.array([1, 0, 1]))
    rows = images.take(np.arange(3))
    assert images.n_images == 3
    np.testing.assert_array_equal(rows["image"], IMAGE[[0, 2, 0]])
    assert rows["class_id"].tolist() == [3, 4, 3]


def test_digest_tells_bytes_shape_and_type_and_not_memory_layout():
    digest = array_digest(IMAGE)
    assert array_digest(np.asfortranarray(IMAGE)) == digest
    changed = IMAGE.copy()
    changed[3, 5, 4, 2] ^= 1
    others = [changed, IMAGE.reshape(4, 5, 6, 3), IMAGE.view(np.int8)]
    assert digest not in map(array_digest, others)
