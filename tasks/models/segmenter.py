"""The frame around every network of ``segmentation``: normalised images in, class logits out.

{'image': (B, 3, H, W) float32 in [0, 1]}  →  (image − mean) / std  →  body  →  (B, n_classes, h, w) logits

Logits may be coarser than the image: cell (i, j) then covers the pixels from (i·H/h, j·W/w) to the next cell's first.
That holds for a body of output stride 8 only where 8 divides H and W. Other images are extended to the right and
downwards by their last pixels; their logits are scaled up to the extended image, bilinearly, and cut back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

HALF = (0.5, 0.5, 0.5)
"""As mean and as deviation: images in −1..1, what the bundled weights were trained on."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What torchvision's weights were trained on."""


class Segmenter(nn.Module):
    """``body`` behind the normalisation and the sizes it expects.

    Parameters
    ----------
    mean, std: of R, G, B in [0, 1].
    multiple: what the sides of the body's images must be multiples of.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, mean: Sequence[float], std: Sequence[float], multiple: int) -> None:
        super().__init__()
        self.body = body
        self.multiple = multiple
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        image = (inputs["image"] - self.mean) / self.std
        height, width = image.shape[-2:]
        right, below = -width % self.multiple, -height % self.multiple
        if not (right or below):
            return self.body(image)
        extended = functional.pad(image, (0, right, 0, below), mode="replicate")
        logits = functional.interpolate(self.body(extended), extended.shape[-2:], mode="bilinear", align_corners=False)
        return logits[..., :height, :width]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Those of the body, where it has its own; otherwise one."""
        of_body: Any = getattr(self.body, "parameter_groups", lambda: [{"params": list(self.body.parameters())}])
        return of_body()
