"""Pair ``camvid`` on its JPEG copy, where the checkout has it beside itself (../shared/data/camvid_segnet)."""

import numpy as np
import pytest
from PIL import Image

from bench.api import Limits
from bench.data.downloads import open_files
from bench.data.public_sets import CAMVID, CAMVID_JPEG88, CARLA
from bench.data.splits import check_disjoint
from bench.plugins.registry import Registry
from pairs.camvid import Camvid, Params

SIZE = (128, 96)
FEW = Limits(source_images=6, target_images=12, test_images=8)
COPY = "camvid:images=jpeg88"


def column(images, name):
    return images.columns[name].take(np.arange(images.n_images))


@pytest.fixture(scope="module")
def target(fetched):
    fetched(CAMVID_JPEG88, "camvid_segnet")
    return Registry().pair(COPY)[0].target(SIZE, "resize", Limits())


@pytest.mark.slow
def test_photographs_stand_in_the_published_split(target):
    counts = Camvid().counts(Limits())
    assert (target.train.n_images, target.test.n_images) == (367, 233)
    assert (counts["target_train"], counts["target_test"]) == (367, 233)
    check_disjoint({"target_train": target.train, "target_test": target.test})
    assert len(np.unique(target.groups)) == 25
    assert (np.bincount(target.groups) <= 10).all()


@pytest.mark.slow
def test_void_is_ignored_and_test_labels_keep_their_size(target):
    for images in (target.train, target.test):
        assert set(np.unique(column(images, "mask"))) == {*range(11), 255}
    assert column(target.test, "mask").shape == (233, 360, 480)
    assert (column(target.test, "native_size") == (480, 360)).all()
    files = open_files(CAMVID_JPEG88)
    ids = np.asarray(Image.open(files.folder / "jpeg_full" / "testannot" / "0001TP_008550.png"))
    np.testing.assert_array_equal(column(target.test, "mask")[0] == 255, ids == 11)
    np.testing.assert_array_equal(column(target.test, "mask")[0][ids < 11], ids[ids < 11])


@pytest.mark.slow
def test_the_label_maps_of_the_copy_are_those_of_the_published_set(fetched):
    fetched(CAMVID_JPEG88, "camvid_segnet")
    labels = {name: digest for name, digest in CAMVID.digests.items() if "annot/" in name or name.endswith(".txt")}
    copied = {name.removeprefix("jpeg_full/"): digest for name, digest in CAMVID_JPEG88.digests.items()}
    assert {name: copied[name] for name in labels} == labels


@pytest.mark.slow
def test_tables_say_which_photographs_they_are_of(target):
    pair, described = Registry().pair(COPY)
    assert pair.title.endswith("encoded again as JPEG of quality 88")
    assert pair.downloads == ("camvid-jpeg88",)
    assert described.identity() != Registry().pair("camvid")[1].identity()


def test_the_source_is_the_street_in_camvids_classes_with_masks_alone():
    pair = Camvid()
    assert pair.class_names[:4] == ("Sky", "Building", "Pole", "Road")
    assert len(pair.class_names) == 11
    source = pair.source(SIZE, "resize", FEW)
    assert set(source.train.columns) == {"image", "mask"}
    assert source.train.n_images == pair.counts(FEW)["source_train"] == 6


@pytest.mark.slow
def test_carlas_frames_come_in_camvids_classes(fetched):
    fetched(CARLA, ".")
    pair = Camvid(Params(source="carla"))
    assert pair.downloads == ("camvid", "carla")
    source = pair.source((240, 180), "resize", Limits())
    assert (source.train.n_images, source.val.n_images) == (15, 2)
    masks = column(source.train, "mask")
    assert set(np.unique(masks)) <= {*range(11), 255}
    upper, lower = masks[:, :60], masks[:, 120:]
    assert np.mean(upper == 0) > 0.3 > np.mean(lower == 0), "sky is above"
    assert np.mean(lower == 3) > 0.4 > np.mean(upper == 3), "the road is below"


def test_the_manifest_names_701_pairs_and_three_lists():
    names = list(CAMVID.digests)
    assert sum("annot/" in name for name in names) == 701
    assert len(names) == 2 * 701 + 3
