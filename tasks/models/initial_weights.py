"""Where a network's first weights come from: a generator, then, if the user asks, a file.

with drawn_from(generator):
    network = Network(…)
load_pretrained(network.body, model, params.pretrained, heads=("classifier",))
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from bench.api import UserError
from bench.training.weights import BUNDLED_MODEL, bundled_classifier, load_into, read_weights


@contextmanager
def drawn_from(generator: torch.Generator) -> Iterator[None]:
    """Layers made inside draw their weights from ``generator`` alone.

    Layers draw from the global generator: inside it is seeded from ours, outside it is in its old state.
    """
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(seed)
        yield


def load_pretrained(body: nn.Module, model: str, pretrained: str, heads: tuple[str, ...]) -> None:
    """Overwrite the weights of ``body`` as ``pretrained`` says: ``none``, ``bundled`` or the path of a file.

    Parameters
    ----------
    model: what users call the network; ``bundled`` is for timm's EfficientNet-Lite0.
    heads: names of the modules of ``body``, or of the file, that belong to another set of classes.

    Raises
    ------
    UserError: a model without bundled weights, or a file that is not there or does not fit
        (:mod:`bench.training.weights`).
    """
    if pretrained == "none":
        return
    if pretrained == "bundled":
        if model != BUNDLED_MODEL:
            raise UserError(
                f"model {model!r} has no bundled weights; pretrained=bundled is for {BUNDLED_MODEL}; "
                f"others take none or the path of a .safetensors or .pth file"
            )
        state = bundled_classifier()
    else:
        state = read_weights(Path(pretrained))
    load_into(body, state, heads, pretrained)
