"""``bench refine``: plug-ins that break their contract, names that are no UTF-8, and what the command prints."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

import own_folders as folders
from bench.run.refine_folder.identity import MANIFEST
from toy_runs import TOYS, attempted, plugin, refined


@pytest.fixture
def root(tmp_path):
    folders.write_photos(tmp_path / "target", 4)
    return tmp_path


# ------------------------------------------------------------------------------------------------- plug-ins that break

BROKEN = {
    "2 * x - 1": r"values in \[.*expected \[0, 1\]",
    "torch.nn.functional.interpolate(x, (8, 8))": r"has shape \(1, 3, 8, 8\); expected \(1, 3, 32, 48\)",
    "x.permute(0, 2, 3, 1)": r"has shape \(1, 32, 48, 3\)",
    "x.double()": r"is torch.float64; expected torch.float32",
    "x * float('nan')": "values that are NaN or infinite",
    "x.numpy()": "is ndarray; expected a torch tensor",
    "x.to('meta')": "meta",
    "x @ x": r"RuntimeError",
}


@pytest.mark.parametrize("returned", BROKEN)
def test_a_broken_contract_is_one_line_and_nothing_is_written(root, returned):
    folders.write_yolo(root / "source", 3)
    outcome = attempted(root, "edited", registry=plugin(root, f"{{'image': {returned}}}"))
    assert outcome.mistake
    assert "\n" not in outcome.failure
    assert "refiner 'edited', images/000.png (48×32 pixels): " in outcome.failure
    assert re.search(BROKEN[returned], outcome.failure), outcome.failure
    assert not (root / "out").exists()
    assert not (root / "out.partial").exists()


@pytest.mark.parametrize(
    ("returned", "said"), [("{}", "returned the keys []"), ("None", "returned NoneType"), ("x", "returned Tensor")]
)
def test_missing_keys_are_one_line(root, returned, said):
    folders.write_yolo(root / "source", 3)
    outcome = attempted(root, "edited", registry=plugin(root, returned))
    assert said in outcome.failure
    assert outcome.mistake
    assert not (root / "out").exists()


def test_the_run_stops_at_the_first_failure(root, monkeypatch):
    monkeypatch.setattr("bench.run.refine_folder.plan.BLOCK_IMAGES", 1)
    folders.write_yolo(root / "source", 4)
    listed: Counter[str] = Counter()
    monkeypatch.setattr("bench.run.runner.Runner._keep_details", lambda self, job, event: listed.update([job.kind]))
    attempted(root, "edited", registry=plugin(root, "{'image': x * 2}"))
    assert listed == {"refine_files": 1}


# ------------------------------------------------------------------------------------------------------------ odd names


@pytest.mark.parametrize("name", [b"Geb\xe4ude_01", b"\xff\xfe", b"caf\xe9 (2)"])
@pytest.mark.parametrize("refiner", ["reinhard", "tinted"])
def test_names_that_are_no_utf8(root, name, refiner):
    for i in range(2):
        folders.save(folders.picture(i, (96, 96)), root / "source" / "images" / f"{i}.png")
    (root / "source" / "images" / "1.png").rename(root / "source" / "images" / os.fsdecode(name + b".png"))
    (root / "source" / "labels").mkdir()
    (root / "source" / "labels" / os.fsdecode(name + b".txt")).write_text("0 0.5 0.5 0.2 0.2")
    refined(root, refiner)
    written = {os.fsencode(path.name) for path in (root / "out").rglob("*") if path.is_file()}
    assert written == {MANIFEST.encode(), b"0.png", name + b".png", name + b".txt"}


@pytest.mark.slow
def test_the_command_prints_names_that_are_no_utf8(cli_process, tmp_path):
    folders.write_yolo(tmp_path / "source", 3)
    folders.write_photos(tmp_path / "target", 3)
    wrong = tmp_path / "source" / "images" / os.fsdecode(b"Geb\xe4ude.png")
    Image.fromarray(folders.picture(7)).convert("P").save(wrong)
    words = ("refine", "--refiner", "reinhard", "--source", "source", "--target", "target", "--out", "out")
    done = cli_process(*words)
    assert done.returncode == 0, done.stderr
    assert r"Geb\udce4ude.png" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("out: 4 images refined with reinhard; format YOLO")
    wrong.write_bytes(b"")
    again = cli_process(*words, "--out", "new")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "ude.png is empty" in again.stderr


# ---------------------------------------------------------------------------------------------------- the command line


def command(cli, *more):
    return cli("refine", "--plugin", str(TOYS), "--source", "source", "--target", "target", "--out", "out", *more)


def test_the_command_says_what_it_sees_and_ends_with_what_it_wrote(cli, tmp_path):
    folders.write_coco(tmp_path / "source", 4)
    folders.write_photos(tmp_path / "target", 3)
    folders.save(folders.picture(50), tmp_path / "source" / "images" / "extra.png")
    (tmp_path / "source" / "walk.mp4").write_bytes(b"")
    done = command(cli, "--refiner", "twice")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "source: COCO, 4 images of 48×32, 2 classes (car, traffic light)" in lines[0]
    assert "source: copied, not refined: 1 file (first: images/extra.png) that the COCO labels do not list" in lines
    assert "source: copied, not refined: 1 file (first: walk.mp4) of a kind that is not read (.mp4)" in lines
    assert "target: 3 images; their labels are not looked at" in lines
    assert "twice makes 2 views of each image; the first is written" in lines
    assert lines[-1] == (
        "out: 4 images refined with twice; format COCO, labels copied byte for byte (1 .json, 1 .png, 1 .mp4)"
    )
    again = command(cli, "--refiner", "twice")
    assert again.stdout.splitlines()[-1].startswith("out: 0 images refined with twice, 4 there before; ")


@pytest.mark.parametrize(("refiner", "code"), [("grows", 2), ("gives_nan", 2), ("raises", 1)])
def test_a_failure_is_the_last_line_and_nothing_is_written(cli, tmp_path, refiner, code):
    folders.write_coco(tmp_path / "source", 4)
    folders.write_photos(tmp_path / "target", 3)
    done = command(cli, "--refiner", refiner)
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1
    assert "out was not written" in done.stderr
    assert not (tmp_path / "out").exists()
    if code == 1:
        assert "the flux capacitor is empty" in done.stderr
        trace = next(Path(done.stderr.strip().rpartition("traceback: ")[2]).glob("fit-*.txt"))
        assert "Traceback" in trace.read_text()
