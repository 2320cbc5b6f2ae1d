"""The generator ``vending``: where products stand, what is labelled, what the two looks share."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.spatial import Delaunay

from pairs.rendered import trace, vending_machine
from pairs.rendered.driver import resized
from pairs.rendered.vending import CAMERA, MIN_AREA, Layout, Vending, project
from pairs.rendered.vending_machine import DEPTH_M, HALF_WIDTH_M, HEIGHT_M, SHELVES_M
from pairs.rendered.vending_prints import HUES, N_DESIGNS, design, print_of
from pairs.rendered.vending_products import CLASS_NAMES, Product, footprint, pieces

pytest.importorskip("mitsuba", reason="rendering needs the extra 'render'")

GENERATOR = Vending()
SMALL = resized(CAMERA, (48, 48))


def layouts(n, layout_gap=0.0):
    return [GENERATOR.layout(np.random.default_rng([3, i]), layout_gap) for i in range(n)]


@pytest.fixture(scope="module")
def many():
    return layouts(16)


@pytest.fixture(scope="module")
def full(many):
    return max(many, key=lambda layout: len(layout.products))


def buffers(layout, look="source", seed=0, camera=SMALL):
    scene, parts = GENERATOR.scene(layout, look, np.random.default_rng(seed))
    return trace.label_buffers(scene, parts, camera)


def instance_map(of):
    return np.array([part.instance for part in of.parts] + [0])[of.part]


def radiance(layout, look, samples=4, seed=0):
    scene, _ = GENERATOR.scene(layout, look, np.random.default_rng(seed))
    return trace.radiance(scene, GENERATOR.integrator(look), SMALL, samples, seed)


def standing(class_name, x=0.0, y=0.1, z=0.0, **changes):
    product = Product(
        class_id=CLASS_NAMES.index(class_name),
        design=0,
        scale=(1.0, 1.0, 1.0),
        bend_m=(0.0, 0.0),
        bump_m=0.0,
        bump_seed=0,
        tilt_rad=0.0,
        roll_rad=0.0,
        yaw_rad=0.0,
        position=(x, y, z),
    )
    return replace(product, **changes)


def points(product):
    return np.concatenate([piece.vertices for piece in pieces(product)])


# ----------------------------------------------------------------------------------------------- layout


def test_a_layout_depends_on_its_seed_alone(many):
    assert many[:5] == layouts(5)
    assert len(set(many)) == len(many)


def test_every_image_has_three_to_ten_products_and_every_class_and_pose_occurs(many):
    products = [product for layout in many for product in layout.products]
    assert all(3 <= len(layout.products) <= 10 for layout in many)
    assert {product.class_id for product in products} == set(range(len(CLASS_NAMES)))
    assert {product.position[2] for product in products} == set(SHELVES_M)
    lying = np.mean([product.tilt_rad > 1.5 for product in products])
    assert 0.08 < lying < 0.4


def test_products_rest_on_their_shelf_inside_the_cabinet_below_the_next(many):
    for product in [product for layout in many for product in layout.products]:
        low, high = points(product).min(axis=0), points(product).max(axis=0)
        shelf = product.position[2]
        assert low[2] == pytest.approx(shelf, abs=1e-9)
        assert high[2] < (SHELVES_M[1] - 0.007 if shelf == SHELVES_M[0] else HEIGHT_M)
        assert max(-low[0], high[0]) < HALF_WIDTH_M
        assert low[1] > 0
        assert high[1] < DEPTH_M


def test_no_two_products_of_a_shelf_interpenetrate(full):
    """Convex footprints meet where weights ≥ 0 of sum 1 on each give one point: a linear programme finds none."""
    for i, one in enumerate(full.products):
        for other in full.products[:i]:
            if one.position[2] != other.position[2]:
                continue
            a, b = footprint(one), footprint(other)
            equal = np.block([[a.T, -b.T], [np.ones(len(a)), np.zeros(len(b))], [np.zeros(len(a)), np.ones(len(b))]])
            assert linprog(np.zeros(len(a) + len(b)), A_eq=equal, b_eq=[0, 0, 1, 1]).status == 2  # infeasible


def test_a_layout_gap_shifts_number_classes_and_filling(many):
    def figures(of):
        products = [product for layout in of for product in layout.products]
        return np.array(
            [
                len(products) / len(of),
                -np.mean([product.class_id for product in products]),
                -np.mean([product.position[1] for product in products]),
            ]
        )

    assert np.all(figures(layouts(16, layout_gap=1.0)) - figures(many) > (0.3, 0.5, 0.004))


def test_deformations_change_the_shape_of_a_product_not_its_class():
    plain = standing("crisp bag")
    for changed in ({"bend_m": (0.02, 0.0)}, {"bump_m": 0.003, "bump_seed": 5}, {"scale": (1.05, 0.95, 1.0)}):
        moved = np.linalg.norm(points(replace(plain, **changed)) - points(plain), axis=1)
        assert 0.001 < moved.max() < 0.03


# ----------------------------------------------------------------------------------------------- labels


def test_both_looks_have_the_same_labels(full):
    source, target = buffers(full, "source", seed=1), buffers(full, "target", seed=2)
    assert source.parts == target.parts
    np.testing.assert_array_equal(source.part, target.part)
    np.testing.assert_array_equal(source.depth_m, target.depth_m)
    for name, column in GENERATOR.labels(full, source).items():
        np.testing.assert_array_equal(column, GENERATOR.labels(full, target)[name])


def test_boxes_are_those_of_the_instance_map(full):
    seen = buffers(full)
    instance = instance_map(seen)
    labels = GENERATOR.labels(full, seen)
    assert set(labels) == set(GENERATOR.columns)
    np.testing.assert_array_equal(labels["foreground"], instance > 0)
    expected = []
    for number, product in enumerate(full.products, start=1):
        v, u = np.nonzero(instance == number)
        if len(v):
            expected.append((u.min(), v.min(), u.max() + 1, v.max() + 1, product.class_id))
    found = [(*box, class_id) for box, class_id in zip(labels["boxes"].tolist(), labels["box_class"], strict=True)]
    assert set(found) <= set(expected)
    assert len(found) >= len(expected) - 1


def test_a_hidden_product_has_no_box_but_is_foreground():
    bag = standing("crisp bag", y=0.03)
    behind = standing("can", x=0.0, y=0.12)
    peeping = standing("can", x=0.08, y=0.12)
    for layout, n_boxes in ((Layout((bag, behind)), 1), (Layout((bag, peeping)), 2)):
        labels = GENERATOR.labels(layout, buffers(layout))
        assert len(labels["boxes"]) == n_boxes
    alone = buffers(Layout((bag, behind)))
    assert (instance_map(alone) == 2).any()
    assert GENERATOR.labels(Layout((bag, behind)), alone)["foreground"][instance_map(alone) == 2].all()


def test_boxes_are_large_enough_to_detect(many):
    sides = []
    for layout in many[:3]:
        labels = GENERATOR.labels(layout, buffers(layout, camera=CAMERA))
        boxes = labels["boxes"]
        sides += [*(boxes[:, 2:] - boxes[:, :2]).ravel()]
        assert ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) >= MIN_AREA * 128 * 128).all()
    assert np.median(sides) >= 14


def test_projection_inverts_the_pixel_rays():
    rays = trace.pixel_rays(CAMERA)[::9, ::9].reshape(-1, 3)
    world = CAMERA.to_world[:3, 3] + 0.4 * rays @ CAMERA.to_world[:3, :3].T
    v, u = np.meshgrid(np.arange(0, 128, 9) + 0.5, np.arange(0, 128, 9) + 0.5, indexing="ij")
    np.testing.assert_allclose(project(CAMERA, world), np.stack([u.ravel(), v.ravel()], axis=1), atol=1e-6)


# ------------------------------------------------------------------------------------------------ looks


def test_the_template_is_the_picture_where_no_product_is(full):
    empty = GENERATOR.empty_layout()
    assert not GENERATOR.labels(empty, buffers(empty))["foreground"].any()
    without, with_products = buffers(empty), buffers(full)
    foreground = instance_map(with_products) > 0
    np.testing.assert_array_equal(with_products.part[~foreground], without.part[~foreground])

    template, picture = radiance(empty, "source"), radiance(full, "source")
    away = ~np.asarray(foreground)
    away[1:] &= ~foreground[:-1]
    away[:-1] &= ~foreground[1:]
    away[:, 1:] &= ~foreground[:, :-1]
    away[:, :-1] &= ~foreground[:, 1:]
    same = np.isclose(picture, template, rtol=0.05, atol=0.01).all(axis=-1)
    shaded = (picture < template + 0.01).all(axis=-1)
    assert same[away].mean() > 0.75
    assert shaded[away].mean() > 0.98  # what differs lies in the products' shadows
    assert same[foreground].mean() < 0.2


def test_the_template_has_mean_lamps_and_other_images_their_own(full):
    def lamps_of(layout, seed):
        scene, parts = GENERATOR.scene(layout, "target", np.random.default_rng(seed))
        return {name: str(scene[name]) for name in scene if name not in parts}

    empty = GENERATOR.empty_layout()
    assert lamps_of(empty, 1) == lamps_of(empty, 2)
    assert lamps_of(full, 1) != lamps_of(full, 2)


def test_the_target_is_lit_from_one_side_and_darker_below():
    dark = vending_machine.Conditions(right=0.0, reflection=0.0)
    scene = {**vending_machine.cabinet("target"), **vending_machine.lamps("target", dark)}
    picture = trace.radiance(scene, GENERATOR.integrator("target"), SMALL, 16, 0).mean(axis=-1)
    left_wall, right_wall = picture[12:30, :4], picture[12:30, -4:]
    assert right_wall.mean() > 1.3 * left_wall.mean()  # the strip on the left lights the right wall
    assert picture[8:20, 12:36].mean() > 1.3 * picture[32:42, 12:36].mean()


def test_no_lamp_stands_before_a_product():
    corners = np.stack(np.meshgrid((-HALF_WIDTH_M, HALF_WIDTH_M), (0, DEPTH_M), (0, HEIGHT_M)), axis=-1).reshape(-1, 3)
    room = Delaunay(project(CAMERA, corners))
    lamps = vending_machine.lamps("target", vending_machine.Conditions())
    square = np.stack([*np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9)), np.zeros((9, 9)), np.ones((9, 9))])
    for name in ("strip_left", "strip_right"):
        strip = (lamps[name]["to_world"] @ square.reshape(4, -1))[:3].T
        assert (room.find_simplex(project(CAMERA, strip)) < 0).all()


# ----------------------------------------------------------------------------------------------- prints


@pytest.mark.parametrize("class_id", range(len(CLASS_NAMES)))
def test_prints_keep_their_hues_in_both_looks_and_no_class_has_a_colour_of_its_own(class_id):
    grounds = []
    for number in range(N_DESIGNS):
        hues = []
        for detailed in (False, True):
            pixels = print_of(class_id, number, detailed).reshape(-1, 3).astype(float)
            hue = np.array([colorsys.rgb_to_hsv(*pixel) for pixel in pixels[::7]])
            share = np.histogram(hue[:, 0], bins=12, range=(0, 1), weights=hue[:, 1] * hue[:, 2])[0]
            hues.append(share / np.linalg.norm(share))
        assert hues[0] @ hues[1] > 0.85
        ground = colorsys.rgb_to_hsv(*design(class_id, number).ground)[0]
        distance = np.abs((np.array(HUES) - ground + 0.5) % 1 - 0.5)
        grounds.append(int(distance.argmin()))
    assert sorted(grounds) == list(range(len(HUES)))
    assert print_of(class_id, 0, True).std() > print_of(class_id, 0, False).std() * 0.5


@pytest.mark.parametrize("class_name", CLASS_NAMES)
def test_prints_read_from_left_to_right_and_from_top_to_bottom(class_name):
    (piece,) = [piece for piece in pieces(standing(class_name)) if piece.paint == "print"]
    front = (piece.uv[:, 0] > 0.3) & (piece.uv[:, 0] < 0.7)
    assert np.corrcoef(piece.uv[front, 0], piece.vertices[front, 0])[0, 1] > 0.8
    assert np.corrcoef(piece.uv[front, 1], piece.vertices[front, 2])[0, 1] < -0.8
    assert piece.vertices[front, 1].mean() < piece.vertices[~front, 1].mean()
