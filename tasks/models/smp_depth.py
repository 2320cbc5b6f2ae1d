"""A U-Net for depth: segmentation-models-pytorch's decoder on EfficientNet-Lite0, one output channel, tanh.

    (B, 3, H, W) in [−1, 1] → encoder, 1/2 … 1/32 → five decoder blocks [256, 128, 64, 32, 16] → conv3 [1], tanh

6.25 M parameters. U-Net: Ronneberger et al. 2015, as the package builds it; the encoder is the one whose ImageNet
weights are bundled, and they saw RGB in −1..1 too.
"""

from __future__ import annotations

import segmentation_models_pytorch as smp
from torch import Tensor, nn

ENCODER = "timm-tf_efficientnet_lite0"


class SmpDepth(nn.Module):
    """One map ``(B, H, W)`` in [−1, 1], in a tuple; H and W are multiples of 32. ``bottleneck`` sees 1/32."""

    multiple = least = 32

    def __init__(self) -> None:
        super().__init__()
        self.unet = smp.Unet(ENCODER, encoder_weights=None, classes=1, activation="tanh")

    @property
    def bottleneck(self) -> nn.Module:
        """The identity between encoder and decoder."""
        return self.unet.decoder.center

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (self.unet(image)[:, 0],)
