import json
import shutil
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
from bench.api import UserError
from bench.api.errors import DataError
from bench.data.formats import Options, recognise
from bench.run.refine_folder.identity import MANIFEST
from bench.run.refine_folder.plan import Request, plan_refinement
from bench.run.refine_folder.refine_files import tiles
from toy_runs import REGISTRY, content, refined


@pytest.fixture
def target(tmp_path):
    folders.write_photos(tmp_path / "target", 4)
    return tmp_path


@pytest.mark.parametrize(
    "write",
    [folders.write_coco, folders.write_voc, folders.write_yolo, folders.write_masks, folders.write_class_folders],
)
def test_the_set_comes_back_in_its_format_with_names_and_labels(target, write):
    write(target / "source", 5)
    before = content(target / "source")
    outcome = refined(target)
    after = content(target / "out")
    assert set(after) == {*before, MANIFEST}
    assert content(target / "source") == before, "the input is never written to"
    images = json.loads(after[MANIFEST])["images"]
    assert outcome.n_written == len(images) == 5
    for name in before:
        if name in images:
            old, new = (np.asarray(Image.open(target / side / name)).astype(int) for side in ("source", "out"))
            assert np.abs(new - old / 2).max() <= 1
        else:
            assert after[name] == before[name]


def test_kinds_of_files_are_kept(target):
    source = target / "source"
    folders.save(folders.picture(1), source / "a.jpg")
    folders.save(folders.picture(2)[..., 0], source / "sub" / "b.png")
    folders.save(folders.picture(3), source / "c.bmp")
    refined(target)
    opened = {name: Image.open(target / "out" / name) for name in ("a.jpg", "sub/b.png", "c.bmp")}
    assert {name: (image.format, image.mode) for name, image in opened.items()} == {
        "a.jpg": ("JPEG", "RGB"),
        "sub/b.png": ("PNG", "L"),
        "c.bmp": ("BMP", "RGB"),
    }


def test_a_stopped_run_goes_on_and_ends_with_the_same_files(target):
    folders.write_voc(target / "source", 6)
    refined(target)
    whole = content(target / "out")
    before = {name: (target / "out" / name).stat().st_mtime_ns for name in whole}
    for name in ("JPEGImages/002.png", "JPEGImages/004.png", "Annotations/001.xml"):
        (target / "out" / name).unlink()
    outcome = refined(target)
    assert (outcome.n_written, outcome.n_kept) == (2, 4)
    assert content(target / "out") == whole
    assert (target / "out" / "JPEGImages" / "003.png").stat().st_mtime_ns == before["JPEGImages/003.png"]


def test_another_refinement_is_not_mixed_in(target):
    folders.write_voc(target / "source", 3)
    refined(target)
    with pytest.raises(UserError, match=r"holds another refinement: refiner was 'darker:factor=0.5' and is 'same'"):
        refined(target, "same")
    folders.save(folders.picture(5), target / "target" / "new.jpg")
    with pytest.raises(UserError, match="holds another refinement: the target folder has changed"):
        refined(target)


@pytest.mark.parametrize(("write", "task"), [(folders.write_coco, "detection"), (folders.write_voc, "detection")])
def test_boxes_follow_a_new_size(target, write, task):
    write(target / "source", 4)
    refined(target, size=(96, 96))
    before, after = (recognise(target / side, Options(task)) for side in ("source", "out"))
    for i in range(4):
        assert after.size(i) == (96, 96)
        np.testing.assert_allclose(after.boxes(i), before.boxes(i) * [2, 3, 2, 3], atol=1)


def test_shares_masks_and_depth_follow_a_new_size(target):
    folders.write_yolo(target / "source", 4)
    refined(target, size=(96, 96))
    after = recognise(target / "out", Options("detection"))
    np.testing.assert_allclose(after.boxes(1)[0], np.array(folders.boxes_of(1)[0][0]) * [2, 3, 2, 3], atol=1e-3)
    shutil.rmtree(target / "source")
    folders.write_masks(target / "source", 2, kind="palette")
    refined(target, size=(24, 16), out="masks")
    mask = Image.open(target / "masks" / "masks" / "001.png")
    assert (mask.mode, mask.size) == ("P", (24, 16))
    assert set(np.unique(mask)) <= {0, 1, 2, 255}


def test_networks_are_fitted_on_crops_and_refine_native_pixels(target):
    folders.write_class_folders(target / "source", 2)
    for i in range(2):
        folders.save(folders.picture(i, (150, 110)), target / "source" / "car" / f"{i}.png")
    shutil.rmtree(target / "source" / "traffic light")
    refined(target, "tinted")
    assert {Image.open(path).size for path in (target / "out").rglob("*.png")} >= {(150, 110)}


def test_large_images_are_refined_in_tiles_without_seams(target, monkeypatch):
    monkeypatch.setattr("bench.run.refine_folder.refine_files.TILE_PX", 64)
    monkeypatch.setattr("bench.run.refine_folder.refine_files.OVERLAP_PX", 16)
    folders.save(folders.picture(1, (200, 150)), target / "source" / "a.png")
    refined(target, "tinted")
    new = np.asarray(Image.open(target / "out" / "a.png")).astype(int)
    assert np.abs(new - folders.picture(1, (200, 150)) * 0.5).max() <= 1


@pytest.mark.parametrize("length", [10, 1024, 1025, 1900, 5184])
def test_tiles_cover_an_axis_and_overlap(length):
    spans = tiles(length)
    assert spans[0][0] == 0
    assert spans[-1][1] == length
    assert all(end - start <= 1024 for start, end in spans)
    assert all(end - start >= 100 for (_, end), (start, _) in pairwise(spans))


@pytest.mark.parametrize("out", ["source", "source/adapted", "target", "."])
def test_the_input_is_never_the_output(target, out):
    folders.write_voc(target / "source", 3)
    before = content(target / "source")
    with pytest.raises(UserError, match=r"--out .* lies in, around or on --(source|target)"):
        refined(target, out=out)
    assert content(target / "source") == before


def test_refiners_that_cannot_are_refused(target):
    folders.write_voc(target / "source", 3)
    with pytest.raises(UserError, match="'joint' is trained with a task's network and cannot refine a folder"):
        refined(target, "joint")
    with pytest.raises(UserError, match=r"'needs_depth' reads 'depth_m', and .*source \(Pascal VOC\) has box"):
        refined(target, "needs_depth")
    (target / "out").mkdir()
    (target / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="exists and holds other files; name a new folder"):
        refined(target)


def test_a_broken_image_is_named(target):
    folders.write_voc(target / "source", 3)
    (target / "source" / "JPEGImages" / "001.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"001\.png is empty"):
        refined(target)
    assert not (target / "out").exists()


def test_the_targets_labels_are_not_looked_at(target):
    folders.write_voc(target / "source", 3)
    folders.write_voc(target / "target", 3, seed=5)
    (target / "target" / "Annotations" / "001.xml").write_text("no XML")
    assert refined(target).n_written == 3


def test_a_phones_double_picture_stays_a_good_jpeg(target):
    pixels = folders.picture(1)
    (target / "source").mkdir()
    Image.fromarray(pixels).save(
        target / "source" / "a.jpg", "MPO", save_all=True, append_images=[Image.fromarray(pixels)], quality=95
    )
    folders.save(folders.picture(2), target / "source" / "b.png")
    refined(target, "darker:factor=1.0")
    with Image.open(target / "out" / "a.jpg") as image:
        assert image.format == "JPEG"
        assert max(image.quantization[0]) < 20, "quality 95, not Pillow's 75"


def test_one_folder_is_no_pair(target):
    folders.write_voc(target / "source", 3)
    with pytest.raises(DataError, match=r"--source .* and --target .* are one folder"):
        plan_refinement(Request("darker", target / "source", target / "source", target / "out"), REGISTRY)
