"""The split of a user's photographs: what is said of videos, fixed cameras and halves that are none."""

from pathlib import PurePath

import numpy as np
import pytest

import own_folders as folders
from bench.api import Limits, UserError
from bench.api.errors import DataError
from bench.data.folders import video_of
from bench.data.own.pair import OwnPair, OwnParams
from bench.data.splits import check_disjoint
from bench.plugins.registry import Registry

SIZE = (64, 48)


@pytest.mark.parametrize(
    ("names", "group_by"),
    [
        ([f"drive{d}_{i:06}.png" for d in (3, 7) for i in range(9)], "prefix"),
        ([f"video_{i}.jpg" for i in range(0, 90, 10)], "prefix"),
        ([f"clip-{c}-frame{i}.png" for c in "ab" for i in range(5)], "prefix"),
        ([f"north/{i:04}.png" for i in range(8)] + [f"south/{i:04}.png" for i in range(8)], "folder"),
        ([f"images/cam_{i:04}.png" for i in range(8)], "prefix"),
    ],
)
def test_names_of_video_frames_are_recognised(names, group_by):
    found = video_of([PurePath(name) for name in names])
    assert found is not None
    assert found[0] == group_by


@pytest.mark.parametrize(
    "names",
    [
        [f"IMG_{i:04}.jpg" for i in range(20)],
        [f"{i:04}.png" for i in range(20)],
        [f"train/{i:04}.png" for i in range(9)] + [f"val/{i:04}.png" for i in range(9)],
        [f"shelf_{i * i * i}.jpg" for i in range(9)],
        ["a.jpg", "b.jpg"],
    ],
)
def test_other_names_are_not(names):
    assert video_of([PurePath(name) for name in names]) is None


def fixed_camera(root, first, n):
    """One background, and a square that moves over it."""
    background = folders.picture(77, (96, 72))
    for i in range(first, first + n):
        pixels = background.copy()
        pixels[4:9, 2 + 2 * i : 7 + 2 * i] = (250, 20, 20)
        folders.save(pixels, root / f"view_{i:03}.png")


def own(root, **options):
    folders.write_class_folders(root / "source", 4)
    return OwnPair(OwnParams(task="classification", source=root / "source", target=root / "target", **options))


@pytest.mark.parametrize(("n_train", "n_test"), [(6, 3), (4, 4), (8, 2)])
def test_a_fixed_camera_is_answered_with_what_the_command_line_can_do(tmp_path, n_train, n_test):
    fixed_camera(tmp_path / "target", 0, n_train)
    fixed_camera(tmp_path / "test", n_train, n_test)
    pair = own(tmp_path, target_test=tmp_path / "test", group_by="prefix")
    splits = pair.target(SIZE, "resize", Limits())
    with pytest.raises(
        DataError, match=rf"near-duplicates .*{n_train} images of target_train and {n_test} of"
    ) as caught:
        check_disjoint({"target_train": splits.train, "target_test": splits.test}, remedy=pair.overlap_remedy)
    assert "leave --target-test out and put those images into --target" in str(caught.value)
    assert "bench.data" not in str(caught.value)


def test_one_sequence_is_not_sent_to_target_test(tmp_path):
    fixed_camera(tmp_path / "target", 0, 6)
    with pytest.raises(DataError, match=r"of one sequence by --group-by prefix.*leave --group-by out") as caught:
        own(tmp_path, group_by="prefix").target(SIZE, "resize", Limits())
    assert "--target-test" not in str(caught.value)


@pytest.mark.parametrize("n_copies", [28, 30, 40])
def test_halves_that_are_none_are_explained_by_near_duplicates(tmp_path, n_copies):
    for i in range(20):
        folders.save(folders.picture(500 + i), tmp_path / "target" / f"{i}.png")
    for i in range(n_copies):
        folders.save(
            np.clip(folders.picture(501).astype(int) + i, 0, 255).astype(np.uint8), tmp_path / "target" / f"c{i}.png"
        )
    pair = own(tmp_path)
    splits = pair.target(SIZE, "resize", Limits())
    counts = f"{splits.train.n_images} to train and {splits.test.n_images} to test"
    assert pair.notes[0].startswith(f"target split: {counts}, not half and half: near-duplicates stay on one side")


def test_halves_that_differ_by_chance_are_not_explained(tmp_path):
    folders.write_photos(tmp_path / "target", 30)
    pair = own(tmp_path)
    pair.target(SIZE, "resize", Limits())
    assert pair.notes == ()


def test_frames_are_said_before_anything_is_read(tmp_path):
    folders.write_class_folders(tmp_path / "source", 4)
    for i in range(8):
        folders.save(folders.picture(i), tmp_path / "target" / f"drive{i % 2}_{i:04}.png")
    lines = own(tmp_path).describe("light")
    assert any("look like frames of a video" in line and "add --group-by prefix" in line for line in lines)
    assert not any("look like" in line for line in own(tmp_path, group_by="prefix").describe("light"))


@pytest.mark.parametrize("word", ["imagenet", "ImageNet", "true", "IMAGENET1K"])
def test_weights_of_imagenet_are_called_bundled(word):
    registry = Registry()
    task, _ = registry.task("classification")
    with pytest.raises(
        UserError, match=rf"pretrained={word} of model '.*': write pretrained=bundled \(weights of ImageNet"
    ):
        registry.model(task, f"tf_efficientnet_lite0:pretrained={word}")
