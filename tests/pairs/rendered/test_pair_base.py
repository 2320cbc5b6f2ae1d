"""Rendered pairs: splits at any working size from a packed set, and what ships against a new render."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.api import Limits, Pair
from bench.api.errors import DataError
from bench.api.imageset import ImageSet, array_digest
from bench.data.contact_sheet import contact_sheet, preview
from bench.plugins.registry import Registry
from pairs.rendered import driver
from pairs.rendered.objects import Objects
from pairs.rendered.packed import MANIFEST, PackedSplit, read_split, write_manifest, write_split
from pairs.rendered.pair_base import TARGET_LOOK, RenderedPair

SIDE = 16
COUNTS = {"source_train": 4, "source_val": 2, "target_train": 3, "target_test": 2}


class Toy(Objects):
    """``objects`` with every label, at a size that tests can afford."""

    name = "toy"
    size = (SIDE, SIDE)
    columns = (*Objects.columns, "mask", "boxes", "box_class", "camera_height_m", "up")


def toy_columns(n_images: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    depth_m = np.full((n_images, SIDE, SIDE), 1.0, np.float32)
    depth_m[:, : SIDE // 4] = 0
    return {
        "image": rng.integers(0, 256, (n_images, SIDE, SIDE, 3), np.uint8),
        "class_id": rng.integers(0, 10, n_images),
        "quaternion": np.tile(np.float32([1, 0, 0, 0]), (n_images, 1)),
        "foreground": depth_m > 0,
        "mask": np.where(depth_m > 0, 3, 255).astype(np.uint8),
        "depth_m": depth_m,
        "boxes": np.tile(np.float32([[0, 4, 16, 16], [0, 0, 0, 0]]), (n_images, 1, 1)),
        "box_class": np.tile(np.array([3, -1]), (n_images, 1)),
        "intrinsics": np.tile(np.float32([20, 20, 8, 8]), (n_images, 1)),
        "camera_height_m": np.full(n_images, 0.4, np.float32),
        "up": np.tile(np.float32([0, -1, 0]), (n_images, 1)),
    }


@pytest.fixture
def pair(tmp_path: Path) -> RenderedPair:
    """A packed pair with a template and the source in the target's look."""
    packed = dict(COUNTS)
    for seed, (split, n_images) in enumerate(COUNTS.items()):
        columns = toy_columns(n_images, seed)
        content = PackedSplit(columns, {"background_template": columns["image"][0]})
        write_split(tmp_path, split, content, depth_range_m=Toy.depth_range_m, lossless=True)
        if split.startswith("source"):
            other = PackedSplit({"image": 255 - columns["image"]}, {})
            write_split(tmp_path, split + TARGET_LOOK, other, depth_range_m=Toy.depth_range_m, lossless=True)
            packed[split + TARGET_LOOK] = n_images
    write_manifest(tmp_path, "toy", Toy.version, packed, Toy.depth_range_m, {})

    class ToyPair(RenderedPair):
        generator = Toy
        folder = tmp_path
        title = "toy"
        tasks = frozenset({"pose"})

    return ToyPair()


def values(images: ImageSet, name: str) -> np.ndarray:
    return images.columns[name].take(np.arange(images.n_images))


def test_a_pair_takes_its_facts_from_its_generator(pair: RenderedPair) -> None:
    assert pair.name == "toy"
    assert pair.class_names == Objects.class_names
    assert pair.depth_range_m == Objects.depth_range_m
    labels = {"class_id", "quaternion", "foreground", "depth_m", "mask", "boxes", "box_class"}
    assert pair.target_labels == labels
    assert pair.stand_in
    assert pair.redistributable
    assert pair.size("pose", "light") == (SIDE, SIDE)


def test_splits_at_the_shipped_size_are_what_was_packed(pair: RenderedPair) -> None:
    source, target = pair.source((SIDE, SIDE), "resize", Limits()), pair.target((SIDE, SIDE), "resize", Limits())
    for images, (n_images, seed) in zip(
        (source.train, source.val, target.train, target.test), ((4, 0), (2, 1), (3, 2), (2, 3)), strict=True
    ):
        assert images.n_images == n_images
        for name, rows in toy_columns(n_images, seed).items():
            np.testing.assert_allclose(values(images, name), rows, rtol=1e-3)
    assert source.extra is None
    np.testing.assert_array_equal(target.labelled_rows, np.arange(3))
    np.testing.assert_array_equal(values(target.test, "native_size"), [[SIDE, SIDE]] * 2)


def test_limits_take_prefixes_and_counts_know_them(pair: RenderedPair) -> None:
    limits = Limits(source_images=3, target_images=2, test_images=1)
    counts = pair.counts(limits)
    assert counts == {
        "source_train": 3, "source_val": 2, "target_train": 2, "target_train_labelled": 2, "target_test": 1
    }  # fmt: skip
    source = pair.source((SIDE, SIDE), "resize", limits)
    np.testing.assert_array_equal(values(source.train, "image"), toy_columns(4, 0)["image"][:3])
    assert pair.target((SIDE, SIDE), "resize", limits).test.n_images == 1


def test_training_labels_follow_the_image_and_test_labels_stay_native(pair: RenderedPair) -> None:
    target = pair.target((64, 32), "letterbox", Limits())
    train, test = target.train, target.test
    for images in (train, test):
        assert images.image_size == (64, 32)
        assert images.assets["background_template"].shape == (32, 64, 3)
    # 16 × 16 becomes 32 × 32 in the middle of 64 × 32.
    np.testing.assert_array_equal(values(train, "boxes")[0], [[16, 8, 48, 32], [0, 0, 0, 0]])
    np.testing.assert_array_equal(values(train, "intrinsics")[0], [40, 40, 32, 16])
    assert values(train, "depth_m").shape[1:] == (32, 64)
    assert (values(train, "mask")[0, :, :16] == 255).all()
    assert values(train, "foreground")[0, 8:, 16:48].all()
    for name, rows in toy_columns(2, 3).items():
        if name != "image":
            np.testing.assert_allclose(values(test, name), rows, rtol=1e-3)


def test_the_source_s_layouts_come_in_the_target_s_look_too(pair: RenderedPair) -> None:
    assert pair.source_labels == pair.target_labels | {"in_target_look"}
    splits = pair.source((SIDE, SIDE), "resize", Limits())
    for images in (splits.train, splits.val):
        np.testing.assert_array_equal(values(images, "in_target_look"), 255 - values(images, "image"))
    assert "in_target_look" not in pair.target((SIDE, SIDE), "resize", Limits()).train.columns
    larger = pair.source((2 * SIDE, SIDE), "letterbox", Limits()).train
    assert values(larger, "in_target_look").shape == values(larger, "image").shape


def test_a_pair_that_does_not_ship_the_look_says_so(pair: RenderedPair) -> None:
    path = pair.folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["files"] = {name: file for name, file in manifest["files"].items() if TARGET_LOOK not in name}
    path.write_text(json.dumps(manifest))

    class Without(type(pair)):
        pass

    assert Without.source_labels == Without.target_labels
    assert "in_target_look" not in Without().source((SIDE, SIDE), "resize", Limits()).train.columns


def test_a_packed_set_of_another_version_is_refused(pair: RenderedPair) -> None:
    path = pair.folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99}))
    with pytest.raises(DataError, match="holds version 99 of the pair 'toy'"):
        pair.counts(Limits())


def test_a_preview_draws_a_line_for_each_label(pair: RenderedPair, tmp_path: Path) -> None:
    from PIL import Image

    preview(pair, tmp_path / "sheets" / "toy.png", n_images=3)
    whole = Image.open(tmp_path / "sheets" / "toy.png")
    source = pair.source((SIDE, SIDE), "resize", Limits(source_images=3)).train
    contact_sheet({"source": source}, pair.class_names, tmp_path / "source.png")
    one = Image.open(tmp_path / "source.png")
    assert whole.width == one.width
    assert whole.height == 3 * one.height  # source, target, source in the target's look
    bare = ImageSet({"image": source.columns["image"]})
    contact_sheet({"source": bare}, pair.class_names, tmp_path / "bare.png")
    n_lines = 7  # image, class, mask, foreground, depth, boxes, pose
    assert one.height > (n_lines - 1) * Image.open(tmp_path / "bare.png").height


# ------------------------------------------------------------------------------------------- what ships

REGISTRY = Registry()
SHIPPED = [cls for name in REGISTRY.names(Pair) if issubclass(cls := REGISTRY.get(Pair, name), RenderedPair)]


@pytest.fixture(params=SHIPPED, ids=lambda cls: cls.name)
def shipped(request: pytest.FixtureRequest) -> RenderedPair:
    pair: RenderedPair = request.param()
    if not (pair.folder / MANIFEST).exists():
        pytest.skip(f"the packed set of {pair.name} is not in this tree")
    return pair


def test_shipped_splits_can_be_read_and_share_no_image(shipped: RenderedPair) -> None:
    size = shipped.size(min(shipped.tasks), "light")
    source, target = shipped.source(size, "resize", Limits()), shipped.target(size, "resize", Limits())
    digests = [
        array_digest(image)
        for images in (source.train, source.val, target.train, target.test)
        for image in values(images, "image")
    ]
    assert len(set(digests)) == len(digests)


@pytest.mark.slow
def test_what_ships_is_what_the_generator_renders(shipped: RenderedPair) -> None:
    """Two images of each side again: labels equal but for the depth's coding, colours but for WebP's loss."""
    pytest.importorskip("mitsuba")
    manifest = json.loads((shipped.folder / MANIFEST).read_text())
    generator = driver.generator_of(shipped.name)
    for split, look in (("source_val", "source"), ("target_test", "target")):
        settings = driver.Settings(**manifest["render"]["splits"][split])
        assert dict(settings.samples) == dict(generator.samples)
        packed = read_split(shipped.folder, split, 2).columns
        for index in range(2):
            image = driver.draw(generator, settings, index, look)  # type: ignore[arg-type]
            difference = np.abs(image.astype(int) - packed["image"][index]).mean()
            assert difference < (1 if look == "source" else 6)
            for name, value in driver.label_columns(generator, settings, index).items():
                stored = packed[name][index]
                if name == "depth_m":
                    differs = np.abs(stored - value) > 1e-3 * value
                    assert differs.mean() < 1e-3  # a ray that grazes an edge may round otherwise elsewhere
                elif name in ("boxes", "box_class"):
                    np.testing.assert_array_equal(stored[: len(value)], value)
                elif value.dtype.kind == "f":
                    np.testing.assert_allclose(stored, value, rtol=1e-6)
                else:
                    assert (stored != value).mean() < 1e-3
