"""Packed sets: what is written is read, and a damaged file is refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.api.errors import DataError
from pairs.rendered.packed import PackedSplit, depth_error, read_split, write_manifest, write_split

RANGE_M = (0.1, 20.0)


def columns(n_images: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 255, 16 * 12 * 3).reshape(12, 16, 3)
    depth_m = np.exp(rng.uniform(*np.log(RANGE_M), (n_images, 12, 16))).astype(np.float32)
    depth_m[:, :2] = 0
    return {
        "image": np.stack([(smooth + 3 * i).clip(0, 255).astype(np.uint8) for i in range(n_images)]),
        "mask": rng.integers(0, 256, (n_images, 12, 16), np.uint8),
        "foreground": rng.random((n_images, 12, 16)) > 0.5,
        "depth_m": depth_m,
        "boxes": rng.random((n_images, 3, 4), np.float32),
        "box_class": rng.integers(-1, 4, (n_images, 3)),
        "class_id": np.arange(n_images),
    }


def packed(folder: Path, lossless: bool = True) -> PackedSplit:
    content = PackedSplit(columns(), {"background_template": columns()["image"][0]})
    write_split(folder, "source_train", content, depth_range_m=RANGE_M, lossless=lossless)
    write_manifest(folder, "toy", 1, {"source_train": 5}, RANGE_M, {"by": "hand"})
    return content


def test_a_lossless_split_comes_back_equal_but_for_the_stated_depth_error(tmp_path: Path) -> None:
    written = packed(tmp_path)
    read = read_split(tmp_path, "source_train")
    assert read.columns.keys() == written.columns.keys()
    for name, rows in written.columns.items():
        assert read.columns[name].dtype == rows.dtype
        if name != "depth_m":
            np.testing.assert_array_equal(read.columns[name], rows)
    known = written.columns["depth_m"] > 0
    np.testing.assert_array_equal(read.columns["depth_m"] > 0, known)
    error = np.abs(read.columns["depth_m"][known] / written.columns["depth_m"][known] - 1).max()
    stated = json.loads((tmp_path / "manifest.json").read_text())["depth"]["max_relative_error"]
    assert 0.8 * stated < error < 1.01 * stated
    assert stated == depth_error(RANGE_M) < 1e-3
    np.testing.assert_array_equal(read.assets["background_template"], written.assets["background_template"])


def test_a_lossy_image_stays_close(tmp_path: Path) -> None:
    written = packed(tmp_path, lossless=False)
    read = read_split(tmp_path, "source_train").columns["image"]
    assert np.abs(read.astype(int) - written.columns["image"]).mean() < 3


def test_a_prefix_of_some_columns(tmp_path: Path) -> None:
    written = packed(tmp_path)
    read = read_split(tmp_path, "source_train", 2, frozenset({"image", "class_id"})).columns
    assert read.keys() == {"image", "class_id"}
    np.testing.assert_array_equal(read["image"], written.columns["image"][:2])
    np.testing.assert_array_equal(read["class_id"], [0, 1])
    assert len(read_split(tmp_path, "source_train", 99).columns["image"]) == 5


def test_equal_sets_pack_to_equal_bytes(tmp_path: Path) -> None:
    packed(tmp_path / "a")
    packed(tmp_path / "b")
    assert (tmp_path / "a" / "source_train.npz").read_bytes() == (tmp_path / "b" / "source_train.npz").read_bytes()


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    packed(tmp_path)
    path = tmp_path / "source_train.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"source_train\.npz has SHA-256 .* install the package again"):
        read_split(tmp_path, "source_train")


def test_missing_files_and_other_formats_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json is missing"):
        read_split(tmp_path, "source_train")
    packed(tmp_path)
    with pytest.raises(DataError, match=r"source_val\.npz is missing"):
        read_split(tmp_path, "source_val")
    (tmp_path / "source_train.npz").unlink()
    with pytest.raises(DataError, match=r"source_train\.npz is missing"):
        read_split(tmp_path, "source_train")
    (tmp_path / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(DataError, match="format 99"):
        read_split(tmp_path, "source_train")


def test_depth_outside_the_range_is_refused(tmp_path: Path) -> None:
    far = {"depth_m": np.full((1, 4, 4), 25.0, np.float32)}
    with pytest.raises(DataError, match=r"the pair's range is 0\.1 to 20 m"):
        write_split(tmp_path, "far", PackedSplit(far, {}), depth_range_m=RANGE_M, lossless=True)
