"""SSDLite (Sandler et al., CVPR 2018, arXiv 1801.04381, §6.2) on EfficientNet-Lite0.

    image → timm's tf_efficientnet_lite0 → 112 channels at 1/16, 320 at 1/32 → extra maps of 512, 256, 256 and 128
            channels, each half the size of the one before → torchvision's SSDLite head: depthwise 3×3, then 1×1

Loss, matching and default boxes are torchvision's: sizes from 0.2 to 0.95 of the image, aspects 1, 2, 3 and inverses.
The published SSDLite stands on MobileNetV2, torchvision's ``ssdlite320`` on MobileNetV3, which it reads in the middle
of a block; this one stands on the encoder whose ImageNet weights come without a download (``pretrained=bundled``), and
reads whole blocks. It works at the size it is given, of 64 pixels a side or more; batches of 2 or more to train, since
the last maps have one cell. Detections: score ≥ 0.01, NMS at 0.55, the best 100.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any

import timm
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead
from torchvision.ops import Conv2dNormActivation

from bench.training.weights import BUNDLED_MODEL
from tasks.models.detector import MAX_DETECTIONS, MIN_SCORE, TorchvisionDetector
from tasks.models.initial_weights import load_pretrained

EXTRA_CHANNELS = (512, 256, 256, 128)
NOT_IN_TRUNK = ("conv_head", "bn2", "classifier")
"""Modules of timm's classifier that its features do without."""


def ssdlite(n_classes: int, width: int, height: int, pretrained: str = "none") -> TorchvisionDetector:
    """SSDLite for images of ``width`` × ``height`` pixels; ``pretrained`` fills the encoder.

    Raises
    ------
    UserError: a file of weights that can't be read or does not fit.
    """
    norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)
    trunk = LiteTrunk(norm)
    load_pretrained(trunk.encoder, BUNDLED_MODEL, pretrained, heads=NOT_IN_TRUNK)
    anchors = DefaultBoxGenerator([[2, 3] for _ in trunk.out_channels], min_ratio=0.2, max_ratio=0.95)
    body = SSD(
        trunk,
        anchors,
        (width, height),
        n_classes + 1,
        head=SSDLiteHead(trunk.out_channels, anchors.num_anchors_per_location(), n_classes + 1, norm),
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        score_thresh=MIN_SCORE,
        nms_thresh=0.55,
        detections_per_img=MAX_DETECTIONS,
    )
    return TorchvisionDetector(body, n_classes)


class LiteTrunk(nn.Module):
    """The encoder's maps of 1/16 and 1/32, and four more."""

    def __init__(self, norm: partial[nn.BatchNorm2d]) -> None:
        super().__init__()
        encoder: Any = timm.create_model(BUNDLED_MODEL, pretrained=False, features_only=True, out_indices=(3, 4))
        self.encoder: nn.Module = encoder
        self.out_channels = [*encoder.feature_info.channels(), *EXTRA_CHANNELS]
        self.extra = nn.ModuleList(
            _extra(n_in, n_out, norm) for n_in, n_out in zip(self.out_channels[1:], EXTRA_CHANNELS, strict=False)
        )

    def forward(self, image: Tensor) -> OrderedDict[str, Tensor]:
        maps = self.encoder(image)
        for block in self.extra:
            maps.append(block(maps[-1]))
        return OrderedDict((str(index), feature) for index, feature in enumerate(maps))


def _extra(n_in: int, n_out: int, norm: partial[nn.BatchNorm2d]) -> nn.Sequential:
    """1×1 to half of ``n_out``, depthwise 3×3 /2, 1×1 to ``n_out``; torchvision's initialisation for such blocks."""
    layer = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.ReLU6)
    half = n_out // 2
    block = nn.Sequential(
        layer(n_in, half, kernel_size=1),
        layer(half, half, kernel_size=3, stride=2, groups=half),
        layer(half, n_out, kernel_size=1),
    )
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.03)
    return block
