"""One command on one's own two folders, as a user types it."""

import os
import re

import pytest

import own_folders as folders
from toy_runs import TOYS


def own(cli, *more):
    return cli("run", "--task", "classification", "--source", "renders", "--target", "photos", *more)


def test_two_folders_and_nothing_else(cli, tmp_path):
    folders.write_class_folders(tmp_path / "renders", 12)
    folders.write_class_folders(tmp_path / "photos", 16, seed=5)
    done = own(cli, "--train-steps", "1", "--seeds", "1", "--refiner", "histogram", "--budget", "light")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "source: class folders, 12 images of 48×32, 2 classes (car, traffic light)" in done.stdout
    assert "images: 11 source train, 1 source val, " in done.stdout
    page = (tmp_path / "results/local/renders-photos-classification/leaderboard.md").read_text()
    assert "Reproduce: `python -m bench run suite.yaml`" in page
    again = cli("run", "results/local/renders-photos-classification/suite.yaml")
    assert again.returncode == 0, again.stderr
    assert "0 done now" in " ".join(again.stdout.split())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "renders").rename(tmp_path / "elsewhere" / "renders")
    alike = cli(
        "run", "--task", "classification", "--source", "elsewhere/renders", "--target", "photos", "--train-steps", "1"
    )
    assert (alike.returncode, alike.stderr.count("\n")) == (2, 1)
    assert "folders of the same names; name another folder with --out" in alike.stderr


def test_planning_two_folders_and_nothing_else_says_what_is_there_and_what_it_costs(cli, tmp_path):
    folders.write_class_folders(tmp_path / "renders", 12)
    folders.write_class_folders(tmp_path / "photos", 16, seed=5)
    words = ("--task", "classification", "--source", "renders", "--target", "photos")
    dry = cli("plan", *words)
    assert dry.returncode == 0, dry.stderr
    assert "source: class folders, 12 images of 48×32, 2 classes (car, traffic light)" in dry.stdout
    assert "target split: half unlabelled to train, half to test, by content hash" in dry.stdout
    assert "refine renders to photos with histogram" in dry.stdout
    assert "15 cells" in dry.stdout
    assert not [path for path in tmp_path.glob("results/**/*") if path.is_file()], "nothing is made"
    lent = cli("plan", *words, "--labelled-target", "--seeds", "1", "--refiner", "histogram", "--row", "oracle")
    assert "hybrid" not in lent.stdout
    assert "score oracle (strong, seed 0)" in lent.stdout


def test_a_broken_photograph_ends_the_run_before_anything_is_trained(cli, tmp_path):
    folders.write_class_folders(tmp_path / "renders", 6)
    folders.write_photos(tmp_path / "photos", 6)
    folders.save(folders.picture(3, (300, 200)), tmp_path / "photos" / "IMG_0003.jpg")
    photo = tmp_path / "photos" / "IMG_0003.jpg"
    photo.write_bytes(photo.read_bytes()[:-500])
    done = own(cli)
    assert done.returncode == 2
    assert "IMG_0003.jpg cannot be decoded" in done.stdout
    assert "write the image again, or remove it" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_wrong_requests_are_one_line(cli, tmp_path):
    folders.write_class_folders(tmp_path / "renders", 6)
    (tmp_path / "photos").mkdir()
    empty = own(cli)
    assert (empty.returncode, empty.stdout) == (2, "")
    assert empty.stderr.count("\n") == 1
    assert "photos is an empty folder; put images into it" in empty.stderr
    assert "there is no --target" in cli("run", "--task", "depth", "--source", "renders").stderr
    assert "name a suite, or your own folders" in cli("run", "smoke", "--source", "a", "--target", "b").stderr


def test_a_refined_set_for_ones_own_trainer(cli, tmp_path):
    folders.write_voc(tmp_path / "renders", 4)
    folders.write_photos(tmp_path / "photos", 4)
    words = ("refine", "--refiner", "histogram", "--source", "renders", "--target", "photos", "--out", "adapted")
    done = cli(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(
        "adapted: 4 images refined with histogram; format Pascal VOC, labels copied"
    )
    names = sorted(path.relative_to(tmp_path / "renders") for path in (tmp_path / "renders").rglob("*.*"))
    assert all((tmp_path / "adapted" / name).is_file() for name in names)
    assert "0 images refined with histogram, 4 there before" in cli(*words).stdout
    wrong = cli(*words[:-1], "renders/adapted")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)


def test_without_labels_of_photographs_the_domain_gap_is_all_there_is(cli, tmp_path):
    folders.write_class_folders(tmp_path / "renders", 12)
    folders.write_photos(tmp_path / "photos", 12)
    done = own(cli, "--refiner", "histogram", "--train-steps", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "target: images, 12 images of 48×32, no labels" in done.stdout
    assert "histogram: domain gap to the target (KID)" in done.stdout
    assert re.search(r"histogram: labels (intact|damaged .*); judge's score kept: .*; label edges kept: ", done.stdout)
    assert "Gains need labels of real test images" in done.stdout


def test_a_refiner_that_breaks_ends_refine_with_its_error_last_and_exit_code_1(cli, tmp_path):
    folders.write_class_folders(tmp_path / "renders", 6)
    folders.write_class_folders(tmp_path / "photos", 6, seed=5)
    names = ("--source", "renders", "--target", "photos", "--out", "refined", "--plugin", str(TOYS))
    done = cli("refine", "--refiner", "raises", *names)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "error: RuntimeError: the flux capacitor is empty; refined was not written; traceback: "
    )


@pytest.mark.slow
@pytest.mark.parametrize("names", [(b"caf\xe9", b"th\xe9"), (b"\xff\xfe", b"b"), (b"M\xfcll", b"\xe4")])
def test_classes_and_files_whose_names_are_no_utf8_are_trained_and_scored(cli, tmp_path, names):
    for root, n, seed in (("renders", 6, 0), ("photos", 8, 5)):
        for i in range(n):
            folder = tmp_path / root / os.fsdecode(names[i % 2])
            folders.save(folders.picture(1000 * seed + i), folder / os.fsdecode(b"Geb\xe4ude_%d.png" % i))
    done = own(cli, "--refiner", "histogram", "--seeds", "1", "--train-steps", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = [name.decode("utf-8", "backslashreplace") for name in names]
    assert all(name in done.stdout for name in shown)


@pytest.mark.parametrize("folder", [b"Qu\xe9llen", b"a/\xff", b"\xe4\xf6/b"])
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_folder_whose_path_is_no_utf8_is_refused_in_one_line(cli, tmp_path, command, folder):
    folders.write_class_folders(tmp_path / os.fsdecode(folder), 4)
    folders.write_photos(tmp_path / "photos", 4)
    words = ("--task", "classification", "--source", os.fsdecode(folder), "--target", "photos")
    done = cli(command, *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the folder's path is no UTF-8 text" in done.stderr


@pytest.mark.parametrize(
    ("write", "task", "line"),
    [
        (folders.write_class_folders, "classification", "fit: images are stretched to the working size, whatever "),
        (folders.write_yolo, "detection", "fit: images keep their shape; what the working size has more is padded "),
        (folders.write_masks, "segmentation", "fit: images are stretched to the working size, whatever their shape"),
    ],
)
def test_plan_says_how_images_are_brought_to_the_working_size(cli, tmp_path, write, task, line):
    write(tmp_path / "renders", 6)
    write(tmp_path / "photos", 8, 5)
    done = cli("plan", "--task", task, "--source", "renders", "--target", "photos")
    assert done.returncode == 0, done.stderr
    assert sum(said.startswith(line) for said in done.stdout.splitlines()) == 1
