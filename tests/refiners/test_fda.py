import numpy as np
import pytest
import torch

from bench.testing import check_refiner
from refiners.fda import FDA, PAPER_BETAS, Params, Window, replace_amplitudes

SIZES = [(32, 32), (33, 29), (16, 24), (24, 16), (7, 5), (1, 1)]
BETAS = [*PAPER_BETAS, 0.3, 0.5]


def reference(source: np.ndarray, target: np.ndarray, beta: float) -> np.ndarray:
    """The paper's formula with full complex FFTs, (…, H, W) float64 → complex, before taking the real part."""
    height, width = source.shape[-2:]
    b = int(np.floor(beta * min(height, width)))
    spectrum, other = np.fft.fft2(source), np.fft.fft2(target)
    u, v = np.fft.fftfreq(height, 1 / height), np.fft.fftfreq(width, 1 / width)
    mask = (np.abs(u)[:, None] <= b) & (np.abs(v) <= b)
    amplitude = np.where(mask, np.abs(other), np.abs(spectrum))
    return np.fft.ifft2(amplitude * np.exp(1j * np.angle(spectrum)))


def random_images(size: tuple[int, int], seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((3, 3, *size), np.float32))


@pytest.mark.parametrize("beta", [0.01, 0.09, 0.5])
def test_keeps_the_contract(beta):
    check_refiner(FDA(Params(beta=beta)))


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("size", SIZES)
def test_equals_the_complex_fft_which_is_real(size, beta):
    source, target = random_images(size, 0), random_images(size, 1)
    want = reference(source.double().numpy(), target.double().numpy(), beta)
    assert np.abs(want.imag).max() < 1e-12
    window = Window(*size, beta)
    got = replace_amplitudes(source, window.spectrum(target).abs(), window)
    np.testing.assert_allclose(got.numpy(), want.real.clip(0, 1), atol=2e-6)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("size", SIZES)
def test_target_equal_to_source_gives_identity(size, beta):
    source, window = random_images(size, 0), Window(*size, beta)
    refined = replace_amplitudes(source, window.spectrum(source).abs(), window)
    assert (refined - source).abs().max() <= 1e-5


@pytest.mark.parametrize("size", SIZES)
def test_half_width_of_the_largest_window_holds_the_whole_low_band(size):
    """At β = 0.5 a square image lies wholly inside the window: its spectrum gives it back."""
    side = min(size)
    images, window = random_images((side, side), 2), Window(side, side, 0.5)
    assert (window.image(window.spectrum(images)) - images).abs().max() < 1e-5


@pytest.mark.parametrize(("beta", "b"), list(zip(PAPER_BETAS, (0, 1, 2), strict=True)))
def test_paper_variants_at_32_pixels(fit, photographs, beta, b):
    amplitudes = fit(FDA(Params(beta=beta)), photographs).state_dict()["amplitudes"]
    assert amplitudes.shape == (12, 3, 2 * b + 1, b + 1)


def test_smallest_window_moves_the_means_alone(fit, refine, photographs):
    source = np.random.default_rng(0).integers(100, 150, (2, 32, 32, 3), dtype=np.uint8)
    refined = refine(fit(FDA(Params(beta=0.01)), photographs[5:6]), source)
    want = source / 255 + (photographs[5].mean(axis=(0, 1)) - source.mean(axis=(1, 2), keepdims=True)) / 255
    np.testing.assert_allclose(refined, want.clip(0, 1), atol=1e-6)


@pytest.mark.parametrize("level", [0, 77, 255])
def test_flat_images_stay_flat(fit, refine, photographs, level):
    """Without a phase there is no pattern to draw: the target's mean, and nothing else."""
    refined = refine(fit(FDA(Params(beta=0.09)), photographs[5:6]), np.full((1, 32, 32, 3), level, np.uint8))
    want = np.broadcast_to(photographs[5].mean(axis=(0, 1)) / 255, refined[0].shape)
    np.testing.assert_allclose(refined[0], want, atol=1e-5)


def test_each_image_draws_a_target_by_its_own_seed(fit, refine, photographs):
    """Twelve copies of one image get the means of several targets, the same ones again with the same seed."""
    refiner, copies = fit(FDA(), photographs), np.repeat(photographs[:1] // 4 + 96, 12, axis=0)
    first, again, other = (refine(refiner, copies, seed=seed) for seed in (0, 0, 1))
    assert len(np.unique(first.mean(axis=(1, 2)).round(4), axis=0)) > 4
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_number_of_targets_is_limited(fit, photographs):
    assert len(fit(FDA(Params(n_images=5)), photographs).state_dict()["amplitudes"]) == 5


@pytest.mark.parametrize("size", [(16, 20), (33, 40), (64, 64), (5, 7), (100, 90)])
@pytest.mark.parametrize("beta", [0.05, 0.2, 0.5])
def test_images_of_another_size_get_the_amplitudes_of_the_same_frequencies(fit, size, beta):
    """Photographs that are pure waves: k waves across an image are k waves across it at any size."""
    y, x = np.mgrid[:64, :64] / 64
    wave = 0.5 + 0.25 * np.cos(2 * np.pi * x) + 0.125 * np.cos(4 * np.pi * y)
    photographs = np.repeat((255 * wave).astype(np.uint8)[None, ..., None], 3, axis=3)
    refiner = fit(FDA(Params(beta=beta)), photographs)
    window = refiner._window_of(*size)
    assert len(window.rows) == window.part_of(refiner.amplitudes, refiner.window).shape[2]
    own = Window(*size, beta)
    least = min(own.dc[0], window.dc[0])
    y, x = np.mgrid[: size[0], : size[1]]
    same = 0.5 + 0.25 * np.cos(2 * np.pi * x / size[1]) + 0.125 * np.cos(4 * np.pi * y / size[0])
    want = own.spectrum(torch.from_numpy(same).float().expand(1, 3, *size)).abs()
    got = window.part_of(refiner.amplitudes, refiner.window)
    n = min(least, 1) if min(size) < 8 else least
    rows = slice(window.dc[0] - n, window.dc[0] + n + 1)
    rows_of_own = slice(own.dc[0] - n, own.dc[0] + n + 1)
    assert torch.allclose(got[:, :, rows, : n + 1], want[:, :, rows_of_own, : n + 1], atol=0.01)


@pytest.mark.parametrize("beta", [0, 0.51])
def test_window_outside_the_spectrum_is_refused(beta):
    with pytest.raises(ValueError, match="beta"):
        Params(beta=beta)
