"""Instance norm without affine, whose gradient is right in every memory layout.

``torch.nn.functional.instance_norm`` of one image gives a wrong gradient on CPUs where the gradient it is handed is
channels last (seen in torch 2.14: off by more than the gradient's own size). Batch norm of one image is the same
mathematics, has the right gradient, and copies nothing into the other layout, which makes it two to six times as fast.
Large maps of several images on a CPU therefore go through it image by image; for small ones, one call costs less.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LARGE_MAP = 8192
"""Values of one image from which a call per image is faster than one for all."""


def instance_norm(hidden: Tensor) -> Tensor:
    """``(B, C, H, W)``: (x − mean) / √(variance + 1e-5) of every image's every channel."""
    if len(hidden) == 1:
        return functional.batch_norm(hidden, None, None, training=True)
    if hidden.device.type == "cpu" and hidden[0].numel() >= LARGE_MAP:
        return torch.cat([functional.batch_norm(one, None, None, training=True) for one in hidden.split(1)])
    return functional.instance_norm(hidden)
