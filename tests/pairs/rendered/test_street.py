"""The pair ``street``: layouts, labels and the two looks, at a quarter of the shipped size."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mitsuba")

from pairs.rendered import trace
from pairs.rendered.driver import resized
from pairs.rendered.scene import LOOKS, Buffers, Look
from pairs.rendered.sensor import plain_picture
from pairs.rendered.street import BICYCLIST, CAR, MARKING_M, PEDESTRIAN, ROAD, SKY, StreetGenerator
from pairs.rendered.street_layout import StreetLayout

SIZE = (64, 48)
STREET = StreetGenerator()


def layout(seed: int, gap: float = 0.0) -> StreetLayout:
    return STREET.layout(np.random.default_rng(seed), gap)


@cache
def seen(seed: int, look: Look = "source") -> tuple[Buffers, dict[str, np.ndarray]]:
    street = layout(seed)
    scene, parts = STREET.scene(street, look, np.random.default_rng(seed + 1))
    buffers = trace.label_buffers(scene, parts, resized(STREET.camera(street), SIZE))
    return buffers, STREET.labels(street, buffers)


def rendered(seed: int, look: Look, samples: int) -> np.ndarray:
    street = layout(seed)
    scene, _ = STREET.scene(street, look, np.random.default_rng(seed + 1))
    return trace.radiance(scene, STREET.integrator(look), resized(STREET.camera(street), SIZE), samples, seed)


def test_a_layout_is_its_seed() -> None:
    assert layout(3) == layout(3)
    assert layout(3) != layout(4)


def test_both_looks_have_equal_labels() -> None:
    (_, source), (_, target) = (seen(1, look) for look in LOOKS)
    assert source.keys() == set(STREET.columns)
    for name in source:
        np.testing.assert_array_equal(source[name], target[name], err_msg=name)


def test_every_class_occurs_and_every_id_is_one_of_camvids() -> None:
    masks = np.stack([seen(seed)[1]["mask"] for seed in range(6)])
    assert masks.dtype == np.uint8
    assert set(range(11)) <= set(np.unique(masks)) <= {*range(11), 255}


@pytest.mark.parametrize("seed", range(3))
def test_the_roads_depth_is_that_of_the_ground_plane(seed: int) -> None:
    """A ray with direction d (d_z = 1) from height h meets z = 0 at depth h / (d · down)."""
    _, labels = seen(seed)
    fx, fy, cx, cy = labels["intrinsics"]
    u, v = np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5)
    rays = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones_like(u)], axis=-1)
    road = (labels["mask"] == ROAD) & (labels["depth_m"] > 0)
    plane_m = labels["camera_height_m"] / (rays[road] @ -labels["up"])
    assert road.sum() > 100
    # markings lie a little above the road
    np.testing.assert_allclose(labels["depth_m"][road], plane_m, rtol=1.01 * MARKING_M / labels["camera_height_m"])


@pytest.mark.parametrize("seed", range(3))
def test_the_sky_has_no_depth_and_near_things_have_one(seed: int) -> None:
    _, labels = seen(seed)
    assert (labels["depth_m"][labels["mask"] == SKY] == 0).all()
    assert labels["depth_m"].max() <= STREET.depth_range_m[1]
    assert (labels["depth_m"][-1] > 0).all()


def test_boxes_hold_the_pixels_of_their_instances() -> None:
    found = 0
    for seed in range(6):
        buffers, labels = seen(seed)
        instance = np.array([*(part.instance for part in buffers.parts), 0])[buffers.part]
        numbers, counts = np.unique(instance[instance > 0], return_counts=True)
        boxed = numbers[counts >= STREET.min_box_px]
        assert len(labels["boxes"]) == len(labels["box_class"]) == len(boxed)
        for number, (x0, y0, x1, y1), class_id in zip(boxed, labels["boxes"], labels["box_class"], strict=True):
            v, u = np.nonzero(instance == number)
            assert (u.min(), v.min(), u.max() + 1, v.max() + 1) == (x0, y0, x1, y1)
            assert set(labels["mask"][v, u]) == {class_id}
            assert class_id in (CAR, PEDESTRIAN, BICYCLIST)
            found += 1
    assert found >= 6


def test_a_layout_gap_moves_the_camera_and_the_densities() -> None:
    def count(street: StreetLayout, *kinds: str) -> int:
        return sum(item.kind in kinds for item in street.objects)

    same, shifted = ([layout(seed, gap) for seed in range(30)] for gap in (0.0, 1.0))
    mean: Any = lambda streets, what: float(np.mean([what(street) for street in streets]))  # noqa: E731
    assert mean(shifted, lambda s: s.camera_height_m) == pytest.approx(
        mean(same, lambda s: s.camera_height_m) + 0.8, abs=0.1
    )
    assert mean(shifted, lambda s: count(s, "terrace", "shop", "flats")) < 0.8 * mean(
        same, lambda s: count(s, "terrace", "shop", "flats")
    )
    assert mean(shifted, lambda s: count(s, "pedestrian")) > 1.4 * mean(same, lambda s: count(s, "pedestrian"))


def test_the_source_is_flat_and_the_target_is_not() -> None:
    """The sky apart, nearly every colour of the source is one of few; the target's road alone has hundreds."""
    road = seen(2)[1]["mask"] == ROAD
    source = plain_picture(rendered(2, "source", 4), STREET.exposure("source") or 1.0)
    radiance = rendered(2, "target", 4)
    target = plain_picture(radiance, 0.3 / float(radiance[road].mean()))
    assert len(np.unique(source[road], axis=0)) < 0.5 * len(np.unique(target[road], axis=0))
    assert source[..., 2][~road].max() > 200  # a blue sky


def test_a_picture_is_its_seeds() -> None:
    np.testing.assert_array_equal(rendered(2, "target", 1), rendered(2, "target", 1))
