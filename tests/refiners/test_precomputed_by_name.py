"""Translations by other tools are found by the names of their sources."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
from bench.api import Described, Limits
from bench.api.errors import DataError
from bench.data.export import export_pair
from bench.data.own.pair import OwnPair, OwnParams
from bench.data.translated import match_translated
from bench.plugins.registry import Registry
from bench.run.store import Entry
from bench.run.stored_sets import files_seen
from refiners.precomputed import Params, Precomputed


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


@pytest.mark.parametrize(
    ("sources", "files", "expected"),
    [
        (
            ["s/im_1.png", "s/im_12.png"],
            [f"images/im_{i}_{kind}.png" for i in (1, 12) for kind in ("fake_B", "real_A", "rec_A")],
            ["images/im_1_fake_B.png", "images/im_12_fake_B.png"],
        ),
        (["s/a.jpg", "s/b.jpg"], ["a.png", "b.webp"], ["a.png", "b.webp"]),
        (
            ["s/a.png", "s/b.png"],
            ["x/a-day2night.png", "x/b-day2night.png"],
            ["x/a-day2night.png", "x/b-day2night.png"],
        ),
        (
            ["s/l/1.png", "s/r/1.png"],
            ["out/r/1_fake.png", "out/l/1_fake.png"],
            ["out/l/1_fake.png", "out/r/1_fake.png"],
        ),
        (["s/a.png"], ["a_input_label.jpg", "a_synthesized_image.jpg"], ["a_synthesized_image.jpg"]),
    ],
)
def test_translations_are_found_by_name(tmp_path, sources, files, expected):
    touch(tmp_path, *files)
    assert match_translated(tmp_path, sources).paths == [tmp_path / name for name in expected]


@pytest.mark.parametrize(
    ("sources", "files", "message"),
    [
        (
            ["a.png", "b.png", "c.png"],
            ["a_fake_B.png"],
            r"no translation of 2 of the 3 source images \(b\.png, c\.png\)",
        ),
        (["a.png"], ["a_fake_A.png", "a_fake_B.png"], r"several translations .*\(a_fake_A and a_fake_B\)"),
        (["a.png"], ["x/a.png", "y/a.png"], "x/a.png and .*y/a.png for a.png; keep one"),
        (["l/1.png", "r/1.png"], ["1_fake.png"], "translation of 2 source images of one name"),
    ],
)
def test_what_cannot_be_matched_is_named(tmp_path, sources, files, message):
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=message):
        match_translated(tmp_path, sources)


@pytest.fixture
def pair(tmp_path):
    folders.write_yolo(tmp_path / "source", 8)
    folders.write_yolo(tmp_path / "target", 4, seed=3)
    return OwnPair(OwnParams(task="detection", source=tmp_path / "source", target=tmp_path / "target"))


SIZE = (64, 64)


@pytest.mark.parametrize("size", [folders.SIZE, (96, 64), (32, 32)])
def test_translations_lie_where_their_sources_do_whatever_their_size(tmp_path, pair, size, refine):
    """Of flat pictures each pixel is known: the row's own grey inside, padding around, as in the source."""
    for i in range(8):
        path = tmp_path / "out" / "images" / f"{i:03}_fake_B.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (20 + 20 * i,) * 3).save(path)
    refiner = Precomputed(Params(folder=tmp_path / "out"))
    files = pair.source_files(SIZE, "letterbox", Limits())
    assert ("are resized to it" in refiner.see_files(files)) == (size != folders.SIZE)
    images = pair.source(SIZE, "letterbox", Limits())
    for split, given in (("source_train", images.train), ("source_val", images.val)):
        source = given.columns["image"].take(np.arange(given.n_images))
        refined = np.rint(refine(refiner, source, split=split) * 255)
        for row, name in enumerate(given.files):
            top = (SIZE[1] - round(SIZE[0] * folders.SIZE[1] / folders.SIZE[0])) // 2
            assert (refined[row, top + 1 : -top - 1] == 20 + 20 * int(Path(name).stem)).all()
            np.testing.assert_array_equal(refined[row, : top - 1], source[row, : top - 1])


def test_a_translation_that_is_missing_is_named_before_anything_runs(tmp_path, pair):
    touch(tmp_path / "out", "000_fake_B.png")
    with pytest.raises(DataError, match="no translation of 7 of the 8 source images"):
        Precomputed(Params(folder=tmp_path / "out")).see_files(pair.source_files(SIZE, "letterbox", Limits()))


def test_an_export_lists_the_file_and_size_of_each_row(tmp_path, pair):
    variant = f"own:task=detection,source={tmp_path / 'source'},target={tmp_path / 'target'}"
    registry = Registry()
    counts = export_pair(registry.pair(variant)[0], None, lambda name: registry.task(name)[0].fit, tmp_path / "png")
    with (tmp_path / "png" / "names.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == counts["source_train"] + counts["source_val"] == 8
    assert {Path(row["file"]).name for row in rows} == {f"{i:03}.png" for i in range(8)}
    assert all((tmp_path / "png" / row["image"]).is_file() for row in rows)
    assert {(row["width"], row["height"]) for row in rows} == {("48", "32")}


@pytest.mark.parametrize("swap", [("000", "001"), ("002", "005"), ("000", "007")])
def test_the_same_pixels_under_other_names_are_another_input(tmp_path, swap):
    """Keys of jobs hold the names that translations are found by, below the folder, wherever that lies."""
    files = [
        {"path": f"/somewhere/source/{i:03}.png", "native_size": [4, 4], "placement": [0, 0, 4, 4]} for i in range(8)
    ]
    moved = [file | {"path": file["path"].replace("/somewhere", "/elsewhere/deep")} for file in files]
    turn = dict(zip(swap, swap[::-1], strict=True))
    renamed = [
        file | {"path": f"/somewhere/source/{turn.get(name := Path(file['path']).stem, name)}.png"} for file in files
    ]
    reader = Described(name="precomputed", version=2, params={"folder": "x"}, contents={"folder": "0" * 64})
    plain = Described(name="reinhard", version=1, params={}, contents={})
    seen = [files_seen(reader, entry_of(tmp_path, those)) for those in (files, moved, renamed)]
    assert seen[0] == seen[1] != seen[2]
    assert all(files_seen(plain, entry_of(tmp_path, those)) == {} for those in (files, renamed))


def entry_of(folder, files):
    return Entry("0", folder, {}, {"sets": {"source_train": {"files": files[:6]}, "source_val": {"files": files[6:]}}})
