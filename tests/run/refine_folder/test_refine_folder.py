"""``bench refine``: what an output folder belongs to, what a killed or failed run leaves, images of several sizes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
from bench.api import UserError
from bench.api.errors import DataError
from bench.run.refine_folder.folder import carry_out
from bench.run.refine_folder.identity import MANIFEST, STAGE
from bench.run.refine_folder.plan import Request, plan_refinement
from bench.run.refine_folder.writer import UNFINISHED
from bench.run.store import Store
from toy_runs import REGISTRY, InlineExecutor, Silent, attempted, content, plugin, refined


@pytest.fixture
def root(tmp_path):
    folders.write_photos(tmp_path / "target", 4)
    return tmp_path


# ------------------------------------------------------------------------------------------ what a folder belongs to


@pytest.mark.parametrize("change", ["0.4 * x", "x * 0.5", "x.clone()"])
def test_a_changed_plugin_never_keeps_the_old_images(root, change):
    folders.write_yolo(root / "source", 3)
    refined(root, "edited", registry=plugin(root, "{'image': 0.5 * x}"))
    before = content(root / "out")
    with pytest.raises(UserError, match=r"the refiner's code has changed; name a new folder, or delete that one"):
        attempted(root, "edited", registry=plugin(root, f"{{'image': {change}}}"))
    assert content(root / "out") == before
    refined(root, "edited", out="new", registry=plugin(root, f"{{'image': {change}}}"))
    new, old = (np.asarray(Image.open(root / out / "images" / "001.png")).astype(int) for out in ("new", "out"))
    factor = {"0.4 * x": 0.8, "x * 0.5": 1, "x.clone()": 2}[change]
    assert np.abs(new - factor * old).max() <= 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"refiner": "darker:factor=0.6"}, "refiner was 'darker:factor=0.5' and is 'darker:factor=0.6'"),
        ({"size": (24, 16)}, "size was 'native' and is"),
        ({"refiner": "same"}, "refiner was"),
    ],
)
def test_another_request_is_refused(root, change, said):
    folders.write_yolo(root / "source", 3)
    refined(root)
    before = content(root / "out")
    with pytest.raises(UserError, match=said):
        attempted(root, **change)
    assert content(root / "out") == before


@pytest.mark.parametrize("side", ["source", "target"])
def test_changed_inputs_are_refused(root, side):
    folders.write_yolo(root / "source", 3)
    refined(root)
    (root / side / "notes.txt").write_text("new")
    with pytest.raises(UserError, match=f"the {side} folder has changed"):
        attempted(root)


def test_the_manifest_says_what_made_the_folder(root):
    folders.write_yolo(root / "source", 3)
    refined(root, "edited:factor=0.25", registry=plugin(root, "{'image': self.params.factor * x}"))
    said = json.loads((root / "out" / MANIFEST).read_text())
    assert said["refiner"] == "edited:factor=0.25"
    assert said["parameters"] == {"factor": 0.25}
    assert said["complete"] is True
    assert len(said["code"]) == len(said["source"]) == len(said["target"]) == 64
    assert set(said["images"]) == {f"images/{i:03d}.png" for i in range(3)}
    assert set(said["others"]) == {"classes.txt", *(f"labels/{i:03d}.txt" for i in range(3))}


@pytest.mark.parametrize("name", ["images/001.png", "labels/000.txt", "classes.txt"])
def test_files_that_changed_since_are_not_passed_off(root, name):
    folders.write_yolo(root / "source", 3)
    refined(root)
    (root / "out" / name).write_bytes(b"mine")
    with pytest.raises(UserError, match=rf"{name} changed since they were written"):
        attempted(root)
    (root / "out" / name).unlink()
    refined(root)
    assert (root / "out" / name).read_bytes() != b"mine"


def test_a_second_time_nothing_is_done(root):
    folders.write_yolo(root / "source", 3)
    refined(root)
    before = {path: path.stat().st_mtime_ns for path in (root / "out").rglob("*")}
    outcome = refined(root)
    assert (outcome.n_written, outcome.n_kept) == (0, 3)
    assert {path: path.stat().st_mtime_ns for path in (root / "out").rglob("*")} == before


@pytest.mark.parametrize("left", ["beside", "inside", "empty"])
def test_what_a_killed_run_left_is_replaced(root, left):
    folders.write_yolo(root / "source", 3)
    stage = {"beside": root / "out.partial", "inside": root / "out" / STAGE, "empty": root / "out"}[left]
    stage.mkdir(parents=True)
    if left != "empty":
        (stage / UNFINISHED).touch()
        (stage / "half.png").write_bytes(b"half")
    refined(root)
    assert set(content(root / "out")) == {*content(root / "source"), MANIFEST}
    assert not (root / "out.partial").exists()


@pytest.mark.parametrize("name", ["thesis.tex", MANIFEST])
def test_a_folder_of_that_name_that_is_not_ours_is_left_alone(root, name):
    folders.write_yolo(root / "source", 3)
    (root / "out.partial").mkdir()
    (root / "out.partial" / name).write_text("mine")
    with pytest.raises(UserError, match=r"out\.partial exists and is not an unfinished output"):
        attempted(root)
    assert (root / "out.partial" / name).read_text() == "mine"
    assert not (root / "out").exists()


@pytest.mark.parametrize("name", ["tracks.json", "points.npy", "images/003.xml", "scene.h5"])
def test_a_size_is_refused_before_anything_runs_where_labels_are_not_understood(root, name):
    folders.write_yolo(root / "source", 4)
    (root / "source" / name).write_text('{"points": [[3, 4], [10, 12]]}')
    with pytest.raises(DataError, match=f"{name} may hold coordinates in pixels, and its format is not known"):
        attempted(root, size=(24, 16))
    assert not (root / "out").exists()
    assert not (root / "store").exists()
    refined(root)
    assert (root / "out" / name).read_bytes() == (root / "source" / name).read_bytes()


class Killed(InlineExecutor):
    """Is interrupted after some images."""

    left = 3

    def events(self, timeout_seconds):
        if self.pending[0].kind == "refine_files":
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        return super().events(timeout_seconds)


@pytest.mark.parametrize("n_before", [0, 1, 3])
def test_a_killed_run_goes_on_where_it_was(root, monkeypatch, n_before):
    monkeypatch.setattr("bench.run.refine_folder.plan.BLOCK_IMAGES", 1)
    monkeypatch.setattr(Killed, "left", n_before)
    folders.write_yolo(root / "source", 4)
    refinement = plan_refinement(Request("darker", root / "source", root / "target", root / "out"), REGISTRY)
    store = Store(root / "store")
    with pytest.raises(KeyboardInterrupt):
        carry_out(refinement, store, Killed(store, REGISTRY), Silent())
    assert not (root / "out").exists()
    assert not (root / "out.partial").exists()
    executor = InlineExecutor(store, REGISTRY)
    assert carry_out(refinement, store, executor, Silent()).n_written == 4
    assert executor.counts == {"refine_files": 4 - n_before}


@pytest.mark.parametrize("kind", ["image", "label", "rename"])
def test_a_failing_write_leaves_nothing_behind(root, monkeypatch, kind):
    def fails(*_):
        raise OSError(28, "No space left on device")

    name = {"image": "shutil.copyfile", "label": "copied", "rename": "write_atomically"}[kind]
    monkeypatch.setattr(f"bench.run.refine_folder.writer.{name}", fails)
    folders.write_yolo(root / "source", 3)
    with pytest.raises(OSError, match="No space left"):
        attempted(root)
    assert not (root / "out").exists()
    assert not (root / "out.partial").exists()


def test_label_files_that_hold_the_picture_are_told_from_copies(root, monkeypatch):
    folders.write_yolo(root / "source", 3)
    name = Path("labels/001.txt")

    def copied(folder, file):
        return b"new" if file == name else (folder / file).read_bytes()

    monkeypatch.setattr("bench.run.refine_folder.writer.copied", copied)
    assert refined(root).rewritten == (name,)
    assert (root / "out" / name).read_bytes() == b"new"


def test_a_refined_folder_can_be_refined_again(root):
    folders.write_yolo(root / "source", 3)
    refined(root, out="once")
    (root / "source").rename(root / "first")
    (root / "once").rename(root / "source")
    refined(root)
    assert (
        json.loads((root / "out" / MANIFEST).read_text())["source"]
        != json.loads((root / "source" / MANIFEST).read_text())["source"]
    )


# ------------------------------------------------------------------------------------------------------ several sizes

SIZES = [(48, 32), (40, 56), (64, 64)]


@pytest.mark.parametrize("target_size", SIZES)
@pytest.mark.parametrize("refiner", ["fda:beta=0.05", "fda:beta=0.5", "histogram", "reinhard", "flip"])
def test_sources_of_several_sizes(tmp_path, refiner, target_size):
    for i, size in enumerate([*SIZES, SIZES[0]]):
        folders.save(folders.picture(i, size), tmp_path / "source" / f"{i}.png")
        folders.save(folders.picture(10 + i, target_size, (0.5, 0.7, 1)), tmp_path / "target" / f"{i}.jpg")
    folders.save(folders.picture(20, (33, 47), (0.5, 0.7, 1)), tmp_path / "target" / "other.jpg")
    refined(tmp_path, refiner)
    assert [Image.open(tmp_path / "out" / f"{i}.png").size for i in range(4)] == [*SIZES, SIZES[0]]


@pytest.mark.parametrize("refiner", ["cyclegan", "cut", "simgan", "genesis_rt"])
def test_networks_on_several_sizes(tmp_path, refiner, monkeypatch):
    monkeypatch.setattr("bench.run.refine_folder.plan.FIT_STEPS", 2)
    for i, size in enumerate([(96, 64), (64, 80), (72, 72)]):
        folders.save(folders.picture(i, size), tmp_path / "source" / f"{i}.png")
        folders.save(folders.picture(10 + i, size[::-1], (0.5, 0.7, 1)), tmp_path / "target" / f"{i}.jpg")
    refined(tmp_path, refiner)
    assert [Image.open(tmp_path / "out" / f"{i}.png").size for i in range(3)] == [(96, 64), (64, 80), (72, 72)]


def test_fda_gives_smaller_images_the_same_low_frequencies(tmp_path):
    """A flat image gets the mean of the photograph, whatever the size of either."""
    for i, size in enumerate(SIZES):
        folders.save(np.full((*size[::-1], 3), 200, np.uint8), tmp_path / "source" / f"{i}.png")
    folders.save(np.full((50, 30, 3), (30, 60, 90), np.uint8), tmp_path / "target" / "a.png")
    refined(tmp_path, "fda:beta=0.05")
    for i in range(3):
        means = np.asarray(Image.open(tmp_path / "out" / f"{i}.png")).mean(axis=(0, 1))
        assert np.abs(means - (30, 60, 90)).max() <= 1
