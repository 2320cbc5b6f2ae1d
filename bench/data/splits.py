"""Splits by content: which images go to training, which to the test, and proof that the two share none.

Two notions of "the same picture":

* *content*: equal size and bytes (:func:`content_hash`);
* *near-duplicate*: the same picture re-encoded, resized, brightened or with noise (:func:`near_duplicate_hash`).

Near-duplicates are found by the cosine of real-valued hashes, because hashes of bits are too coarse for small images:
with one bit for each of the same 480 differences, a Hamming distance of 5, which noise of σ = 4 grey levels causes,
takes hundreds of pairs of different MNIST images for duplicates. Shifted or cropped copies and other frames of a
video are *not* near-duplicates here: name their capture sequence in ``groups`` to keep them together.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.api.imageset import Column, ImageSet, array_digest
from bench.api.terms import Fit
from bench.data import fitting
from bench.data.fitting import Size
from bench.data.listing import Listing
from bench.data.parallel import for_each

NEAR_DUPLICATE = 0.985
"""Cosine of two hashes from which their images count as near-duplicates; measured in :func:`near_duplicate_hash`."""

_GRID = 16
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_FLAT = 1e-2  # norm of the differences, grey levels; one level in one pixel of a 128 × 96 image causes 0.02
_BLOCK = 512


def content_hash(images: np.ndarray) -> np.ndarray:
    """SHA-256 (hex) of each image's size and bytes: ``(N, H, W, 3) uint8`` → ``(N,)`` strings of 64 characters."""
    return np.array([array_digest(image) for image in images], dtype="U64")


def near_duplicate_hash(images: np.ndarray) -> np.ndarray:
    """Unit vectors whose cosine tells near-duplicates: ``(N, H, W, 3) uint8`` → ``(N, 480) float32``.

    Luma, area-averaged to a 16 × 16 grid, then its horizontal and vertical differences, scaled to norm 1: brightness
    and contrast cancel, sizes may differ. An image of one colour hashes to zeros and is near to nothing.

    Measured on the 5,000 MNIST images: of their 12,497,500 pairs, none reaches the threshold of 0.985, 3 reach 0.98 and
    29 reach 0.97. Of every fifth image, all copies reach it that have noise (σ = 8 grey levels), contrast × 0.8 with
    brightness + 20, a gamma of 0.8, JPEG of quality 50, or 1.5 or 2 times the size; of JPEG of quality 30, 99 % do.
    A shift by one of the 32 pixels gives 0.73 (median): that is another picture.
    Photographs have less contrast: of 270 crops, the copies as JPEG of quality 80 reach it in 91 % at 32 × 32 pixels,
    98 % at 64 × 64 and 99 % at 128 × 128; of quality 50, in 49, 95 and 97 %. No two of the crops reach 0.98.
    """
    height, width = images.shape[1:3]
    grid = _area_weights(height) @ (images @ _LUMA) @ _area_weights(width).T
    differences = [np.diff(grid, axis=axis).reshape(len(grid), -1) for axis in (1, 2)]
    vectors = np.concatenate(differences, axis=1)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(norms < _FLAT, 0, vectors / np.maximum(norms, _FLAT)).astype(np.float32)


def linked_images(hashes: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """Images that belong together: near-duplicate hashes ``(N, 480)`` → ``(N,) int64`` group numbers.

    Near-duplicates share a group, and so do images with an equal entry in one of ``keys`` (each ``(N,)``: content
    hashes, capture sequences), and whatever such links chain together. Time grows with N².
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = [_near_pairs(hashes, hashes)]
    for key in keys:
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        links.append(np.stack([np.arange(len(key)), first[inverse]]))
    left, right = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(hashes), len(hashes)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def near_duplicates(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Rows of ``images`` (int64, sorted) with a near-duplicate among ``others``; both ``(N, H, W, 3) uint8``."""
    return np.unique(_near_pairs(near_duplicate_hash(images), near_duplicate_hash(others))[0])


def split_by_hash(
    images: np.ndarray, fraction: float = 0.5, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`split_hashed` of ``(N, H, W, 3) uint8`` images."""
    return split_hashed(*_hashes(Column(images)), fraction, groups)


def split_hashed(
    contents: np.ndarray,
    vectors: np.ndarray,
    fraction: float = 0.5,
    groups: np.ndarray | None = None,
    salt: str = "",
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the first and of the second part, ``int64``, each in the order of the content hashes.

    The side is a uniform draw that an image carries with it, the SHA-256 of its content hash: neither file names nor
    the order of the folder matter, a new image moves no other one (but what it is linked to), and a prefix of a part is
    a random sample of it. Linked images (:func:`linked_images`; ``groups`` ``(N,)`` names capture sequences) share the
    draw of the smallest content hash among them.

    Parameters
    ----------
    contents, vectors: content and near-duplicate hashes, ``(N,)`` and ``(N, 480)``.
    fraction: expected share of the first part, in (0, 1); the true one differs by about ``sqrt(f·(1 − f)/N)``.
    salt: another one gives another split. The images of a part can only be split again with another salt.

    Raises
    ------
    DataError: one part would be empty.
    """
    linked = linked_images(vectors, contents) if groups is None else linked_images(vectors, contents, groups)
    order = np.argsort(contents, kind="stable")
    _, first = np.unique(linked[order], return_index=True)
    # Hashed again, because the smallest of several hashes is no longer a uniform draw: large groups would go first.
    draws = np.array([_uniform(salt + digest) for digest in contents[order[first]]])
    in_first = (draws[linked] < fraction)[order]
    parts = order[in_first], order[~in_first]
    if not all(map(len, parts)):
        raise DataError(
            f"asked to split {len(contents)} images at {fraction:g}, but all fall on one side: found {len(first)} "
            "groups of linked images, several are needed; add images that differ, or name the test images separately"
        )
    return parts


REMEDY = "remove one of the two, or let bench.data.splits.split_by_hash split the images"


def check_disjoint(
    splits: Mapping[str, ImageSet], groups: Mapping[str, np.ndarray] | None = None, remedy: str = REMEDY
) -> None:
    """Refuse splits that share a picture: by content, by near-duplicate, by capture sequence.

    Parameters
    ----------
    splits: image sets by split name, each compared with each other one.
    groups: capture sequence of each image, ``(N,)``, for those splits that have it.
    remedy: what the message says to do about near-duplicates.

    Raises
    ------
    DataError: naming two images by split and row, and by file where that is known.
    """
    groups = groups or {}
    for one, other in combinations(groups, 2):
        shared, rows, other_rows = np.intersect1d(groups[one], groups[other], return_indices=True)
        if len(shared):
            raise DataError(
                f"{_image(splits, one, rows[0])} and {_image(splits, other, other_rows[0])} are of one capture "
                f"sequence ({shared[0]}); a sequence may be in one split only: split by sequence"
            )
    hashes = {name: _hashes(images.columns["image"]) for name, images in splits.items()}
    for one, other in combinations(splits, 2):
        (contents, vectors), (other_contents, other_vectors) = hashes[one], hashes[other]
        _, rows, other_rows = np.intersect1d(contents, other_contents, return_indices=True)
        if len(rows):
            raise DataError(
                f"{_image(splits, one, rows[0])} and {_image(splits, other, other_rows[0])} are the same picture: "
                "remove one of the two"
            )
        near, other_near = _near_pairs(vectors, other_vectors)
        if len(near):
            row, other_row = near[0], other_near[0]
            n_near, n_other = len(np.unique(near)), len(np.unique(other_near))
            raise DataError(
                f"{_image(splits, one, row)} and {_image(splits, other, other_row)} are near-duplicates (similarity "
                f"{vectors[row] @ other_vectors[other_row]:.3f}, allowed below {NEAR_DUPLICATE}; {n_near} images of "
                f"{one} and {n_other} of {other} are so): {remedy}"
            )


def _image(splits: Mapping[str, ImageSet], split: str, row: int) -> str:
    files = splits[split].files
    return f"{split} image {row}" + (f" ({files[row]})" if files else "")


def _uniform(text: str) -> float:
    """SHA-256 of ``text`` as a number in [0, 1): its first 13 hex digits, which are all that a float64 holds."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:13], 16) / 16**13


def _hashes(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Content and near-duplicate hashes of a column, read in blocks, so that memory maps stay on disk."""
    hashed = [(content_hash(block), near_duplicate_hash(block)) for block in map(column.take, column.blocks())]
    contents, vectors = zip(*hashed, strict=True)
    return np.concatenate(contents), np.concatenate(vectors)


def _near_pairs(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``(2, K) int64``: rows of ``left`` and of ``right`` that are near-duplicates."""
    pairs = []
    for start in range(0, len(left), _BLOCK):
        rows, other_rows = np.nonzero(left[start : start + _BLOCK] @ right.T >= NEAR_DUPLICATE)
        pairs.append(np.stack([rows + start, other_rows]))
    return np.concatenate(pairs, axis=1)


def _area_weights(length: int) -> np.ndarray:
    """``(16, length) float32``: weights that average ``length`` pixels to 16 cells, pixels cut at cell borders."""
    edges = np.linspace(0, length, _GRID + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.maximum(overlap, 0) * (_GRID / length)).astype(np.float32)


def name_hash(name: str, root: Path) -> str:
    """SHA-256 of a file's name below its root: an order that new files do not disturb."""
    return hashlib.sha256(os.fsencode(name.removeprefix(str(root)))).hexdigest()


def content_hashes(listing: Listing, size: Size, fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Content hashes of the native pixels, so that the split is the same at every working size, and near-duplicate
    hashes at the working size, at which the splits are compared later."""
    contents = np.empty(listing.n_images, "U64")
    vectors = np.empty((listing.n_images, len(near_duplicate_hash(np.zeros((1, 16, 16, 3), np.uint8))[0])), np.float32)

    def hashed(i: int) -> None:
        native = listing.pixels["image"](i)
        contents[i] = content_hash(native[None])[0]
        vectors[i] = near_duplicate_hash(fitting.fit_image(native, size, fit)[None])[0]

    for_each(hashed, listing.n_images)
    return contents, vectors
