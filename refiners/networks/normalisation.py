"""Instance norm without affine, whose gradient is right in every memory layout.

``torch.nn.functional.instance_norm`` of one image gives a wrong gradient on CPUs where the gradient it is handed is
channels last (seen in torch 2.14: off by more than the gradient's own size). Batch norm of one image is the same
mathematics, has the right gradient, and copies nothing into the other layout, which makes it two to six times as fast.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def instance_norm(hidden: Tensor) -> Tensor:
    """``(B, C, H, W)``: (x − mean) / √(variance + 1e-5) of every image's every channel."""
    if len(hidden) == 1:
        return functional.batch_norm(hidden, None, None, training=True)
    return functional.instance_norm(hidden)
