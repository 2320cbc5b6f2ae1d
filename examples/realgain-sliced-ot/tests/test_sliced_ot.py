import numpy as np
import pytest
import torch
from realgain_sliced_ot import SlicedTransport, transport

from bench.api import Budget, FitContext, ImageSet
from bench.testing import check_refiner
from bench.training.refine_images import generators_for, make_batch


@pytest.mark.parametrize("params", [{}, {"steps": 2, "n_images": 3, "strength": 0.5}])
def test_it_keeps_the_contract(params):
    check_refiner(SlicedTransport(SlicedTransport.Params(**params)))


def refined(source, target, **params):
    refiner = SlicedTransport(SlicedTransport.Params(**params))
    context = FitContext(torch.Generator().manual_seed(0), torch.device("cpu"), lambda step, n_steps, loss: None)
    images = ImageSet.from_arrays(image=source)
    unlabelled = ImageSet.from_arrays(image=target).unlabelled()
    refiner.fit(images, unlabelled, Budget(name="light", train_steps=1, batch_size=1), context)
    rows = np.arange(len(source))
    batch = make_batch(images, "source_train", rows, frozenset())
    return refiner.refine(batch, generators_for(0, "source_train", rows, view=0))["image"]


def noise(mean, covariance, seed):
    colours = np.random.default_rng(seed).multivariate_normal(mean, covariance, (4, 32, 32))
    return colours.clip(0, 255).astype(np.uint8)


def test_colours_get_the_mean_and_the_covariance_of_the_target():
    target = noise([80, 120, 160], [[300, 200, 0], [200, 400, -100], [0, -100, 200]], 1)
    source = noise([170, 90, 60], [[100, -50, 0], [-50, 200, 0], [0, 0, 500]], 2)
    moved = refined(source, target, steps=40).movedim(1, 0).flatten(1) * 255
    wanted = target.reshape(-1, 3).T
    assert np.abs(moved.mean(1).numpy() - wanted.mean(1)).max() < 1
    assert np.abs(np.cov(moved.numpy()) - np.cov(wanted)).max() < 15


def test_one_colour_stays_one_colour():
    source = np.full((1, 16, 16, 3), 200, np.uint8)
    source[:, 4:9, 4:9] = 30, 60, 90
    moved = refined(source, noise([80, 120, 160], np.diag([300, 300, 300]), 1))
    assert len(moved[0].flatten(1).unique(dim=1).T) == 2


def test_no_strength_changes_nothing():
    source = noise([170, 90, 60], np.diag([100, 100, 100]), 2)
    assert torch.equal(refined(source, source[:, ::-1], strength=0), torch.from_numpy(source).movedim(3, 1) / 255)


def test_transport_is_monotone_and_keeps_ties():
    values = torch.tensor([[3.0, 1.0, 1.0, 2.0]])
    moved = transport(values, torch.linspace(0, 1, 256))[0]
    assert moved[1] == moved[2] < moved[3] < moved[0]
