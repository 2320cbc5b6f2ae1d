"""How a user's photographs are halved, and what to say about it: unequal halves, names of video frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np

from bench.api.errors import DataError
from bench.data.folders import sequence_of, video_of
from bench.data.splits import linked_images, split_hashed


def halves(
    root: Path, contents: np.ndarray, vectors: np.ndarray, groups: np.ndarray | None, group_by: str, salt: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Rows of the training and of the test half (:func:`bench.data.splits.split_hashed`), and notes to print.

    The note says why the halves are unequal, where near-duplicates or sequences that stay together made them so.

    Raises
    ------
    DataError: one half would be empty; says which options help.
    """
    n_images = len(contents)
    try:
        train, test = split_hashed(contents, vectors, 0.5, groups, salt=salt)
    except DataError as error:
        if groups is not None and len(set(groups.tolist())) == 1:
            raise DataError(
                f"{root}: all {n_images} images are of one sequence by --group-by {group_by}, which cannot be split; "
                "leave --group-by out (near-duplicates stay together all the same), or add images of another sequence"
            ) from None
        raise DataError(f"{root}: {error} (--target-test)") from None
    notes: tuple[str, ...] = ()
    if abs(len(train) - len(test)) > math.sqrt(n_images):
        sizes = np.bincount(linked_images(vectors, contents, *([] if groups is None else [groups])))
        if n_groups := int((sizes > 1).sum()):
            what = "near-duplicates" if groups is None else f"near-duplicates and images of one {group_by}"
            notes = (
                f"target split: {len(train)} to train and {len(test)} to test, not half and half: {what} stay on one "
                f"side (groups: {n_groups}, images in the largest: {sizes.max()})",
            )
    return train, test, notes


def warn_of_frames(names: Sequence[PurePath]) -> list[str]:
    """A line where names, relative to the root, look like those of video frames; nothing where they do not."""
    if (found := video_of(names)) is None:
        return []
    group_by, example = found
    line = f"target names such as {example} look like frames of a video, whose neighbours are almost the same picture"
    if len({sequence_of(name, group_by) for name in names}) == 1:
        return [f"{line}: this is one sequence, so name images of another recording with --target-test"]
    return [f"{line}: add --group-by {group_by}"]
