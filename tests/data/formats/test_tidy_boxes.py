"""Boxes without area, cut or outside: the same notes by plan as by run, in every format."""

import re

import numpy as np
import pytest

import own_folders as folders
import tool_folders as tools
from bench.api import Limits
from bench.api.errors import DataError
from bench.data.formats import Options, recognise
from bench.data.own.pair import OwnPair

WIDTH, HEIGHT = folders.SIZE
GOOD = (4, 6, 20, 26)
FORMATS = ["COCO", "YOLO", "KITTI"]


def write(root, name, boxes, n=12):
    """Every image has :data:`GOOD`, the first one ``boxes`` too."""
    rows = [[GOOD, *boxes] if i == 0 else [GOOD] for i in range(n)]
    for i in range(n):
        folders.save(folders.scene(i), root / "images" / f"{i:03d}.png")
    if name == "COCO":
        images = [{"id": i, "file_name": f"{i:03d}.png", "width": WIDTH, "height": HEIGHT} for i in range(n)]
        annotations = [
            {"id": 100 * i + k, "image_id": i, "category_id": 1, "bbox": [a, b, c - a, d - b]}
            for i, row in enumerate(rows)
            for k, (a, b, c, d) in enumerate(row)
        ]
        categories = [{"id": 1, "name": "car"}]
        tools.dump({"images": images, "annotations": annotations, "categories": categories}, root / "coco.json")
        return root
    (root / "labels").mkdir()
    for i, row in enumerate(rows):
        lines = [f"car 0 0 0 {a} {b} {c} {d} {tools.KITTI_METRES}" for a, b, c, d in row]
        if name == "YOLO":
            shares = [
                ((a + c) / 2 / WIDTH, (b + d) / 2 / HEIGHT, (c - a) / WIDTH, (d - b) / HEIGHT) for a, b, c, d in row
            ]
            lines = [" ".join(["0", *(f"{share:.8f}" for share in box)]) for box in shares]
        (root / "labels" / f"{i:03d}.txt").write_text("\n".join(lines))
    if name == "YOLO":
        (root / "classes.txt").write_text("car\n")
    return root


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("boxes", "kept", "note"),
    [
        ([(10, 12, 10, 12)], [], "1 box without area left out, the first of .*000\\.png"),
        ([(10, 12, 10, 12), (3, 3, 30, 3), (5, 0, 5, 9)], [], "3 boxes without area left out"),
        ([(-6, 2, 20, 9)], [(0, 2, 20, 9)], "1 box cut at the image's border"),
        ([(30, 20, 60, 45), (1, -9, 4, 31)], [(30, 20, 48, 32), (1, 0, 4, 31)], "2 boxes cut at the image's border"),
        ([(50, 5, 60, 9)], [], "1 box outside the image left out"),
        ([(-1, 0, 20, 9)], [(0, 0, 20, 9)], None),
    ],
)
def test_boxes_that_no_trainer_takes_are_counted_and_said(tmp_path, name, boxes, kept, note):
    listing = recognise(write(tmp_path, name, boxes), Options("detection"))
    np.testing.assert_allclose(listing.boxes(0), [GOOD, *kept], atol=1e-3)
    assert len(listing.box_class[0]) == 1 + len(kept)
    said = " | ".join(listing.notes)
    if note is None:
        assert "box" not in said
    else:
        assert re.search(note, said), said


@pytest.mark.parametrize("name", FORMATS)
def test_what_plan_accepts_run_trains_on(tmp_path, name):
    write(tmp_path / "source", name, [(10, 12, 10, 12), (-6, 2, 20, 9), (30, 20, 60, 45)])
    folders.write_photos(tmp_path / "target", 4)
    params = OwnPair.Params(task="detection", source=tmp_path / "source", target=tmp_path / "target")
    pair = OwnPair(params)
    assert "1 box without area left out" in pair.describe("light")[0]
    assert "2 boxes cut at the image's border" in pair.describe("light")[0]
    splits = pair.source((48, 32), "resize", Limits())
    ids = [s.columns["box_class"].take(np.arange(s.n_images)) for s in (splits.train, splits.val)]
    assert sum(int((rows >= 0).sum()) for rows in ids) == 14


@pytest.mark.parametrize("name", ["COCO", "KITTI"])
@pytest.mark.parametrize("scale", [2, 3])
def test_labels_of_another_size_are_refused(tmp_path, name, scale):
    boxes = [tuple(scale * edge for edge in box) for box in [(20, 18, 40, 30), (24, 10, 44, 30), (30, 17, 47, 31)]]
    write(tmp_path, name, boxes, n=2)
    message = (
        rf"000\.png: box \d of its {name}.* leaves the image of 48×32 pixels \(\d of 5 boxes are so\); .*another size"
    )
    with pytest.raises(DataError, match=message):
        recognise(tmp_path, Options("detection"))
