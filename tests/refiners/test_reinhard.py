import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab

from bench.testing import check_refiner
from refiners.reinhard import (
    Params,
    Reinhard,
    lab_to_srgb,
    lalphabeta_to_rgb,
    rgb_to_lalphabeta,
    srgb_to_lab,
)

VARIANTS = [Params(reference=r, space=s) for r in ("dataset", "image") for s in ("lab", "lalphabeta")]


@pytest.fixture
def colours() -> torch.Tensor:
    """A grid over the RGB cube with its corners, (1, 3, 17·17, 17)."""
    axis = torch.linspace(0, 1, 17)
    return torch.cartesian_prod(axis, axis, axis).T.reshape(1, 3, 17 * 17, 17)


@pytest.mark.parametrize("params", VARIANTS)
def test_keeps_the_contract(params):
    check_refiner(Reinhard(params))


def test_lab_agrees_with_scikit_image(colours):
    """To 0.01 of the 100 units of L; scikit-image's tabulated white is not the image of its (1, 1, 1)."""
    want = rgb2lab(colours.permute(0, 2, 3, 1).double().numpy())
    np.testing.assert_allclose(srgb_to_lab(colours).permute(0, 2, 3, 1).numpy(), want, atol=0.01)


def test_lab_of_red_by_hand():
    """Lindbloom's calculator gives (53.24, 80.09, 67.20) for sRGB red under D65."""
    red = srgb_to_lab(torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)).flatten()
    np.testing.assert_allclose(red.numpy(), [53.24, 80.09, 67.20], atol=0.01)


@pytest.mark.parametrize("there_and_back", [(srgb_to_lab, lab_to_srgb), (rgb_to_lalphabeta, lalphabeta_to_rgb)])
def test_conversions_invert(colours, there_and_back):
    there, back = there_and_back
    bright = colours.clamp(min=1 / 255)
    assert (back(there(bright)) - bright).abs().max() < 2e-5


@pytest.mark.parametrize("convert", [srgb_to_lab, rgb_to_lalphabeta])
def test_greys_have_no_colour(convert):
    greys = torch.linspace(0, 1, 256).expand(1, 3, 256).unsqueeze(-1)
    assert convert(greys)[:, 1:].abs().max() < 1e-4


def test_agrees_with_scikit_image_on_one_reference(fit, refine, photographs):
    """To half a level; muted colours, since scikit-image clips impossible ones in XYZ and we do in RGB."""
    target, source = photographs[7:8] // 4 + 96, photographs[:4] // 2 + 64
    refined = refine(fit(Reinhard(), target), source)
    other = rgb2lab(target[0])
    for image, got in zip(source, refined, strict=True):
        lab = rgb2lab(image)
        scale = other.std(axis=(0, 1)) / lab.std(axis=(0, 1))
        moved = (lab - lab.mean(axis=(0, 1))) * scale + other.mean(axis=(0, 1))
        np.testing.assert_allclose(got, lab2rgb(moved), atol=0.5 / 255)


@pytest.mark.parametrize("space", ["lab", "lalphabeta"])
def test_statistics_arrive(fit, refine, photographs, space):
    """An image whose result needs no clipping has the reference's mean and deviation."""
    encode = srgb_to_lab if space == "lab" else rgb_to_lalphabeta
    target = (photographs // 4 + 100).astype(np.uint8)
    refined = refine(fit(Reinhard(Params(space=space)), target), target[2:3])
    values = encode(torch.from_numpy(refined).permute(0, 3, 1, 2))[0].flatten(1)
    pixels = encode(torch.from_numpy(target / np.float32(255)).permute(0, 3, 1, 2)).transpose(0, 1).flatten(1)
    np.testing.assert_allclose(values.mean(dim=1), pixels.mean(dim=1), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(values.std(dim=1), pixels.std(dim=1), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("params", VARIANTS)
def test_flat_grey_becomes_the_flat_mean(fit, refine, photographs, params):
    """A constant image is moved, never scaled: no noise is amplified."""
    refined = refine(fit(Reinhard(params), photographs[5:6]), np.full((1, 32, 32, 3), 120, np.uint8))
    assert np.ptp(refined, axis=(1, 2)).max() < 1e-4


def test_grey_image_keeps_its_noise_out_of_the_colours(fit, refine, photographs):
    """Grey pixels have a = b = 0 up to rounding; scaling that would spray colours over them."""
    grey = np.repeat(photographs[:1, ..., :1], 3, axis=3)
    refined = refine(fit(Reinhard(), photographs[5:6]), grey)
    inside = ((refined > 0) & (refined < 1)).all(axis=3)
    assert rgb2lab(refined)[inside][:, 1:].std(axis=0).max() < 0.01


def test_image_reference_draws_by_each_image_s_own_seed(fit, refine, photographs):
    refiner, copies = fit(Reinhard(Params(reference="image")), photographs), np.repeat(photographs[:1], 12, axis=0)
    first, again, other = (refine(refiner, copies, seed=seed) for seed in (0, 0, 1))
    assert len(np.unique(first.mean(axis=(1, 2)).round(4), axis=0)) > 4
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_dataset_reference_gives_equal_images_equal_results(fit, refine, photographs):
    refined = refine(fit(Reinhard(), photographs), np.repeat(photographs[:1], 3, axis=0))
    np.testing.assert_array_equal(refined[0], refined[2])
