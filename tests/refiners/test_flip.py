import numpy as np

from bench.testing import check_refiner
from refiners.flip import Flip


def test_keeps_the_contract():
    check_refiner(Flip)


def test_mirrors_left_and_right(fit, refine, photographs):
    refined = refine(fit(Flip(), photographs), photographs)
    np.testing.assert_array_equal((refined * 255).round(), photographs[:, :, ::-1])
