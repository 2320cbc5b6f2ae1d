"""Two networks with one set of weights but for their first layers: PixelDA's task network for two domains (Bousmalis et
al., CVPR 2017; official code, ``num_private_layers``).

The *first layers* are the first convolutions with the normalisations behind them, in the order in which a network
defines its modules; the networks of the tasks define them in the order of use. A linear map ends them.

Running statistics are nobody's weights: they describe the images that a network saw, and each copy keeps its own in all
layers. The paper's towers have no batch norm; shared statistics of two domains would be those of neither.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
NORMALISATIONS = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LayerNorm)


def share_weights(network: nn.Module, other: nn.Module, n_private: int) -> None:
    """Give ``other`` the parameters of ``network``, themselves and no copies, but for its first ``n_private``
    convolutions and the normalisations behind them; both are made by one function and differ in their values alone."""
    private = set(first_layers(other, n_private))
    modules = dict(network.named_modules(remove_duplicate=False))
    for name, module in other.named_modules(remove_duplicate=False):
        if module not in private:
            for key in module._parameters:
                module._parameters[key] = modules[name]._parameters[key]


def first_layers(network: nn.Module, n_convolutions: int) -> Iterator[nn.Module]:
    """Convolutions and normalisations in front of the weight layer after the first ``n_convolutions`` convolutions."""
    n_seen = 0
    for module in network.modules():
        if isinstance(module, CONVOLUTIONS):
            n_seen += 1
        elif isinstance(module, nn.Linear):
            return
        if n_seen > n_convolutions:
            return
        if isinstance(module, (*CONVOLUTIONS, *NORMALISATIONS)):
            yield module
