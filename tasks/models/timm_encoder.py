"""Every architecture of timm by its name, always without timm's own downloads: classifiers and encoders.

    timm_spec       the model's entry for planning, or the nearest right name
    timm_body       the network with a classifier of any size, or with none, and the normalisation it expects
    TimmEncoder     {'image': (B, 3, H, W) float32 in [0, 1]} → (image − mean)/std → body → pooled features (B, F)

Weights come from the global generator: build inside :func:`tasks.models.initial_weights.drawn_from`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import timm
import torch
from timm.data.config import resolve_model_data_config
from torch import Tensor, nn

from bench.api import LabelSpace, ModelSpec, UserError
from bench.api.names import nearest
from tasks.models.initial_weights import load_pretrained

TIMM_MS_PER_IMAGE = 3.3
"""Prior for a timm model that nobody measured: that of EfficientNet-Lite0 at 32×32."""


def timm_spec(name: str, own: Mapping[str, ModelSpec], task: str) -> ModelSpec:
    """What planning must know of timm's architecture ``name``.

    Raises
    ------
    UserError: no such architecture; the nearest name of timm's or of the ``task``'s ``own`` models is suggested.
    """
    architectures = timm.list_models()
    if name not in architectures:
        raise UserError(
            f"no model {name!r} for task {task!r}{nearest(name, [*own, *architectures])} "
            f"Available: {', '.join(own)}, and timm's {len(architectures)} architectures."
        )
    return ModelSpec(
        name=name, batch_norm=None, ms_per_image=TIMM_MS_PER_IMAGE, module=__name__, summary="timm architecture"
    )


@dataclass(frozen=True)
class TimmBody:
    """A network of timm's with fresh weights.

    Attributes
    ----------
    network: maps normalised images ``(B, 3, H, W)`` to ``(B, n_outputs)``, or to pooled features if that is 0.
    mean, std: of R, G, B in [0, 1], which the network expects to be normalised by.
    heads: names of its classifier modules, which pretrained weights may lack.
    """

    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    heads: tuple[str, ...]


def timm_body(name: str, n_outputs: int, space: LabelSpace) -> TimmBody:
    """Architecture ``name`` for images of the size in ``space``.

    Raises
    ------
    UserError: the architecture has no classifier, and so no pooled features in front of one.
    """
    published = timm.models.get_pretrained_cfg(name)
    if published is None or not published.classifier:
        raise UserError(f"timm's {name!r} is an encoder without a classifier; choose a model that classifies")
    # Transformers are built for one size; theirs becomes ours.
    size: dict[str, Any] = {"img_size": (space.height, space.width)} if published.fixed_input_size else {}
    network = timm.create_model(name, pretrained=False, num_classes=n_outputs, **size)
    expects, heads = resolve_model_data_config(network), published.classifier
    return TimmBody(network, expects["mean"], expects["std"], (heads,) if isinstance(heads, str) else tuple(heads))


class TimmEncoder(nn.Module):
    """Pooled features ``(B, n_features) float32`` of ``inputs["image"]``.

    Parameters
    ----------
    pretrained: ``none``, ``bundled`` (EfficientNet-Lite0 alone), or the path of a file of timm's names.

    Raises
    ------
    UserError: an architecture without a classifier, or weights that do not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, space: LabelSpace, pretrained: str = "none") -> None:
        super().__init__()
        body = timm_body(name, 0, space)
        self.body = body.network
        self.register_buffer("mean", torch.tensor(body.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(body.std).view(3, 1, 1), persistent=False)
        load_pretrained(self.body, name, pretrained, body.heads)
        self.n_features = self._count_features(space)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.body((inputs["image"] - self.mean) / self.std)

    def _count_features(self, space: LabelSpace) -> int:
        """Measured, because timm's ``num_features`` leaves out layers that some keep in front of the classifier."""
        self.eval()
        with torch.no_grad():
            features = self({"image": torch.zeros(1, 3, space.height, space.width)})
        self.train()
        return features.shape[1]
