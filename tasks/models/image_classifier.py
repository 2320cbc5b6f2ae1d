"""The frame around every network of ``classification``: normalised images in, logits out.

{'image': (B, 3, H, W) float32 in [0, 1]}  →  (image − mean) / std  →  body  →  (B, n_classes) logits
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class ImageClassifier(nn.Module):
    """``body`` behind the normalisation it expects: ``mean`` and ``std`` of R, G, B in [0, 1].

    ``n_classes`` lets the training loop check class ids before the first step.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, n_classes: int, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.body = body
        self.n_classes = n_classes
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.body((inputs["image"] - self.mean) / self.std)
