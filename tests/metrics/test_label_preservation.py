"""What says that labels fit: boundaries by hand, agreement at its extremes, invariance to looks, known ratios."""

import numpy as np
import pytest

from bench.metrics.label_preservation import boundaries, edge_agreement, relative_score, similarity


def scene(shift=0):
    """A bright square on a dark ground, and its mask."""
    foreground = np.zeros((1, 40, 40), bool)
    foreground[0, 12:28, 4 + shift : 20 + shift] = True
    image = np.where(foreground[..., None], 200, 60).repeat(3, axis=3).astype(np.uint8)
    return image, foreground


def test_a_boundary_is_both_pixels_of_a_step_and_ignored_pixels_have_none():
    mask = np.array([[[0, 0, 1, 1, 255]]], np.uint8)
    assert boundaries("mask", {"mask": mask}, (5, 1)).tolist() == [[[False, True, True, False, False]]]


def test_depth_has_edges_where_it_jumps_by_a_tenth_and_none_at_unknown_pixels():
    depth = np.array([[[1.0, 1.09, 1.3, 0.0, 5.0]]], np.float32)
    assert boundaries("depth_m", {"depth_m": depth}, (5, 1)).tolist() == [[[False, True, True, False, False]]]


def test_boxes_have_outlines_inside_the_image_and_empty_slots_have_none():
    boxes = np.array([[[1, 1, 5, 4], [0, 0, 0, 0]]], np.float32)
    found = boundaries("boxes", {"boxes": boxes, "box_class": np.array([[2, -1]])}, (8, 6))[0]
    inside = np.zeros((6, 8), bool)
    inside[1:4, 1:5] = True
    assert np.array_equal(found, boundaries("foreground", {"foreground": inside[None]}, (8, 6))[0])
    empty = {"boxes": boxes, "box_class": np.array([[-1, -1]])}
    assert not boundaries("boxes", empty, (8, 6)).any()


def test_edges_on_the_labels_agree_and_mirrored_ones_do_not():
    image, foreground = scene()
    edges = boundaries("foreground", {"foreground": foreground}, (40, 40))
    assert edge_agreement(image, edges)[0] == pytest.approx(1.0, abs=0.01)
    assert edge_agreement(image[:, :, ::-1], edges)[0] < 0.75
    assert edge_agreement(scene(shift=4)[0], edges)[0] < 0.9


def test_agreement_does_not_mind_contrast_brightness_or_inversion():
    image, foreground = scene()
    edges = boundaries("foreground", {"foreground": foreground}, (40, 40))
    noisy = (image + np.random.default_rng(0).integers(0, 20, image.shape)).astype(np.uint8)
    expected = edge_agreement(noisy, edges)
    assert edge_agreement(255 - noisy, edges) == pytest.approx(expected, abs=1e-6)
    assert edge_agreement(noisy // 2 + 20, edges) == pytest.approx(expected, abs=0.02)


def test_noise_knows_nothing_of_labels():
    _, foreground = scene()
    edges = boundaries("foreground", {"foreground": foreground}, (40, 40)).repeat(30, axis=0)
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 40, 3)).astype(np.uint8)
    assert edge_agreement(noise, edges).mean() == pytest.approx(0.5, abs=0.03)


def test_an_image_without_boundary_is_not_scored():
    image, foreground = scene()
    assert np.isnan(edge_agreement(image, np.zeros_like(foreground))).all()
    assert np.isnan(similarity(image, image, np.zeros_like(foreground))).all()


def test_similarity_counts_the_foreground_alone():
    image, foreground = scene()
    changed = image.copy()
    changed[:, :, 32:] = 255
    assert similarity(image, image, foreground)[0] == pytest.approx(1.0)
    assert similarity(image, changed, foreground)[0] == pytest.approx(1.0)
    assert similarity(image, changed, ~foreground)[0] < 0.8


def test_a_score_is_relative_to_the_reference_whichever_way_is_better():
    hits = np.tile([1.0, 1.0, 1.0, 0.0], 25)
    fewer = np.tile([1.0, 0.0, 1.0, 0.0], 25)
    kept = relative_score(fewer, hits, higher_is_better=True)
    assert kept.value == pytest.approx(2 / 3)
    assert kept.low < 2 / 3 < kept.high < 1
    assert relative_score(hits, hits, higher_is_better=True) == (1.0, 1.0, 1.0)
    assert relative_score(2 * hits, hits, higher_is_better=False).value == pytest.approx(0.5)
    assert relative_score(hits, np.zeros(100), higher_is_better=True) is None


def test_the_interval_of_a_relative_score_covers_the_true_ratio():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        hard = rng.random(80)
        reference, refined = (hard < 0.8).astype(float), (hard + 0.2 * rng.normal(size=80) < 0.6).astype(float)
        found = relative_score(refined, reference, higher_is_better=True)
        covered += found.low <= 0.606 / 0.8 <= found.high
    assert covered / 400 >= 0.92
