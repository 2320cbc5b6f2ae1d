import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image

import own_folders as folders
import placed_sets
from bench.api import Limits, UserError
from bench.api.errors import DataError
from bench.data import image_files as pictures
from bench.data.splits import split_by_hash
from bench.plugins.registry import Registry
from bench.run.plan import make_plan
from bench.suites.load import Suite
from bench.suites.own_folders import own_suite
from bench.suites.resolve import resolve
from toy_runs import InlineRun

REGISTRY = Registry()
SIZE = (48, 32)


def own(root, task="detection", **options):
    stated = {"task": task, "source": root / "source", "target": root / "target", **options}
    return REGISTRY.pair("own:" + ",".join(f"{key}={value}" for key, value in stated.items()))[0]


@pytest.fixture
def boxes(tmp_path):
    """24 COCO renders, 20 photographs with VOC labels whose classes are spelt otherwise."""
    folders.write_coco(tmp_path / "source", 24)
    folders.write_voc(tmp_path / "target", 20, seed=5, names=("Car", "traffic_light"))
    return tmp_path


def test_formats_splits_and_size_are_printed_back(boxes):
    assert own(boxes).describe("light") == [
        "source: COCO, 24 images of 48×32, 2 classes (car, traffic light), 24 boxes",
        "target: Pascal VOC, 20 images of 48×32, 2 classes (car, traffic light), 20 boxes",
        "source split: 22 to train, 2 held out, by name hash",
        "target split: half unlabelled to train, half to test, by content hash; --group-by keeps the frames of a video "
        "together",
        "target labels: used to score the test images",
        "working size: 64×32 pixels (--size)",
    ]


def test_planning_decodes_no_picture(boxes, monkeypatch):
    monkeypatch.setattr(pictures, "picture_of", None)
    suite = own_suite("detection", texts(boxes))
    plan = make_plan(resolve(suite, REGISTRY))
    assert {planned.cell.pair for planned in plan.cells} == {"source to target"}
    assert len(plan.cells) == 3 * (4 + 1)


def texts(root, **options):
    return {"source": str(root / "source"), "target": str(root / "target"), **options}


def test_class_names_are_matched_by_their_words(boxes):
    target = own(boxes).target(SIZE, "resize", Limits())
    found = {
        tuple(target.test.columns["image"].take(np.array([i])).ravel()[:30]): i for i in range(target.test.n_images)
    }
    n_checked = 0
    for i in range(20):
        row = found.get(tuple(folders.scene(i, 5).ravel()[:30]))
        if row is not None:
            classes = target.test.columns["box_class"].take(np.array([row]))[0]
            assert classes[classes >= 0].tolist() == [c for _, c in folders.boxes_of(i)]
            n_checked += 1
    assert n_checked == target.test.n_images


def test_the_split_is_by_content_whatever_the_names_and_the_size(boxes):
    def test_images(root, size):
        test = own(root).target(size, "resize", Limits()).test
        return sorted(name.rpartition("/")[2] for name in test.files)

    first = test_images(boxes, SIZE)
    assert 0 < len(first) < 20
    assert test_images(boxes, (24, 16)) == first
    moved = boxes / "moved"
    shutil.copytree(boxes, moved)
    assert test_images(moved, SIZE) == first
    for folder, suffix in (("JPEGImages", "png"), ("Annotations", "xml")):
        (moved / "target" / folder / f"000.{suffix}").rename(moved / "target" / folder / f"zzz.{suffix}")
    assert test_images(moved, SIZE) == sorted("zzz.png" if name == "000.png" else name for name in first)


def test_images_that_were_split_before_can_be_split_again(tmp_path):
    """As after `bench data export`, which writes one part of a split by the same hash."""
    folders.write_class_folders(tmp_path / "source", 4, seed=5)
    pixels = np.stack([folders.picture(i) for i in range(60)])
    for i in split_by_hash(pixels)[0]:
        folders.save(pixels[i], tmp_path / "target" / folders.CLASSES[i % 2] / f"{i}.png")
    splits = own(tmp_path, "classification").target(SIZE, "resize", Limits())
    assert min(splits.train.n_images, splits.test.n_images) > 5


def test_frames_of_one_folder_stay_together(boxes):
    for i in range(20):
        for folder, suffix in (("JPEGImages", "png"), ("Annotations", "xml")):
            drive = boxes / "target" / folder / f"drive{i % 5}"
            drive.mkdir(exist_ok=True)
            (boxes / "target" / folder / f"{i:03d}.{suffix}").rename(drive / f"{i:03d}.{suffix}")
    splits = own(boxes, group_by="folder").target(SIZE, "resize", Limits())
    drives = [{name.split("/")[-2] for name in images.files} for images in (splits.train, splits.test)]
    assert not drives[0] & drives[1]
    assert drives[0] | drives[1] == {f"drive{i}" for i in range(5)}
    assert len(np.unique(splits.groups)) == len(drives[1])


def test_target_labels_reach_the_test_half_alone_unless_asked(boxes):
    plain = own(boxes).target(SIZE, "resize", Limits())
    assert (len(plain.labelled_rows), plain.train.names("label")) == (0, ())
    assert plain.test.names("label") == ("boxes", "box_class")
    lent = own(boxes, labelled_target="true").target(SIZE, "resize", Limits())
    assert len(lent.labelled_rows) == lent.train.n_images
    suite = own_suite("detection", texts(boxes, labelled_target="true")).model_dump(mode="json")
    suite["tables"][0]["pair"] = own_suite("detection", texts(boxes)).tables[0].pair
    suite["tables"][0]["arms"] = ["oracle"]
    with pytest.raises(UserError, match="cannot serve arm 'oracle': it has 0 labelled real training images"):
        resolve(Suite.model_validate(suite), REGISTRY)


def test_a_class_of_one_domain_is_refused_and_can_be_left_out(tmp_path):
    folders.write_coco(tmp_path / "source", 24, names=("car", "bike"))
    folders.write_yolo(tmp_path / "target", 20, seed=5, names=("car", "truck"))
    with pytest.raises(
        DataError, match=r"target has the class 'truck', .*only the source has: 'bike'.*--classes 'car'"
    ):
        own(tmp_path)
    pair = own(tmp_path, classes="car")
    assert pair.class_names == ("car",)
    test = pair.target(SIZE, "resize", Limits()).test
    assert set(np.unique(test.columns["box_class"].array)) == {-1, 0}
    with pytest.raises(DataError, match=r"--classes asks for 'plane', which the source has not\. It has: car, bike"):
        own(tmp_path, classes="plane")


def test_a_folder_that_changes_is_noticed(boxes):
    def ids():
        plan = make_plan(resolve(own_suite("detection", texts(boxes)), REGISTRY))
        return {job.label: job.id for job in plan.jobs.values() if job.kind == "prepare"}

    before = ids()
    assert ids() == before
    folders.save(folders.picture(77), boxes / "target" / "JPEGImages" / "003.png")
    assert not set(ids().values()) & set(before.values())


def test_depth_units_may_differ_and_are_checked(tmp_path):
    folders.write_depth(tmp_path / "source", 12)
    folders.write_depth(tmp_path / "target", 12, seed=5)
    pair = own(tmp_path, "depth", depth_unit="mm")
    assert pair.depth_range_m == (0.05, 5.0)
    with pytest.raises(DataError, match=r"source: the median depth would be 3\d\d\d m, .*correct --depth-unit"):
        own(tmp_path, "depth", depth_unit="m")
    with pytest.raises(DataError, match=r"target: .* would be 31.3 m, .*source reaches 5 m.*--target-depth-unit"):
        own(tmp_path, "depth", depth_unit="mm", target_depth_unit="cm")
    assert own(tmp_path, "depth", depth_unit="mm", depth_range="0.5+20").depth_range_m == (0.5, 20.0)


def test_the_working_size_follows_the_photographs(tmp_path):
    folders.write_masks(tmp_path / "source", 4)
    for i in range(3):
        folders.save(folders.picture(i, (400, 300)), tmp_path / "target" / f"{i}.png")
    pair = own(tmp_path, "segmentation")
    assert (pair.size("segmentation", "light"), pair.size("segmentation", "standard")) == ((128, 96), (320, 256))
    assert own(tmp_path, "segmentation", size="100x50").size("segmentation", "light") == (100, 50)


def test_bop_folders_serve_four_tasks(tmp_path):
    root = placed_sets.bop_lm(tmp_path)
    shutil.copytree(root / "train_pbr", tmp_path / "source")
    shutil.copytree(root / "test", tmp_path / "target")
    pose = own(tmp_path, "pose")
    assert (pose.class_names, pose.size("pose", "light")) == (("obj_000001", "obj_000002"), (48, 48))
    assert pose.inputs == {"image", "sensor_depth_m"}
    test = pose.target((48, 48), "resize", Limits()).test
    assert {"class_id", "quaternion", "foreground"} <= set(test.columns)
    assert own(tmp_path, "classification").source_labels >= {"class_id", "foreground"}
    assert own(tmp_path, "detection").source_labels == {"boxes", "box_class"}
    assert own(tmp_path, "depth").depth_range_m == (0.02, 2.0)


def run(root, suite):
    return InlineRun(suite, root / "run", REGISTRY)


def test_two_folders_give_a_leaderboard(boxes):
    suite = own_suite("detection", texts(boxes, labelled_target="true"), refiners=["histogram"], seeds=1, train_steps=1)
    finished = run(boxes, suite)
    assert finished.outcome.complete, finished.listener.failures
    assert {r.cell.arm for r in finished.outcome.records} == {"source", "refined", "hybrid@5", "oracle"}
    assert finished.outcome.records[0].pair.n_target_test + finished.outcome.records[0].pair.n_target_train == 20


def test_files_are_decoded_and_resized_once_however_long_and_often_is_trained(tmp_path, monkeypatch):
    folders.write_class_folders(tmp_path / "source", 12)
    folders.write_class_folders(tmp_path / "target", 12, seed=5)
    decoded = []
    read = pictures.picture_of
    monkeypatch.setattr(pictures, "picture_of", lambda image, path: decoded.append(path) or read(image, path))

    def trained(seeds, train_steps):
        suite = own_suite(
            "classification", texts(tmp_path), refiners=["histogram"], seeds=seeds, train_steps=train_steps
        )
        lean = {"measures": False, "pictures": False}
        suite = suite.model_copy(update={"tables": (suite.tables[0].model_copy(update=lean),)})
        assert run(tmp_path, suite).outcome.complete
        return Counter(path.name for path in decoded if path.is_relative_to(tmp_path / "source"))

    first = trained(1, 1)
    assert set(first.values()) == {1}
    assert len(first) == 12
    assert trained(2, 2) == first


def test_without_target_labels_the_source_is_refined_and_nothing_is_scored(tmp_path):
    folders.write_class_folders(tmp_path / "source", 12)
    folders.write_photos(tmp_path / "target", 10)
    finished = run(tmp_path, own_suite("classification", texts(tmp_path), refiners=["histogram"], train_steps=1))
    assert finished.outcome.failures == {}
    assert finished.outcome.records == []
    assert {"prepare": 2, "fit": 1, "refine": 1, "domain_gap": 1}.items() <= finished.executor.counts.items()


def test_the_same_photograph_in_train_and_test_is_named(tmp_path):
    folders.write_class_folders(tmp_path / "source", 6)
    folders.write_class_folders(tmp_path / "target", 6, seed=5)
    folders.write_class_folders(tmp_path / "test", 6, seed=6)
    twin = tmp_path / "test" / "car" / "twin.png"
    shutil.copy(tmp_path / "target" / "car" / "002.png", twin)
    options = texts(tmp_path, target_test=str(tmp_path / "test"))
    finished = run(tmp_path, own_suite("classification", options, refiners=["histogram"], seeds=1, train_steps=1))
    reason = finished.listener.failures["prepare source to target target"]
    assert "car/002.png" in reason
    assert f"({twin}) are the same picture: remove one of the two" in reason


def test_a_broken_image_fails_its_side_with_one_line(tmp_path):
    folders.write_class_folders(tmp_path / "source", 6)
    folders.write_photos(tmp_path / "target", 6)
    photo = tmp_path / "target" / "IMG_0003.jpg"
    folders.save(folders.picture(3, (300, 200)), photo)
    photo.write_bytes(photo.read_bytes()[:-500])
    finished = run(tmp_path, own_suite("classification", texts(tmp_path), refiners=["histogram"], train_steps=1))
    assert any("IMG_0003.jpg cannot be decoded" in reason for reason in finished.listener.failures.values())


def test_wrong_requests_are_one_line(tmp_path, boxes):
    with pytest.raises(UserError, match=r"your own folders need .* there is no --task"):
        own_suite("", texts(boxes))
    with pytest.raises(UserError, match=r"'detecton'; did you mean 'detection'\?"):
        own_suite("detecton", texts(boxes))
    with pytest.raises(UserError, match="a,b: a comma would end the path in the suite that is written; rename"):
        own_suite("detection", {"source": "a,b", "target": "c"})
    with pytest.raises(DataError, match="source: found 24 images and no labels for task 'segmentation'"):
        own(boxes, "segmentation")
    with pytest.raises(DataError, match="nowhere does not exist; name a folder"):
        own(boxes, target=boxes / "nowhere")


def test_sixteen_bit_pictures_are_refused(tmp_path):
    folders.write_class_folders(tmp_path / "source", 4)
    (tmp_path / "target").mkdir()
    Image.fromarray(folders.depth_steps(0)).save(tmp_path / "target" / "a.png")
    with pytest.raises(DataError, match=r"a\.png has I;16 pixels \(more than 8 bits\)"):
        own(tmp_path, "classification").target(SIZE, "resize", Limits())


def test_labels_are_judged_without_the_oracle_where_no_real_label_is_lent(boxes):
    """An oracle would be trained on labels that the user has kept back."""
    for lent, judge in (("", "source"), ("true", "oracle")):
        suite = own_suite("detection", texts(boxes, labelled_target=lent), seeds=1)
        plan = make_plan(resolve(suite, REGISTRY))
        judges = {job.spec.judge for job in plan.jobs.values() if job.kind == "label_preservation"}
        assert judges == {judge}
