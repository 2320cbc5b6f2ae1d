import math
import shutil

import numpy as np
import pytest

import placed_sets
from bench.api import Limits, UserError
from bench.data import pictures
from bench.data.formats.bop import allocentric, quaternion_of
from bench.data.imageset import DataError
from bench.data.listing import working_set
from bench.data.sets import SETS, check_layout, set_module
from bench.data.sets.classes import CLASSES
from bench.plan import make_plan
from bench.registry import PLACED_PAIRS, Registry
from bench.resolving import resolve
from bench.suite import Suite, load_suite
from toy_runs import InlineRun

REGISTRY = Registry()
MODULES = {name: "bop_lm" if module == "bop" else module for name, module in SETS.items()}


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    """A fixture tree of every set."""
    root = tmp_path_factory.mktemp("placed")
    for name, write in MODULES.items():
        getattr(placed_sets, write)(root / name)
    return root


@pytest.fixture
def data(placed, tmp_path, monkeypatch):
    """$REALGAIN_DATA with a copy of that tree."""
    monkeypatch.setenv("REALGAIN_DATA", str(tmp_path / "data"))
    return shutil.copytree(placed, tmp_path / "data")


def read(data, name, split, n=2):
    listing = set_module(name).listing(data / name, split)
    return listing, working_set(listing, (64, 32), "resize", native_labels=True).take(np.arange(n))


def stripes(row):
    return [int(row[0, i * 16 + 8]) for i in range(4)]


def test_gta5_labels_are_palette_indices_of_cityscapes_ids(data):
    listing, columns = read(data, "gta5", "all")
    assert listing.n_images == 12
    names = [CLASSES[i] for i in stripes(columns["mask"][0])[:3]]
    assert names == ["road", "car", "sky"]
    assert stripes(columns["mask"][0])[3] == 255
    assert stripes(columns["mask"][1]) == stripes(columns["mask"][0]), "half the size"


def test_synthia_labels_are_the_red_of_sixteen_bits(data):
    _, columns = read(data, "synthia", "all")
    assert [CLASSES[i] for i in stripes(columns["mask"][0])[:3]] == ["road", "car", "wall"]
    assert stripes(columns["mask"][0])[3] == 255


def test_cityscapes_has_its_official_splits(data):
    for split, city in (("train", "aachen"), ("val", "lindau")):
        listing, columns = read(data, "cityscapes", split)
        assert listing.n_images == 8
        assert city in listing.names[0]
        assert [CLASSES[i] for i in stripes(columns["mask"][0])] == ["road", "car", "sky", "wall"]


@pytest.mark.parametrize("version", ["1", "2"])
def test_virtual_kitti_depth_is_in_centimetres(data, version):
    _, columns = read(data, f"virtual-kitti-{version}", "all")
    depth_m = columns["depth_m"][0]
    assert (depth_m[0] == 0).all()
    assert depth_m[-1, -1] == pytest.approx(50.0)
    if version == "1":
        assert depth_m[1, 5] == pytest.approx(655.35), "the sky"


def test_kitti_depth_is_in_256ths_of_a_metre_and_frames_without_it_are_left_out(data):
    listing, columns = read(data, "kitti", "test")
    assert listing.n_images == 2
    assert listing.notes == ("1 test images without annotated depth left out",)
    assert columns["depth_m"][0, -1, -1] == pytest.approx(70.0)
    assert columns["depth_m"][0, 0, 0] == 0
    train = set_module("kitti").listing(data / "kitti", "train")
    assert (train.n_images, train.labels) == (4, frozenset())


def test_nyu_axes_are_reversed_and_its_splits_count_from_one(data):
    listing, columns = read(data, "nyuv2", "test")
    assert listing.n_images == 5
    np.testing.assert_array_equal(columns["image"][0], placed_sets.picture(704, (64, 32)))
    assert columns["depth_m"][0, 0, 0] == pytest.approx(1.04)
    assert columns["depth_m"][0, -1, -1] == pytest.approx(4.04)
    assert set_module("nyuv2").listing(data / "nyuv2", "train").n_images == 4


def test_hypersim_distances_become_depth(data):
    _, columns = read(data, "hypersim", "train")
    depth_m = columns["depth_m"][0]
    assert depth_m[0, 0] == 0, "not a number is unknown"
    assert depth_m[16, 32] == pytest.approx(2.0, rel=1e-3)
    focal = 886.81 / 1024 * 64
    corner = 2 * focal / math.sqrt(focal**2 + 31.5**2 + 15.5**2)
    assert depth_m[-1, -1] == pytest.approx(corner, rel=1e-4)


def test_scenenet_rays_in_millimetres_become_depth_in_metres(data):
    listing, columns = read(data, "scenenet", "val")
    assert [name.rpartition("/")[2] for name in listing.names] == ["0.jpg", "25.jpg", "50.jpg", "75.jpg"]
    depth_m = columns["depth_m"][0]
    assert depth_m[120, 160] == pytest.approx(3.0, rel=1e-4)
    across = 159.5 / (160 / math.tan(math.radians(30)))
    assert depth_m[120, 319] == pytest.approx(3 / math.sqrt(1 + across**2), rel=1e-4)


def test_bop_reads_jpeg_of_pbr_scenes_and_depth_by_its_scale(data):
    module = set_module("bop-lm")
    for split, n_crops in (("train_pbr", 16), ("test", 16)):
        crops = module.cropped(data / "bop-lm", split)
        assert crops.n_images == n_crops
        columns = working_set(crops, (64, 64), "resize").take(np.arange(1))
        assert np.median(columns["sensor_depth_m"]) == pytest.approx(0.7)
        assert 0.4 < columns["foreground"].mean() < 0.6
        assert crops.class_names[columns["class_id"][0]] == "ape"
        assert np.linalg.norm(columns["quaternion"][0]) == pytest.approx(1)
    whole = module.listing(data / "bop-lm", "train_pbr")
    np.testing.assert_array_equal(whole.boxes(0), [[10, 20, 40, 60], [70, 20, 100, 60]])


def test_a_crop_shows_the_rotation_seen_along_its_own_ray():
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)
    np.testing.assert_allclose(allocentric(turn, np.array([0, 0, 1.0])), turn, atol=1e-12)
    np.testing.assert_allclose(quaternion_of(turn), np.array([1, 1, 0, 0]) / math.sqrt(2), atol=1e-6)
    # An object that turns with the ray looks the same in its crop.
    angle = math.radians(20)
    about_y = np.array([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
    ray = about_y @ np.array([0, 0, 1.0])
    np.testing.assert_allclose(allocentric(about_y @ turn, ray), turn, atol=1e-12)


def test_groceries_split_by_indices_and_share_their_products(data):
    listing, columns = read(data, "groceries-real", "test")
    assert (listing.n_images, listing.class_names) == (5, placed_sets.PRODUCTS)
    assert listing.names[0].endswith("IMG_0005.JPG")
    np.testing.assert_array_equal(columns["boxes"][0, 0], [4, 5, 24, 15])
    source, columns = read(data, "synthdet", "all")
    assert source.class_names == ("tea", "milk", "cereal"), "in the order of its own ids"
    np.testing.assert_array_equal(columns["boxes"][0, 0], [8, 4, 24, 16])
    pair = REGISTRY.pair("groceries")[0]
    named = pair.listing("source")
    assert [pair.class_names[named.box_class[i][0]] for i in range(3)] == list(placed_sets.PRODUCTS)


def test_digits(data):
    listing, columns = read(data, "mnist-m", "test")
    assert (listing.n_images, columns["class_id"].tolist()) == (6, [0, 1])
    listing, columns = read(data, "usps", "train")
    assert listing.arrays["class_id"].tolist() == [6, 5, 4]
    native = listing.pixels["image"](0)
    assert native.shape == (16, 16, 3)
    assert [int(native[1, i, 0]) for i in range(4)] == [0, 255, 128, 0]


def test_voc_and_sim10k_read_their_lists(data):
    listing, columns = read(data, "voc", "val")
    assert (listing.n_images, listing.class_names[6], listing.class_names[14]) == (4, "car", "person")
    np.testing.assert_array_equal(columns["boxes"][0], [[4, 2, 14, 20], [30, 2, 40, 20]])
    cars = set_module("sim10k").listing(data / "sim10k")
    assert (cars.n_images, cars.class_names) == (4, ("car",))
    np.testing.assert_array_equal(cars.boxes(0), [[4, 2, 14, 20]])


@pytest.mark.parametrize("name", PLACED_PAIRS)
def test_pairs_and_suites_plan_without_decoding(data, monkeypatch, name):
    monkeypatch.setattr(pictures, "picture_of", None)
    suite = load_suite(name)
    text = suite.model_dump_json()
    for asked in ("hybrid@298", "hybrid@380", "hybrid@760:finetune", "hybrid@76", "hybrid@80", "hybrid@30"):
        text = text.replace(asked, "hybrid@2" + (":finetune" if "fine" in asked else ""))
    assert len(make_plan(resolve(type(suite).model_validate_json(text), REGISTRY)).cells) > 10


@pytest.mark.parametrize("name", PLACED_PAIRS)
def test_splits_hold_what_the_pair_states(data, name):
    pair = REGISTRY.pair(name)[0]
    task = min(pair.tasks)
    size, counts = pair.size(task, "light"), pair.counts(Limits())
    source, target = pair.source(size, "resize", Limits()), pair.target(size, "resize", Limits())
    assert pair.source_labels <= set(source.train.columns)
    assert pair.target_labels <= set(target.test.columns)
    assert (source.train.n_images, source.val.n_images) == (counts["source_train"], counts["source_val"])
    assert target.train.n_images + target.test.n_images == counts["target_train"] + counts["target_test"]
    assert source.train.image_size == size
    fewer = pair.source(size, "resize", Limits(source_images=3))
    assert list(fewer.train.files) == list(source.train.files[:3])


def test_a_placed_pair_runs(data, tmp_path):
    suite = load_suite("gta5-cityscapes").model_dump(mode="json")
    table = suite["tables"][0] | {"budget": "light", "model": "", "seeds": 1, "train_steps": 1, "measures": False}
    suite["tables"] = [table | {"refiners": ["histogram"], "arms": [{"arm": "refined"}, {"arm": "oracle"}]}]
    run = InlineRun(Suite.model_validate(suite), tmp_path / "run", REGISTRY)
    assert run.outcome.complete, run.listener.failures


def test_synthia_counts_sixteen_or_thirteen_classes(data):
    assert len(REGISTRY.pair("synthia-cityscapes")[0].class_names) == 16
    pair = REGISTRY.pair("synthia-cityscapes:classes=13")[0]
    assert len(pair.class_names) == 13
    masks = pair.target((64, 32), "resize", Limits()).test.columns["mask"].take(np.arange(1))
    assert stripes(masks[0])[3] == 255, "wall does not count"


def test_virtual_kitti_has_two_versions(data):
    assert "frames" in REGISTRY.pair("vkitti-kitti:version=2")[0].listing("source").names[0]


def test_a_root_may_be_named(data, tmp_path, monkeypatch):
    monkeypatch.setenv("REALGAIN_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(UserError, match=r"GTA5 .* is expected in .*elsewhere/gta5, which is no folder; put it there"):
        REGISTRY.pair("gta5-cityscapes")
    named = f"gta5-cityscapes:source={data / 'gta5'},target={data / 'cityscapes'}"
    assert REGISTRY.pair(named)[0].counts(Limits())["target_test"] == 8


@pytest.mark.parametrize("name", SETS)
def test_a_wrong_layout_is_refused_by_what_was_expected_and_found(data, tmp_path, name):
    check_layout(data / name, name)
    (tmp_path / "other" / "holiday").mkdir(parents=True)
    with pytest.raises(DataError, match=r"is not laid out as .*: expected .*; found holiday/; unpack") as caught:
        check_layout(tmp_path / "other", name)
    assert "\n" not in str(caught.value)
