import numpy as np

from bench.api.imageset import ImageSet
from bench.testing import check_refiner
from bench.training.refine_images import refine_images
from refiners.identity import Identity


def test_keeps_the_contract():
    check_refiner(Identity)


def test_storing_loses_nothing(fit):
    """All 256 levels of each channel come back as the same bytes."""
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    images = np.concatenate([levels, levels[:, ::-1], levels.swapaxes(1, 2)], axis=3)
    refiner = fit(Identity(), images)
    (stored,) = refine_images(
        refiner, ImageSet.from_arrays(image=images), "source_train", 0, 8, lambda done, total: None
    )
    np.testing.assert_array_equal(stored, images)
