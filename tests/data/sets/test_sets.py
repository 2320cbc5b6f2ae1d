import gzip
import math

import numpy as np
import pytest

import placed_sets
from bench.api import Limits, Pair, UserError
from bench.api.errors import DataError
from bench.data import image_files as pictures
from bench.data.formats.bop import allocentric, quaternion_of
from bench.data.listing import working_set
from bench.data.sets import SETS, check_layout, set_module, splits_of
from bench.data.sets.check import check_set
from bench.data.sets.classes import CLASSES
from bench.data.sets.pair_base import PlacedPair
from bench.plugins.registry import Registry
from bench.run.plan import make_plan
from bench.suites.load import Suite, load_suite
from bench.suites.resolve import resolve
from toy_runs import InlineRun

REGISTRY = Registry()
PLACED_PAIRS = [name for name in REGISTRY.names(Pair) if issubclass(REGISTRY.get(Pair, name), PlacedPair)]
WRITERS = {name: name.replace("-", "_") if module == "bop" else module for name, module in SETS.items()}

COUNTS = {
    "bop-lm": {"test": 16, "train_pbr": 8},
    "bop-tless": {"test_primesense": 3, "train_primesense": 3},
    "bop-ycbv": {"test": 2, "train_pbr": 2, "train_real": 2, "train_synt": 2},
    "cityscapes": {"train": 8, "val": 8},
    "groceries-real": {"train": 5, "val": 2, "test": 5},
    "gta5": {"all": 12},
    "hypersim": {"train": 12},
    "kitti": {"train": 4, "test": 2},
    "mnist-m": {"train": 6, "test": 6},
    "nyuv2": {"train": 4, "test": 5},
    "scenenet": {"val": 4},
    "sim10k": {"all": 4},
    "synthdet": {"all": 12},
    "synthia": {"all": 12},
    "usps": {"train": 3, "test": 3},
    "virtual-kitti-1": {"all": 12},
    "virtual-kitti-2": {"all": 12},
    "voc": {"train": 4, "val": 4},
}
"""Images of each split of the fixture trees."""


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """A fixture tree of every set, for all tests."""
    folder = tmp_path_factory.mktemp("data")
    for name, write in WRITERS.items():
        getattr(placed_sets, write)(folder / name)
    return folder


@pytest.fixture
def data(trees, monkeypatch):
    """$REALGAIN_DATA with a fixture tree of every set; not to be written to."""
    monkeypatch.setenv("REALGAIN_DATA", str(trees))
    return trees


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


def test_kitti_may_lie_in_the_folders_of_its_archives(tmp_path):
    root = placed_sets.kitti(tmp_path)
    for folder, parts in (("raw", ["2011_09_26"]), ("data_depth_annotated", ["val"])):
        (root / folder).mkdir()
        for part in parts:
            (root / part).rename(root / folder / part)
    (root / "splits").mkdir()
    for file in root.glob("eigen_*.txt"):
        file.rename(root / "splits" / file.name)
    check_layout(root, "kitti")
    assert set_module("kitti").listing(root, "test").n_images == 2


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


def test_hypersim_has_a_test_split_where_the_authors_list_lies_beside_it(tmp_path):
    root = placed_sets.hypersim(tmp_path)
    assert splits_of("hypersim", root) == ("train",)
    head = "scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name"
    frames = ((0, "True", "train"), (1, "True", "test"), (2, "False", "test"), (3, "True", "val"))
    rows = [f"ai_001_002,cam_00,{frame},{public},,{split}" for frame, public, split in frames]
    placed_sets.place(root / "metadata_images_split_scene_v1.csv", "\n".join([head, *rows]))
    names = [set_module("hypersim").listing(root, split).names for split in splits_of("hypersim", root)]
    assert [[name.rpartition("/")[2] for name in part] for part in names] == [
        ["frame.0000.tonemap.jpg"],
        ["frame.0001.tonemap.jpg"],
    ]


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
    assert whole.pixels["depth_m"](0)[0, 0] == pytest.approx(0.7)
    assert whole.pixels["foreground"](0).sum() == 2 * 30 * 40
    np.testing.assert_array_equal(whole.arrays["intrinsics"][0], [100, 100, 64, 48])


@pytest.mark.parametrize(
    ("name", "splits", "objects"),
    [
        ("bop-tless", ("test_primesense", "train_primesense"), (("obj_000002", "obj_000025"), ("obj_000005",))),
        (
            "bop-ycbv",
            ("test", "train_pbr", "train_real", "train_synt"),
            (("obj_000001", "obj_000006"), ("obj_000021",), ("obj_000001", "obj_000014"), ("obj_000003",)),
        ),
    ],
)
def test_bop_sets_have_the_splits_that_are_there(data, name, splits, objects):
    assert splits_of(name, data / name) == splits
    for split, named in zip(splits, objects, strict=True):
        listing = set_module(name).listing(data / name, split)
        assert listing.class_names == named
        assert listing.pixels["depth_m"](0)[5, 5] == pytest.approx(0.7), "7000 steps of 0.1 mm"


def test_hidden_objects_have_no_box(data):
    listing = set_module("bop-ycbv").listing(data / "bop-ycbv", "test")
    assert [len(listing.boxes(i)) for i in range(2)] == [2, 1]


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


def test_usps_may_be_unpacked(tmp_path):
    root = placed_sets.usps(tmp_path)
    packed = root / "zip.test.gz"
    (root / "zip.test").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    check_layout(root, "usps")
    assert set_module("usps").listing(root, "test").arrays["class_id"].tolist() == [6, 5, 4]


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


@pytest.mark.parametrize(
    ("name", "size", "classes"),
    [
        ("gta5-cityscapes", (1024, 512), 19),
        ("synthia-cityscapes", (1024, 512), 16),
        ("vkitti-kitti", (640, 192), 0),
        ("hypersim-nyu", (320, 256), 0),
        ("groceries", (640, 448), 3),
        ("linemod-bop", (64, 64), 11),
    ],
)
@pytest.mark.usefixtures("data")
def test_suites_have_the_papers_sizes_and_budget(name, size, classes):
    tables = load_suite(name).tables
    assert {table.budget for table in tables} == {"paper"}
    assert {"strong"} <= {table.recipe for table in tables}
    pair = REGISTRY.pair(tables[0].pair)[0]
    assert pair.size(tables[0].task.partition(":")[0], "paper") == size
    assert len(pair.class_names) == classes


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
def test_all_sets_are_whole_and_no_file_of_theirs_at_fault(data, name):
    reports = check_set(name, data / name, lambda *_: None)
    assert [report.faults for report in reports] == [()] * len(reports)
    assert [(report.split, report.n_images) for report in reports] == list(COUNTS[name].items())
    for report in reports:
        assert report.sizes.total() == report.n_images
        assert report.histogram or report.depth_m or (name, report.split) == ("kitti", "train"), "read without labels"


@pytest.mark.parametrize("name", SETS)
def test_a_wrong_layout_is_refused_by_what_was_expected_and_found(data, tmp_path, name):
    check_layout(data / name, name)
    (tmp_path / "other" / "holiday").mkdir(parents=True)
    with pytest.raises(DataError, match=r"is not laid out as .*: expected .*; found holiday/; unpack") as caught:
        check_layout(tmp_path / "other", name)
    assert "\n" not in str(caught.value)
