"""NYU Depth v2, the labelled part (Silberman et al., ECCV 2012): ``nyu_depth_v2_labeled.mat`` and ``splits.mat``.

1,449 frames of 640×480. The first file is HDF5 with its axes *reversed* against MATLAB's: ``images`` (N, 3, 640, 480),
``depths`` (N, 640, 480) float32 metres, filled in. ``splits.mat`` is of the old kind, its ``trainNdxs`` (795) and
``testNdxs`` (654) count from *1*. Pixels are read one frame at a time; h5py is the extra ``sets``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.api.errors import DataError
from bench.data.listing import Listing
from bench.data.sets.hdf5 import opened_hdf5

NAME, TITLE = "nyuv2", "NYU Depth v2 (labelled)"
LICENCE = "none stated; academic use"
CITATION = "N. Silberman et al. Indoor Segmentation and Support Inference from RGBD Images. ECCV 2012."
EXPECTED = ("nyu_depth_v2_labeled.mat", "splits.mat")
SPLITS = ("train", "test")
INTRINSICS = (518.858, 519.470, 325.582, 253.736)


def listing(root: Path, split: str) -> Listing:
    """One split with ``depth_m`` and ``intrinsics``."""
    from scipy.io import loadmat

    file = root / EXPECTED[0]
    rows = loadmat(root / EXPECTED[1])[f"{split}Ndxs"].ravel().astype(int) - 1
    with opened_hdf5(file) as content:
        shape = content["images"].shape
    if len(shape) != 4 or shape[1] != 3 or rows.min() < 0 or rows.max() >= shape[0]:
        raise DataError(
            f"{file} holds images of shape {shape} and splits.mat names frames {rows.min() + 1} to {rows.max() + 1}; "
            "expected (N, 3, width, height) and frames 1 to N: fetch both files again"
        )

    def read(key: str, i: int) -> np.ndarray:
        with opened_hdf5(file) as content:
            return np.asarray(content[key][int(rows[i])]).T  # (…, width, height) → (height, width, …)

    return Listing(
        format=TITLE,
        names=[f"{file} frame {row + 1}" for row in rows],
        size=lambda i: (shape[2], shape[3]),
        pixels={
            "image": lambda i: np.ascontiguousarray(read("images", i)),
            "depth_m": lambda i: np.ascontiguousarray(read("depths", i), np.float32),
        },
        arrays={"intrinsics": np.tile(np.array(INTRINSICS, np.float32), (len(rows), 1))},
    )
