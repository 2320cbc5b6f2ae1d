"""DeepLabV3+ and U-Net of segmentation-models-pytorch, on EfficientNet-Lite0.

    (B, 3, H, W) in [−1, 1] → encoder, 1/2 … 1/32 (DeepLabV3+: 1/16) → decoder → (B, n_classes, H, W) logits

    deeplabv3plus   Chen et al., ECCV 2018; separable ASPP of 256 channels at rates 12, 24, 36; skip at 1/4
    unet            Ronneberger et al., MICCAI 2015; five decoder blocks of 256, 128, 64, 32, 16 channels

The encoder is the one whose ImageNet weights are bundled, and they saw RGB in −1..1 too. Images whose sides are no
multiples of 32 (U-Net) or 16 are extended to the right and downwards by their last pixels, and the logits cut back.
The package's own downloads are never used.
"""

from __future__ import annotations

import segmentation_models_pytorch as smp
from torch import Tensor, nn
from torch.nn import functional

from bench.weights import BUNDLED_MODEL
from tasks.models.initial_weights import load_pretrained

ENCODER = "timm-tf_efficientnet_lite0"
ARCHITECTURES = {"deeplabv3plus": (smp.DeepLabV3Plus, 16), "unet": (smp.Unet, 32)}
"""Class, and what the sides of its images must be multiples of."""


class SmpSegmenter(nn.Module):
    """Logits ``(B, n_classes, H, W)`` of normalised images ``(B, 3, H, W)`` of any size.

    Parameters
    ----------
    architecture: a key of :data:`ARCHITECTURES`.
    pretrained: of the encoder: ``none``, ``bundled``, or the path of a file of timm's names for it.

    Raises
    ------
    UserError: a file of weights that can't be read or does not fit.
    """

    def __init__(self, architecture: str, n_classes: int, pretrained: str) -> None:
        super().__init__()
        network, self.multiple = ARCHITECTURES[architecture]
        self.network = network(ENCODER, encoder_weights=None, classes=n_classes)
        load_pretrained(self.network.encoder, BUNDLED_MODEL, pretrained, heads=("classifier",))

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        right, below = -width % self.multiple, -height % self.multiple
        if right or below:
            image = functional.pad(image, (0, right, 0, below), mode="replicate")
        return self.network(image)[..., :height, :width]
