"""What every generator shares: default labels, boxes, poses."""

import numpy as np

from pairs.rendered.objects import Objects
from pairs.rendered.scene import Buffers, Camera, Generator, Part, look_at, visible_boxes

CAMERA = Camera(4, 3, (5.0, 5.0, 2.0, 1.5), look_at(np.array([1.0, 2.0, 1.5]), np.array([4.0, 2.0, 1.5])))
PARTS = (Part(2, instance=2), Part(0), Part(-1), Part(1, instance=1, foreground=True), Part(1, instance=1))
BUFFERS = Buffers(
    part=np.array([[-1, 0, 0, 1], [3, 4, 2, 1], [3, 4, 2, -1]], np.int32),
    depth_m=np.array([[0, 2, 2, 5], [1, 1, 3, 50], [1, 1, 3, 0]], np.float32),
    parts=PARTS,
    camera=CAMERA,
)


class Everything(Objects):
    name = "everything"
    depth_range_m = (0.5, 10.0)
    columns = ("mask", "foreground", "depth_m", "boxes", "box_class", "camera_height_m", "up", "intrinsics")
    empty_class = 9
    min_box_px = 3

    def labels(self, layout: object, buffers: Buffers) -> dict[str, np.ndarray]:
        return Generator.labels(self, layout, buffers)


def test_default_labels_are_those_of_the_parts() -> None:
    labels = Everything().labels(None, BUFFERS)
    np.testing.assert_array_equal(labels["mask"], [[9, 2, 2, 0], [1, 1, 255, 0], [1, 1, 255, 9]])
    np.testing.assert_array_equal(labels["foreground"], np.isin(BUFFERS.part, [3]))
    np.testing.assert_array_equal(labels["depth_m"], [[0, 2, 2, 5], [1, 1, 3, 0], [1, 1, 3, 0]])
    assert labels["camera_height_m"] == 1.5
    np.testing.assert_allclose(labels["up"], (0, -1, 0), atol=1e-7)


def test_boxes_hold_all_shapes_of_an_instance_and_skip_small_ones() -> None:
    boxes, classes = visible_boxes(BUFFERS, min_box_px=3)
    np.testing.assert_array_equal(boxes, [[0, 1, 2, 3]])
    np.testing.assert_array_equal(classes, [1])
    assert len(visible_boxes(BUFFERS, min_box_px=1)[0]) == 2
    assert visible_boxes(BUFFERS, min_box_px=9)[0].shape == (0, 4)


def test_look_at_sees_its_target_upright_in_the_middle() -> None:
    pose = look_at(np.array([0.0, 0.0, 1.0]), np.array([3.0, 4.0, 0.0]))
    np.testing.assert_allclose(pose[:3, :3].T @ pose[:3, :3], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.inv(pose) @ [3, 4, 0, 1], [0, 0, np.sqrt(26), 1], atol=1e-12)
    assert pose[2, 1] < 0  # camera's down points down
    rolled = look_at(np.array([0.0, 0.0, 1.0]), np.array([3.0, 4.0, 0.0]), roll_rad=0.2)
    assert rolled[2, 0] < 0  # turned clockwise, the camera's right side is lower
