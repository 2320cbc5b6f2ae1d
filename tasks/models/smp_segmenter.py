"""DeepLabV3+ and U-Net of segmentation-models-pytorch, on EfficientNet-Lite0.

    (B, 3, H, W) in [−1, 1] → encoder, 1/2 … 1/32 (DeepLabV3+: 1/16) → decoder → (B, n_classes, H, W) logits

    deeplabv3plus   Chen et al., ECCV 2018; separable ASPP of 256 channels at rates 12, 24, 36; skip at 1/4
    unet            Ronneberger et al., MICCAI 2015; five decoder blocks of 256, 128, 64, 32, 16 channels

The encoder is timm's own (the package's prefix ``tu-``), whose ImageNet weights are bundled; they saw RGB in −1..1 too.
The package's ``timm-tf_efficientnet_lite0`` takes the same weights without complaint and is another function: symmetric
padding for TensorFlow's, a batch-norm epsilon of 1e-5 for 1e-3; its last features correlate with the true ones at 0.5.
The package's own downloads are never used.
"""

from __future__ import annotations

import segmentation_models_pytorch as smp
from torch import nn

from bench.training.weights import BUNDLED_MODEL
from tasks.models.deeplab_v2 import LITE0_HEADS
from tasks.models.initial_weights import load_pretrained

ENCODER = f"tu-{BUNDLED_MODEL}"
ARCHITECTURES = {"deeplabv3plus": smp.DeepLabV3Plus, "unet": smp.Unet}
MULTIPLES = {"deeplabv3plus": 16, "unet": 32}
"""What the sides of the images must be multiples of."""


def smp_network(architecture: str, n_classes: int, pretrained: str) -> nn.Module:
    """A network of :data:`ARCHITECTURES`: normalised images to logits of their size.

    ``pretrained``, of the encoder: ``none``, ``bundled``, or the path of a file of timm's names for it.

    Raises
    ------
    UserError: a file of weights that can't be read or does not fit.
    """
    network = ARCHITECTURES[architecture](ENCODER, encoder_weights=None, classes=n_classes)
    load_pretrained(network.encoder.model, BUNDLED_MODEL, pretrained, heads=LITE0_HEADS)
    return network
