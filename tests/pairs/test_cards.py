"""Pair ``cards``: what is drawn, and the photographs where the checkout has them (../shared/data/cards)."""

import xml.etree.ElementTree as ElementTree
from collections import Counter

import numpy as np
import pytest

from bench.api import Limits
from bench.data.downloads import open_files
from bench.data.labels import check_labels
from bench.data.public_sets import CARDS
from bench.data.splits import check_disjoint
from pairs.cards import Cards
from pairs.drawn.card_faces import RANKS, SUITS, face

SIZE = (160, 160)
FEW = Limits(source_images=12, target_images=20, test_images=10)


def column(images, name):
    return images.columns[name].take(np.arange(images.n_images))


@pytest.fixture(scope="module")
def source():
    return Cards().source(SIZE, "letterbox", FEW)


@pytest.fixture(scope="module")
def target(fetched):
    fetched(CARDS, "cards")
    return Cards().target(SIZE, "letterbox", Limits())


def test_24_faces_differ_and_read_the_same_upside_down():
    faces = np.stack([face(rank, suit) for rank in RANKS for suit in SUITS]).astype(int)
    assert faces.shape == (24, 350, 250, 4)
    flat = faces.reshape(24, -1)
    differences = np.abs(flat[:, None, ::97] - flat[None, :, ::97]).mean(axis=2)
    assert differences[~np.eye(24, dtype=bool)].min() > 0.5
    courts = np.stack([face(rank, "heart") for rank in ("jack", "queen", "king")]).astype(int)
    assert np.abs(courts - courts[:, ::-1, ::-1]).mean() < 1


def test_scenes_have_boxes_around_their_cards(source):
    check_labels(source.train, "source_train", 6, None)
    boxes, used = column(source.train, "boxes"), column(source.train, "box_class") >= 0
    assert (used.sum(axis=1) >= 1).all()
    assert used.sum(axis=1).max() > 1
    for row in range(source.train.n_images):
        inside = np.zeros(SIZE[::-1], bool)
        for left, top, right, bottom in boxes[row][used[row]]:
            inside[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
        foreground = column(source.train, "foreground")[row]
        assert not (foreground & ~inside).any()
        assert foreground.sum() > 0.3 * inside.sum()


def test_a_scene_depends_on_its_number_alone(source):
    again = Cards().source(SIZE, "letterbox", Limits(source_images=5))
    np.testing.assert_array_equal(column(again.train, "image"), column(source.train, "image")[:5])
    np.testing.assert_array_equal(column(again.extra, "image"), column(source.extra, "image")[:5])
    assert (column(source.train, "image")[:5] != column(source.extra, "image")[:5]).any(axis=(1, 2, 3)).all()


@pytest.mark.slow
def test_photographs_stand_in_the_published_split(target):
    assert (target.train.n_images, target.test.n_images) == (296, 67)
    counts = Cards().counts(Limits())
    assert (counts["target_train"], counts["target_test"]) == (296, 67)
    check_disjoint({"target_train": target.train, "target_test": target.test})
    check_labels(target.train, "target_train", 6, None)
    check_labels(target.test, "target_test", 6, None)
    assert (column(target.train, "box_class") >= 0).sum() == 527
    assert (column(target.test, "box_class") >= 0).sum() == 143
    sizes = Counter(map(tuple, column(target.test, "native_size").tolist()))
    assert sizes == {(378, 504): 60, (960, 540): 7}


@pytest.mark.slow
def test_boxes_are_those_of_the_annotation_files(target):
    """The pair reads the CSV lists; the set's XML files say the same."""
    files = open_files(CARDS)
    for split, images in (("test", target.test),):
        named = {}
        for name in files.digests:
            if name.startswith(f"{split}/") and name.endswith(".xml"):
                root = ElementTree.fromstring(files.read(name))  # noqa: S314 (its SHA-256 is known)
                edges = ("xmin", "ymin", "xmax", "ymax")
                named[f"{split}/{root.findtext('filename')}"] = [
                    (RANKS.index(item.findtext("name")), *(float(item.findtext(f"bndbox/{edge}")) for edge in edges))
                    for item in root.iter("object")
                ]
        for row, name in enumerate(sorted(named)):
            used = column(images, "box_class")[row] >= 0
            found = zip(column(images, "box_class")[row][used], column(images, "boxes")[row][used], strict=True)
            assert sorted((int(rank), *box.tolist()) for rank, box in found) == sorted(named[name])
