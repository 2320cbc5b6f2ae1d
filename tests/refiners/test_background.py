import numpy as np
import pytest
import torch

from bench.api.imageset import ImageSet
from bench.testing import check_refiner
from bench.training.refine_images import refine_images
from refiners.background import Background, Params, clouds, window

FILLS = ["target", "procedural", "noise"]


@pytest.fixture
def refined(fit, photographs):
    """``refined(params, target)``: source, masks and what became of them, view by view, all as stored."""

    def run(params: Params, target: np.ndarray = photographs, seed: int = 0):
        source = photographs.copy()
        foreground = np.zeros(source.shape[:3], bool)
        foreground[:, 8:20, 4:30] = True
        refiner = fit(Background(params), target)
        images = ImageSet.from_arrays(image=source, foreground=foreground)
        blocks = refine_images(refiner, images, "source_train", seed, batch_size=5, progress=lambda *now: None)
        made = np.concatenate(list(blocks)).reshape(params.views, *source.shape)
        return source, foreground, made

    return run


@pytest.mark.parametrize("fill", FILLS)
def test_keeps_the_contract(fill):
    check_refiner(Background(Params(fill=fill, views=2)))


@pytest.mark.parametrize("fill", FILLS)
def test_objects_stay_to_the_bit_and_backgrounds_differ_by_image_view_and_seed(refined, fill):
    source, foreground, (first, second) = refined(Params(fill=fill, views=2))
    for made in (first, second):
        np.testing.assert_array_equal(made[foreground], source[foreground])
    behind = [made[~foreground].reshape(len(source), -1) for made in (first, second)]
    behind.append(refined(Params(fill=fill), seed=1)[2][0][~foreground].reshape(len(source), -1))
    assert len(np.unique(np.concatenate(behind), axis=0)) == 3 * len(source)


def test_windows_show_target_images_of_all_and_no_others(refined):
    """Targets of one colour each: so is every background."""
    colours = np.random.default_rng(1).integers(0, 256, (4, 1, 1, 3), np.uint8)
    source, foreground, (made,) = refined(Params(), np.tile(colours, (1, 40, 24, 1)))
    behind = made[~foreground].reshape(len(source), -1, 3)
    assert (behind == behind[:, :1]).all()
    assert {tuple(colour) for colour in behind[:, 0]} == {tuple(colour) for colour in colours[:, 0, 0]}


def test_windows_begin_anywhere_and_are_half_the_image_at_least():
    ramp = torch.arange(64, dtype=torch.uint8).expand(1, 3, 64, 64)  # level = column
    firsts, spans = [], []
    for seed in range(200):
        cut = window(ramp, 64, 64, torch.Generator().manual_seed(seed))[0, 0] * 255
        firsts.append(float(cut.min()))
        spans.append(float(cut.max() - cut.min()))
    assert min(spans) > 30
    assert max(spans) > 60
    assert min(firsts) == 0
    assert max(firsts) > 20


def test_the_state_keeps_no_more_target_images_than_asked(fit, photographs):
    state = fit(Background(Params(n_images=3)), photographs).state_dict()
    assert state["targets"].shape == (3, 3, 32, 32)
    assert state["targets"].dtype == torch.uint8
    assert fit(Background(Params(fill="noise")), photographs).state_dict() == {}
    with pytest.raises(ValueError, match="n_images"):
        Params(n_images=257)


def test_clouds_reach_from_one_colour_to_the_other_and_are_smooth():
    cloud = clouds(64, 48, torch.Generator().manual_seed(0))
    spread = cloud.amax(dim=(1, 2)) - cloud.amin(dim=(1, 2))
    assert spread.max() > 0.2
    assert (cloud.diff(dim=2).abs().mean(dim=(1, 2)) < 0.1 * spread).all()
