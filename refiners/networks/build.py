"""Making networks: weights drawn from one generator, or taken from a stored state; the global random state stays.

=========  ============================================================================
normal     N(0, 0.02²): CycleGAN's and PixelDA's
xavier     N(0, (0.02 · √(2 / (fan_in + fan_out)))²): CUT's, gain 0.02
kaiming    N(0, 2 / fan_in): for networks without normalisation, where 0.02 would fade
=========  ============================================================================

Biases start at 0; scales of normalisation layers at 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

GAIN = 0.02

Network = TypeVar("Network", bound=nn.Module)
Scheme = Literal["normal", "xavier", "kaiming"]


def drawn(make: Callable[[], Network], scheme: Scheme, generator: torch.Generator) -> Network:
    """The network that ``make`` returns, with the weights of its convolutions and linear maps drawn anew."""
    with torch.random.fork_rng(devices=[]):
        network = make()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if scheme == "normal":
                nn.init.normal_(module.weight, 0, GAIN, generator=generator)
            elif scheme == "xavier":
                nn.init.xavier_normal_(module.weight, GAIN, generator=generator)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def restored(make: Callable[[], Network], state: Mapping[str, Tensor]) -> Network:
    """The network that ``make`` returns, with the tensors of ``state`` (:func:`stored`'s); draws nothing."""
    with torch.device("meta"):
        network = make()
    network.load_state_dict(state, assign=True)
    return ready(network)


def stored(network: nn.Module) -> dict[str, Tensor]:
    """The network's tensors as safetensors takes them: in the plain memory layout."""
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}


def ready(network: Network) -> Network:
    """The network as ``refine`` uses it, fitted or restored alike: eval mode, frozen, on the CPU, channels last."""
    return network.eval().requires_grad_(False).to("cpu").to(memory_format=torch.channels_last)


def translated(network: nn.Module, images: Tensor) -> Tensor:
    """Images ``(B, 3, H, W)`` in [0, 1] through a network that works in [−1, 1]; float32 in [0, 1]."""
    signed = (images * 2 - 1).contiguous(memory_format=torch.channels_last)
    return ((network(signed) + 1) / 2).clamp(0, 1).contiguous()
