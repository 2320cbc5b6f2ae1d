import numpy as np

from bench.api.imageset import ImageSet
from bench.testing import check_refiner
from bench.training.refine_images import refine_images
from refiners.oracle_style import OracleStyle


def test_keeps_the_contract():
    check_refiner(OracleStyle)


def test_returns_the_rows_in_the_target_s_look_to_the_bit(photographs):
    look = np.random.default_rng(0).integers(0, 256, photographs.shape, np.uint8)
    images = ImageSet.from_arrays(image=photographs, in_target_look=look)
    blocks = refine_images(OracleStyle(), images, "source_val", seed=0, batch_size=5, progress=lambda *now: None)
    np.testing.assert_array_equal(np.concatenate(list(blocks)), look)
