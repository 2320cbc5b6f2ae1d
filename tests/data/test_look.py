"""``data look``: what it says of folders that are drawn here."""

import pytest
from PIL import Image

import own_folders as folders
from bench.api import UserError
from bench.data.look import look_at


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (folders.write_yolo, ["YOLO, 8 images of 48×32", "  car: 6 boxes", "  2 images without box"]),
        (folders.write_masks, ["mask PNGs, 8 images", "  ignored: 0.6% of pixels (in 8 masks)"]),
        (folders.write_depth, ["depth maps, 8 images", "median 3.13 m"]),
        (folders.write_class_folders, ["class folders, 8 images", "  car: 4 images", "  traffic light: 4 images"]),
        (folders.write_photos, ["images, 8 images", "looked for"]),
    ],
)
def test_a_folder_is_described_and_drawn(tmp_path, write, said):
    write(tmp_path / "set", 8)
    lines = "\n".join(look_at(tmp_path / "set", "", tmp_path / "sheet.png", "mm"))
    assert all(words in lines for words in said)
    assert Image.open(tmp_path / "sheet.png").width >= 8 * 144


def test_every_file_that_is_left_out_is_listed_with_the_reason(tmp_path):
    root = folders.write_yolo(tmp_path / "set", 6)
    folders.save(folders.mask_of(1), root / "masks" / "001.png")
    (root / "README.pdf").write_bytes(b"x")
    (root / "clip.mp4").write_bytes(b"x")
    lines = look_at(root, "detection", tmp_path / "sheet.png", "mm")
    for reason, file in [
        ("images that hold labels, not read for detection", "masks/001.png"),
        ("neither images nor labels", "README.pdf"),
        ("of a kind that is not read (.mp4)", "clip.mp4"),
    ]:
        assert lines[lines.index(f"left out, {reason}: 1") + 1] == f"  {file}"
    assert sum(line.startswith("left out") for line in lines) == 3


@pytest.mark.parametrize(
    ("task", "out", "unit", "message"),
    [
        ("detecton", "a.png", "mm", "did you mean 'detection'"),
        ("", "a.pdf", "mm", r"no picture can be written as 'a\.pdf'"),
        ("", "a.png", "miles", "--depth-unit: 'miles' is no unit of depth"),
    ],
)
def test_wrong_requests_are_one_line(tmp_path, task, out, unit, message):
    folders.write_photos(tmp_path / "set", 2)
    with pytest.raises(UserError, match=message):
        look_at(tmp_path / "set", task, tmp_path / out, unit)
