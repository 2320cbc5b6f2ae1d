"""Folders whose names do not tell pictures from label maps: refused by every command, before anything is done."""

import io

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
from bench.api.errors import DataError
from bench.data import doubtful
from bench.data.doubtful import refuse_doubtful
from bench.data.folders import all_images_among, files_below
from bench.data.own.pair import OwnPair, OwnParams
from bench.data.whole_folder import read_whole

COLOURS = np.random.default_rng(0).integers(0, 256, (256, 3)).astype(np.uint8)


def pictures(root, pattern, n=4, seed=0):
    for i in range(n):
        folders.save(folders.scene(i, seed), root / pattern.format(i))


def write(array, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def depth_of_8_bits(i):
    return (folders.depth_steps(i) // 20).astype(np.uint8)


PAIRS = [
    ("camera_{:04d}.png", "objects_{:04d}.png"),
    ("{:04d}.jpg", "{:04d}.png"),
    ("beauty/{:03d}.png", "crypto/{:03d}.png"),
    ("im0/{:03d}.png", "ids/{:03d}.png"),
    ("seq2/frame{:03d}.jpg", "seq2/what{:03d}.png"),
]


@pytest.mark.parametrize(("picture", "label"), PAIRS)
@pytest.mark.parametrize("task", ["detection", "segmentation", "depth"])
def test_plan_and_run_refuse_what_refine_refuses(tmp_path, picture, label, task):
    pictures(tmp_path / "source", picture)
    for i in range(4):
        write(COLOURS[folders.mask_of(i)], tmp_path / "source" / label.format(i))
    folders.write_photos(tmp_path / "target", 4)
    with pytest.raises(DataError, match=r"may be the label map of .* it would be trained on as a picture") as refused:
        OwnPair(OwnParams(task=task, source=tmp_path / "source", target=tmp_path / "target"))
    assert label.format(0) in str(refused.value)
    with pytest.raises(DataError, match=r"may be the label map of .* refining would rewrite it"):
        read_whole(tmp_path / "source")


@pytest.mark.parametrize("label", ["z_{:03d}.png", "far/{:03d}.png", "{:03d}.bmp"])
def test_depth_in_8_bits_is_noticed_beside_pictures_in_colour(tmp_path, label):
    pictures(tmp_path, "rgb/{:03d}.png" if "/" in label else "{:03d}.png")
    for i in range(4):
        write(depth_of_8_bits(i), tmp_path / label.format(i))
    with pytest.raises(DataError, match="has smooth levels of grey, as depth has, and may be the label map"):
        read_whole(tmp_path)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_camera_without_colour_is_a_camera(tmp_path, seed):
    """Grey pictures have noise, which depth has not."""
    noise = np.random.default_rng(seed)
    pictures(tmp_path, "left/{:03d}.png")
    for i in range(4):
        grey = folders.scene(i, seed)[..., 0].astype(int) + noise.integers(-6, 7, folders.SIZE[::-1])
        write(grey.clip(0, 255).astype(np.uint8), tmp_path / "infrared" / f"{i:03d}.png")
    assert read_whole(tmp_path).pictures.n_images == 8


@pytest.mark.parametrize(("scale", "quality"), [(1, 90), (2, 50), (2, 75), (4, 75)])
def test_label_maps_in_colour_are_known_through_jpeg(tmp_path, scale, quality):
    for i in range(4):
        scene = folders.scene(i).repeat(scale, axis=0).repeat(scale, axis=1)
        mask = COLOURS[folders.mask_of(i)].repeat(scale, axis=0).repeat(scale, axis=1)
        write(scene, tmp_path / f"rgb_{i:03d}.jpg", quality=quality)
        write(mask, tmp_path / f"what_{i:03d}.jpg", quality=quality)
    with pytest.raises(DataError, match=r"what_000\.jpg has few, flat colours"):
        read_whole(tmp_path)


@pytest.mark.parametrize("label", ["disp/{:03d}.png", "depth_map/{:03d}.png", "inverse depth/{:03d}.png"])
def test_a_name_with_a_word_whose_rest_is_no_pictures_name_is_explained(tmp_path, label):
    pictures(tmp_path, "left/{:03d}.png")
    for i in range(4):
        write(folders.depth_steps(i), tmp_path / label.format(i))
    with pytest.raises(DataError, match=r"has more than 8 bits per pixel .* but the rest of their names differs"):
        read_whole(tmp_path)


@pytest.mark.parametrize("name", ["{:032x}.png", "{:06d}.png", "{:03d}-a.png"])
def test_a_folder_of_one_camera_is_not_opened(tmp_path, monkeypatch, name):
    for i in range(50):
        folders.save(folders.scene(0), tmp_path / name.format(i * 7919))
    monkeypatch.setattr(doubtful, "opened", lambda path: pytest.fail(f"{path} was opened"))
    refuse_doubtful(tmp_path, all_images_among(files_below(tmp_path)), "")


def test_hundreds_of_classes_are_told_apart_in_no_time(tmp_path):
    names = [
        tmp_path / f"class{'abcdefghij'[k % 10] * (1 + k // 10)}" / f"{i}.png" for k in range(300) for i in range(9)
    ]
    content = io.BytesIO()
    Image.fromarray(folders.scene(0)).save(content, "PNG")
    for name in names:
        name.parent.mkdir(exist_ok=True)
        name.write_bytes(content.getvalue())
    refuse_doubtful(tmp_path, [name.relative_to(tmp_path) for name in names], "")
