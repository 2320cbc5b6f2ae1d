"""Pair ``kitchen``: the registration by hand, and the pair where the checkout has the frames (../shared/data)."""

import numpy as np
import pytest

from bench.api import Limits
from bench.data.public_sets import KITCHEN
from bench.data.splits import check_disjoint
from pairs import kitchen
from pairs.indoor import IndoorPair
from pairs.kitchen import SIZE, Kitchen, registered

FEW = Limits(source_images=4, target_images=5, test_images=4)


def column(images, name):
    return images.columns[name].take(np.arange(images.n_images))


@pytest.fixture(scope="module")
def target(fetched):
    fetched(KITCHEN, "seven_scenes_redkitchen")
    return Kitchen().target(SIZE, "resize", Limits())


@pytest.mark.parametrize(
    ("pixel", "depth_m", "lands"),
    [
        ((320, 240), 1.05, (306, 240)),  # 525 · 0.027 / 1.05 = 13.5 to the left
        ((320, 240), 5.0, (317, 240)),
        ((0, 0), 2.0, (26, 25)),  # 320 − 287.18 − 7.09, 240 − 215.38
        ((639, 479), 2.0, (599, 454)),
    ],
)
def test_a_depth_goes_where_the_colour_camera_sees_it(pixel, depth_m, lands):
    seen = np.zeros((480, 640), np.float32)
    seen[pixel[1], pixel[0]] = depth_m
    warped = registered(seen)
    assert np.argwhere(warped)[:, ::-1].tolist() == [list(lands)]
    assert warped[lands[1], lands[0]] == np.float32(depth_m)


def test_of_two_depths_in_one_place_the_nearest_stays():
    seen = np.zeros((480, 640), np.float32)
    seen[240, 320], seen[240, 309] = 1.05, 4.0  # both land in column 306 or beside it
    near = int(np.argwhere(registered(seen))[0, 1])
    far_alone = np.zeros_like(seen)
    far_alone[240, 309] = 4.0
    column_of_far = int(np.argwhere(registered(far_alone))[0, 1])
    seen[:] = 0
    seen[240, 320], seen[240, 309 + round((306 - column_of_far) * 585 / 525)] = 1.05, 4.0
    warped = registered(seen)
    assert near == 306
    assert np.count_nonzero(warped) == 1
    assert warped[240, 306] == np.float32(1.05)


def test_nothing_known_stays_nothing():
    assert not registered(np.zeros((480, 640), np.float32)).any()


def test_the_source_is_the_middle_of_the_rooms_and_sees_as_the_colour_camera_does():
    source = Kitchen().source(SIZE, "resize", FEW).train
    rooms = IndoorPair().source((96, 96), "resize", FEW).train
    np.testing.assert_array_equal(column(source, "image"), column(rooms, "image")[:, 18:78, 8:88])
    np.testing.assert_array_equal(column(source, "depth_m"), column(rooms, "depth_m")[:, 18:78, 8:88])
    fx, fy, cx, cy = column(source, "intrinsics")[0]
    assert (cx, cy) == (40, 30)
    assert fx == fy == pytest.approx(525 * 80 / 640, rel=0.01)
    assert (column(source, "free_distance_m") > 0).any(axis=1).all()


@pytest.mark.slow
def test_frames_are_every_tenth_in_two_halves_that_share_nothing(target):
    counts = Kitchen().counts(Limits())
    assert (target.train.n_images, target.test.n_images) == (counts["target_train"], counts["target_test"]) == (50, 48)
    assert max(kitchen.TRAIN_FRAMES) + 20 < min(kitchen.TEST_FRAMES)
    check_disjoint({"target_train": target.train, "target_test": target.test})
    assert np.bincount(target.groups).tolist() == [6] * 8


@pytest.mark.slow
def test_depths_are_metres_of_the_colour_camera(target):
    depth_m = column(target.test, "depth_m")
    assert depth_m.shape == (48, 480, 640)
    assert 0.5 < np.median(depth_m[depth_m > 0]) < 3
    assert 0.2 < (depth_m == 0).mean() < 0.4
    assert not depth_m[:, :20].any(), "the depth camera sees less: 0.9 of the colour camera's view"
    assert column(target.train, "depth_m").shape == (50, 60, 80)


@pytest.mark.slow
def test_edges_of_depth_and_colour_meet_after_the_registration_and_not_before(target):
    """Over all test frames: colours change more across depth edges than across the same edges moved by 12 pixels."""
    import io

    from PIL import Image

    from bench.data.downloads import open_files

    files = open_files(KITCHEN)
    gains = []
    for row, frame in list(enumerate(kitchen.TEST_FRAMES))[::6]:
        grey = np.asarray(Image.open(io.BytesIO(files.read(f"frame-{frame:06d}.color.jpg"))).convert("L")).astype(float)
        depth_m = column(target.test, "depth_m")[row]
        known = (depth_m[:, 2:] > 0) & (depth_m[:, :-2] > 0)
        edges = known & (np.abs(depth_m[:, 2:] - depth_m[:, :-2]) > 0.15)
        change = np.abs(grey[:, 2:] - grey[:, :-2])
        moved = np.roll(edges, 12, axis=1)
        gains.append(change[edges].mean() / change[moved].mean())
    assert np.mean(gains) > 1.2


@pytest.mark.slow
def test_the_camera_is_held_at_breast_height_and_the_worktops_are_below_it(target):
    for images in (target.train, target.test):
        height_m = column(images, "camera_height_m")
        assert ((height_m > 1.2) & (height_m < 1.7)).all()
        np.testing.assert_allclose(np.linalg.norm(column(images, "up"), axis=1), 1, atol=1e-6)
        assert (column(images, "up")[:, 1] < -0.8).all()
    assert 0.3 < (column(target.test, "free_distance_m") >= Kitchen.safe_distance_m).mean() < 0.9


@pytest.mark.slow
def test_smaller_sets_are_spread_over_the_walk(fetched):
    fetched(KITCHEN, "seven_scenes_redkitchen")
    few = Kitchen().target(SIZE, "resize", FEW)
    assert (few.train.n_images, few.test.n_images) == (5, 4)
    assert few.groups.tolist() == [0, 2, 5, 7]
