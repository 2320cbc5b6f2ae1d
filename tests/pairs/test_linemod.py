"""Pair ``linemod`` on the real set, where the checkout has it beside itself (../shared/data/linemod)."""

import time

import numpy as np
import pytest
import torch

from bench.api import Limits, UserError
from bench.data.public_sets import LINEMOD
from bench.data.splits import check_disjoint, content_hash
from bench.plugins.registry import Registry
from bench.run.jobs import prepare
from bench.run.jobs.work import Work
from bench.run.store import Store, digest_of
from bench.run.stored_sets import load_set
from pairs.linemod import Linemod, Params

FEW = Limits(source_images=300, target_images=200, test_images=150)
SIZE = (64, 64)


@pytest.fixture(scope="module")
def _fetched(fetched):
    fetched(LINEMOD, "linemod")


@pytest.fixture(scope="module")
def source(_fetched):
    return Linemod().source(SIZE, "resize", Limits())


@pytest.fixture(scope="module")
def target(_fetched):
    return Linemod().target(SIZE, "resize", Limits())


def column(images, name):
    return images.columns[name].take(np.arange(images.n_images))


@pytest.mark.slow
def test_renders_are_taken_once_and_have_labels(source):
    counts = Linemod().counts(Limits())
    assert (source.train.n_images, source.val.n_images) == (counts["source_train"], counts["source_val"])
    hashes = np.concatenate([content_hash(column(images, "image")) for images in (source.train, source.val)])
    assert len(set(hashes)) == 5055
    assert (
        np.bincount(np.concatenate([column(s, "class_id") for s in (source.train, source.val)])).tolist() == [1011] * 5
    )
    for images in (source.train, source.val):
        np.testing.assert_allclose(np.linalg.norm(column(images, "quaternion"), axis=1), 1, atol=1e-6)
        np.testing.assert_array_equal(column(images, "foreground"), column(images, "image").max(axis=3) > 0)
        assert 0.05 < column(images, "foreground").mean() < 0.6


@pytest.mark.slow
def test_photographs_keep_the_sets_own_test_split_and_none_of_it_is_in_training(target):
    counts = Linemod().counts(Limits())
    assert (target.train.n_images, target.test.n_images) == (counts["target_train"], counts["target_test"])
    assert np.bincount(column(target.test, "class_id")).tolist() == [1178 - 471] * 5
    check_disjoint({"target_train": target.train, "target_test": target.test})
    assert len(target.labelled_rows) == target.train.n_images
    assert 250 < len(np.unique(target.groups)) < 300
    for group in range(5):
        classes = column(target.test, "class_id")[target.groups == group]
        assert len(set(classes)) == 1


@pytest.mark.slow
def test_renders_of_the_nearest_pose_show_the_same_object_from_the_same_side(source, target):
    """Poses of both sides are in one frame, w first: a photograph's nearest render is near in pose, a few degrees."""
    for number in range(5):
        rendered = column(source.train, "quaternion")[column(source.train, "class_id") == number]
        seen = column(target.test, "quaternion")[column(target.test, "class_id") == number]
        cosine = np.abs(seen @ rendered.T).max(axis=1).clip(max=1)
        assert np.median(np.degrees(2 * np.arccos(cosine))) < 10
    turned_up = 2 * (column(source.train, "quaternion")[:, 1:3] ** 2).sum(axis=1)  # 1 − the z axis's own z
    assert (turned_up > 0.99).all(), "the camera looks from above: the object's z axis points away from its view"


@pytest.mark.slow
def test_smaller_sets_are_prefixes(source, target):
    pair = Linemod()
    some_source, some_target = pair.source(SIZE, "resize", FEW), pair.target(SIZE, "resize", FEW)
    for few, many in (
        (some_source.train, source.train),
        (some_source.val, source.val),
        (some_target.train, target.train),
        (some_target.test, target.test),
    ):
        rows = np.arange(few.n_images)
        np.testing.assert_array_equal(few.columns["image"].take(rows), many.columns["image"].take(rows))
    assert some_source.train.n_images == pair.counts(FEW)["source_train"] == 300
    assert len(np.unique(column(some_source.train, "class_id"))) == 5


@pytest.mark.slow
@pytest.mark.usefixtures("_fetched")
def test_it_is_ready_in_seconds_and_again_at_once(tmp_path):
    """In CPU seconds of all threads, which other processes do not lengthen; `benchmarks.decoding` has the wall's."""
    store, registry = Store(tmp_path), Registry()
    work = Work(registry, torch.device("cpu"), lambda *_: None, tmp_path / "unfinished")
    shared = {"pair": registry.pair("linemod")[1], "size": SIZE, "fit": "resize", "limits": {}}
    specs = [prepare.Spec.model_validate({**shared, "side": side}) for side in ("source", "target")]
    keys = [digest_of(prepare.action(spec, {})) for spec in specs]
    started = time.process_time()
    for key, spec in zip(keys, specs, strict=True):
        with store.lock(key):
            store.write(key, lambda into, spec=spec: prepare.run(spec, {}, into, work))
    ready = time.process_time()
    images = {split: load_set(entry, split) for entry in map(store.find, keys) for split in entry.meta["sets"]}
    splits = ("source_train", "source_val", "target_train", "target_test")
    assert sum(images[split].n_images for split in splits) == 5055 + 5870
    assert ready - started <= 20
    assert time.process_time() - ready <= 1


@pytest.mark.slow
@pytest.mark.usefixtures("_fetched")
def test_held_out_classes_are_kept_from_refiners_and_from_no_one_else():
    pair, _ = Registry().pair("linemod:held_out_classes=cat+duck,test=held_out")
    splits = pair.target(SIZE, "resize", Limits())
    assert splits.fit_rows is not None
    assert set(column(splits.train, "class_id")) == {0, 1, 2, 3, 4}
    assert set(column(splits.train, "class_id")[splits.fit_rows]) == {0, 1, 2}
    assert set(column(splits.test, "class_id")) == {3, 4}
    assert splits.test.n_images == pair.counts(Limits())["target_test"] == 2 * (1178 - 471)


def test_its_options_are_checked_before_anything_is_read():
    with pytest.raises(UserError, match=r"no class 'dog' to hold out.*Allowed: ape, benchvise, cam, cat, duck"):
        Registry().pair("linemod:held_out_classes=cat+dog")
    with pytest.raises(UserError, match="name one to four classes"):
        Linemod(Params(test="held_out"))
    with pytest.raises(UserError, match="name one to four classes"):
        Linemod(Params(held_out_classes=("ape", "benchvise", "cam", "cat", "duck")))
