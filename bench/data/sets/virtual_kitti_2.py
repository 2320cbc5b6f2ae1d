"""Virtual KITTI 2 (Cabon, Murray & Humenberger 2020): ``Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg`` and
``Scene01/clone/frames/depth/Camera_0/depth_00000.png``.

21,260 frames of 1242×375 and two cameras, of which the left one is read. Depth: 16-bit PNG in *centimetres* along the
view axis; 65535 is the sky.
"""

from __future__ import annotations

from pathlib import Path

from bench.data.listing import Listing
from bench.data.sets.virtual_kitti_1 import with_depth

NAME, TITLE = "virtual-kitti-2", "Virtual KITTI 2"
LICENCE = "CC BY-NC-SA 3.0"
CITATION = "Y. Cabon, N. Murray, M. Humenberger. Virtual KITTI 2. arXiv 2001.10773."
EXPECTED = ("Scene*/*/frames/rgb/Camera_0/rgb_*.jpg", "Scene*/*/frames/depth/Camera_0/depth_*.png")
SPLITS = ("all",)


def listing(root: Path, split: str = "all") -> Listing:
    """All frames of the left camera with ``depth_m`` and ``intrinsics``."""
    images = tuple(path.relative_to(root) for path in sorted(root.glob(EXPECTED[0])))
    return with_depth(root, images, lambda image: depth_file(root, image), TITLE)


def depth_file(root: Path, image: Path) -> Path:
    """The depth of an image, which is relative to the root."""
    scene, variation, frames, _, camera, name = image.parts
    number = Path(name).stem.removeprefix("rgb_")
    return root / Path(scene, variation, frames, "depth", camera, f"depth_{number}.png")
