import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from bench.api.imageset import ImageSet
from bench.testing import check_refiner
from bench.training.adversarial import Batch
from bench.training.refine_images import to_float
from refiners.cyclegan import CycleGame, CycleGAN
from refiners.cyclegan import Params as CycleParams
from refiners.genesis_rt import GenesisRT, Params, StructureGame, grey, ssim


@pytest.mark.slow
def test_keeps_the_contract():
    check_refiner(GenesisRT)


@pytest.fixture
def pictures(photographs) -> torch.Tensor:
    """Twelve photographs in grey, (12, 1, 32, 32) in [0, 1]."""
    return grey(to_float(photographs) * 2 - 1)


def test_grey_is_bt601_s():
    red = torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1)
    assert grey(red).item() == pytest.approx(0.299 + 0.5 * 0.114)


def test_ssim_agrees_with_scikit_image(pictures):
    first, second = pictures[:6], (0.7 * pictures[:6] + 0.3 * pictures[6:]).clamp(0, 1)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    pairs = zip(first[:, 0].double().numpy(), second[:, 0].double().numpy(), strict=True)
    want = np.mean([structural_similarity(a, b, **settings) for a, b in pairs])
    assert ssim(first, second).item() == pytest.approx(want, abs=1e-4)


def test_ssim_is_one_for_equals_and_negative_for_the_reverse(pictures):
    assert ssim(pictures, pictures).item() == pytest.approx(1, abs=1e-5)
    assert ssim(pictures, 1 - pictures).item() < 0
    assert ssim(torch.zeros(1, 1, 11, 11), torch.zeros(1, 1, 11, 11)).item() == pytest.approx(1)


def test_the_loss_is_cyclegan_s_and_the_structural_term(affine_networks):
    source, target = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 2, 3, 14, 13)).astype(np.float32))
    batch, params = Batch(source, target, {}), Params(structure=3.0)
    games = [kind(affine_networks(), params, torch.Generator()) for kind in (StructureGame, CycleGame)]
    ours, plain = (game.generator_loss(batch)[0].item() for game in games)
    want = 3 * (1 - ssim(grey(source), grey(0.8 * source + 0.1)).item())
    assert ours - plain == pytest.approx(want, abs=1e-4)


@pytest.mark.slow
def test_moves_edges_less_than_cyclegan(translated_by, rectangles):
    """The target's rectangles are larger, so a discriminator wants them grown. Measured: the overlap of rectangles
    before and after is 0.09 for cyclegan and 0.48 for genesis_rt."""

    def drawn(seed: int, sides: tuple[int, int], inside, outside) -> tuple[ImageSet, np.ndarray]:
        rng, mask = np.random.default_rng(seed), rectangles(seed, *sides)
        light = rng.uniform(0.85, 1, (200, 1, 1, 1))
        image = np.where(mask[..., None], inside, outside) * light + rng.normal(0, 0.03, (200, 16, 16, 3))
        return ImageSet.from_arrays(image=(image.clip(0, 1) * 255).astype(np.uint8)), mask

    source, mask = drawn(1, (4, 5), (0.8, 0.8, 0.8), (0.2, 0.2, 0.2))
    target, _ = drawn(2, (8, 9), (0.9, 0.6, 0.3), (0.15, 0.1, 0.3))

    def overlap(refiner) -> float:
        found = translated_by(refiner, source, target).mean(axis=3) > 0.4
        return (found & mask).sum() / (found | mask).sum()

    plain, ours = overlap(CycleGAN(CycleParams(identity=0))), overlap(GenesisRT(Params(identity=0)))
    print(f"overlap of rectangles: cyclegan {plain:.2f}, genesis_rt {ours:.2f}")
    assert ours > plain + 0.15
