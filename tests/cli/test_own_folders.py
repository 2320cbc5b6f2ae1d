"""One command on one's own two folders, as a user types it."""

import re

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
