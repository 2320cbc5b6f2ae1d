"""The frame around every network of ``segmentation``: normalised images in, class logits out.

{'image': (B, 3, H, W) float32 in [0, 1]}  →  (image − mean) / std  →  body  →  (B, n_classes, h, w) logits

Logits are at the stride of the body: cell (i, j) covers the pixels from (i·H/h, j·W/w) to the next cell's first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

HALF = (0.5, 0.5, 0.5)
"""As mean and as deviation: images in −1..1, what the bundled weights were trained on."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What torchvision's weights were trained on."""


class Segmenter(nn.Module):
    """``body`` behind the normalisation it expects: ``mean`` and ``std`` of R, G, B in [0, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.body((inputs["image"] - self.mean) / self.std)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Those of the body, where it has its own; otherwise one."""
        of_body: Any = getattr(self.body, "parameter_groups", lambda: [{"params": list(self.body.parameters())}])
        return of_body()
