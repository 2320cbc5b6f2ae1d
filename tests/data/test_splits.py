"""Splits by content hash: what counts as the same picture, where it goes, and what is refused."""

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_sample_image

from bench.api.errors import DataError
from bench.api.imageset import ImageSet
from bench.data.splits import (
    NEAR_DUPLICATE,
    check_disjoint,
    content_hash,
    linked_images,
    near_duplicate_hash,
    split_by_hash,
)


def scenes(n_images: int, seed: int = 0, side: int = 48) -> np.ndarray:
    """``(n, side, side, 3) uint8``: soft blobs of full contrast, each image another one."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(size=(n_images, side, side, 3))
    blobs = gaussian_filter(noise, sigma=(0, side / 16, side / 16, 0))
    return np.clip(128 + 60 * blobs / blobs.std(axis=(1, 2, 3), keepdims=True), 0, 255).astype(np.uint8)


def photographs(n_crops: int, side: int) -> np.ndarray:
    """``(9·n_crops, side, side, 3) uint8``: random crops of the photographs in scikit-learn and scikit-image."""
    generator = np.random.default_rng(0)
    names = ("astronaut", "camera", "coffee", "cat", "rocket", "moon", "coins")
    photos = [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    photos += [getattr(skimage.data, name)() for name in names]
    crops = []
    for photo in photos:
        for _ in range(n_crops):
            length = generator.integers(96, min(photo.shape[:2]))
            top, left = (generator.integers(0, extent - length + 1) for extent in photo.shape[:2])
            crop = Image.fromarray(photo[top : top + length, left : left + length]).convert("RGB")
            crops.append(np.asarray(crop.resize((side, side), Image.Resampling.LANCZOS)))
    return np.stack(crops)


def as_set(images: np.ndarray) -> ImageSet:
    return ImageSet.from_arrays(image=images)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def resized(image: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    return float(near_duplicate_hash(one[None])[0] @ near_duplicate_hash(other[None])[0])


def test_content_hash_tells_size_and_bytes():
    images = scenes(3)
    images[2] = images[0]
    images[1] = images[0]
    images[1, 0, 0, 0] ^= 1
    first, second, third = content_hash(images)
    assert first == third != second
    assert content_hash(images[:1].reshape(1, 24, 96, 3))[0] != first


@pytest.mark.parametrize(
    "copy",
    [
        lambda image: jpeg(image, 50),
        lambda image: resized(image, 96),
        lambda image: resized(image, 37),
        lambda image: (image * 0.8 + 20).astype(np.uint8),
        lambda image: np.clip(image + np.random.default_rng(1).normal(0, 2, image.shape), 0, 255).astype(np.uint8),
    ],
    ids=["jpeg", "larger", "smaller", "brighter", "noisy"],
)
def test_copies_are_near_duplicates(copy):
    assert all(similarity(image, copy(image)) >= NEAR_DUPLICATE for image in scenes(5))


@pytest.mark.parametrize(("side", "reached"), [(32, 0.8), (64, 0.95), (128, 0.98)])
def test_copies_of_photographs_are_found_and_other_crops_are_not(side, reached):
    photos = photographs(30, side)
    hashes = near_duplicate_hash(photos)
    copies = near_duplicate_hash(np.stack([jpeg(photo, 80) for photo in photos]))
    rate = ((hashes * copies).sum(axis=1) >= NEAR_DUPLICATE).mean()
    assert rate > reached
    assert (hashes @ hashes.T)[np.triu_indices(len(photos), 1)].max() < NEAR_DUPLICATE


def test_other_pictures_are_not_near_duplicates():
    hashes = near_duplicate_hash(scenes(40))
    cosines = (hashes @ hashes.T)[np.triu_indices(40, 1)]
    assert cosines.max() < 0.7
    assert similarity(scenes(1)[0], np.roll(scenes(1)[0], 6, axis=1)) < NEAR_DUPLICATE


def test_an_image_of_one_colour_is_near_to_nothing():
    flat = np.full((2, 32, 32, 3), 90, np.uint8)
    assert not near_duplicate_hash(flat).any()


def test_hash_of_an_image_does_not_depend_on_its_neighbours():
    images = scenes(8)
    np.testing.assert_allclose(near_duplicate_hash(images)[3], near_duplicate_hash(images[3:4])[0], atol=1e-6)


def test_links_chain_through_keys_and_near_duplicates():
    images = scenes(6)
    images[4] = jpeg(images[1], 80)
    groups = np.array(["a", "b", "b", "c", "d", "c"])
    linked = linked_images(near_duplicate_hash(images), groups)
    expected = [{0}, {1, 2, 4}, {3, 5}]
    assert [set(np.flatnonzero(linked == group).tolist()) for group in np.unique(linked)] == expected


def test_split_is_a_partition_of_about_the_fraction_in_hash_order():
    images = scenes(400, side=16)
    for fraction in (0.5, 0.2):
        first, second = split_by_hash(images, fraction)
        assert sorted([*first, *second]) == list(range(400))
        assert abs(len(first) / 400 - fraction) < 4 * np.sqrt(fraction * (1 - fraction) / 400)
        for rows in (first, second):
            hashes = content_hash(images[rows])
            np.testing.assert_array_equal(hashes, np.sort(hashes))


def test_split_does_not_depend_on_the_order_of_the_images_nor_on_new_ones():
    images = scenes(60, side=16)
    shuffled = np.random.default_rng(0).permutation(60)
    sides = [set(content_hash(images[rows])) for rows in split_by_hash(images)]
    assert [set(content_hash(images[shuffled][rows])) for rows in split_by_hash(images[shuffled])] == sides
    for part, side in zip(split_by_hash(images[:40]), sides, strict=True):
        assert set(content_hash(images[part])) <= side


def test_split_keeps_near_duplicates_and_sequences_together():
    originals = scenes(30)
    images = np.concatenate([originals, np.stack([jpeg(image, 60) for image in originals])])
    first, second = split_by_hash(images)
    assert set(first % 30).isdisjoint(second % 30)
    sequences = np.arange(60) % 30 // 5
    first, second = split_by_hash(images, groups=sequences)
    assert set(sequences[first]).isdisjoint(sequences[second])
    check_disjoint(
        {"train": as_set(images[first]), "test": as_set(images[second])},
        {"train": sequences[first], "test": sequences[second]},
    )


def test_large_groups_fall_on_either_side_alike():
    images, groups = scenes(400, side=16), np.arange(400) // 5
    first, _ = split_by_hash(images, groups=groups)
    assert abs(len(first) - 200) < 4 * 5 * np.sqrt(80) / 2


def test_split_refuses_an_empty_side():
    with pytest.raises(DataError, match=r"asked to split 6 images at 0\.5, but all fall on one side: found 1 groups"):
        split_by_hash(scenes(6), groups=np.zeros(6, np.int64))


def test_check_names_two_images_of_equal_content():
    images = scenes(9)
    test = images[5:].copy()
    test[2] = images[3]
    with pytest.raises(DataError, match="target_train image 3 and target_test image 2 are the same picture: remove"):
        check_disjoint({"target_train": as_set(images[:5]), "target_test": as_set(test)})


def test_check_names_near_duplicates_also_of_another_size():
    images = scenes(9)
    test = np.stack([resized(image, 64) for image in images[[6, 7, 4]]])
    with pytest.raises(DataError, match=r"source image 4 and target_test image 2 are near-duplicates"):
        check_disjoint({"source": as_set(images[:5]), "target_train": as_set(images[8:]), "target_test": as_set(test)})


def test_check_names_a_sequence_on_both_sides():
    images = scenes(6)
    splits = {"target_train": as_set(images[:4]), "target_test": as_set(images[4:])}
    with pytest.raises(DataError, match=r"target_train image 2 and target_test image 1 are of one .*sequence \(7\)"):
        check_disjoint(splits, {"target_train": np.array([5, 5, 7, 7]), "target_test": np.array([8, 7])})


def test_check_passes_more_images_than_one_block():
    images = scenes(1100, side=16)
    check_disjoint({"train": as_set(images[:600]), "test": as_set(images[600:])})
    images[1099] = jpeg(images[599], 90)
    with pytest.raises(DataError, match="train image 599 and test image 499"):
        check_disjoint({"train": as_set(images[:600]), "test": as_set(images[600:])})
