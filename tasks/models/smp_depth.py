"""A U-Net for depth: segmentation-models-pytorch's decoder on EfficientNet-Lite0, one output channel, tanh.

    (B, 3, H, W) in [−1, 1] → encoder, 1/2 … 1/32 → five decoder blocks [256, 128, 64, 32, 16] → conv3 [1], tanh

U-Net: Ronneberger et al., MICCAI 2015, as the package builds it, 5,198,161 parameters. The encoder is timm's own
(:mod:`tasks.models.smp_segmenter` says why), whose ImageNet weights are bundled; they saw RGB in −1..1 too. The
package's own downloads are never used.
"""

from __future__ import annotations

import segmentation_models_pytorch as smp
from torch import Tensor

from bench.training.weights import BUNDLED_MODEL
from tasks.models.deeplab_v2 import LITE0_HEADS
from tasks.models.depth_network import DepthBody
from tasks.models.initial_weights import load_pretrained
from tasks.models.smp_segmenter import ENCODER


class SmpDepth(DepthBody):
    """One map ``(B, H, W)`` in [−1, 1], in a tuple; ``bottleneck`` sees the encoder's features at 1/32.

    Parameters
    ----------
    pretrained: of the encoder: ``none``, ``bundled``, or the path of a file of timm's names for it.

    Raises
    ------
    UserError: a file of weights that can't be read or does not fit.
    """

    multiple = least = 32

    def __init__(self, pretrained: str) -> None:
        super().__init__()
        self.unet = smp.Unet(ENCODER, encoder_weights=None, classes=1, activation="tanh")
        self.bottleneck = self.unet.decoder.center
        load_pretrained(self.unet.encoder.model, BUNDLED_MODEL, pretrained, heads=LITE0_HEADS)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (self.unet(image)[:, 0],)
