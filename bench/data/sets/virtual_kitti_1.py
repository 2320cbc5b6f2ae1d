"""Virtual KITTI 1.3.1 (Gaidon et al., CVPR 2016): ``vkitti_1.3.1_rgb/WORLD/VARIATION/00000.png`` and the same path
below ``vkitti_1.3.1_depthgt``.

21,260 frames of 1242×375 in 5 worlds and 10 variations. Depth: 16-bit PNG in *centimetres* along the view axis; 65535
(655.35 m) is the sky.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.data.formats import of_images
from bench.data.image_files import read_depth
from bench.data.listing import Listing
from bench.data.sets import refuse_missing

NAME, TITLE = "virtual-kitti-1", "Virtual KITTI 1.3.1"
LICENCE = "CC BY-NC-SA 3.0"
CITATION = (
    "A. Gaidon, Q. Wang, Y. Cabon, E. Vig. Virtual Worlds as Proxy for Multi-Object Tracking Analysis. CVPR 2016."
)
EXPECTED = ("vkitti_1.3.1_rgb/*/*/*.png", "vkitti_1.3.1_depthgt/*/*/*.png")
SPLITS = ("all",)
METRES_PER_STEP = 0.01
INTRINSICS = (725.0, 725.0, 620.5, 187.0)


def listing(root: Path, split: str = "all") -> Listing:
    """All frames with ``depth_m`` and ``intrinsics``."""
    folder = root / "vkitti_1.3.1_rgb"
    images = tuple(path.relative_to(root) for path in sorted(folder.glob("*/*/*.png")))
    return with_depth(root, images, lambda image: depth_file(root, image), TITLE)


def depth_file(root: Path, image: Path) -> Path:
    """The depth of an image, which is relative to the root."""
    return root / "vkitti_1.3.1_depthgt" / Path(*image.parts[1:])


def with_depth(root: Path, images: tuple[Path, ...], depth_of: object, title: str) -> Listing:
    """Images with depth files in centimetres and Virtual KITTI's camera."""
    paths = [depth_of(image) for image in images]  # type: ignore[operator]
    refuse_missing(root, paths, "unpack the depth archive there")
    plain = of_images(title, root, images, images)
    return replace(
        plain,
        pixels={**plain.pixels, "depth_m": lambda i: read_depth(paths[i], METRES_PER_STEP)},
        arrays={"intrinsics": np.tile(np.array(INTRINSICS, np.float32), (len(images), 1))},
    )
