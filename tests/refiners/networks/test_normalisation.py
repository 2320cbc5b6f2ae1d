"""Instance norm: values and gradients against its definition in float64."""

from itertools import product

import pytest
import torch
from torch import Tensor

from refiners.networks.normalisation import instance_norm

LAYOUTS = {"plain": torch.contiguous_format, "channels last": torch.channels_last}


def by_definition(hidden: Tensor) -> Tensor:
    mean = hidden.mean(dim=(2, 3), keepdim=True)
    variance = (hidden - mean).square().mean(dim=(2, 3), keepdim=True)
    return (hidden - mean) / (variance + 1e-5).sqrt()


@pytest.mark.parametrize("n_images", [1, 3])
@pytest.mark.parametrize("shape", [(8, 12, 10), (64, 16, 12)], ids=["small", "large"])
@pytest.mark.parametrize(("of_input", "of_gradient"), list(product(LAYOUTS, LAYOUTS)))
def test_values_and_gradients_in_every_layout(n_images, shape, of_input, of_gradient):
    """torch's own is wrong for one image whose gradient is channels last."""
    random = torch.Generator().manual_seed(0)
    values, gradient = torch.randn(2, n_images, *shape, generator=random)
    hidden = values.clone(memory_format=LAYOUTS[of_input]).requires_grad_()
    exact = values.double().requires_grad_()
    made, wanted = instance_norm(hidden), by_definition(exact)
    assert torch.allclose(made.double(), wanted, atol=1e-5)
    made.backward(gradient.contiguous(memory_format=LAYOUTS[of_gradient]))
    wanted.backward(gradient.double())
    assert torch.allclose(hidden.grad.double(), exact.grad, atol=1e-5)
