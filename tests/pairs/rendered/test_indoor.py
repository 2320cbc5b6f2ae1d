"""The pair ``indoor``: layouts without collisions, exact labels shared by both looks, rooms worth steering through."""

from __future__ import annotations

from functools import cache
from itertools import combinations, product

import numpy as np
import pytest

pytest.importorskip("mitsuba")

from pairs.rendered import trace
from pairs.rendered.driver import resized
from pairs.rendered.indoor import CLASSES, Indoor
from pairs.rendered.indoor_layout import FOV_DEG, WALL_M, Layout, Piece, clear_distances, overlap
from pairs.rendered.scene import LOOKS, Buffers, Look

INDOOR = Indoor()
SIZE = (32, 32)


@cache
def layout(seed: int, gap: float = 0.0) -> Layout:
    return INDOOR.layout(np.random.default_rng(seed), gap)


@cache
def seen(seed: int, look: Look = "source") -> tuple[Buffers, dict[str, np.ndarray]]:
    room = layout(seed)
    scene, parts = INDOOR.scene(room, look, np.random.default_rng(seed + 1))
    buffers = trace.label_buffers(scene, parts, resized(INDOOR.camera(room), SIZE))
    return buffers, INDOOR.labels(room, buffers)


def rays(buffers: Buffers) -> np.ndarray:
    """Directions through the pixels' centres whose z is 1."""
    unit = trace.pixel_rays(buffers.camera)
    return unit / unit[..., 2:]


def inside(piece: Piece, points: np.ndarray, margin: float) -> np.ndarray:
    """Which world points lie in a piece's box, grown by ``margin`` (shrunk if negative)."""
    ground = (points[:, :2] - piece.base_m[:2]) @ piece.axes().T
    half = np.asarray(piece.size_m[:2]) / 2 + margin
    height = points[:, 2] - piece.base_m[2]
    return (np.abs(ground) <= half).all(axis=1) & (height >= -margin) & (height <= piece.size_m[2] + margin)


def test_a_layout_is_its_seed() -> None:
    again = INDOOR.layout(np.random.default_rng(3), 0.0)
    assert again == layout(3)
    assert again != layout(4)


@pytest.mark.parametrize("seed", range(4))
def test_both_looks_have_equal_labels(seed: int) -> None:
    (_, source), (_, target) = (seen(seed, look) for look in LOOKS)
    assert source.keys() == set(INDOOR.columns)
    for name in source:
        np.testing.assert_array_equal(source[name], target[name], err_msg=name)


def test_pieces_do_not_interpenetrate() -> None:
    steps = np.linspace(-0.5, 0.5, 7)
    grid = np.array(list(product(steps, steps, steps + 0.5)))
    for room in map(layout, range(10)):
        for a, b in combinations(room.pieces, 2):
            for one, other in ((a, b), (b, a)):
                points = grid * one.size_m
                points[:, :2] = points[:, :2] @ one.axes()
                assert not inside(other, points + one.base_m, -1e-4).any(), (one, other)


def test_shapes_stay_inside_the_box_of_their_piece() -> None:
    kinds = set()
    for seed in range(20):
        room = layout(seed)
        scene, parts = INDOOR.scene(room, "source", np.random.default_rng(0))
        for name, part in parts.items():
            if part.instance:
                piece = room.pieces[part.instance - 1]
                kinds.add(piece.kind)
                points = scene[name]["vertices"]
                outside = points[~inside(piece, points, 0.003)]
                assert len(outside) == 0, (name, piece, outside[0])
    assert len(kinds) > 35


def test_the_camera_stands_free_in_the_room() -> None:
    for room in map(layout, range(30)):
        x, y, height = room.camera_m
        assert 1.0 <= height <= 1.6
        assert -20 <= np.rad2deg(room.pitch_rad) <= 5
        assert min(x, y, room.room_m[0] - x, room.room_m[1] - y) >= 0.3
        probe = Piece("probe", (x, y, 0.0), 0.0, (0.6, 0.6, height))
        assert not any(overlap(probe, piece) for piece in room.pieces)


@pytest.mark.parametrize("seed", range(4))
def test_the_floor_has_the_depth_of_its_plane(seed: int) -> None:
    buffers, labels = seen(seed)
    floor = labels["mask"] == CLASSES.index("floor")
    assert floor.sum() > 20
    plane = -labels["camera_height_m"] / (rays(buffers) @ labels["up"])
    thick = 0.002 / float(labels["camera_height_m"])  # rugs are 2 mm high
    assert (labels["depth_m"][floor] <= plane[floor] * (1 + 1e-5)).all()
    assert (labels["depth_m"][floor] >= plane[floor] * (1 - thick - 1e-5)).all()


def test_nothing_lies_beyond_the_walls() -> None:
    for seed in range(8):
        buffers, labels = seen(seed)
        points = (rays(buffers) * labels["depth_m"][..., None]) @ buffers.camera.to_world[:3, :3].T
        points += buffers.camera.to_world[:3, 3]
        room = np.asarray(layout(seed).room_m)
        assert (labels["depth_m"] > 0).all()
        assert (points > -WALL_M).all()
        assert (points[..., :2] < room[:2] + WALL_M).all()
        assert (points[..., 2] < room[2] + 1e-4).all()


def test_every_class_occurs() -> None:
    counts = np.zeros(len(CLASSES))
    for seed in range(30):
        mask = seen(seed)[1]["mask"]
        assert mask.max() < len(CLASSES)
        counts += np.bincount(mask.ravel(), minlength=len(CLASSES)) > 3
    assert dict(zip(CLASSES, counts > 0, strict=True)) == dict.fromkeys(CLASSES, True)


def test_some_directions_are_safe_and_some_are_not() -> None:
    low, high = INDOOR.obstacle_band_m or (0, 0)
    safe = []
    for seed in range(30):
        buffers, labels = seen(seed)
        depth = labels["depth_m"]
        height = labels["camera_height_m"] + (rays(buffers) @ labels["up"]) * depth
        far = np.where((height >= low) & (height <= high), depth, np.nan)
        safe.append(np.nanpercentile(far.reshape(SIZE[1], 16, -1), 5, axis=(0, 2)) > (INDOOR.safe_distance_m or 0))
    share = np.mean(safe, axis=0)
    assert share.max() < 0.8
    assert 0.3 < share.mean() < 0.7
    assert np.mean([row.any() for row in safe]) > 0.9


def test_a_gap_crowds_the_room_and_lowers_the_camera() -> None:
    rooms = [[layout(seed, gap) for seed in range(12)] for gap in (0.0, 1.0)]
    pieces = [np.mean([len(room.pieces) / np.prod(room.room_m[:2]) for room in side]) for side in rooms]
    heights = [np.mean([room.camera_m[2] for room in side]) for side in rooms]
    pitches = [np.mean([room.pitch_rad for room in side]) for side in rooms]
    assert pieces[1] > 1.15 * pieces[0]
    assert heights[1] < heights[0] - 0.1
    assert pitches[1] < pitches[0]


def test_clear_distances_meet_walls_and_pieces() -> None:
    table = Piece("table", (3.0, 2.0, 0.0), np.pi / 2, (2.0, 1.0, 0.75))
    picture = Piece("picture", (1.0, 3.9, 1.7), 0.0, (0.5, 0.05, 0.3))
    angles = np.array([0.0, np.pi / 2, np.pi, -np.pi / 2])
    clear = clear_distances([table, picture], (4.0, 5.0, 2.5), np.array([1.0, 2.0]), angles, (0.1, 1.6))
    np.testing.assert_allclose(clear, [1.5, 3.0, 1.0, 2.0])


def test_the_looks_differ_and_the_source_has_no_noise() -> None:
    room, camera = layout(5), resized(INDOOR.camera(layout(5)), (16, 16))
    drawn = {}
    for look, seed in (("source", 1), ("source", 2), ("target", 1)):
        scene, _ = INDOOR.scene(room, look, np.random.default_rng(0))
        drawn[look, seed] = trace.radiance(scene, INDOOR.integrator(look), camera, 16, seed)
    again = np.abs(drawn["source", 1] - drawn["source", 2])
    assert np.median(again) < 0.01 * np.median(drawn["source", 1])  # only edges depend on where the samples fall
    pictures = [drawn[look, 1] / drawn[look, 1].mean() for look in LOOKS]
    assert np.abs(pictures[0] - pictures[1]).mean() > 0.2


def test_the_field_of_view_is_the_stated_one() -> None:
    camera = INDOOR.camera(layout(0))
    half = np.rad2deg(np.arctan(camera.width / 2 / camera.intrinsics[0]))
    assert 2 * half == pytest.approx(FOV_DEG)
